//! What can be set about the function, all of it through environment variables.

use crate::http::Message;
use crate::object_store::{Credentials, ObjectStore};
use crate::picture::Format;

/// The settings of this instance.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where to listen; the platform says so.
    pub(crate) port: u16,
    /// Address of the object store, such as `http://127.0.0.1:7501`.
    pub(crate) endpoint: String,
    pub(crate) region: String,
    /// Thumbnails are written below this prefix.
    pub(crate) prefix: String,
    /// Length of the longer edge of a thumbnail, in pixels.
    pub(crate) edge_pixels: u32,
    /// What thumbnails are converted to; absent, they keep the format of the photo.
    pub(crate) format: Option<Format>,
    /// Keys from the environment; a call can bring others.
    credentials: Option<Credentials>,
}

impl Settings {
    /// Reads the settings from variables; says which of them is wrong.
    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, String> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let port = variable("FC_SERVER_PORT").or_else(|| variable("FC_CUSTOM_LISTEN_PORT"));
        let prefix = variable("THUMBNAIL_PREFIX").unwrap_or_else(|| "thumbnails/".to_owned());
        if !prefix.ends_with('/') || prefix.starts_with('/') {
            return Err(format!(
                "THUMBNAIL_PREFIX is `{prefix}`, but must end with `/` and not start with it"
            ));
        }
        let edge_pixels = number("THUMBNAIL_SIZE", variable("THUMBNAIL_SIZE"), 256)?;
        if !(16..=4096).contains(&edge_pixels) {
            return Err(format!("THUMBNAIL_SIZE is {edge_pixels}, but must be 16 to 4096 pixels"));
        }
        let format = match variable("THUMBNAIL_FORMAT") {
            Some(name) => Some(Format::named(&name).ok_or_else(|| {
                format!("THUMBNAIL_FORMAT is `{name}`, but must be `jpeg`, `png` or `webp`")
            })?),
            None => None,
        };
        let credentials = match (variable("OSS_ACCESS_KEY_ID"), variable("OSS_ACCESS_KEY_SECRET")) {
            (Some(id), Some(secret)) => Some(Credentials { id, secret, token: None }),
            _ => platform_credentials(&variable),
        };
        Ok(Settings {
            port: number("FC_SERVER_PORT", port, 9000)?,
            endpoint: variable("OSS_ENDPOINT").ok_or("OSS_ENDPOINT must say where the object store is")?,
            region: variable("FC_REGION").unwrap_or_else(|| "cn-hangzhou".to_owned()),
            prefix,
            edge_pixels,
            format,
            credentials,
        })
    }

    /// Returns the object store as the caller of this request may use it.
    ///
    /// The platform sends temporary keys along with each call to a function that has a role; they are used
    /// when the environment has no keys.
    pub(crate) fn store_for(&self, request: &Message) -> Result<ObjectStore, String> {
        let credentials = match &self.credentials {
            Some(credentials) => credentials.clone(),
            None => credentials_of(request).ok_or(
                "no access key: set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET, or give the function a role",
            )?,
        };
        ObjectStore::new(&self.endpoint, self.region.clone(), credentials)
    }
}

fn platform_credentials(variable: &impl Fn(&str) -> Option<String>) -> Option<Credentials> {
    Some(Credentials {
        id: variable("ALIBABA_CLOUD_ACCESS_KEY_ID")?,
        secret: variable("ALIBABA_CLOUD_ACCESS_KEY_SECRET")?,
        token: variable("ALIBABA_CLOUD_SECURITY_TOKEN"),
    })
}

fn credentials_of(request: &Message) -> Option<Credentials> {
    let header = |name| request.header(name).filter(|value| !value.is_empty()).map(str::to_owned);
    Some(Credentials {
        id: header("x-fc-access-key-id")?,
        secret: header("x-fc-access-key-secret")?,
        token: header("x-fc-security-token"),
    })
}

fn number<N: std::str::FromStr>(name: &str, text: Option<String>, otherwise: N) -> Result<N, String> {
    match text {
        Some(text) => {
            text.parse().map_err(|_| format!("{name} is `{text}`, which is not a number that fits"))
        }
        None => Ok(otherwise),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_object_store_is_all_that_must_be_set() {
        let settings = settings(&[("OSS_ENDPOINT", "http://127.0.0.1:7501")]).unwrap();
        assert_eq!(
            (settings.port, settings.prefix.as_str(), settings.edge_pixels, settings.region.as_str()),
            (9000, "thumbnails/", 256, "cn-hangzhou")
        );
    }

    #[test]
    fn wrong_settings_are_named() {
        let table = [
            (vec![], "OSS_ENDPOINT must say where the object store is"),
            (vec![("THUMBNAIL_SIZE", "big")], "THUMBNAIL_SIZE is `big`, which is not a number that fits"),
            (vec![("THUMBNAIL_SIZE", "9")], "THUMBNAIL_SIZE is 9, but must be 16 to 4096 pixels"),
            (
                vec![("THUMBNAIL_PREFIX", "thumbs")],
                "THUMBNAIL_PREFIX is `thumbs`, but must end with `/` and not start with it",
            ),
            (
                vec![("THUMBNAIL_FORMAT", "gif")],
                "THUMBNAIL_FORMAT is `gif`, but must be `jpeg`, `png` or `webp`",
            ),
            (
                vec![("OSS_ENDPOINT", "http://h"), ("FC_SERVER_PORT", "99999")],
                "FC_SERVER_PORT is `99999`, which is not a number that fits",
            ),
        ];
        for (variables, problem) in table {
            assert_eq!(settings(&variables).unwrap_err(), problem, "{variables:?}");
        }
    }

    #[test]
    fn keys_of_the_environment_go_before_those_of_the_platform() {
        let own = [("OSS_ENDPOINT", "http://h"), ("OSS_ACCESS_KEY_ID", "a"), ("OSS_ACCESS_KEY_SECRET", "b")];
        let given = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "c"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "d")];
        let both = settings(&[own.as_slice(), given.as_slice()].concat()).unwrap();
        assert_eq!(both.credentials.unwrap().id, "a");
        let only_given = settings(&[&own[..1], given.as_slice()].concat()).unwrap();
        assert_eq!(only_given.credentials.unwrap().id, "c");
    }
}
