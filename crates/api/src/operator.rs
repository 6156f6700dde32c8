//! Who calls, as the events that tell of operations name it.

use kulkul_access::AccessKey;
use kulkul_bus::{AcceptError, Operation, Operator, Telling};

use crate::answer::chain;
use crate::api::Call;

impl<'a> Call<'a> {
    /// The caller whose key was admitted.
    pub(crate) fn operator(&self, key: &'a AccessKey, api_version: &'a str) -> Operator<'a> {
        Operator::Caller {
            api_version,
            access_key_id: key.id().as_str(),
            address: self.peer.ip(),
            user_agent: self.header("user-agent").unwrap_or_default(),
        }
    }

    /// Makes events of an operation that has ended. What it did stands, so a failure to tell of it is for the log.
    pub(crate) async fn tell(&self, operation: &Operation<'_>, tellings: &[Telling]) {
        match self.api.hub.report(operation, tellings).await {
            Ok(()) | Err(AcceptError::UnknownBus { .. }) => {}
            Err(error @ AcceptError::Store(_)) => {
                let (name, error) = (operation.name, chain(&error));
                tracing::error!(
                    request.id = operation.id,
                    operation = name,
                    error,
                    "cannot tell of an operation"
                );
            }
        }
    }
}
