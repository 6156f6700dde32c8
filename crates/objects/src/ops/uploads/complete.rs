//! CompleteMultipartUpload. No byte is copied: the object refers to what the parts have stored.

use kulkul_model::crc64::crc64_combine;
use kulkul_store::objects::{ObjectChange, ObjectEntry, ObjectKind, PartEntry, StoredObject};
use md5::{Digest, Md5};
use sha2::Sha256;

use super::super::Encoding;
use super::super::put::written;
use super::initiate::Beginning;
use super::{NUMBER_MAX, existing_upload};
use crate::api::{Call, ObjectApi, Place};
use crate::attributes::{Attributes, Completed};
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, already_exists, bad_header, forbid_overwrite, too_busy};
use crate::conditions::is_same_tag;
use crate::encode::{Slash, encode};
use crate::error::{Code, OssError};
use crate::event::Happening;
use crate::reply::{Reply, quoted};
use crate::xml::{Xml, parse};

/// The smallest part, but for the last one. Source: OSS, `UploadPart`.
const PART_BYTES_MIN: u64 = 102_400;

/// For so long a repeated completion gets the first one's answer: its client may have lost that.
const REPEAT_MILLIS_MAX: i64 = 10 * 60 * 1000;

/// Which parts become the object.
enum Wanted {
    /// Those that were uploaded.
    All,
    /// Those named, with their tags.
    Named(Vec<(u32, String)>),
}

/// Joins parts to an object.
///
/// Source: OSS, `CompleteMultipartUpload`.
pub(crate) async fn complete_upload(
    api: &ObjectApi,
    call: &mut Call,
    place: &Place,
) -> Result<Reply, OssError> {
    let encoding = Encoding::of(&call.query)?;
    let forbidden_now = forbid_overwrite(&call.headers)?;
    let body = call.body.document(&call.headers).await?;
    let wanted = Wanted::read(call.header("x-oss-complete-all"), &body)?;
    let id = call.query.get("uploadId").unwrap_or_default().to_owned();
    call.run_to_end();
    for _ in 0..ATTEMPTS_MAX {
        let upload = match existing_upload(api, call, place).await {
            Ok(upload) => upload,
            Err(error) if error.code == Code::NoSuchUpload => {
                let repeated = repeated(api, place, &id, &wanted).await?.ok_or(error)?;
                return Ok(reply(api, call, place, encoding, &repeated));
            }
            Err(error) => return Err(error),
        };
        let parts = api.store.parts(&id, 0, NUMBER_MAX as usize).await?;
        let chosen = wanted.choose(&parts, &id)?;
        let beginning = Beginning::read(&upload.entry.attributes)?;
        let old = api.found(place).await?;
        if old.is_some() && (forbidden_now || beginning.forbid_overwrite) {
            return Err(already_exists(place));
        }
        let completed = Completed { upload: id.clone(), parts: wanted.digest() };
        let attributes = Attributes { completed: Some(completed), ..beginning.attributes };
        let entry = ObjectEntry {
            kind: ObjectKind::Multipart,
            size: chosen.iter().map(|part| part.size).sum(),
            etag: joined_etag(&chosen),
            crc64: chosen.iter().fold(0, |crc64, part| crc64_combine(crc64, part.crc64, part.size)),
            modified_at: api.now(),
            storage_class: upload.entry.storage_class,
            attributes: attributes.write(),
            extents: chosen.iter().flat_map(|part| part.extents.iter().copied()).collect(),
        };
        let happening = Happening::CompleteMultipartUpload;
        let event = written(happening, place, &entry, old.as_ref(), Some(attributes.mime_type()));
        let plan = Plan {
            changes: vec![
                place.put(old.as_ref(), entry.clone()),
                ObjectChange::DeleteUpload { upload: id.clone(), at: upload.revision },
            ],
            events: vec![event],
            ..Plan::default()
        };
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(reply(api, call, place, encoding, &entry));
        }
    }
    Err(too_busy())
}

/// The object that an upload was completed to a short while ago, from the same parts.
async fn repeated(
    api: &ObjectApi,
    place: &Place,
    id: &str,
    wanted: &Wanted,
) -> Result<Option<ObjectEntry>, OssError> {
    let Some(StoredObject { entry, .. }) = api.found(place).await? else { return Ok(None) };
    let completed = Attributes::read(&entry.attributes)?.completed;
    let same = completed.is_some_and(|done| done.upload == id && done.parts == wanted.digest());
    let age = api.now().as_millis() - entry.modified_at.as_millis();
    Ok((same && age <= REPEAT_MILLIS_MAX).then_some(entry))
}

impl Wanted {
    fn read(all: Option<&str>, body: &[u8]) -> Result<Self, OssError> {
        match all {
            None => {}
            Some("yes") if body.is_empty() => return Ok(Self::All),
            Some("yes") => {
                return Err(Code::InvalidArgument
                    .with("With x-oss-complete-all the request must not have a body.")
                    .detail("ArgumentName", "x-oss-complete-all"));
            }
            Some(other) => return Err(bad_header("x-oss-complete-all", other)),
        }
        let root = parse(body, "CompleteMultipartUpload")?;
        let part = |part: &crate::xml::Element| {
            let number = part.child_text("PartNumber")?.trim().parse().ok()?;
            Some((number, part.child_text("ETag")?.trim().to_owned()))
        };
        let named: Option<Vec<_>> = root.children_named("Part").map(part).collect();
        let named = named.filter(|parts| !parts.is_empty() && parts.len() <= NUMBER_MAX as usize);
        named.map(Self::Named).ok_or_else(|| Code::MalformedXML.into())
    }

    /// The parts to join, checked.
    fn choose<'p>(&self, parts: &'p [PartEntry], id: &str) -> Result<Vec<&'p PartEntry>, OssError> {
        let chosen: Vec<&PartEntry> = match self {
            Self::All => parts.iter().collect(),
            Self::Named(named) => {
                if !named.is_sorted_by(|(one, _), (next, _)| one < next) {
                    return Err(Code::InvalidPartOrder.into());
                }
                let find = |(number, etag): &(u32, String)| {
                    let at = parts.binary_search_by_key(number, |part| part.number).ok();
                    let part = at.map(|at| &parts[at]).filter(|part| is_same_tag(&part.etag, etag));
                    part.ok_or_else(|| {
                        Code::InvalidPart
                            .detail("UploadId", id)
                            .detail("PartNumber", number.to_string())
                            .detail("ETag", etag.as_str())
                    })
                };
                named.iter().map(find).collect::<Result<_, _>>()?
            }
        };
        let Some((_, all_but_last)) = chosen.split_last() else { return Err(Code::MalformedXML.into()) };
        if all_but_last.iter().any(|part| part.size < PART_BYTES_MIN) {
            return Err(Code::EntityTooSmall.into());
        }
        Ok(chosen)
    }

    /// What tells one list from another.
    fn digest(&self) -> String {
        let text = match self {
            Self::All => "all".to_owned(),
            Self::Named(named) => named
                .iter()
                .map(|(number, etag)| format!("{number} {}\n", etag.trim_matches('"').to_ascii_uppercase()))
                .collect(),
        };
        hex::encode(Sha256::digest(text))
    }
}

/// The MD5 over the MD5s of the parts, and their number.
fn joined_etag(parts: &[&PartEntry]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode_upper(md5.finalize()), parts.len())
}

fn reply(api: &ObjectApi, call: &Call, place: &Place, encoding: Encoding, entry: &ObjectEntry) -> Reply {
    let key = encode(place.key.as_str().as_bytes(), Slash::Keep);
    let mut xml = Xml::new();
    xml.open("CompleteMultipartUploadResult");
    encoding.write(&mut xml);
    xml.text("Location", &format!("http://{}/{}/{key}", api.endpoint(call), place.bucket));
    xml.text("Bucket", place.bucket.as_str());
    encoding.name(&mut xml, "Key", place.key.as_str());
    xml.text("ETag", &quoted(&entry.etag));
    xml.close("CompleteMultipartUploadResult");
    Reply::xml(xml.finish()).etag(&entry.etag).with("x-oss-hash-crc64ecma", entry.crc64.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_model::Timestamp;

    fn part(number: u32, etag: &str, size: u64) -> PartEntry {
        let modified_at = Timestamp::from_millis(0);
        PartEntry { number, size, etag: etag.to_owned(), crc64: 0, modified_at, extents: Vec::new() }
    }

    #[test]
    fn the_tag_of_a_joined_object_comes_from_those_of_its_parts() {
        let parts = [
            part(1, "152E82E2CC5C6E9D0D7E85237C021B13", 102_400),
            part(2, "11519DA387A6390A5AB011FF1BA3F5C0", 102_400),
        ];
        assert_eq!(joined_etag(&parts.iter().collect::<Vec<_>>()), "4CB527C0AFF4CBD3E5EF227BB5C0FEF9-2");
    }

    #[test]
    fn only_parts_that_fit_are_joined() {
        let parts = [part(1, "AA", PART_BYTES_MIN), part(3, "BB", PART_BYTES_MIN - 1), part(7, "CC", 1)];
        let named = |list: &[(u32, &str)]| {
            let list = list.iter().map(|(number, etag)| (*number, etag.to_string())).collect();
            let chosen = Wanted::Named(list).choose(&parts, "U").map_err(|error| error.code);
            chosen.map(|parts| parts.iter().map(|part| part.number).collect::<Vec<_>>())
        };
        assert_eq!(named(&[(1, "\"aa\""), (3, "BB")]), Ok(vec![1, 3]));
        assert_eq!(named(&[(7, "CC")]), Ok(vec![7]));
        assert_eq!(named(&[(3, "BB"), (7, "CC")]), Err(Code::EntityTooSmall));
        assert_eq!(named(&[(3, "BB"), (1, "AA")]), Err(Code::InvalidPartOrder));
        assert_eq!(named(&[(1, "AA"), (1, "AA")]), Err(Code::InvalidPartOrder));
        assert_eq!(named(&[(2, "AA")]), Err(Code::InvalidPart));
        assert_eq!(named(&[(1, "BB")]), Err(Code::InvalidPart));
        assert!(matches!(Wanted::All.choose(&parts, "U"), Err(error) if error.code == Code::EntityTooSmall));
        assert!(matches!(Wanted::All.choose(&[], "U"), Err(error) if error.code == Code::MalformedXML));
    }

    #[test]
    fn a_list_is_read_or_everything_is_wanted() {
        let code = |all, body: &str| Wanted::read(all, body.as_bytes()).err().map(|error| error.code);
        assert_eq!(code(Some("yes"), ""), None);
        assert_eq!(code(Some("yes"), "<CompleteMultipartUpload/>"), Some(Code::InvalidArgument));
        assert_eq!(code(Some("no"), ""), Some(Code::InvalidArgument));
        assert_eq!(code(None, ""), Some(Code::MalformedXML));
        assert_eq!(
            code(None, "<CompleteMultipartUpload></CompleteMultipartUpload>"),
            Some(Code::MalformedXML)
        );
        let list = "<?xml version=\"1.0\"?>\n<CompleteMultipartUpload>\n<Part>\n<PartNumber> 1 </PartNumber>\n\
                    <ETag>\"A\"</ETag></Part></CompleteMultipartUpload>";
        assert_eq!(code(None, list), None);
    }
}
