//! Calling an API destination.

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use kulkul_delivery::{DestinationCall, DestinationCaller, TargetAnswer, Verdict, answer_of};
use kulkul_outbound::OutboundRequest;
use tokio::time::Instant;

use crate::connection::{Authorization, OAuth, header_to_choose};
use crate::connections::Connections;
use crate::destination::ApiDestination;
use crate::oauth::with_query;

/// What a body has that says nothing else.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl DestinationCaller for Connections {
    fn call(&self, call: DestinationCall) -> BoxFuture<'_, TargetAnswer> {
        Box::pin(async move { self.attempt(call).await.unwrap_or_else(|answer| answer) })
    }
}

impl Connections {
    /// One attempt. An `Err` is an attempt that ended before the request was sent.
    async fn attempt(&self, call: DestinationCall) -> Result<TargetAnswer, TargetAnswer> {
        let impossible = |text: String| TargetAnswer::new(Verdict::Impossible, text);
        let destination =
            self.get_destination(&call.destination).map_err(|error| impossible(error.to_string()))?;
        let settings = &destination.settings;
        let connection =
            self.get_connection(&settings.connection).map_err(|error| impossible(error.to_string()))?;
        let request = self.request(&destination, &call).map_err(impossible)?;
        if self.pacer(settings).is_some_and(|pacer| !pacer.admit(Instant::now())) {
            let text = "the API destination takes no more requests in this second";
            return Err(TargetAnswer::new(Verdict::Throttled, text));
        }
        match &connection.settings.authorization {
            None => Ok(self.send(request, None).await),
            Some(Authorization::Basic { username, password }) => {
                let value = basic(username, password.expose());
                Ok(self.send(request, Some((header::AUTHORIZATION, value))).await)
            }
            Some(Authorization::ApiKey { name, value }) => {
                let name: HeaderName =
                    name.parse().map_err(|_| impossible(format!("`{name}` is no header")))?;
                let value = HeaderValue::from_str(value.expose());
                let value = value.map_err(|_| impossible(format!("the key in `{name}` cannot be sent")))?;
                Ok(self.send(request, Some((name, value))).await)
            }
            Some(Authorization::OAuth(oauth)) => self.send_with_token(request, oauth, &destination).await,
        }
    }

    fn request(
        &self,
        destination: &ApiDestination,
        call: &DestinationCall,
    ) -> Result<OutboundRequest, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            let name = header_to_choose(name)?;
            let value = HeaderValue::from_str(value);
            headers.insert(name.clone(), value.map_err(|_| format!("the header `{name}` cannot be sent"))?);
        }
        if !call.body.is_empty() {
            headers.entry(header::CONTENT_TYPE).or_insert(CONTENT_TYPE);
        }
        let url = with_query(&destination.settings.endpoint, &call.query)?;
        Ok(OutboundRequest {
            method: destination.settings.method.clone(),
            url,
            headers,
            body: call.body.clone(),
            timeout: self.parts.timeout,
        })
    }

    async fn send(
        &self,
        mut request: OutboundRequest,
        authorization: Option<(HeaderName, HeaderValue)>,
    ) -> TargetAnswer {
        if let Some((name, mut value)) = authorization {
            value.set_sensitive(true);
            request.headers.insert(name, value);
        }
        answer_of(self.parts.outbound.send(request).await, self.parts.client_errors)
    }

    /// Sends with the token that there is. One that is refused is asked for anew, once; only the answer to the new one
    /// says anything about the request.
    async fn send_with_token(
        &self,
        request: OutboundRequest,
        oauth: &OAuth,
        destination: &ApiDestination,
    ) -> Result<TargetAnswer, TargetAnswer> {
        let slot = self.token_slot(&destination.settings.connection);
        let (outbound, timeout) = (&self.parts.outbound, self.parts.timeout);
        let failed = |error: crate::oauth::NoToken| TargetAnswer::new(Verdict::Failed, error.to_string());
        let token = slot.authorization(oauth, outbound, timeout, None).await.map_err(failed)?;
        let mut first = request.clone();
        first.headers.insert(header::AUTHORIZATION, token.clone());
        let answered = outbound.send(first).await;
        if !answered.as_ref().is_ok_and(|answer| answer.status == StatusCode::UNAUTHORIZED) {
            return Ok(answer_of(answered, self.parts.client_errors));
        }
        let token = slot.authorization(oauth, outbound, timeout, Some(&token)).await.map_err(failed)?;
        Ok(self.send(request, Some((header::AUTHORIZATION, token))).await)
    }
}

fn basic(username: &str, password: &str) -> HeaderValue {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    HeaderValue::from_str(&format!("Basic {text}")).expect("base64 can stand in a header")
}
