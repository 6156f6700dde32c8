//! The work itself: one object in, one thumbnail out.

use std::time::Instant;

use serde_json::{Value, json};

use crate::event::ObjectName;
use crate::object_store::ObjectStore;
use crate::picture;
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
    let thumbnail = picture::shrink(&photo, settings.edge_pixels)
        .map_err(|problem| format!("{}/{}: {problem}", object.bucket, object.key))?;
    let key = format!("{}{}", settings.prefix, object.key);
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
    fn a_thumbnail_never_gets_a_thumbnail() {
        assert_eq!(reason_to_skip("thumbnails/a.jpg", "thumbnails/"), Some("it is a thumbnail itself"));
        assert_eq!(reason_to_skip("thumbnails.jpg", "thumbnails/"), None);
        assert_eq!(reason_to_skip("in/a.jpg", "thumbnails/"), None);
        assert_eq!(reason_to_skip("in/a.txt", "thumbnails/"), Some("its name is not that of a picture"));
    }
}
