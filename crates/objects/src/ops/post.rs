//! PostObject: the upload of a form, as browsers make it.
//!
//! Source: OSS, `PostObject`.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Uri};

use super::put;
use crate::address::Resource;
use crate::api::{Call, ObjectApi, Place, bucket_name, check_role};
use crate::attributes::META_PREFIX;
use crate::body::{Body, Expected, OBJECT_BYTES_MAX, Received, Receiver};
use crate::change::WriteOptions;
use crate::encode::{Slash, encode};
use crate::error::{Code, OssError};
use crate::event::Happening;
use crate::form::{FormReader, PartHead, Policy, SizeRange, boundary_of};
use crate::names::ObjectKey;
use crate::reply::{Reply, quoted};
use crate::route::Need;
use crate::signature::{FormFields, FormSignature};
use crate::xml::Xml;
use kulkul_store::objects::ObjectEntry;

/// The longest value of a field. Source: OSS, `PostObject`.
const VALUE_BYTES_MAX: usize = 2 << 20;

/// The longest name of a field. Source: OSS, `PostObject`.
const NAME_BYTES_MAX: usize = 8 << 10;

/// All fields before the file together.
const FIELDS_BYTES_MAX: usize = 4 << 20;

/// Fields that are headers of the object.
const HEADER_FIELDS: [&str; 8] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-oss-object-acl",
    "x-oss-storage-class",
    "x-oss-forbid-overwrite",
];

/// Stores the file of a form.
pub(crate) async fn post_object(
    api: &ObjectApi,
    call: &mut Call,
    resource: &Resource,
) -> Result<Reply, OssError> {
    let boundary = boundary_of(call.header("content-type").unwrap_or_default())?;
    let (fields, checked, received) = read_form(api, &mut call.body, resource, &boundary).await?;
    let Checked { place, options, .. } = checked;
    let old = api.found(&place).await?;
    let entry = put::store(api, call, &place, options, (old, received), Happening::PostObject).await?;
    Ok(reply(api, call, &fields, &place, &entry))
}

/// Reads a form to its end. Nothing of its file is received before it is known to be allowed.
async fn read_form(
    api: &ObjectApi,
    body: &mut Body,
    resource: &Resource,
    boundary: &str,
) -> Result<(FormFields, Checked, Received), OssError> {
    let mut form = FormReader::new(body, boundary);
    let (fields, file) = read_fields(&mut form).await?;
    let checked = check(api, resource, &fields, &file)?;
    checked.options.check_overwrite(api.found(&checked.place).await?.as_ref(), &checked.place)?;
    let received = receive(api, &mut form, checked.size).await?;
    refuse_second_file(&mut form).await?;
    Ok((fields, checked, received))
}

/// What a form asks for, once it is allowed.
struct Checked {
    place: Place,
    options: WriteOptions,
    size: SizeRange,
}

/// Reads the fields up to the file.
async fn read_fields(form: &mut FormReader<'_>) -> Result<(FormFields, PartHead), OssError> {
    let mut fields = FormFields::new();
    let mut total = 0;
    while let Some(head) = form.next_part().await? {
        let name = head.name.to_ascii_lowercase();
        if name == "file" {
            return Ok((fields, head));
        }
        let mut value = Vec::new();
        while let Some(bytes) = form.content().await? {
            total += bytes.len();
            value.extend_from_slice(&bytes);
            if value.len() > VALUE_BYTES_MAX {
                return Err(Code::FieldItemTooLong.into());
            }
            if total > FIELDS_BYTES_MAX {
                return Err(Code::MaxPOSTPreDataLengthExceededError.into());
            }
        }
        total += name.len();
        if name.len() > NAME_BYTES_MAX {
            return Err(Code::FieldItemTooLong.into());
        }
        let value = String::from_utf8(value).map_err(|_| OssError::from(Code::MalformedPOSTRequest))?;
        fields.insert(name, value);
    }
    Err(Code::IncorrectNumberOfFilesInPOSTRequest.into())
}

fn check(
    api: &ObjectApi,
    resource: &Resource,
    fields: &FormFields,
    file: &PartHead,
) -> Result<Checked, OssError> {
    let now = api.now();
    let find = |id: &str, token: Option<&str>| api.find_key(id, token, now);
    let signature = FormSignature::check(fields, now, &find)?;
    check_role(signature.signer.role, Need::Write)?;
    let bucket = bucket_name(resource.bucket.as_deref().unwrap_or_default())?;
    let policy = Policy::read(fields.get("policy").map(String::as_str).unwrap_or_default())?;
    policy.check(fields, bucket.as_str(), signature.is_v4, now)?;
    if let Some(name) = fields.keys().find(|name| is_not_offered(name)) {
        return Err(
            Code::NotImplemented.detail("Header", format!("x-oss-{}", name.trim_start_matches("x-oss-")))
        );
    }
    let key = fields.get("key").filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| Code::InvalidArgument.detail("ArgumentName", "key"))?;
    let key = ObjectKey::parse(&key.replace("${filename}", base_name(file)))?;
    let options = WriteOptions::read(&headers_of(fields, file)?)?;
    Ok(Checked { place: Place { bucket, key }, options, size: policy.size_range() })
}

fn is_not_offered(name: &str) -> bool {
    matches!(name, "callback" | "callback-var")
        || name.starts_with("x-oss-callback")
        || name.starts_with("x-oss-server-side-")
}

/// The name of the file without the directories that some browsers put before it.
fn base_name(file: &PartHead) -> &str {
    let name = file.file_name.as_deref().unwrap_or_default();
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// The fields that say what the object is to carry, as the headers that they stand for.
fn headers_of(fields: &FormFields, file: &PartHead) -> Result<HeaderMap, OssError> {
    let mut headers = HeaderMap::new();
    let mut insert = |name: &str, value: &str| {
        let bad = |_| Code::InvalidArgument.detail("ArgumentName", name);
        let header = HeaderName::try_from(name).map_err(|_| bad(()))?;
        headers.insert(header, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad(()))?);
        Ok::<_, OssError>(())
    };
    for (name, value) in fields {
        if HEADER_FIELDS.contains(&name.as_str()) || name.starts_with(META_PREFIX) {
            insert(name, value)?;
        }
    }
    let given = ["x-oss-content-type", "content-type"].into_iter().find_map(|name| fields.get(name));
    if let Some(content_type) = given.or(file.content_type.as_ref()) {
        insert("content-type", content_type)?;
    }
    Ok(headers)
}

async fn receive(api: &ObjectApi, form: &mut FormReader<'_>, size: SizeRange) -> Result<Received, OssError> {
    let max = size.max.min(OBJECT_BYTES_MAX);
    let mut receiver = Receiver::new(api.store.create_data(), Expected::default(), max);
    form.enter_file();
    while let Some(bytes) = form.content().await? {
        receiver.take(bytes).await?;
    }
    let received = receiver.finish().await?;
    if received.data.length() < size.min {
        return Err(Code::EntityTooSmall.into());
    }
    Ok(received)
}

/// What follows the file is ignored, unless it is another file.
async fn refuse_second_file(form: &mut FormReader<'_>) -> Result<(), OssError> {
    while let Some(head) = form.next_part().await? {
        if head.name.eq_ignore_ascii_case("file") {
            return Err(Code::IncorrectNumberOfFilesInPOSTRequest.into());
        }
    }
    Ok(())
}

fn reply(api: &ObjectApi, call: &Call, fields: &FormFields, place: &Place, entry: &ObjectEntry) -> Reply {
    let with_headers =
        |reply: Reply| reply.etag(&entry.etag).with("x-oss-hash-crc64ecma", entry.crc64.to_string());
    if let Some(url) = fields.get("success_action_redirect").and_then(|url| redirect(url, place, entry)) {
        return with_headers(Reply::empty(StatusCode::SEE_OTHER)).with("location", url);
    }
    with_headers(match fields.get("success_action_status").map(String::as_str) {
        Some("200") => Reply::empty(StatusCode::OK),
        Some("201") => {
            let key = encode(place.key.as_str().as_bytes(), Slash::Encode);
            let mut xml = Xml::new();
            xml.open("PostResponse");
            xml.text("Bucket", place.bucket.as_str());
            xml.text("Location", &format!("http://{}/{}/{key}", api.endpoint(call), place.bucket));
            xml.text("Key", place.key.as_str());
            xml.text("ETag", &quoted(&entry.etag));
            xml.close("PostResponse");
            Reply { status: StatusCode::CREATED, ..Reply::xml(xml.finish()) }
        }
        _ => Reply::empty(StatusCode::NO_CONTENT),
    })
}

/// The URL that a browser is sent to, `None` when what the form names is none.
fn redirect(url: &str, place: &Place, entry: &ObjectEntry) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    matches!(uri.scheme_str(), Some("http" | "https")).then_some(())?;
    let separator = if uri.query().is_some() { '&' } else { '?' };
    let value = |text: &str| encode(text.as_bytes(), Slash::Encode);
    Some(format!(
        "{url}{separator}bucket={}&key={}&etag={}",
        value(place.bucket.as_str()),
        value(place.key.as_str()),
        value(&quoted(&entry.etag))
    ))
}
