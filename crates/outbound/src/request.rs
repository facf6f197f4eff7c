//! A request to send and the answer to it, both whole in memory and both limited.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::SendError;

/// How much one call may take. The defaults are the documented ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the name's resolution to the answer's last byte, all redirects included.
    pub timeout: Duration,
    /// Most bytes of the request's body.
    pub request_bytes_max: usize,
    /// Most bytes of the answer's body, unpacked.
    pub answer_bytes_max: usize,
    /// Most redirects followed.
    pub redirects_max: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            request_bytes_max: 64 << 20,
            answer_bytes_max: 32 << 20,
            redirects_max: 10,
        }
    }
}

/// One call.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method of the first hop.
    pub method: Method,
    /// Where to; `http` or `https`.
    pub url: Url,
    /// Headers for the first host. They go to no other one.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// How much it may take.
    pub limits: Limits,
}

impl Request {
    /// A GET without headers, with default limits. Error: [`SendError::Url`].
    pub fn get(url: &str) -> Result<Self, SendError> {
        Ok(Self {
            method: Method::GET,
            url: parse_url(url)?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            limits: Limits::default(),
        })
    }

    /// A POST of this body, with default limits. Error: [`SendError::Url`].
    pub fn post(url: &str, body: impl Into<Bytes>) -> Result<Self, SendError> {
        let mut request = Self::get(url)?;
        request.method = Method::POST;
        request.body = body.into();
        Ok(request)
    }
}

/// An absolute URL of an HTTP server.
pub(crate) fn parse_url(text: &str) -> Result<Url, SendError> {
    let url = Url::parse(text.trim()).map_err(|_| SendError::Url)?;
    is_http(&url).then_some(url).ok_or(SendError::Url)
}

/// Whether we speak this scheme and know whom to call.
pub(crate) fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// The host as errors show it.
pub(crate) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// What came back, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The last hop's status.
    pub status: StatusCode,
    /// The last hop's headers.
    pub headers: HeaderMap,
    /// The body, unpacked.
    pub body: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_urls_are_called() {
        for good in ["http://a", "https://a.example:1/b?c", " http://[::1]/ "] {
            assert!(Request::get(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "/a", "ftp://a", "file:///etc/passwd", "unix:/x"] {
            assert!(matches!(Request::get(bad), Err(SendError::Url)), "{bad}");
        }
    }
}
