//! ListParts and ListMultipartUploads.

use kulkul_store::objects::{ListEntry, ListPage, UploadEntry};

use super::super::Encoding;
use super::super::list::{list_query, write_folded};
use super::{NUMBER_MAX, existing_upload};
use crate::api::{Call, ObjectApi, Place};
use crate::error::OssError;
use crate::names::BucketName;
use crate::reply::{Reply, quoted};
use crate::time::xml_time;
use crate::xml::Xml;

/// A page of an upload's parts.
///
/// Source: OSS, `ListParts`.
pub(crate) async fn list_parts(api: &ObjectApi, call: &Call, place: &Place) -> Result<Reply, OssError> {
    let encoding = Encoding::of(&call.query)?;
    let max = call.query.number("max-parts", 1000, 1, 1000)? as usize;
    let marker = call.query.number("part-number-marker", 0, 0, NUMBER_MAX)?;
    let upload = existing_upload(api, call, place).await?.entry;
    let mut parts = api.store.parts(&upload.id, marker, max + 1).await?;
    let is_truncated = parts.len() > max;
    parts.truncate(max);
    let mut xml = Xml::new();
    xml.open("ListPartsResult");
    encoding.write(&mut xml);
    xml.text("Bucket", place.bucket.as_str());
    encoding.name(&mut xml, "Key", place.key.as_str());
    xml.text("UploadId", &upload.id);
    xml.text("StorageClass", &upload.storage_class);
    xml.number("PartNumberMarker", marker.into());
    xml.number("NextPartNumberMarker", parts.last().map_or(marker, |part| part.number).into());
    xml.number("MaxParts", max as u64);
    xml.text("IsTruncated", if is_truncated { "true" } else { "false" });
    for part in &parts {
        xml.open("Part");
        xml.number("PartNumber", part.number.into());
        xml.text("LastModified", &xml_time(part.modified_at));
        xml.text("ETag", &quoted(&part.etag));
        xml.number("HashCrc64ecma", part.crc64);
        xml.number("Size", part.size);
        xml.close("Part");
    }
    xml.close("ListPartsResult");
    Ok(Reply::xml(xml.finish()))
}

/// A page of a bucket's unfinished uploads.
///
/// Source: OSS, `ListMultipartUploads`.
pub(crate) async fn list_uploads(
    api: &ObjectApi,
    call: &Call,
    bucket: &BucketName,
) -> Result<Reply, OssError> {
    let encoding = Encoding::of(&call.query)?;
    let key_marker = call.query.short("key-marker")?;
    let id_marker = call.query.short("upload-id-marker")?;
    let query = list_query(&call.query, key_marker.to_owned(), "max-uploads", 1000)?;
    api.existing_bucket(bucket).await?;
    // An id without a key says nothing.
    let after_id = (!id_marker.is_empty() && !key_marker.is_empty()).then_some(id_marker);
    let page = api.store.list_uploads(bucket.as_str(), &query, after_id).await?;
    let (next_key, next_id) = next(&page);
    let mut xml = Xml::new();
    xml.open("ListMultipartUploadsResult");
    encoding.write(&mut xml);
    xml.text("Bucket", bucket.as_str());
    encoding.name(&mut xml, "KeyMarker", key_marker);
    xml.text("UploadIdMarker", id_marker);
    encoding.name(&mut xml, "NextKeyMarker", next_key);
    xml.text("NextUploadIdMarker", next_id);
    encoding.name(&mut xml, "Delimiter", &query.delimiter);
    encoding.name(&mut xml, "Prefix", &query.prefix);
    xml.number("MaxUploads", query.max as u64);
    xml.text("IsTruncated", if page.truncated { "true" } else { "false" });
    for entry in &page.entries {
        let ListEntry::Item(upload) = entry else { continue };
        xml.open("Upload");
        encoding.name(&mut xml, "Key", &upload.key);
        xml.text("UploadId", &upload.id);
        xml.text("StorageClass", &upload.storage_class);
        xml.text("Initiated", &xml_time(upload.created_at));
        xml.close("Upload");
    }
    write_folded(&page, encoding, &mut xml);
    xml.close("ListMultipartUploadsResult");
    Ok(Reply::xml(xml.finish()))
}

/// The markers after a page. They are there also when nothing follows: oss2 cannot do without.
fn next(page: &ListPage<UploadEntry>) -> (&str, &str) {
    match page.entries.last() {
        Some(ListEntry::Item(upload)) => (&upload.key, &upload.id),
        Some(ListEntry::Folded(prefix)) => (prefix, ""),
        None => ("", ""),
    }
}
