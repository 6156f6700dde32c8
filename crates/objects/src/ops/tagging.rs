//! The tags of an object. They are no content: changing them moves no date and tells nobody.

use http::StatusCode;
use kulkul_store::objects::ObjectEntry;

use crate::api::{Call, ObjectApi, Place};
use crate::attributes::Attributes;
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, too_busy};
use crate::error::OssError;
use crate::reply::Reply;
use crate::tags::Tags;
use crate::xml::parse;

/// Source: OSS, `PutObjectTagging`.
pub(crate) async fn put_tagging(api: &ObjectApi, call: &mut Call, place: &Place) -> Result<Reply, OssError> {
    let body = call.body.document(&call.headers).await?;
    let tags = Tags::from_xml(&parse(&body, "Tagging")?)?;
    store(api, call, place, &tags).await?;
    Ok(Reply::empty(StatusCode::OK))
}

/// Source: OSS, `GetObjectTagging`.
pub(crate) async fn get_tagging(api: &ObjectApi, place: &Place) -> Result<Reply, OssError> {
    let object = api.existing(place).await?;
    Ok(Reply::xml(Attributes::read(&object.entry.attributes)?.tags.xml()))
}

/// Source: OSS, `DeleteObjectTagging`.
pub(crate) async fn delete_tagging(
    api: &ObjectApi,
    call: &mut Call,
    place: &Place,
) -> Result<Reply, OssError> {
    store(api, call, place, &Tags::default()).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

async fn store(api: &ObjectApi, call: &Call, place: &Place, tags: &Tags) -> Result<(), OssError> {
    call.run_to_end();
    for _ in 0..ATTEMPTS_MAX {
        let object = api.existing(place).await?;
        let attributes = Attributes { tags: tags.clone(), ..Attributes::read(&object.entry.attributes)? };
        let entry = ObjectEntry { attributes: attributes.write(), ..object.entry.clone() };
        let plan = Plan { changes: vec![place.put(Some(&object), entry)], ..Plan::default() };
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(());
        }
    }
    Err(too_busy())
}
