//! `validate_input` of a write permission, read as what the engine calls.
//!
//! Its shape was checked when the metadata was read; here every key is understood or refused. The errors are the
//! reasons of an inconsistency.

use std::sync::Arc;
use std::time::Duration;

use graphloom_ir::{ClientHeaders, HeaderSource, InputWebhook};
use graphloom_metadata::support;
use graphloom_vocab::Json;

/// Where nothing else is said, as v2 has it.
const TIMEOUT_SECONDS: u64 = 10;
/// A request waits for its webhook: more than this is a mistake.
const TIMEOUT_SECONDS_MAX: u64 = 3_600;

/// Reads a `validate_input`.
pub(crate) fn input_webhook(json: &Json) -> Result<Arc<InputWebhook>, String> {
    let definition = json.get("definition").and_then(Json::as_object);
    let definition = definition.ok_or("validate_input has no definition")?;
    let object = json.as_object();
    let misfit = object.and_then(|json| support::misfit(&support::VALIDATE_INPUT, json, &[]));
    if let Some(reason) = misfit {
        return Err(format!("in validate_input: {reason}"));
    }
    let url = definition.get("url").and_then(Json::as_str);
    let headers = match definition.get("headers") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(headers)) => headers.iter().map(header).collect::<Result<_, _>>()?,
        Some(_) => return Err(unfit("headers", "a list")),
    };
    let client_headers = match definition.get("forward_client_headers") {
        None | Some(Json::Null | Json::Bool(false)) => ClientHeaders::Kept,
        Some(Json::Bool(true)) => ClientHeaders::Forwarded,
        Some(_) => return Err(unfit("forward_client_headers", "true or false")),
    };
    let seconds = match definition.get("timeout") {
        None | Some(Json::Null) => TIMEOUT_SECONDS,
        Some(value) => value
            .as_u64()
            .filter(|seconds| (1..=TIMEOUT_SECONDS_MAX).contains(seconds))
            .ok_or_else(|| unfit("timeout", "a number of seconds from 1 to 3600"))?,
    };
    Ok(Arc::new(InputWebhook {
        url: url.ok_or_else(|| unfit("url", "a text"))?.to_owned(),
        headers,
        client_headers,
        timeout: Duration::from_secs(seconds),
    }))
}

fn header(json: &Json) -> Result<(String, HeaderSource), String> {
    let text = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
    let name = text("name").ok_or_else(|| unfit("headers", "a list of objects with a name"))?;
    let source = match (text("value"), text("value_from_env")) {
        (Some(value), None) => HeaderSource::Template(value),
        (None, Some(variable)) => HeaderSource::Environment(variable),
        _ => return Err(unfit("headers", "either value or value_from_env for each")),
    };
    Ok((name, source))
}

fn unfit(key: &str, expected: &str) -> String {
    format!("\"{key}\" of validate_input must be {expected}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_key_is_understood() {
        let json = json!({"type": "http", "definition": {
            "url": "{{BASE}}/check", "timeout": 3, "forward_client_headers": true,
            "headers": [{"name": "a", "value": "b"}, {"name": "c", "value_from_env": "D"}],
        }});
        let expected = InputWebhook {
            url: "{{BASE}}/check".to_owned(),
            headers: vec![
                ("a".to_owned(), HeaderSource::Template("b".to_owned())),
                ("c".to_owned(), HeaderSource::Environment("D".to_owned())),
            ],
            client_headers: ClientHeaders::Forwarded,
            timeout: Duration::from_secs(3),
        };
        assert_eq!(input_webhook(&json), Ok(Arc::new(expected)));
        let json = json!({"type": "http", "definition": {"url": "http://a"}});
        let read = input_webhook(&json).map(|webhook| webhook.timeout.as_secs());
        assert_eq!(read, Ok(10));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (definition, reason) in [
            (
                json!({"url": "u", "retries": 3}),
                "in validate_input: the key \"retries\" is not understood",
            ),
            (
                json!({"url": "u", "timeout": 0}),
                "\"timeout\" of validate_input must be a number of seconds from 1 to 3600",
            ),
            (
                json!({"url": "u", "timeout": "1"}),
                "\"timeout\" of validate_input must be a number of seconds from 1 to 3600",
            ),
            (
                json!({"url": 1}),
                "\"url\" of validate_input must be a text",
            ),
            (
                json!({"url": "u", "headers": {}}),
                "\"headers\" of validate_input must be a list",
            ),
            (
                json!({"url": "u", "headers": [{"value": "v"}]}),
                "\"headers\" of validate_input must be a list of objects with a name",
            ),
            (
                json!({"url": "u", "headers": [{"name": "n"}]}),
                "\"headers\" of validate_input must be either value or value_from_env for each",
            ),
            (
                json!({"url": "u", "headers": [{"name": "n", "values": 1}]}),
                "in validate_input: the key \"values\" is not understood",
            ),
            (
                json!({"url": "u", "forward_client_headers": 1}),
                "\"forward_client_headers\" of validate_input must be true or false",
            ),
        ] {
            let json = json!({"type": "http", "definition": definition});
            assert_eq!(input_webhook(&json), Err(reason.to_owned()), "{json}");
        }
    }
}
