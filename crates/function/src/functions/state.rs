//! What is to be said of a function's state.

use kulkul_instance::Fit;
use kulkul_model::Runtime;

use super::Functions;
use crate::Function;

impl Functions {
    /// Why a function runs differently from what its runtime says, or not at all (wire: `stateReason`). `None` when
    /// there is nothing to say.
    pub async fn state_reason(&self, function: &Function) -> Option<String> {
        let runtime = function.settings.runtime;
        let language = match runtime {
            Runtime::Python { .. } => "Python",
            Runtime::Node { .. } => "Node.js",
            Runtime::Custom(_) | Runtime::NotOffered(_) => return None,
        };
        let interpreters = self.parts.instances.interpreters().await;
        match interpreters.choose(runtime, self.parts.options.runtime_choice) {
            None => Some(format!("this machine has no interpreter for runtime {runtime}")),
            Some(choice) => match choice.fit {
                Fit::Exact => None,
                Fit::Newer | Fit::Older => Some(format!(
                    "runs on {language} {}, which is the nearest to runtime {runtime} that this machine has",
                    choice.version
                )),
            },
        }
    }
}
