//! Which origins' pages may read answers, and the headers that tell browsers so.
//!
//! Wildcards are those of the engine we replace: `https://*.example.com` is one label below
//! `example.com`, with the same port or none. Knows no sockets and no routing.

use std::collections::HashSet;

use http::header::{self, HeaderMap, HeaderValue};

const MAX_AGE: HeaderValue = HeaderValue::from_static("1728000");
const METHODS: HeaderValue = HeaderValue::from_static("GET,POST,PUT,PATCH,DELETE,OPTIONS");

/// The configured policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Every origin.
    AllowAll,
    /// No CORS headers at all; browsers then refuse pages of other origins.
    Disabled,
    /// These origins.
    Origins(Origins),
}

/// A list of origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    exact: HashSet<String>,
    wildcards: HashSet<Wildcard>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wildcard {
    scheme: &'static str,
    /// What stands after the first dot.
    host: String,
    port: Option<u64>,
}

impl Cors {
    /// Reads `*` or a comma separated list of `http(s)://[*.]host[:port]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::AllowAll);
        }
        if text.is_empty() || text == "," {
            return Err("invalid domain".to_owned());
        }
        let mut origins = Origins::default();
        for domain in text.split(',').map(str::trim) {
            let parsed = parse_domain(domain);
            let parsed = parsed.ok_or_else(|| format!("invalid domain: '{domain}'"))?;
            match parsed {
                Domain::Below(wildcard) => drop(origins.wildcards.insert(wildcard)),
                Domain::Exactly => drop(origins.exact.insert(domain.to_owned())),
            }
        }
        Ok(Self::Origins(origins))
    }

    /// Whether pages of this origin may read answers.
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::AllowAll => true,
            Self::Disabled => false,
            Self::Origins(origins) => {
                origins.exact.contains(origin)
                    || after_first_label(origin).is_some_and(|it| origins.wildcards.contains(&it))
            }
        }
    }

    /// Adds the headers of an ordinary answer, if this origin gets any.
    pub fn decorate(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if *self == Self::Disabled {
            return;
        }
        // A shared cache must not hand one origin's answer to another.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin.filter(|origin| self.allows_value(origin)) else {
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let credentials = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    }

    /// The headers of the answer to a preflight, besides those of every answer; `None` if this
    /// request is none that we answer.
    pub fn preflight(&self, request: &HeaderMap) -> Option<HeaderMap> {
        let origin = request.get(header::ORIGIN)?;
        if !self.allows_value(origin) {
            return None;
        }
        let asked = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        let asked = asked.cloned().unwrap_or(HeaderValue::from_static(""));
        let plain = HeaderValue::from_static("text/plain charset=UTF-8");
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        headers.insert(header::CONTENT_TYPE, plain);
        Some(headers)
    }

    fn allows_value(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::AllowAll => true,
            _ => origin.to_str().is_ok_and(|origin| self.allows(origin)),
        }
    }
}

/// One of the listed domains.
enum Domain {
    Exactly,
    Below(Wildcard),
}

/// `None` if it is no domain.
fn parse_domain(text: &str) -> Option<Domain> {
    let (scheme, rest) = split_scheme(text)?;
    let (is_wildcard, rest) = match rest.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (host, port) = split_port(rest)?;
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if !host.split('.').all(is_label) {
        return None;
    }
    if !is_wildcard {
        return Some(Domain::Exactly);
    }
    let host = host.to_owned();
    Some(Domain::Below(Wildcard { scheme, host, port }))
}

/// An origin without its first label, as a wildcard would say it.
fn after_first_label(origin: &str) -> Option<Wildcard> {
    let (scheme, rest) = split_scheme(origin)?;
    let (_, rest) = rest.split_once('.')?;
    let (host, port) = split_port(rest)?;
    let host = host.to_owned();
    Some(Wildcard { scheme, host, port })
}

fn split_scheme(text: &str) -> Option<(&'static str, &str)> {
    ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| Some((scheme, text.strip_prefix(scheme)?)))
}

fn split_port(text: &str) -> Option<(&str, Option<u64>)> {
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((text, None)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn cors(text: &str) -> Cors {
        Cors::parse(text).unwrap()
    }

    #[test]
    fn exact_origins_are_exact() {
        let cors = cors("http://localhost:3000, https://my-app.example.com");
        assert!(cors.allows("http://localhost:3000"));
        assert!(cors.allows("https://my-app.example.com"));
        for other in [
            "http://localhost",
            "https://localhost:3000",
            "http://localhost:30000",
            "https://my-app.example.com.evil.org",
            "null",
            "",
        ] {
            assert!(!cors.allows(other), "{other}");
        }
    }

    #[test]
    fn a_wildcard_is_one_label() {
        let cors = cors("https://*.foo.bar.com:8080,http://*.localhost");
        assert!(cors.allows("https://app.foo.bar.com:8080"));
        assert!(cors.allows("http://app.localhost"));
        for other in [
            "https://foo.bar.com:8080",
            "https://a.b.foo.bar.com:8080",
            "https://app.foo.bar.com",
            "https://app.foo.bar.com:80801",
            "http://app.foo.bar.com:8080",
            "https://evil.org/.foo.bar.com:8080",
            "http://localhost",
        ] {
            assert!(!cors.allows(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        for bad in [
            "",
            ",",
            "example.com",
            "ftp://a.b",
            "https://",
            "https://*",
            "https://a..b",
            "https://a.b:x",
            "https://a.*.b",
            "https://a.b/c",
            "https://a.b,",
            "*,https://a.b",
        ] {
            assert!(Cors::parse(bad).is_err(), "{bad}");
        }
    }

    fn request(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn a_preflight_repeats_what_was_asked() {
        let asked = request(&[
            ("origin", "https://a.b"),
            (
                "access-control-request-headers",
                "content-type,x-hasura-role",
            ),
        ]);
        let mut answer = Cors::AllowAll.preflight(&asked).unwrap();
        Cors::AllowAll.decorate(asked.get(header::ORIGIN), &mut answer);
        let get = |name: &str| answer.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(get("access-control-max-age"), Some("1728000"));
        assert_eq!(
            get("access-control-allow-headers"),
            Some("content-type,x-hasura-role")
        );
        assert_eq!(get("access-control-allow-origin"), Some("https://a.b"));
        assert_eq!(get("access-control-allow-credentials"), Some("true"));
        assert_eq!(
            get("access-control-allow-methods"),
            Some("GET,POST,PUT,PATCH,DELETE,OPTIONS")
        );
    }

    #[test]
    fn strangers_get_no_headers() {
        let asked = request(&[("origin", "https://evil.org")]);
        for policy in [cors("https://a.b"), Cors::Disabled] {
            assert!(policy.preflight(&asked).is_none());
            let mut answer = HeaderMap::new();
            policy.decorate(asked.get(header::ORIGIN), &mut answer);
            assert!(!answer.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        }
    }
}
