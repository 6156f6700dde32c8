//! CheckRoleForProduct: all is well, see `check_service_linked_role_for_product`.
//!
//! The official SDK does not have it, Terraform's provider calls it. Which parameters it has is not documented, so none is
//! asked for.

use super::reply::Success;

pub(super) fn run() -> Success {
    Success::EMPTY
}
