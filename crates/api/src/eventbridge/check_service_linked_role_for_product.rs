//! CheckServiceLinkedRoleForProduct.
//!
//! Roles by which one service of the cloud may use another have no meaning on a machine of one's own. Clients ask
//! before they do anything else, and go on when they hear that all is well.

use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Checked<'a> {
    check_pass: bool,
    sts_role_name: &'a str,
}

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let sts_role_name = rpc.params.require("ProductName")?;
    Ok(Success::of(&Checked { check_pass: true, sts_role_name }))
}
