//! CreateServiceLinkedRoleForProduct: there is nothing to create, see `check_service_linked_role_for_product`.

use super::Rpc;
use super::error::RpcError;
use super::reply::Success;

pub(super) fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    rpc.params.require("ProductName")?;
    Ok(Success::EMPTY)
}
