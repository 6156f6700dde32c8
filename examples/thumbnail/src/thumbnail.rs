//! The work itself: one object in, one thumbnail out.

use std::time::Instant;

use serde_json::{Value, json};

use crate::event::ObjectName;
use crate::object_store::ObjectStore;
use crate::picture::{self, Format};
use crate::settings::Settings;

/// Makes the thumbnail of one object, and says what was done.
///
/// An object that is not to be handled, or is gone by now, is skipped: another attempt would not help.
pub(crate) fn make(store: &ObjectStore, object: &ObjectName, settings: &Settings) -> Result<Value, String> {
    if let Some(reason) = reason_to_skip(&object.key, &settings.prefix) {
        return Ok(skipped(object, reason));
    }
    let started = Instant::now();
    let Some(photo) = store.get(&object.bucket, &object.key)? else {
        return Ok(skipped(object, "it does not exist any more"));
    };
    let thumbnail = picture::shrink(&photo, settings.edge_pixels, settings.format)
        .map_err(|problem| format!("{}/{}: {problem}", object.bucket, object.key))?;
    let key = key_of(&object.key, settings);
    store.put(&object.bucket, &key, thumbnail.media_type, &thumbnail.bytes)?;
    println!(
        "thumbnail: {}/{} ({} bytes) became {key}, {} x {} pixels ({} bytes), in {} ms",
        object.bucket,
        object.key,
        photo.len(),
        thumbnail.width,
        thumbnail.height,
        thumbnail.bytes.len(),
        started.elapsed().as_millis()
    );
    Ok(json!({
        "bucket": object.bucket, "key": object.key, "thumbnail": key,
        "width": thumbnail.width, "height": thumbnail.height, "bytes": thumbnail.bytes.len(),
    }))
}

/// Returns where the thumbnail of an object goes. A photo that is converted changes the end of its name, too.
fn key_of(key: &str, settings: &Settings) -> String {
    let suffix = settings.format.map_or("", Format::suffix);
    match key.rsplit_once('.').filter(|_| !suffix.is_empty()) {
        Some((stem, _)) => format!("{}{stem}{suffix}", settings.prefix),
        None => format!("{}{key}", settings.prefix),
    }
}

/// Returns why nothing is to be done for this key, if so.
fn reason_to_skip(key: &str, prefix: &str) -> Option<&'static str> {
    if key.starts_with(prefix) {
        Some("it is a thumbnail itself")
    } else if !picture::is_picture(key) {
        Some("its name is not that of a picture")
    } else {
        None
    }
}

fn skipped(object: &ObjectName, reason: &str) -> Value {
    println!("thumbnail: {}/{} is skipped: {reason}", object.bucket, object.key);
    json!({"bucket": object.bucket, "key": object.key, "skipped": reason})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_thumbnail_ends_as_its_format_does() {
        let settings = |format: &str| {
            Settings::from_variables(|name| match name {
                "OSS_ENDPOINT" => Some("http://h".to_owned()),
                "THUMBNAIL_FORMAT" => Some(format.to_owned()),
                _ => None,
            })
        };
        let table = [
            ("", "thumbnails/in/a.b.JPG"),
            ("webp", "thumbnails/in/a.b.webp"),
            ("jpeg", "thumbnails/in/a.b.jpg"),
        ];
        for (format, key) in table {
            assert_eq!(key_of("in/a.b.JPG", &settings(format).unwrap()), key);
        }
    }

    #[test]
    fn a_thumbnail_never_gets_a_thumbnail() {
        assert_eq!(reason_to_skip("thumbnails/a.jpg", "thumbnails/"), Some("it is a thumbnail itself"));
        assert_eq!(reason_to_skip("thumbnails.jpg", "thumbnails/"), None);
        assert_eq!(reason_to_skip("in/a.jpg", "thumbnails/"), None);
        assert_eq!(reason_to_skip("in/a.txt", "thumbnails/"), Some("its name is not that of a picture"));
    }
}
