//! The console's files, out of the binary.
//!
//! What there is and where it leads is `graphloom-console`'s; here it becomes HTTP.

use bytes::Bytes;
use graphloom_console::{Asset, CONTENT_SECURITY_POLICY, resolve};
use graphloom_vocab::{Error, ErrorCode};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::compress::Accepted;
use super::reply::{Encoding, Reply, Shape};
use crate::envelope::Detail;

/// `/` goes to the console.
pub(crate) fn redirect() -> Reply {
    // Relative, so that it holds behind a proxy that puts us under a path of its own.
    redirect_to("console")
}

/// The answer to `/console{rest}`.
pub(crate) fn page(rest: &str, headers: &HeaderMap) -> Reply {
    match resolve(rest) {
        graphloom_console::Reply::File(asset) => file(asset, headers),
        graphloom_console::Reply::Redirect(location) => redirect_to(&location),
        graphloom_console::Reply::NotFound => {
            let path = rest.trim_start_matches('/');
            let message = format!("Couldn't find console asset {path}");
            let error = Error::new(ErrorCode::NotFound, message).with_status(404);
            let mut reply = Reply::error(Shape::Api, &error, Detail::Hidden);
            reply.operation.error = Some(error);
            reply
        }
    }
}

fn redirect_to(location: &str) -> Reply {
    let reply = Reply::text(StatusCode::FOUND, "");
    match HeaderValue::from_str(location) {
        Ok(location) => reply.with_header(header::LOCATION, location),
        Err(_) => Reply::not_found(),
    }
}

fn file(asset: &'static Asset, headers: &HeaderMap) -> Reply {
    let mut reply = if is_fresh(asset, headers) {
        Reply::ok(asset.content_type, Bytes::new()).with_status(StatusCode::NOT_MODIFIED)
    } else if accepts_gzip(headers) {
        let mut reply = Reply::ok(asset.content_type, Bytes::from_static(asset.gzip));
        reply.encoding = Encoding::Gzip;
        reply
    } else {
        let mut reply = Reply::ok(asset.content_type, Bytes::from(asset.identity()));
        reply.encoding = Encoding::Final;
        reply
    };
    for (name, value) in [
        (header::CACHE_CONTROL, asset.caching.cache_control()),
        (header::ETAG, asset.etag),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::VARY, "Accept-Encoding"),
    ] {
        reply = reply.with_header(name, HeaderValue::from_static(value));
    }
    reply
}

fn is_fresh(asset: &Asset, headers: &HeaderMap) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    known.any(|etag| etag.trim() == asset.etag)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|text| Accepted::parse(text).gzip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(encoding: &'static str) -> HeaderMap {
        let value = HeaderValue::from_static(encoding);
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)])
    }

    #[test]
    fn the_page_comes_as_it_is_kept_or_as_it_is() {
        let zipped = page("/", &accepting("gzip, br"));
        assert_eq!(
            (zipped.status.as_u16(), zipped.encoding),
            (200, Encoding::Gzip)
        );
        assert_eq!(&zipped.body[..2], b"\x1f\x8b");
        let plain = page("/", &HeaderMap::new());
        assert!(plain.body.starts_with(b"<!") || plain.body.starts_with(b"<html"));
        assert!(
            plain
                .headers
                .iter()
                .any(|(name, _)| name == header::CONTENT_SECURITY_POLICY)
        );
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let etag = HeaderValue::from_static(graphloom_console::index().etag);
        let reply = page("/", &HeaderMap::from_iter([(header::IF_NONE_MATCH, etag)]));
        assert_eq!((reply.status.as_u16(), reply.body.len()), (304, 0));
    }

    #[test]
    fn what_is_not_there_is_said_in_v2s_words() {
        let reply = page("/assets/none.js", &HeaderMap::new());
        assert_eq!(reply.status.as_u16(), 404);
        assert_eq!(
            reply.body,
            r#"{"error":"Couldn't find console asset assets/none.js","path":"$","code":"not-found"}"#
        );
    }
}
