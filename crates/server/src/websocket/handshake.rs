//! The handshake of RFC 6455: what a request has to have, and the answer that switches protocols.
//!
//! Knows no sub-protocol of GraphQL and nobody's permission.

use axum::body::Body;
use graphloom_vocab::{Error, ErrorCode, Result};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use tungstenite::handshake::derive_accept_key;

use super::deflate::{self, Compression};
use crate::settings::MessageCompression;

/// A handshake that both sides agree on.
pub(super) struct Agreed {
    /// The answer, but for the sub-protocol.
    pub(super) response: Response<Body>,
    /// Whether messages may be compressed.
    pub(super) compression: Compression,
    /// The connection, as soon as the answer is on its way.
    pub(super) upgraded: OnUpgrade,
}

/// Agrees to a handshake, or says what is wrong with it.
pub(super) fn agree(mut request: Request<Body>, compression: MessageCompression) -> Result<Agreed> {
    let key = key(&request)?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    let compression = match compression {
        MessageCompression::Offered if deflate::is_offered(request.headers()) => {
            Compression::PerMessage
        }
        MessageCompression::Offered | MessageCompression::Never => Compression::Off,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_ACCEPT,
        accept.expect("base64 is fit for a header"),
    );
    if compression == Compression::PerMessage {
        let answer = HeaderValue::from_static(deflate::ANSWER);
        headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, answer);
    }
    Ok(Agreed {
        response,
        compression,
        upgraded: hyper::upgrade::on(&mut request),
    })
}

/// The client's key, if the request is a handshake.
fn key(request: &Request<Body>) -> Result<HeaderValue> {
    let headers = request.headers();
    if request.method() != Method::GET || request.extensions().get::<OnUpgrade>().is_none() {
        return Err(wrong("a websocket is asked for by GET, over HTTP/1.1"));
    }
    if !has_word(headers, header::CONNECTION, "upgrade") {
        return Err(wrong("the header connection has to say upgrade"));
    }
    if !has_word(headers, header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(wrong("the header sec-websocket-version has to be 13"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    key.cloned()
        .ok_or_else(|| wrong("the header sec-websocket-key is missing"))
}

fn has_word(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    words.any(|found| found.trim().eq_ignore_ascii_case(word))
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorCode::BadRequest, format!("no websocket: {what}"))
}
