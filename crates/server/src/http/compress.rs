//! gzip, where the client takes it and the body is worth it.
//!
//! v2's rules: bodies under 700 bytes stay plain unless the client refuses plain ones, and without
//! an `Accept-Encoding` nothing is compressed.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use graphloom_execute::heavy;

use super::reply::{Encoding, Reply};

const WORTH_IT_BYTES: usize = 700;
/// Above this a better level pays, as v2 measured on real answers.
const LARGE_BYTES: usize = 20_000;

/// Compresses the reply if the client's `Accept-Encoding` allows; names the encoding.
pub(crate) fn compress(accept_encoding: &str, reply: &mut Reply) -> Option<&'static str> {
    match reply.encoding {
        Encoding::Gzip => return Some("gzip"),
        Encoding::Final => return None,
        Encoding::Plain => {}
    }
    let accepted = Accepted::parse(accept_encoding);
    let worth_it = reply.body.len() >= WORTH_IT_BYTES || !accepted.plain;
    if !accepted.gzip || !worth_it || reply.body.is_empty() {
        return None;
    }
    let is_heavy = reply.body.len() >= heavy::JSON_BYTES;
    reply.body = heavy::run_if(is_heavy, || gzip(&reply.body))?;
    Some("gzip")
}

/// What `Accept-Encoding` says. Weights are ignored but for 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) gzip: bool,
    pub(crate) plain: bool,
}

impl Accepted {
    pub(crate) fn parse(header: &str) -> Self {
        let spaceless: String = header.chars().filter(|c| !c.is_whitespace()).collect();
        let words: Vec<&str> = spaceless
            .split(',')
            .filter(|word| !word.is_empty())
            .collect();
        let refused = |name: &str| {
            let weight = words
                .iter()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix(";q="));
            weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32))
        };
        let named = |name: &str| {
            words
                .iter()
                .any(|word| word.split(';').next() == Some(name))
        };
        Self {
            gzip: named("gzip") && !refused("gzip"),
            plain: !(refused("identity") || refused("*") && !named("identity")),
        }
    }
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let level = if body.len() > LARGE_BYTES { 6 } else { 1 };
    let out = Vec::with_capacity(body.len() / 3);
    let mut encoder = GzEncoder::new(out, Compression::new(level));
    // Writing to memory does not fail; were it to, the plain body is as good.
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::io::Read as _;

    use super::*;

    fn compressed(accept: &str, bytes: usize) -> Option<usize> {
        let mut reply = Reply::json(Bytes::from(vec![b'a'; bytes]));
        compress(accept, &mut reply)?;
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&reply.body[..])
            .read_to_end(&mut plain)
            .unwrap();
        Some(plain.len())
    }

    #[test]
    fn follows_what_the_client_accepts() {
        for accept in ["gzip", "deflate, gzip;q=0.5, *;q=0", "gzip;q=1.0"] {
            assert_eq!(compressed(accept, 700), Some(700), "{accept}");
        }
        for accept in ["", "*", "identity", "br", "gzip;q=0", "gzip; q=0", "xgzip"] {
            assert_eq!(compressed(accept, 30_000), None, "{accept}");
        }
    }

    #[test]
    fn small_bodies_stay_plain_unless_plain_is_refused() {
        assert_eq!(compressed("gzip", 699), None);
        assert_eq!(compressed("gzip, identity;q=0", 699), Some(699));
        assert_eq!(compressed("gzip, *;q=0", 10), Some(10));
        assert_eq!(compressed("gzip, identity, *;q=0", 10), None);
    }
}
