//! UploadPart and UploadPartCopy.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use kulkul_store::StoreError;
use kulkul_store::objects::{ObjectChange, PartEntry};

use futures_util::TryStreamExt;

use super::{NUMBER_MAX, existing_upload, unfinished};
use crate::api::{Call, ObjectApi, Place};
use crate::body::{Expected, OBJECT_BYTES_MAX, Received, Receiver, receive};
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, too_busy};
use crate::conditions::{ON_SOURCE, Verdict, judge};
use crate::error::{Code, OssError};
use crate::event::Happening;
use crate::range::select_copy;
use crate::reply::{Reply, quoted};
use crate::source::copy_source;
use crate::time::xml_time;
use crate::xml::Xml;

/// Writes a part, in place of one with the same number.
///
/// Source: OSS, `UploadPart`.
pub(crate) async fn upload_part(api: &ObjectApi, call: &mut Call, place: &Place) -> Result<Reply, OssError> {
    let number = part_number(call)?;
    existing_upload(api, call, place).await?;
    let received = receive(&mut call.body, &call.headers, api.store.create_data()).await?;
    let part = store(api, call, place, number, &received, Happening::UploadPart).await?;
    Ok(Reply::empty(StatusCode::OK)
        .etag(&part.etag)
        .with("x-oss-hash-crc64ecma", part.crc64.to_string())
        .with("content-md5", STANDARD.encode(received.md5)))
}

/// Writes a part that is a range of an object.
///
/// The bytes are read once for their digests; nothing else would give the part its tag. Every condition that does
/// not hold is a 412 here. Source: OSS, `UploadPartCopy`.
pub(crate) async fn upload_part_copy(
    api: &ObjectApi,
    call: &mut Call,
    place: &Place,
) -> Result<Reply, OssError> {
    let number = part_number(call)?;
    let from = copy_source(&call.headers)?;
    existing_upload(api, call, place).await?;
    call.run_to_end();
    for _ in 0..ATTEMPTS_MAX {
        let view = api.view(&from).await?;
        match judge(&call.headers, ON_SOURCE, &view.content.etag, view.modified_at) {
            Verdict::Holds => {}
            Verdict::NotModified => return Err(Code::PreconditionFailed.into()),
            Verdict::Failed(condition) => {
                return Err(Code::PreconditionFailed.detail("Condition", condition));
            }
        }
        let size = view.content.size;
        let asked = call.header("x-oss-copy-source-range").and_then(|text| select_copy(text, size));
        let range = asked.clone().unwrap_or(0..size);
        let mut stream = match api.store.read(&view.content.extents, range).await {
            Ok(stream) => stream,
            Err(StoreError::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let mut receiver = Receiver::new(api.store.create_data(), Expected::default(), OBJECT_BYTES_MAX);
        while let Some(bytes) = stream.try_next().await? {
            receiver.take(bytes).await?;
        }
        let received = receiver.finish().await?;
        let part = store(api, call, place, number, &received, Happening::UploadPartCopy).await?;
        let mut xml = Xml::new();
        xml.open("CopyPartResult");
        xml.text("LastModified", &xml_time(part.modified_at));
        xml.text("ETag", &quoted(&part.etag));
        xml.close("CopyPartResult");
        let mut reply = Reply::xml(xml.finish()).etag(&part.etag);
        if let Some(range) = asked {
            reply.set("content-range", format!("bytes {}-{}/{size}", range.start, range.end - 1));
        }
        return Ok(reply);
    }
    Err(too_busy())
}

async fn store(
    api: &ObjectApi,
    call: &Call,
    place: &Place,
    number: u32,
    received: &Received,
    happening: Happening,
) -> Result<PartEntry, OssError> {
    call.run_to_end();
    let part = PartEntry {
        number,
        size: received.data.length(),
        etag: hex::encode_upper(received.md5),
        crc64: received.crc64,
        modified_at: api.now(),
        extents: received.data.extents(),
    };
    let upload = call.query.get("uploadId").unwrap_or_default().to_owned();
    let plan = Plan {
        changes: vec![ObjectChange::PutPart { upload, part: part.clone() }],
        new_data: vec![received.data.clone()],
        events: vec![unfinished(happening, place, &part.etag, part.size)],
    };
    match api.commit(call, plan).await? {
        Outcome::Stored => Ok(part),
        Outcome::Overtaken => Err(too_busy()),
    }
}

fn part_number(call: &Call) -> Result<u32, OssError> {
    if call.query.value("partNumber").is_none() {
        return Err(Code::InvalidArgument.detail("ArgumentName", "partNumber").detail("ArgumentValue", ""));
    }
    call.query.number("partNumber", 1, 1, NUMBER_MAX)
}
