//! Data that comes as bytes: what it is in an event, which is JSON.

use kulkul_model::Draft;

/// Whether a media type, parameters and case aside, means JSON. An event without one has JSON.
fn is_json(media_type: Option<&str>) -> bool {
    let Some(text) = media_type else { return true };
    let text = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(text.as_str(), "" | "application/json" | "text/json") || text.ends_with("+json")
}

/// Sets `data` to what bytes mean: JSON if their type says so and they are, else a text, else (not UTF-8) what they
/// are in base64.
///
/// The official Python client sends JSON as bytes unless its type is spelled exactly `application/json`, so this is
/// how most of its events come.
pub(super) fn set_data(draft: &mut Draft<'_>, bytes: Vec<u8>) {
    let media_type = draft.get_text("datacontenttype").map(|text| text.into_owned());
    match String::from_utf8(bytes) {
        Ok(text)
            if is_json(media_type.as_deref())
                && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() =>
        {
            draft.set("data", text);
        }
        Ok(text) => draft.set_text("data", &text),
        Err(error) => {
            use base64::Engine;
            let text = base64::engine::general_purpose::STANDARD.encode(error.into_bytes());
            draft.set_text("data_base64", &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_from_other_types() {
        let table = [
            (None, true),
            (Some(""), true),
            (Some("application/json; charset=utf-8"), true),
            (Some("TEXT/JSON"), true),
            (Some("application/problem+json"), true),
            (Some("text/plain"), false),
            (Some("application/xml"), false),
        ];
        for (media_type, expected) in table {
            assert_eq!(is_json(media_type), expected, "{media_type:?}");
        }
    }

    #[test]
    fn bytes_become_json_text_or_base64() {
        let data = |media_type: &str, bytes: &[u8]| {
            let mut draft = Draft::empty();
            draft.set_text("datacontenttype", media_type);
            set_data(&mut draft, bytes.to_vec());
            (
                draft.get("data").map(str::to_owned),
                draft.get_text("data_base64").map(|text| text.into_owned()),
            )
        };
        let json = "application/json; charset=utf-8";
        assert_eq!(data(json, br#"{"a":1}"#), (Some(r#"{"a":1}"#.to_owned()), None));
        assert_eq!(data(json, b"plain"), (Some(r#""plain""#.to_owned()), None));
        assert_eq!(data("text/plain", b"1"), (Some(r#""1""#.to_owned()), None));
        assert_eq!(data("image/png", b"\xff"), (None, Some("/w==".to_owned())));
    }
}
