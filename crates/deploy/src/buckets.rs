//! Buckets, through the object API.

use bytes::Bytes;
use hyper::Method;
use kulkul_client::Client;

use crate::functions::absent_is_none;

/// Makes a bucket. One that is there already stays as it is.
pub async fn create(client: &Client, name: &str) -> anyhow::Result<()> {
    client.object(Method::PUT, name, "", Bytes::new()).await?.success().map(drop)
}

/// Whether there is a bucket of that name.
pub async fn exists(client: &Client, name: &str) -> anyhow::Result<bool> {
    let answer = client.object(Method::GET, name, "", Bytes::new()).await?.success();
    Ok(absent_is_none(answer, "NoSuchBucket")?.is_some())
}
