//! For a server that is meant for one machine: only that machine's names are accepted.
//!
//! A web page can make its own name resolve to 127.0.0.1 and then read our answers as its own origin.
//! The `Host` it sends is still its own name, which is refused here.

use std::net::IpAddr;

use graphloom_vocab::{Error, ErrorCode, Result};
use http::{HeaderMap, Uri, header};

use crate::settings::Hosts;

/// Refuses a request that names another host, or comes from another host's page, with 403.
pub(crate) fn check(hosts: Hosts, headers: &HeaderMap, uri: &Uri) -> Result<()> {
    if hosts == Hosts::Any {
        return Ok(());
    }
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    let host = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| text(header::HOST));
    let refuse = |what: &str| {
        let message = format!("{what} is not this machine's: this server is for local use only");
        Err(Error::new(ErrorCode::AccessDenied, message).with_status(403))
    };
    if !host.is_some_and(is_loopback) {
        return refuse("the host");
    }
    match headers.contains_key(header::ORIGIN) {
        true if !text(header::ORIGIN).is_some_and(is_loopback_origin) => refuse("the origin"),
        _ => Ok(()),
    }
}

fn is_loopback_origin(origin: &str) -> bool {
    let rest = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    rest.is_some_and(is_loopback)
}

/// `localhost`, `127.0.0.1` or `[::1]`, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_loopback_pass() {
        for good in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "127.8.8.8",
            "[::1]:8080",
        ] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            "evil.org",
            "localhost.evil.org",
            "10.0.0.1",
            "[::2]",
            "127.0.0.1.evil.org",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
        let headers = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::HOST,
                http::HeaderValue::from_static("localhost:8080"),
            );
            headers.insert(header::ORIGIN, http::HeaderValue::from_static(origin));
            headers
        };
        let uri = Uri::from_static("/v1/graphql");
        assert!(check(Hosts::Loopback, &headers("http://localhost:3000"), &uri).is_ok());
        for origin in ["https://evil.org", "null"] {
            let error = check(Hosts::Loopback, &headers(origin), &uri);
            assert_eq!(error.map_err(|error| error.status()), Err(403));
            assert!(check(Hosts::Any, &headers(origin), &uri).is_ok());
        }
    }
}
