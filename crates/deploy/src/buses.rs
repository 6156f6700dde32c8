//! Event buses, through the EventBridge API.

use kulkul_client::Client;
use serde_json::Value;

use crate::functions::absent_is_none;
use crate::rules::pages;

/// Creates a bus.
pub async fn create(client: &Client, name: &str, description: &str) -> anyhow::Result<Value> {
    client.rpc("CreateEventBus", &[("EventBusName", name), ("Description", description)]).await
}

/// Changes the description of a bus.
pub async fn update(client: &Client, name: &str, description: &str) -> anyhow::Result<()> {
    client.rpc("UpdateEventBus", &[("EventBusName", name), ("Description", description)]).await.map(drop)
}

/// A bus, or `None` when there is none of that name.
pub async fn find(client: &Client, name: &str) -> anyhow::Result<Option<Value>> {
    absent_is_none(client.rpc("GetEventBus", &[("EventBusName", name)]).await, "EventBusNotExist")
}

/// All buses, `default` among them.
pub async fn list(client: &Client) -> anyhow::Result<Vec<Value>> {
    pages(client, "ListEventBuses", "EventBuses", &[]).await
}

/// Deletes a bus that has no rules, and says whether it was there.
pub async fn delete(client: &Client, name: &str) -> anyhow::Result<bool> {
    Ok(client.rpc("DeleteEventBus", &[("EventBusName", name)]).await? != Value::Bool(false))
}
