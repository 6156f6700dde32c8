//! The operations, one file each or a few that belong together.

mod acl;
mod append;
mod buckets;
mod copy;
mod cors;
mod delete;
mod fixed;
mod get;
mod list;
mod post;
mod put;
mod symlink;
mod tagging;
mod uploads;

pub(crate) use acl::{bucket_acl, object_acl, put_bucket_acl, put_object_acl};
pub(crate) use append::append_object;
pub(crate) use buckets::{bucket_info, bucket_stat, delete_bucket, list_buckets, put_bucket};
pub(crate) use copy::copy_object;
pub(crate) use cors::{allow_origin, preflight};
pub(crate) use delete::{delete_object, delete_objects};
pub(crate) use fixed::{bucket_location, bucket_logging, bucket_tagging, bucket_versioning};
pub(crate) use get::{get_object, get_object_meta, head_object};
pub(crate) use list::{list_objects, list_objects_v2};
pub(crate) use post::post_object;
pub(crate) use put::put_object;
pub(crate) use symlink::{get_symlink, put_symlink};
pub(crate) use tagging::{delete_tagging, get_tagging, put_tagging};
pub(crate) use uploads::{
    abort_upload, complete_upload, initiate_upload, list_parts, list_uploads, upload_part, upload_part_copy,
};

use crate::api::ObjectApi;
use crate::encode::{Slash, encode};
use crate::error::{Code, OssError};
use crate::query::Query;
use crate::xml::Xml;

/// How names are written in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    /// The parameter `encoding-type`.
    fn of(query: &Query) -> Result<Self, OssError> {
        match query.value("encoding-type") {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(other) => Err(Code::InvalidArgument
                .detail("ArgumentName", "encoding-type")
                .detail("ArgumentValue", other)),
        }
    }

    /// Writes `<EncodingType>` when names are encoded.
    fn write(self, xml: &mut Xml) {
        if self == Self::Url {
            xml.text("EncodingType", "url");
        }
    }

    /// Writes an element that holds a name.
    fn name(self, xml: &mut Xml, element: &str, name: &str) {
        match self {
            Self::Plain => xml.text(element, name),
            Self::Url => xml.text(element, &encode(name.as_bytes(), Slash::Keep)),
        }
    }
}

/// Writes `<Owner>`. Everything belongs to the one account.
fn write_owner(api: &ObjectApi, xml: &mut Xml) {
    let account = api.identity().account.as_str();
    xml.open("Owner");
    xml.text("ID", account);
    xml.text("DisplayName", account);
    xml.close("Owner");
}
