//! The client behind a request, as far as others are told about it: webhooks get its headers, triggers its trace.

use std::sync::OnceLock;

use graphloom_vocab::Json;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

/// The client behind a request.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// What [`Self::headers`] is made of, if it was not made yet.
    sent: HeaderMap,
    headers: OnceLock<Vec<(String, String)>>,
}

impl Caller {
    /// A client that sent these headers; names in lower case.
    pub fn new(headers: Vec<(String, String)>) -> Self {
        Self {
            sent: HeaderMap::new(),
            headers: headers.into(),
        }
    }

    /// The same over HTTP. Bytes that are no UTF-8 are replaced, as v2 does.
    pub fn of_http(sent: HeaderMap) -> Self {
        Self {
            sent,
            headers: OnceLock::new(),
        }
    }

    /// The headers it sent, names in lower case. Most requests are answered without a look at them.
    pub fn headers(&self) -> &[(String, String)] {
        self.headers.get_or_init(|| {
            let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let sent = self.sent.iter();
            sent.map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect()
        })
    }
}

impl PartialEq for Caller {
    fn eq(&self, other: &Self) -> bool {
        self.headers() == other.headers()
    }
}

/// A distributed trace and a place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// 32 hexadecimal digits.
    trace_id: String,
    /// 16 hexadecimal digits: the request itself.
    span_id: String,
    /// Whether it is recorded, if whoever began it has decided.
    sampling: Option<Sampling>,
}

/// Whether a trace is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sampling {
    /// `1`
    Accepted,
    /// `0`
    Denied,
}

impl Trace {
    /// The trace as triggers find it in `hasura.tracecontext`.
    pub(crate) fn to_json(&self) -> Json {
        let mut json = json!({"span_id": self.span_id, "trace_id": self.trace_id});
        if let Some(sampling) = self.sampling {
            json["sampling_state"] = match sampling {
                Sampling::Accepted => "1".into(),
                Sampling::Denied => "0".into(),
            };
        }
        json
    }

    /// The trace that request headers name, with a new place in it, or a new trace.
    ///
    /// Understands `X-B3-…` and `traceparent`. `random`: 32 hexadecimal digits that no other request has.
    pub(crate) fn of_headers(headers: &[(String, String)], random: &str) -> Self {
        let header = |name: &str| {
            let mut found = headers.iter().filter(|(known, _)| known == name);
            found.next_back().map(|(_, value)| value.as_str())
        };
        let random = padded(random, 32);
        let (_, span_id) = random.split_at(16);
        let b3 = header("x-b3-traceid").filter(|id| is_hex(id) && matches!(id.len(), 16 | 32));
        let mut parent = header("traceparent").unwrap_or_default().split('-').skip(1);
        let parent_id = parent.next().filter(|id| is_hex(id) && id.len() == 32);
        let flags = parent.nth(1);
        let sampling = match (b3, parent_id) {
            (Some(_), _) => match header("x-b3-sampled") {
                Some("1") => Some(Sampling::Accepted),
                Some("0") => Some(Sampling::Denied),
                _ => None,
            },
            (None, Some(_)) => match flags {
                Some("01") => Some(Sampling::Accepted),
                Some("00") => Some(Sampling::Denied),
                _ => None,
            },
            (None, None) => None,
        };
        Self {
            trace_id: b3.or(parent_id).map_or(random.clone(), |id| padded(id, 32)),
            span_id: span_id.to_owned(),
            sampling,
        }
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn padded(digits: &str, length: usize) -> String {
    let digits: String = digits.chars().filter(char::is_ascii_hexdigit).collect();
    format!("{digits:0>length$}").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "00112233-4455-6677-8899-aabbccddeeff";

    fn of(headers: &[(&str, &str)]) -> Json {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<_> = headers.iter().map(owned).collect();
        Trace::of_headers(&headers, RANDOM).to_json()
    }

    #[test]
    fn traces_go_on_or_begin() {
        let span = "8899aabbccddeeff";
        let new = json!({"trace_id": "00112233445566778899aabbccddeeff", "span_id": span});
        assert_eq!(of(&[]), new);
        assert_eq!(of(&[("x-b3-traceid", "no hex")]), new);
        let b3 = [("x-b3-traceid", "ABCDEF0123456789"), ("x-b3-sampled", "1")];
        assert_eq!(
            of(&b3),
            json!({"trace_id": "0000000000000000abcdef0123456789", "span_id": span, "sampling_state": "1"})
        );
        let w3c = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        assert_eq!(
            of(&[("traceparent", w3c)]),
            json!({"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": span, "sampling_state": "0"})
        );
    }
}
