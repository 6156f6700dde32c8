//! ListObjects, both versions.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kulkul_store::objects::{ListEntry, ListPage, ListQuery, ObjectKind, ObjectSummary};

use super::{Encoding, write_owner};
use crate::api::{Call, ObjectApi};
use crate::error::{Code, OssError};
use crate::names::BucketName;
use crate::query::Query;
use crate::reply::{Reply, quoted};
use crate::time::xml_time;
use crate::view::kind_name;
use crate::xml::Xml;

/// A page of a bucket's objects, continued by a marker.
///
/// Source: OSS, `GetBucket (ListObjects)`.
pub(crate) async fn list_objects(
    api: &ObjectApi,
    call: &Call,
    bucket: &BucketName,
) -> Result<Reply, OssError> {
    let query = list_query(&call.query, call.query.short("marker")?.to_owned(), "max-keys", 100)?;
    let encoding = Encoding::of(&call.query)?;
    api.existing_bucket(bucket).await?;
    let page = api.store.list_objects(bucket.as_str(), &query).await?;
    let mut xml = Xml::new();
    xml.open("ListBucketResult");
    xml.text("Name", bucket.as_str());
    encoding.name(&mut xml, "Prefix", &query.prefix);
    encoding.name(&mut xml, "Marker", &query.after);
    xml.number("MaxKeys", query.max as u64);
    encoding.name(&mut xml, "Delimiter", &query.delimiter);
    encoding.write(&mut xml);
    xml.text("IsTruncated", if page.truncated { "true" } else { "false" });
    if let Some(last) = next(&page) {
        encoding.name(&mut xml, "NextMarker", last);
    }
    write_objects(api, &page, encoding, true, &mut xml);
    write_folded(&page, encoding, &mut xml);
    xml.close("ListBucketResult");
    Ok(Reply::xml(xml.finish()))
}

/// A page of a bucket's objects, continued by a token.
///
/// Source: OSS, `GetBucketV2 (ListObjectsV2)`.
pub(crate) async fn list_objects_v2(
    api: &ObjectApi,
    call: &Call,
    bucket: &BucketName,
) -> Result<Reply, OssError> {
    let token = call.query.value("continuation-token");
    let start_after = call.query.short("start-after")?;
    let after = token.map(read_token).transpose()?.unwrap_or_else(|| start_after.to_owned());
    let query = list_query(&call.query, after, "max-keys", 100)?;
    let encoding = Encoding::of(&call.query)?;
    let with_owner = call.query.get("fetch-owner") == Some("true");
    api.existing_bucket(bucket).await?;
    let page = api.store.list_objects(bucket.as_str(), &query).await?;
    let mut xml = Xml::new();
    xml.open("ListBucketResult");
    xml.text("Name", bucket.as_str());
    encoding.name(&mut xml, "Prefix", &query.prefix);
    if let Some(token) = token {
        xml.text("ContinuationToken", token);
    }
    if !start_after.is_empty() {
        encoding.name(&mut xml, "StartAfter", start_after);
    }
    xml.number("MaxKeys", query.max as u64);
    encoding.name(&mut xml, "Delimiter", &query.delimiter);
    encoding.write(&mut xml);
    xml.text("IsTruncated", if page.truncated { "true" } else { "false" });
    if let Some(last) = next(&page) {
        xml.text("NextContinuationToken", &write_token(last));
    }
    write_objects(api, &page, encoding, with_owner, &mut xml);
    write_folded(&page, encoding, &mut xml);
    xml.number("KeyCount", page.entries.len() as u64);
    xml.close("ListBucketResult");
    Ok(Reply::xml(xml.finish()))
}

/// What all listings of a bucket ask for.
pub(super) fn list_query(
    query: &Query,
    after: String,
    max_name: &'static str,
    max_default: u32,
) -> Result<ListQuery, OssError> {
    Ok(ListQuery {
        prefix: query.short("prefix")?.to_owned(),
        delimiter: query.short("delimiter")?.to_owned(),
        after,
        max: query.number(max_name, max_default, 1, 1000)? as usize,
    })
}

/// Writes the folded entries.
pub(super) fn write_folded<T>(page: &ListPage<T>, encoding: Encoding, xml: &mut Xml) {
    for entry in &page.entries {
        if let ListEntry::Folded(prefix) = entry {
            xml.open("CommonPrefixes");
            encoding.name(xml, "Prefix", prefix);
            xml.close("CommonPrefixes");
        }
    }
}

fn write_objects(
    api: &ObjectApi,
    page: &ListPage<ObjectSummary>,
    encoding: Encoding,
    with_owner: bool,
    xml: &mut Xml,
) {
    for entry in &page.entries {
        let ListEntry::Item(object) = entry else { continue };
        xml.open("Contents");
        encoding.name(xml, "Key", &object.key);
        xml.text("LastModified", &xml_time(object.modified_at));
        xml.text("ETag", &quoted(&object.etag));
        xml.text("Type", kind_name(object.kind));
        xml.number("Size", if object.kind == ObjectKind::Symlink { 0 } else { object.size });
        xml.text("StorageClass", &object.storage_class);
        if with_owner {
            write_owner(api, xml);
        }
        xml.close("Contents");
    }
}

/// The last entry of a page that is not the last one.
fn next(page: &ListPage<ObjectSummary>) -> Option<&str> {
    let last = page.entries.last().filter(|_| page.truncated)?;
    Some(match last {
        ListEntry::Item(object) => &object.key,
        ListEntry::Folded(prefix) => prefix,
    })
}

/// The token after an entry. Its alphabet survives the Python clients, which decode it as if it were a key.
fn write_token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

fn read_token(token: &str) -> Result<String, OssError> {
    let last = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.ok_or_else(|| {
        Code::InvalidArgument
            .with("The continuation token is not valid.")
            .detail("ArgumentName", "continuation-token")
            .detail("ArgumentValue", token)
    })
}
