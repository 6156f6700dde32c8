//! Reading the parameters of a target.

use kulkul_model::InvalidName;
use kulkul_outbound::{InvalidUrl, TargetUrl};
use kulkul_transform::Transform;

use super::{ParamForm, TargetConfig, TargetError, TargetParam};

/// How much of a name that nobody knows is shown.
const SHOWN_CHARS_MAX: usize = 64;

impl TargetConfig {
    /// Refuses parameters that targets of this type do not have, and those that are there twice: nobody would read
    /// them, and whoever wrote them meant something.
    ///
    /// For targets that somebody asks for. One that was stored before stays as it is: it works.
    pub fn check_keys(&self) -> Result<(), TargetError> {
        // That there is no such type is said when the target is compiled.
        let Some(known) = self.known_keys() else { return Ok(()) };
        for (index, TargetParam { key, .. }) in self.params.iter().enumerate() {
            if !known.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                let (id, kind) = (self.id.clone(), self.kind.clone());
                let key = key.chars().take(SHOWN_CHARS_MAX).collect();
                return Err(TargetError::UnknownParam { id, kind, key, known });
            }
            if self.params[..index].iter().any(|before| before.key.eq_ignore_ascii_case(key)) {
                return Err(TargetError::DoubledParam { id: self.id.clone(), key: key.clone() });
            }
        }
        Ok(())
    }

    /// The parameter with a key, whatever its case.
    pub(super) fn param(&self, key: &str) -> Option<&TargetParam> {
        self.params.iter().find(|param| param.key.eq_ignore_ascii_case(key))
    }

    /// A parameter that is the same for all events.
    pub(super) fn constant(&self, key: &'static str) -> Result<Option<String>, TargetError> {
        match self.param(key) {
            None => Ok(None),
            Some(TargetParam { form: ParamForm::Constant, value, .. }) => {
                let checked = value.as_deref().map(Transform::constant).transpose();
                checked.map_err(|source| TargetError::BadTransform { id: self.id.clone(), key, source })?;
                Ok(value.clone())
            }
            Some(_) => Err(self.bad(key, "must have the form CONSTANT")),
        }
    }

    /// A parameter that must be there, made in any form.
    pub(super) fn required(&self, key: &'static str) -> Result<Transform, TargetError> {
        let missing = || TargetError::MissingParam { id: self.id.clone(), key };
        self.transform(key, self.param(key).ok_or_else(missing)?)
    }

    /// A parameter that may be missing, made in any form.
    pub(super) fn optional(&self, key: &'static str) -> Result<Option<Transform>, TargetError> {
        self.param(key).map(|param| self.transform(key, param)).transpose()
    }

    pub(super) fn transform(&self, key: &'static str, param: &TargetParam) -> Result<Transform, TargetError> {
        let transform = param.transform();
        transform.map_err(|source| TargetError::BadTransform { id: self.id.clone(), key, source })
    }

    pub(super) fn parsed<T: std::str::FromStr<Err = InvalidName>>(
        &self,
        key: &'static str,
        text: &str,
    ) -> Result<T, TargetError> {
        text.parse().map_err(|error: InvalidName| self.bad(key, &format!("is {error}")))
    }

    /// An address that requests can be sent to.
    pub(super) fn url(&self, key: &'static str, text: &str) -> Result<TargetUrl, TargetError> {
        text.parse().map_err(|error: InvalidUrl| self.bad(key, &error.to_string()))
    }

    pub(super) fn bad(&self, key: &'static str, problem: &str) -> TargetError {
        TargetError::BadParam { id: self.id.clone(), key, problem: problem.to_owned() }
    }
}
