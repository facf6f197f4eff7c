//! Where a redirect leads, and what may go along.
//!
//! Another origin (scheme, host or port) gets none of the caller's headers but those that describe the
//! content, and no body at all: either may hold a secret of ours or of a client. Pure.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use crate::SendError;
use crate::request::{host, is_http};

/// Headers that say nothing about who asks.
const HARMLESS: [header::HeaderName; 3] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT];

/// One request of the chain.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The next hop, or `None` where the answer is the last one.
pub(crate) fn next(
    hop: &Hop,
    status: StatusCode,
    answer: &HeaderMap,
) -> Result<Option<Hop>, SendError> {
    let Some(location) = answer.get(header::LOCATION).filter(|_| is_redirect(status)) else {
        return Ok(None);
    };
    let refused = || SendError::RedirectTarget {
        host: host(&hop.url),
    };
    let location = location.to_str().map_err(|_| refused())?;
    let url = hop.url.join(location).map_err(|_| refused())?;
    if !is_http(&url) {
        return Err(refused());
    }
    let mut next = Hop { url, ..hop.clone() };
    if loses_body(status, &hop.method) {
        next.method = Method::GET;
        next.body = Bytes::new();
        next.headers.remove(header::CONTENT_TYPE);
    }
    if next.url.origin() != hop.url.origin() {
        if !next.body.is_empty() {
            return Err(SendError::RedirectElsewhere {
                host: host(&hop.url),
            });
        }
        let harmless = |name: &header::HeaderName| HARMLESS.contains(name);
        next.headers = std::mem::take(&mut next.headers)
            .into_iter()
            .filter_map(|(name, value)| Some((name?, value)))
            .filter(|(name, _)| harmless(name))
            .collect();
    }
    Ok(Some(next))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// As browsers do (Fetch standard, "HTTP-redirect fetch").
fn loses_body(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => *method != Method::GET && *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use http::HeaderValue;

    use super::*;

    fn hop(method: Method, body: &'static str) -> Hop {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("accept", "*/*"),
            ("authorization", "Bearer hush"),
            ("cookie", "hush=1"),
            ("x-api-key", "hush"),
            ("content-type", "application/json"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Hop {
            method,
            url: "https://a.example/one?two".parse().unwrap(),
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    fn follow(hop: &Hop, status: u16, location: &'static str) -> Result<Option<Hop>, SendError> {
        let mut answer = HeaderMap::new();
        answer.insert(header::LOCATION, HeaderValue::from_static(location));
        next(hop, StatusCode::from_u16(status).unwrap(), &answer)
    }

    #[test]
    fn the_same_origin_sees_everything_again() {
        let hop = hop(Method::POST, "{}");
        let next = follow(&hop, 307, "/three").unwrap().unwrap();
        assert_eq!(next.url.as_str(), "https://a.example/three");
        assert_eq!((next.method, next.body), (Method::POST, hop.body.clone()));
        assert_eq!(next.headers, hop.headers);
    }

    #[test]
    fn another_origin_sees_nothing_of_the_callers() {
        for elsewhere in [
            "https://b.example/",
            "http://a.example/",
            "https://a.example:444/",
            "//b.example/",
        ] {
            let next = follow(&hop(Method::GET, ""), 302, elsewhere)
                .unwrap()
                .unwrap();
            let names: Vec<&str> = next
                .headers
                .keys()
                .map(header::HeaderName::as_str)
                .collect();
            assert_eq!(names, ["accept"], "{elsewhere}");
            let body = follow(&hop(Method::POST, "{}"), 308, elsewhere);
            assert!(
                matches!(body, Err(SendError::RedirectElsewhere { .. })),
                "{elsewhere}"
            );
        }
        // What was a POST goes on without its body, so it may go elsewhere.
        let next = follow(&hop(Method::POST, "{}"), 303, "https://b.example/")
            .unwrap()
            .unwrap();
        assert_eq!((next.method, next.body.len()), (Method::GET, 0));
    }

    #[test]
    fn only_redirects_with_a_place_are_followed() {
        let hop = hop(Method::GET, "");
        for status in [200, 300, 304, 404] {
            assert!(follow(&hop, status, "/x").unwrap().is_none(), "{status}");
        }
        assert!(
            next(&hop, StatusCode::FOUND, &HeaderMap::new())
                .unwrap()
                .is_none()
        );
        for bad in [
            "file:///etc/passwd",
            "ftp://a.example/",
            "gopher://x",
            "http://",
        ] {
            assert!(
                matches!(
                    follow(&hop, 302, bad),
                    Err(SendError::RedirectTarget { .. })
                ),
                "{bad}"
            );
        }
    }
}
