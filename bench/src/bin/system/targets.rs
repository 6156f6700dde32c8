//! Targets over HTTP.
//!
//! Requests of API destinations whose connection has no credentials are the plainest that leave the server: a push is
//! signed as well.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::functions::Api;

/// The connection of all API destinations here.
const CONNECTION: &str = "open";

/// Creates an API destination for each of these addresses.
pub(crate) fn create_destinations(api: &Api, addresses: &[SocketAddr]) -> anyhow::Result<()> {
    let network = json!({"NetworkType": "PublicNetwork"}).to_string();
    api.rpc("CreateConnection", &[("ConnectionName", CONNECTION), ("NetworkParameters", network.as_str())])?;
    for (number, address) in addresses.iter().enumerate() {
        let name = destination(number);
        let http = json!({"Endpoint": format!("http://{address}/"), "Method": "POST"}).to_string();
        let parameters = [
            ("ApiDestinationName", name.as_str()),
            ("ConnectionName", CONNECTION),
            ("HttpApiParameters", http.as_str()),
        ];
        api.rpc("CreateApiDestination", &parameters)?;
    }
    Ok(())
}

/// A target that sends the whole event to the API destination of the address with this number.
pub(crate) fn destination_target(number: usize) -> Value {
    let name = destination(number);
    json!([{
        "Id": "t1",
        "Type": "acs.api.destination",
        "Endpoint": format!("acs:api-destination:cn-hangzhou:1000000000000001:name/{name}"),
        "ParamList": [
            {"ResourceKey": "Name", "Form": "CONSTANT", "Value": name},
            {"ResourceKey": "BodyParameters", "Form": "ORIGINAL"},
        ],
    }])
}

/// A target that pushes the whole event to an address.
pub(crate) fn push_target(address: SocketAddr) -> Value {
    json!([{
        "Id": "t1",
        "Type": "http",
        "Endpoint": format!("http://{address}/"),
        "ParamList": [{"ResourceKey": "Body", "Form": "ORIGINAL"}],
    }])
}

fn destination(number: usize) -> String {
    format!("to-{number}")
}
