//! Calls of the server's own operations, below `/kulkul/v1`.

use bytes::Bytes;
use hyper::Method;
use kulkul_client::{Client, encode};
use serde_json::Value;

/// Calls an operation. `words` become the query.
pub async fn call(
    client: &Client,
    method: Method,
    path: &str,
    words: &[(&str, String)],
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    let mut words: Vec<String> =
        words.iter().map(|(word, text)| format!("{word}={}", encode(text))).collect();
    words.sort();
    let query = if words.is_empty() { String::new() } else { format!("?{}", words.join("&")) };
    let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let headers = [("content-type", "application/json")];
    client.rest(method, &format!("/kulkul/v1/{path}{query}"), &headers, body).await?.json()
}

/// The members of a list over all its pages, at most `max`.
pub async fn all(
    client: &Client,
    path: &str,
    member: &str,
    words: &[(&str, String)],
    max: usize,
) -> anyhow::Result<Vec<Value>> {
    // As many as every list of the server gives at once.
    const PAGE: usize = 100;
    let mut found: Vec<Value> = Vec::new();
    let mut after = None;
    while found.len() < max {
        let mut words = words.to_vec();
        words.push(("limit", PAGE.min(max - found.len()).to_string()));
        words.extend(after.map(|after| ("after", after)));
        let page = call(client, Method::GET, path, &words, None).await?;
        found.extend(page[member].as_array().cloned().unwrap_or_default());
        after = match page["next"].as_str() {
            Some(next) => Some(next.to_owned()),
            None => break,
        };
    }
    Ok(found)
}
