//! Form uploads: reading `multipart/form-data` piece by piece, and the policy that a form was signed with.

mod policy;
mod reader;

pub(crate) use policy::{Policy, SizeRange};
pub(crate) use reader::{FormReader, PartHead, boundary_of};
