//! The authentication webhook: what it is sent, and the session in its answer.
//!
//! With GET it gets the client's headers but those about the connection and the content; with POST all
//! of them as JSON, and the GraphQL request. Wording and codes are v2's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use graphloom_outbound::{Answer, Client, Request, may_go_along};
use graphloom_vocab::{
    Error, ErrorCode, Json, JsonObject, Result, RoleName, Session, SessionVariableName,
};
use http::header::{self, HeaderName, HeaderValue};
use serde_json::json;

use crate::event::{AuthEvent, Observer, shown};
use crate::lifetime::{CacheControl, now_s, parse_date};
use crate::{Authenticated, HeaderLookup};

/// For one answer; every request of a client waits for it.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of an answer, which holds session variables.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Most cookies handed on to the client.
const COOKIES_MAX: usize = 32;

/// How the webhook is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookMethod {
    /// With the client's headers.
    Get,
    /// With the client's headers as JSON.
    Post(RequestContext),
}

/// Whether a POST tells the GraphQL request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestContext {
    /// Under `request`.
    Sent,
    /// Not at all.
    Omitted,
}

/// Whom to ask, and how.
#[derive(Clone)]
pub struct WebhookConfig {
    /// The webhook's URL. May hold a secret.
    pub url: String,
    /// How it is asked.
    pub method: HookMethod,
}

impl std::fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = shown(&self.url);
        f.debug_struct("WebhookConfig")
            .field("url", &url)
            .field("method", &self.method)
            .finish()
    }
}

/// The webhook, ready to be asked.
pub(crate) struct Webhook {
    config: WebhookConfig,
    client: Client,
    observer: Observer,
}

impl Webhook {
    pub(crate) fn new(config: WebhookConfig, client: Client, observer: Observer) -> Self {
        Self {
            config,
            client,
            observer,
        }
    }

    /// Whether it wants to know the GraphQL request.
    pub(crate) fn wants_request(&self) -> bool {
        self.config.method == HookMethod::Post(RequestContext::Sent)
    }

    /// Asks. Errors: `access-denied` with 401 where it refuses, `unexpected` with 500 where it cannot be
    /// asked or its answer means nothing, `invalid-params` where it gives no role.
    pub(crate) async fn session(
        &self,
        headers: &(impl HeaderLookup + ?Sized),
        graphql: Option<&Json>,
    ) -> Result<Authenticated> {
        let unreachable = || Error::unexpected("webhook authentication request failed");
        let request = self.request(headers, graphql).ok_or_else(unreachable)?;
        let answer = match self.client.send(request).await {
            Ok(answer) => answer,
            Err(error) => {
                self.tell(None, Some(error.to_string()));
                return Err(unreachable());
            }
        };
        let status = answer.status.as_u16();
        let result = read(&answer, now_s());
        let problem = match &result {
            Err(error) if error.status() != 401 => Some(error.message().to_owned()),
            _ => None,
        };
        self.tell(Some(status), problem);
        result
    }

    fn tell(&self, status: Option<u16>, problem: Option<String>) {
        (self.observer)(&AuthEvent::Webhook {
            url: shown(&self.config.url),
            method: match self.config.method {
                HookMethod::Get => "GET",
                HookMethod::Post(_) => "POST",
            },
            status,
            problem,
        });
    }

    fn request(
        &self,
        headers: &(impl HeaderLookup + ?Sized),
        graphql: Option<&Json>,
    ) -> Option<Request> {
        let mut request = match self.config.method {
            HookMethod::Get => {
                let mut request = Request::get(&self.config.url).ok()?;
                headers.visit(&mut |name, value: Cow<'_, str>| forward(&mut request, name, &value));
                request
            }
            HookMethod::Post(context) => {
                let body = post_body(headers, context, graphql).to_string();
                let mut request = Request::post(&self.config.url, body.into_bytes()).ok()?;
                let json = HeaderValue::from_static("application/json");
                request.headers.insert(header::CONTENT_TYPE, json);
                request
            }
        };
        request.limits.timeout = TIMEOUT;
        request.limits.answer_bytes_max = ANSWER_BYTES_MAX;
        Some(request)
    }
}

fn forward(request: &mut Request, name: &str, value: &str) {
    if !may_go_along(name) {
        return;
    }
    // What a websocket's client sends as headers need not be any.
    let name = HeaderName::try_from(name);
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
        request.headers.append(name, value);
    }
}

fn post_body(
    headers: &(impl HeaderLookup + ?Sized),
    context: RequestContext,
    graphql: Option<&Json>,
) -> Json {
    let mut sent = JsonObject::new();
    headers.visit(&mut |name, value: Cow<'_, str>| {
        sent.insert(name.to_owned(), value.into_owned().into());
    });
    match context {
        RequestContext::Sent => {
            json!({ "headers": sent, "request": graphql.map(known_keys) })
        }
        RequestContext::Omitted => json!({ "headers": sent }),
    }
}

/// The parts of a request that say what is asked, of each where it is a list.
fn known_keys(graphql: &Json) -> Json {
    match graphql {
        Json::Array(requests) => requests.iter().map(known_keys).collect(),
        request => {
            let keys = ["query", "variables", "operationName"];
            let found = keys.iter().filter_map(|key| {
                let value = request.get(key).filter(|value| !value.is_null())?;
                Some(((*key).to_owned(), value.clone()))
            });
            Json::Object(found.collect())
        }
    }
}

fn read(answer: &Answer, now_s: i64) -> Result<Authenticated> {
    match answer.status.as_u16() {
        200 => {}
        401 => {
            let message = "Authentication hook unauthorized this request";
            return Err(Error::new(ErrorCode::AccessDenied, message).with_status(401));
        }
        _ => {
            return Err(Error::unexpected(
                "Invalid response from authorization hook",
            ));
        }
    }
    let texts = texts(&answer.body).map_err(|reason| {
        Error::unexpected(format!(
            "Invalid response from authorization hook: {reason}"
        ))
    })?;
    let named = texts
        .iter()
        .filter_map(|(name, value)| Some((SessionVariableName::parse(name)?, value.clone())));
    let variables: BTreeMap<_, _> = named.collect();
    let role = SessionVariableName::parse("x-hasura-role").expect("has the prefix");
    let role = variables
        .get(&role)
        .filter(|role| !role.is_empty())
        .ok_or_else(|| {
            let message = "x-hasura-role not found in session variables";
            Error::new(ErrorCode::InvalidParams, message)
        })?;
    let mut session = Session::new(RoleName::new(role.as_str()), variables);
    session.expires_at_s = expiry(&texts, now_s);
    let cookies = answer.headers.get_all(header::SET_COOKIE).iter();
    Ok(Authenticated {
        session,
        set_cookies: cookies.take(COOKIES_MAX).cloned().collect(),
    })
}

/// A JSON object of texts, or what is wrong with it.
fn texts(body: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let json: Json = serde_json::from_slice(body)
        .map_err(|error| format!("Error in $: not a valid json value: {error}"))?;
    let Json::Object(object) = json else {
        return Err("Error in $: parsing HashMap failed, expected Object".to_owned());
    };
    let texts = object.into_iter().map(|(name, value)| match value {
        Json::String(text) => Ok((name, text)),
        _ => Err(format!(
            "Error in $.{name}: parsing Text failed, expected String"
        )),
    });
    texts.collect()
}

/// When the session ends; `None` where the answer does not say, or not in a way we can read.
fn expiry(texts: &BTreeMap<String, String>, now_s: i64) -> Option<i64> {
    let max_age_s = texts
        .get("Cache-Control")
        .and_then(|text| CacheControl::parse(text).max_age_s)
        .map(|seconds| now_s.saturating_add_unsigned(seconds));
    max_age_s.or_else(|| parse_date(texts.get("Expires")?))
}
