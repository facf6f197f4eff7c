//! Calls to webhooks: addresses and headers from the environment, the client's headers, and what came back.
//!
//! Knows no mutation. Read next: `mutation/validate.rs`, which asks webhooks about input.

use std::collections::HashMap;

use graphloom_ir::{ClientHeaders, HeaderSource, InputWebhook};
use graphloom_outbound::{Answer, Client, Limits, Request, SendError, may_go_along};
use graphloom_vocab::{Error, ErrorCode, Result};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::Caller;

/// What is needed to call webhooks.
#[derive(Debug)]
pub struct Outside {
    /// The HTTP client of the process.
    pub client: Client,
    /// The environment, for templates.
    pub environment: HashMap<String, String>,
}

/// Headers of the client that are ours alone: whoever has one can do everything.
const SECRETS: &[&str] = &["x-hasura-admin-secret", "x-hasura-access-key"];

/// Headers of the client that go along under another name.
const RENAMED: &[(&str, &str)] = &[
    ("host", "x-forwarded-host"),
    ("user-agent", "x-forwarded-user-agent"),
    ("origin", "x-forwarded-origin"),
];

impl Outside {
    /// The call of a webhook with a JSON body. Errors name what is missing in the environment.
    pub(crate) fn request(
        &self,
        webhook: &InputWebhook,
        (body, answer_bytes_max): (String, usize),
        caller: &Caller,
    ) -> Result<Request> {
        let url = self.render(&webhook.url)?;
        let mut request = Request::post(&url, body).map_err(|_| {
            Error::new(
                ErrorCode::Unexpected,
                "the address of an input validation webhook is not an absolute http or https URL",
            )
        })?;
        let mut headers = match webhook.client_headers {
            ClientHeaders::Kept => HeaderMap::new(),
            ClientHeaders::Forwarded => forwarded(caller),
        };
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        for (name, source) in &webhook.headers {
            let value = match source {
                HeaderSource::Template(template) => self.render(template)?,
                HeaderSource::Environment(variable) => {
                    let value = self.environment.get(variable).cloned();
                    value.ok_or_else(|| {
                        let message = format!("environment variable '{variable}' not set");
                        Error::new(ErrorCode::NotFound, message)
                    })?
                }
            };
            let header = (name.parse::<HeaderName>(), HeaderValue::from_str(&value));
            let (Ok(name), Ok(value)) = header else {
                let message =
                    format!("the header \"{name}\" of an input validation webhook cannot be sent");
                return Err(Error::new(ErrorCode::Unexpected, message));
            };
            headers.insert(name, value);
        }
        request.headers = headers;
        request.limits = Limits {
            timeout: webhook.timeout,
            answer_bytes_max,
            ..Limits::default()
        };
        Ok(request)
    }

    pub(crate) async fn send(&self, request: Request) -> std::result::Result<Answer, SendError> {
        self.client.send(request).await
    }

    /// Fills in `{{VARIABLE}}`.
    fn render(&self, template: &str) -> Result<String> {
        let mut text = String::with_capacity(template.len());
        let mut missing = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else {
                break;
            };
            text.push_str(before);
            match self.environment.get(name.trim()) {
                Some(value) => text.push_str(value),
                None => missing.push(name.trim()),
            }
            rest = behind;
        }
        text.push_str(rest);
        if missing.is_empty() {
            return Ok(text);
        }
        let missing = missing.join(", ");
        let message = format!("Value for environment variables not found: {missing}");
        Err(Error::new(ErrorCode::Unexpected, message).with_status(400))
    }
}

/// The client's headers as they are sent along.
fn forwarded(caller: &Caller) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in caller.headers() {
        let renamed = RENAMED.iter().find(|(from, _)| from == name);
        let name = match renamed {
            Some((_, to)) => to,
            None if !may_go_along(name) || SECRETS.contains(&name.as_str()) => continue,
            None => name.as_str(),
        };
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    headers
}
