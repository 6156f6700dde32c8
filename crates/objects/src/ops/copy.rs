//! CopyObject. No byte is copied: source and copy share what is stored.

use kulkul_store::objects::{ObjectEntry, ObjectKind, StoredObject};

use super::put::written;
use crate::api::{Call, ObjectApi, Place, not_modified};
use crate::attributes::Attributes;
use crate::body::OBJECT_BYTES_MAX;
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, WriteOptions, bad_header, too_busy};
use crate::conditions::{ON_SOURCE, Verdict, judge};
use crate::error::{Code, OssError};
use crate::event::Happening;
use crate::reply::{Reply, quoted};
use crate::source::copy_source;
use crate::time::xml_time;
use crate::xml::Xml;

/// Whether something is taken over from the source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Copy,
    Replace,
}

/// Makes an object of what another one holds, or gives an object other metadata.
///
/// Source: OSS, `CopyObject`.
pub(crate) async fn copy_object(api: &ObjectApi, call: &mut Call, place: &Place) -> Result<Reply, OssError> {
    let options = WriteOptions::read(&call.headers)?;
    let from = copy_source(&call.headers)?;
    let metadata = directive(call, "x-oss-metadata-directive")?;
    let tagging = directive(call, "x-oss-tagging-directive")?;
    call.run_to_end();
    for _ in 0..ATTEMPTS_MAX {
        let source = api.existing(&from).await?;
        match judge(&call.headers, ON_SOURCE, &source.entry.etag, source.entry.modified_at) {
            Verdict::Holds => {}
            Verdict::NotModified => return Ok(not_modified(&source.entry.etag, source.entry.modified_at)),
            Verdict::Failed(condition) => {
                return Err(Code::PreconditionFailed.detail("Condition", condition));
            }
        }
        let onto_itself = from == *place;
        if source.entry.size > OBJECT_BYTES_MAX && !onto_itself {
            return Err(Code::EntityTooLarge.into());
        }
        let old = if onto_itself { Some(source.clone()) } else { api.found(place).await? };
        options.check_overwrite(old.as_ref(), place)?;
        // Onto itself, the request's metadata counts whatever it says.
        let metadata = if onto_itself { Directive::Replace } else { metadata };
        let attributes = attributes(&options, &source, metadata, tagging)?;
        let entry = ObjectEntry {
            kind: kind_of_copy(source.entry.kind, onto_itself),
            modified_at: api.now(),
            storage_class: options
                .storage_class
                .clone()
                .unwrap_or_else(|| source.entry.storage_class.clone()),
            attributes: attributes.write(),
            ..source.entry.clone()
        };
        let mime_type = Some(attributes.mime_type());
        let plan = Plan {
            events: vec![written(Happening::CopyObject, place, &entry, old.as_ref(), mime_type)],
            changes: vec![place.put(old.as_ref(), entry.clone())],
            ..Plan::default()
        };
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(reply(&entry));
        }
    }
    Err(too_busy())
}

fn attributes(
    options: &WriteOptions,
    source: &StoredObject,
    metadata: Directive,
    tagging: Directive,
) -> Result<Attributes, OssError> {
    let old = Attributes::read(&source.entry.attributes)?;
    let asked = options.attributes.clone();
    let headers = if metadata == Directive::Replace { asked.headers } else { old.headers };
    let tags = if tagging == Directive::Replace { asked.tags } else { old.tags };
    Ok(Attributes { headers, tags, link: old.link, md5: old.md5, completed: None })
}

/// A copy is an ordinary object, a link stays a link. What is copied onto itself stays what it is.
fn kind_of_copy(kind: ObjectKind, onto_itself: bool) -> ObjectKind {
    match kind {
        ObjectKind::Symlink => ObjectKind::Symlink,
        other if onto_itself => other,
        ObjectKind::Normal | ObjectKind::Multipart | ObjectKind::Appendable => ObjectKind::Normal,
    }
}

fn directive(call: &Call, name: &'static str) -> Result<Directive, OssError> {
    let Some(text) = call.header(name) else { return Ok(Directive::Copy) };
    if text.eq_ignore_ascii_case("copy") {
        Ok(Directive::Copy)
    } else if text.eq_ignore_ascii_case("replace") {
        Ok(Directive::Replace)
    } else {
        Err(bad_header(name, text))
    }
}

fn reply(entry: &ObjectEntry) -> Reply {
    let mut xml = Xml::new();
    xml.open("CopyObjectResult");
    xml.text("ETag", &quoted(&entry.etag));
    xml.text("LastModified", &xml_time(entry.modified_at));
    xml.close("CopyObjectResult");
    Reply::xml(xml.finish()).etag(&entry.etag).with("x-oss-hash-crc64ecma", entry.crc64.to_string())
}
