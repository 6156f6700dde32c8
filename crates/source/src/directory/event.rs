//! The event of a file.

use std::path::Path;

use kulkul_model::Draft;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::look::File;

/// The id of the event of a file: the same as long as the file is.
pub(super) fn id_of(directory: &str, name: &str, file: File) -> String {
    let identity = format!("{directory}\n{name}\n{}\n{}", file.size, file.modified_ns);
    hex::encode(&Sha256::digest(identity)[..16])
}

/// The event. `changed`: a file of this name was reported before.
pub(super) fn event_of(
    directory: &str,
    path: &Path,
    name: &str,
    file: File,
    changed: bool,
) -> Draft<'static> {
    let kind = if changed { "kulkul:Directory:FileChanged" } else { "kulkul:Directory:FileCreated" };
    let path = path.join(name).display().to_string();
    let data = json!({
        "directory": directory,
        "name": name,
        "path": path,
        "size": file.size,
        "modifiedAt": file.modified().to_string(),
    });
    let mut draft = Draft::empty();
    draft.set_text("id", &id_of(directory, name, file));
    draft.set_text("source", directory);
    draft.set_text("specversion", "1.0");
    draft.set_text("type", kind);
    draft.set_text("datacontenttype", "application/json");
    draft.set_text("subject", name);
    draft.set_text("time", &file.modified().to_string());
    draft.set("data", data.to_string());
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_has_another_event() {
        let file = File { size: 3, modified_ns: 1_700_000_000_123_456_789 };
        let draft = event_of("inbox", Path::new("/srv/in"), "a.csv", file, false);
        let expected = concat!(
            r#"{"directory":"inbox","name":"a.csv","path":"/srv/in/a.csv","size":3,"#,
            r#""modifiedAt":"2023-11-14T22:13:20.123Z"}"#
        );
        assert_eq!(draft.get("data"), Some(expected));
        assert_eq!(draft.get_text("type").unwrap(), "kulkul:Directory:FileCreated");
        let ids = [
            id_of("inbox", "a.csv", file),
            id_of("inbox", "a.csv", File { size: 4, ..file }),
            id_of("inbox", "a.csv", File { modified_ns: file.modified_ns + 1, ..file }),
            id_of("other", "a.csv", file),
        ];
        assert!(ids[1..].iter().all(|id| *id != ids[0]), "{ids:?}");
    }
}
