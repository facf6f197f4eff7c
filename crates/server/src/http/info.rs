//! What is remembered of a request's head until its answer is written.

use std::net::IpAddr;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, Version, header};
use uuid::Uuid;

/// A longer id than this is not repeated, so that a header of a megabyte is not logged and sent back.
const REQUEST_ID_BYTES_MAX: usize = 512;

/// What is remembered of a request's head.
#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    pub(crate) id: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) version: &'static str,
    pub(crate) ip: IpAddr,
    pub(crate) origin: Option<HeaderValue>,
    pub(crate) accept_encoding: String,
}

impl RequestInfo {
    pub(crate) fn new(peer: IpAddr, request: &Request<Body>) -> Self {
        let headers = request.headers();
        Self {
            id: request_id(headers),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            version: version(request.version()),
            ip: client_ip(headers).unwrap_or(peer).to_canonical(),
            origin: headers.get(header::ORIGIN).cloned(),
            accept_encoding: joined(headers, &header::ACCEPT_ENCODING),
        }
    }

    /// The request's id as a header's value.
    pub(crate) fn id_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.id).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The client's id for the request, or a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    let given = given.filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX);
    given.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// What a proxy in front says; for the log, and for rate limits that tell clients apart by address, as v2
/// does: whoever uses those has a proxy that sets it.
fn client_ip(headers: &HeaderMap) -> Option<IpAddr> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let real = text("x-real-ip").and_then(|ip| ip.trim().parse().ok());
    real.or_else(|| {
        text("x-forwarded-for")?
            .split(',')
            .next()?
            .trim()
            .parse()
            .ok()
    })
}

fn joined(headers: &HeaderMap, name: &header::HeaderName) -> String {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
