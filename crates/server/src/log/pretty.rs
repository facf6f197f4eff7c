//! Records as lines for a person at a terminal. The JSON form is the one with all the fields.

use std::fmt::Write as _;

use chrono::{DateTime, Local};
use graphloom_vocab::Json;

use super::{Level, LogType};

/// `12:00:01 INFO  POST /v1/graphql 200 3.2 ms`
pub(super) fn line(now: &DateTime<Local>, kind: LogType, level: Level, detail: &Json) -> String {
    let time = now.format("%H:%M:%S");
    let level = level.as_str().to_uppercase();
    let text = match kind {
        LogType::Http => http(detail),
        LogType::Startup => startup(detail),
        LogType::Unstructured => detail.as_str().map_or_else(|| detail.to_string(), one_line),
        _ => format!("{} {detail}", kind.as_str()),
    };
    format!("{time} {level:<5} {text}\n")
}

fn startup(detail: &Json) -> String {
    let kind = detail["kind"]
        .as_str()
        .unwrap_or_default()
        .replace('_', " ");
    match &detail["info"] {
        Json::String(text) => format!("{kind}: {}", one_line(text)),
        Json::Null => kind,
        other => format!("{kind}: {other}"),
    }
}

fn http(detail: &Json) -> String {
    let info = &detail["http_info"];
    let operation = &detail["operation"];
    let word = |value: &Json| value.as_str().map_or_else(|| value.to_string(), one_line);
    let mut text = format!(
        "{} {} {}",
        word(&info["method"]),
        word(&info["url"]),
        info["status"]
    );
    if let Some(seconds) = operation["query_execution_time"].as_f64() {
        let _ = write!(text, " {:.1} ms", seconds * 1000.0);
    }
    if let Some(error) = operation["error"]["error"].as_str() {
        let _ = write!(text, ": {}", one_line(error));
    }
    text
}

/// Text of a client must not be able to look like a line of its own, or to move the cursor.
fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_short_line() {
        let detail = serde_json::json!({
            "http_info": {"method": "POST", "url": "/v1/graphql", "status": 200},
            "operation": {"query_execution_time": 0.0123, "error": {"error": "bad\nthing"}},
        });
        let line = line(&Local::now(), LogType::Http, Level::Error, &detail);
        assert!(
            line.ends_with(" ERROR POST /v1/graphql 200 12.3 ms: bad thing\n"),
            "{line}"
        );
    }
}
