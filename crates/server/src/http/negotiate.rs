//! Media types of GraphQL over HTTP: what the client accepts, and what its body says it is.
//!
//! Pure. The rules, and where v2's behaviour wins over the specification's, are in
//! `docs/graphql-over-http.md`.

use graphloom_vocab::{Error, ErrorCode, Result};
use http::{HeaderMap, header};

use super::Shape;

/// The media type of a GraphQL response whose status says what became of the request.
pub(crate) const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";

const EVENT_STREAM: &str = "text/event-stream";

/// The shape of answers for this `Accept`: the specification's where it is preferred to plain JSON, else
/// v2's. What a client accepts besides these two is not looked at, as v2 does.
pub(crate) fn shape(headers: &HeaderMap) -> Shape {
    let mut response = Preference::default();
    let mut json = Preference::default();
    for (position, range) in media_ranges(headers).enumerate() {
        let (name, weight) = range;
        let precision = match name.as_str() {
            GRAPHQL_RESPONSE => {
                response.take(2, weight, position);
                continue;
            }
            "application/json" => 2,
            "application/*" => 1,
            "*/*" => 0,
            _ => continue,
        };
        json.take(precision, weight, position);
    }
    // A wildcard stands for plain JSON: a client that does not name the other gets what v2 sends.
    if response.weight > 0 && response.beats(&json) {
        Shape::GraphqlResponse
    } else {
        Shape::Graphql
    }
}

/// Whether this `Accept` prefers server-sent events to an answer in JSON. Clients that list them among what they
/// can read, after JSON, get JSON.
pub(crate) fn prefers_events(headers: &HeaderMap) -> bool {
    let mut events = Preference::default();
    let mut json = Preference::default();
    for (position, (name, weight)) in media_ranges(headers).enumerate() {
        match name.as_str() {
            EVENT_STREAM => events.take(2, weight, position),
            GRAPHQL_RESPONSE | "application/json" if weight > json.weight => {
                (json.precision, json.weight, json.position) = (Some(2), weight, position);
            }
            _ => {}
        }
    }
    events.weight > 0 && (json.weight == 0 || events.beats(&json))
}

/// How much a client wants a type: the most precise range decides, then its weight, then its place.
#[derive(Default)]
struct Preference {
    precision: Option<u8>,
    /// In thousandths; 0 is "not acceptable".
    weight: u16,
    position: usize,
}

impl Preference {
    fn take(&mut self, precision: u8, weight: u16, position: usize) {
        if self.precision.is_none_or(|known| known < precision) {
            (self.precision, self.weight, self.position) = (Some(precision), weight, position);
        }
    }

    fn beats(&self, other: &Self) -> bool {
        if self.weight != other.weight {
            return self.weight > other.weight;
        }
        self.precision > other.precision || self.position < other.position
    }
}

/// `(type in small letters, weight in thousandths)` of every range in `Accept`.
fn media_ranges(headers: &HeaderMap) -> impl Iterator<Item = (String, u16)> {
    let values = headers.get_all(header::ACCEPT).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        (name, weight.map_or(1000, thousandths))
    })
}

/// `0`, `0.5`, `1.000`; what is no weight counts as the least.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{fraction:0<3}");
    match (whole, digits.parse::<u16>()) {
        ("1", Ok(0)) => 1000,
        ("0", Ok(fraction)) if digits.len() == 3 => fraction,
        _ => 1,
    }
}

/// Whether the body says that it is JSON in UTF-8.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.all(|part| match part.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// A client of the specification says what its body is; v2's clients need not.
///
/// Error: `bad-request` with 415.
pub(crate) fn check_content_type(shape: Shape, headers: &HeaderMap) -> Result<()> {
    if shape != Shape::GraphqlResponse || is_json(headers) {
        return Ok(());
    }
    let message = "the request's content-type must be application/json, in UTF-8";
    Err(Error::new(ErrorCode::BadRequest, message).with_status(415))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, values: &[&'static str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_static(value));
        values.map(|value| (name.clone(), value)).collect()
    }

    #[test]
    fn the_specifications_type_is_for_those_who_name_it() {
        for accept in [
            &["application/graphql-response+json"][..],
            &["Application/GraphQL-Response+JSON;charset=utf-8"],
            &["application/graphql-response+json, application/json;q=0.9"],
            &["application/graphql-response+json,application/json"],
            &[
                "application/json;q=0.1",
                "application/graphql-response+json;q=0.2",
            ],
            &["*/*, application/graphql-response+json"],
            &["application/graphql-response+json; q=0.001"],
        ] {
            let shape = shape(&headers(header::ACCEPT, accept));
            assert_eq!(shape, Shape::GraphqlResponse, "{accept:?}");
        }
        for accept in [
            &[][..],
            &[""],
            &["*/*"],
            &["application/json"],
            &["text/html,application/xhtml+xml,*/*;q=0.8"],
            &["text/plain"],
            &["application/json, application/graphql-response+json"],
            &["application/graphql-response+json;q=0.9, application/json"],
            &["application/graphql-response+json;q=0.5, */*"],
            &["application/graphql-response+json;q=0"],
            &["application/graphql-response+json;q=0, text/html"],
        ] {
            let shape = shape(&headers(header::ACCEPT, accept));
            assert_eq!(shape, Shape::Graphql, "{accept:?}");
        }
    }

    #[test]
    fn events_are_for_those_who_want_them_most() {
        for accept in [
            &["text/event-stream"][..],
            &["Text/Event-Stream, */*;q=0.1"],
            &["text/event-stream, multipart/mixed"],
            &["text/event-stream, application/json"],
            &["application/json;q=0.5, text/event-stream"],
            &["application/graphql-response+json;q=0, text/event-stream"],
        ] {
            assert!(
                prefers_events(&headers(header::ACCEPT, accept)),
                "{accept:?}"
            );
        }
        for accept in [
            &[][..],
            &["*/*"],
            &["text/*"],
            &["text/event-stream;q=0"],
            &["application/json, text/event-stream"],
            // As a client sends it that can read anything.
            &[
                "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, \
               multipart/mixed",
            ],
            &["text/event-stream;q=0.4, application/json;q=0.5"],
        ] {
            assert!(
                !prefers_events(&headers(header::ACCEPT, accept)),
                "{accept:?}"
            );
        }
    }

    #[test]
    fn json_is_json_in_utf_8() {
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON;charset=\"UTF-8\"",
            "application/json; profile=x",
        ] {
            assert!(is_json(&headers(header::CONTENT_TYPE, &[good])), "{good}");
        }
        for bad in [
            "text/plain",
            "application/json; charset=latin1",
            "application/jsonp",
            "application/graphql",
            "",
        ] {
            let headers = headers(header::CONTENT_TYPE, &[bad]);
            assert!(!is_json(&headers), "{bad}");
            assert!(check_content_type(Shape::Graphql, &headers).is_ok());
            let refused = check_content_type(Shape::GraphqlResponse, &headers);
            assert_eq!(refused.map_err(|error| error.status()), Err(415));
        }
    }
}
