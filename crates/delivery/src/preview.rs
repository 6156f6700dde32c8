//! What a target would receive of an event, without sending anything.

use bytes::Bytes;
use kulkul_model::Event;
use kulkul_transform::{TooLarge, Transform, TransformError};

use crate::{ParamForm, TargetConfig, TargetParam};

/// One parameter of a target, made from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Which parameter, such as `Body`.
    pub key: String,
    /// What it becomes.
    pub payload: Result<Bytes, TooLarge>,
}

/// The parameters of a target that depend on the event, and `Body` whatever its form.
#[derive(Clone, Debug)]
pub struct Previewer(Vec<(String, Transform)>);

impl TargetParam {
    /// How the value is made, checked.
    pub fn transform(&self) -> Result<Transform, TransformError> {
        let value = |form| self.value.as_deref().ok_or(TransformError::Missing { form, what: "value" });
        match self.form {
            ParamForm::Original => Ok(Transform::Original),
            ParamForm::ObjectNotification => Ok(Transform::ObjectNotification),
            ParamForm::Constant => Transform::constant(value("CONSTANT")?),
            ParamForm::JsonPath => Transform::json_path(value("JSONPATH")?),
            ParamForm::Template => {
                Transform::template(value("TEMPLATE")?, self.template.as_deref().unwrap_or_default())
            }
        }
    }
}

impl Previewer {
    /// Of a target. A parameter that cannot be used is left out: [`TargetConfig::compile`] says what is wrong with it.
    pub fn of(target: &TargetConfig) -> Self {
        let is_shown = |param: &&TargetParam| {
            param.form != ParamForm::Constant || param.key.eq_ignore_ascii_case("Body")
        };
        let shown = target.params.iter().filter(is_shown);
        Self(shown.filter_map(|param| Some((param.key.clone(), param.transform().ok()?))).collect())
    }

    /// What the parameters become of an event.
    pub fn of_event(&self, event: &Event) -> Vec<Preview> {
        let preview = |(key, transform): &(String, Transform)| Preview {
            key: key.clone(),
            payload: transform.apply(event),
        };
        self.0.iter().map(preview).collect()
    }
}
