//! The words of both sub-protocols: legacy `graphql-ws` and `graphql-transport-ws`.
//!
//! Sources: the protocol documents of `subscriptions-transport-ws` and of `graphql-ws`, and what v2
//! makes of them: either protocol may use either set of client words. Pure.

use bytes::Bytes;
use graphloom_execute::GraphqlRequest;
use graphloom_vocab::{Json, JsonObject};
use http::{HeaderMap, header};
use serde_json::json;
use uuid::Uuid;

use super::frames::Text;

/// Most bytes of a close frame's reason (RFC 6455, 5.5).
const REASON_BYTES_MAX: usize = 123;

/// A sub-protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `graphql-ws`, of Apollo's old client.
    Legacy,
    /// `graphql-transport-ws`.
    Transport,
}

impl Protocol {
    /// The new protocol where it alone is asked for, else the old one.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Self {
        let mut asked = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
        match (asked.next(), asked.next()) {
            (Some(asked), None) if asked == "graphql-transport-ws" => Self::Transport,
            _ => Self::Legacy,
        }
    }

    /// The name in the handshake.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Legacy => "graphql-ws",
            Self::Transport => "graphql-transport-ws",
        }
    }

    /// The message that keeps a connection alive.
    pub(crate) fn keep_alive(self) -> String {
        match self {
            Self::Legacy => json!({ "type": "ka" }),
            Self::Transport => json!({ "type": "ping", "payload": { "message": "keepalive" } }),
        }
        .to_string()
    }

    /// The close frame of a socket that did not introduce itself.
    pub(crate) fn init_timeout(self) -> Close {
        let code = match self {
            Self::Legacy => 1011,
            Self::Transport => 4408,
        };
        Close::new(code, "Connection initialisation timed out")
    }

    /// The close frame of a socket whose introduction was refused.
    pub(crate) fn init_failed(self, reason: &str) -> Close {
        match self {
            Self::Legacy => Close::wrapped(
                4400,
                &format!("4400: Connection initialization failed: {reason}"),
            ),
            Self::Transport => Close::wrapped(4403, "4403: Forbidden"),
        }
    }

    /// A message with this `payload`, which is JSON text already.
    pub(super) fn answer(self, id: &str, payload: &str) -> String {
        let mut message = self.head(id);
        message.push_str(payload);
        message.push('}');
        message
    }

    /// A message with the text of a result's `data`, which may be shared with other messages and is not looked into.
    pub(super) fn data(self, id: &str, data: Bytes) -> Text {
        // What Postgres and we write is UTF-8; anything else could not be a text frame.
        let body = match std::str::from_utf8(&data) {
            Ok(_) => data,
            Err(_) => String::from_utf8_lossy(&data).into_owned().into(),
        };
        let mut head = self.head(id);
        head.push_str("{\"data\":");
        Text {
            head,
            body,
            tail: "}}",
        }
    }

    /// A message up to its payload.
    fn head(self, id: &str) -> String {
        let kind = match self {
            Self::Legacy => "data",
            Self::Transport => "next",
        };
        let id = Json::from(id).to_string();
        [r#"{"type":""#, kind, r#"","id":"#, &id, r#","payload":"#].concat()
    }
}

/// A close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Close {
    /// With a plain reason.
    pub(crate) fn new(code: u16, reason: &str) -> Self {
        let reason = shortened(reason, str::to_owned);
        Self { code, reason }
    }

    /// With v2's form of a reason, `{"server_error_msg":"4400: …"}`.
    pub(crate) fn wrapped(code: u16, reason: &str) -> Self {
        let wrap = |reason: &str| json!({ "server_error_msg": reason }).to_string();
        Self {
            code,
            reason: shortened(reason, wrap),
        }
    }
}

/// The wrapped text, cut before wrapping so that it fits a close frame.
fn shortened(text: &str, wrap: impl Fn(&str) -> String) -> String {
    let mut end = text.floor_char_boundary(REASON_BYTES_MAX);
    loop {
        let wrapped = wrap(&text[..end]);
        if wrapped.len() <= REASON_BYTES_MAX || end == 0 {
            return wrapped;
        }
        // A byte takes up to six in JSON (`\u0001`), so that cutting this many never cuts too many.
        let surplus = (wrapped.len() - REASON_BYTES_MAX).div_ceil(6);
        end = text.floor_char_boundary(end - surplus.min(end));
    }
}

/// What a client may send.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClientMessage {
    /// `connection_init`, with the headers of its payload in order.
    Init(Vec<(String, String)>),
    /// `start` or `subscribe`
    Start(String, GraphqlRequest),
    /// `stop` or `complete`
    Stop(String),
    /// `ping`
    Ping(Option<Json>),
    /// `pong`
    Pong,
    /// `connection_terminate`
    Terminate,
}

impl ClientMessage {
    /// Reads a message; otherwise what is wrong with it, in v2's wording.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        Self::read(text).map_err(|reason| format!("parsing ClientMessage failed: {reason}"))
    }

    fn read(text: &[u8]) -> Result<Self, String> {
        let message = serde_json::from_slice::<Json>(text).map_err(|error| {
            format!("Error in $: Failed reading: not a valid json value: {error}")
        })?;
        let Json::Object(mut message) = message else {
            return Err(
                "Error in $: parsing ClientMessage failed, expected Object, but encountered another type"
                    .to_owned(),
            );
        };
        let kind = text_of(&message, "type")?;
        match kind.as_str() {
            "connection_init" => init_headers(message.remove("payload")).map(Self::Init),
            "start" | "subscribe" => {
                let id = text_of(&message, "id")?;
                let payload = message.remove("payload").ok_or_else(|| absent("payload"))?;
                let request = GraphqlRequest::from_json(payload)
                    .map(|request| request.over_socket().with_id(Uuid::new_v4().to_string()))
                    .map_err(|error| format!("Error in $.payload: {}", error.message()))?;
                Ok(Self::Start(id, request))
            }
            "stop" | "complete" => text_of(&message, "id").map(Self::Stop),
            "connection_terminate" => Ok(Self::Terminate),
            "ping" => Ok(Self::Ping(message.remove("payload"))),
            "pong" => Ok(Self::Pong),
            other => Err(format!(
                "Error in $: unexpected type for ClientMessage: {other}"
            )),
        }
    }
}

fn absent(key: &str) -> String {
    format!("Error in $: key \"{key}\" not found")
}

fn text_of(message: &JsonObject, key: &str) -> Result<String, String> {
    match message.get(key) {
        Some(Json::String(text)) => Ok(text.clone()),
        Some(_) => Err(not_text(&format!("$.{key}"))),
        None => Err(absent(key)),
    }
}

fn not_text(path: &str) -> String {
    format!("Error in {path}: parsing Text failed, expected String, but encountered another type")
}

/// `{"headers": {name: text}}`, each part of which may be absent or null.
fn init_headers(payload: Option<Json>) -> Result<Vec<(String, String)>, String> {
    let wrong = |path: &str, what: &str| {
        format!(
            "Error in {path}: parsing {what} failed, expected Object, but encountered another type"
        )
    };
    let headers = match payload {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Object(mut payload)) => payload.remove("headers"),
        Some(_) => return Err(wrong("$.payload", "ConnParams")),
    };
    match headers {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Object(headers)) => {
            let headers = headers.into_iter().map(|(name, value)| match value {
                Json::String(value) => Ok((name.to_lowercase(), value)),
                _ => Err(not_text(&format!("$.payload.headers.{name}"))),
            });
            headers.collect()
        }
        Some(_) => Err(wrong("$.payload.headers", "HashMap")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn only_the_exact_name_is_the_new_protocol() {
        let negotiate = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                let value = http::HeaderValue::from_static(value);
                headers.append(header::SEC_WEBSOCKET_PROTOCOL, value);
            }
            Protocol::negotiate(&headers)
        };
        assert_eq!(negotiate(&["graphql-transport-ws"]), Protocol::Transport);
        for other in [
            &[][..],
            &["graphql-ws"],
            &["graphql-transport-ws, graphql-ws"],
            &["chat"],
        ] {
            assert_eq!(negotiate(other), Protocol::Legacy);
        }
    }

    #[test]
    fn reads_the_words_of_both_protocols() {
        let parse = |text: &str| ClientMessage::parse(text.as_bytes()).unwrap();
        assert_eq!(
            parse(r#"{"type":"connection_init"}"#),
            ClientMessage::Init(Vec::new())
        );
        assert_eq!(
            parse(r#"{"type":"connection_init","payload":{"headers":{"X-Hasura-Role":"user"}}}"#),
            ClientMessage::Init(vec![("x-hasura-role".to_owned(), "user".to_owned())])
        );
        for word in ["start", "subscribe"] {
            let message = parse(&format!(
                r#"{{"id":"1","type":"{word}","payload":{{"query":"{{a}}","variables":{{"b":1}}}}}}"#
            ));
            let ClientMessage::Start(id, request) = message else {
                panic!("{message:?}")
            };
            assert_eq!((id.as_str(), request.query.as_str()), ("1", "{a}"));
        }
        for word in ["stop", "complete"] {
            let message = parse(&format!(r#"{{"id":"1","type":"{word}"}}"#));
            assert_eq!(message, ClientMessage::Stop("1".to_owned()));
        }
        assert_eq!(parse(r#"{"type":"ping"}"#), ClientMessage::Ping(None));
        assert_eq!(
            parse(r#"{"type":"connection_terminate"}"#),
            ClientMessage::Terminate
        );
    }

    #[test]
    fn says_what_it_cannot_read() {
        for (text, reason) in [
            ("nonsense", "not a valid json value"),
            ("[]", "expected Object"),
            (
                r#"{"type":"begin"}"#,
                "unexpected type for ClientMessage: begin",
            ),
            (r#"{"type":"start","id":1,"payload":{}}"#, "Error in $.id"),
            (r#"{"type":"start","id":"1"}"#, "key \"payload\" not found"),
            (
                r#"{"type":"start","id":"1","payload":{}}"#,
                "'query' was not present",
            ),
            (
                r#"{"type":"connection_init","payload":{"headers":{"a":1}}}"#,
                "$.payload.headers.a",
            ),
        ] {
            let error = ClientMessage::parse(text.as_bytes()).unwrap_err();
            assert!(
                error.starts_with("parsing ClientMessage failed: "),
                "{error}"
            );
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn reasons_fit_a_close_frame() {
        assert_eq!(
            Protocol::Legacy.init_failed("no").reason,
            r#"{"server_error_msg":"4400: Connection initialization failed: no"}"#
        );
        for long in [
            "x".repeat(5000),
            "ä".repeat(200),
            "\u{1}".repeat(300),
            "\"".repeat(130),
        ] {
            let close = Close::wrapped(4400, &long);
            assert!(close.reason.len() <= REASON_BYTES_MAX);
            assert!(
                close.reason.len() > REASON_BYTES_MAX / 3,
                "{}",
                close.reason
            );
            assert!(
                serde_json::from_str::<Json>(&close.reason).is_ok(),
                "{}",
                close.reason
            );
            assert!(Close::new(1012, &long).reason.len() <= REASON_BYTES_MAX);
        }
    }

    #[test]
    fn results_are_wrapped_as_they_are() {
        let data = Bytes::from_static(b"{\"n\":1.10}");
        let data = Protocol::Transport.data("a\"b", data);
        assert_eq!(
            String::from_utf8(data.parts().concat()).unwrap(),
            r#"{"type":"next","id":"a\"b","payload":{"data":{"n":1.10}}}"#
        );
        assert_eq!(
            Protocol::Legacy.answer("1", "{\"errors\":[]}"),
            r#"{"type":"data","id":"1","payload":{"errors":[]}}"#
        );
    }
}
