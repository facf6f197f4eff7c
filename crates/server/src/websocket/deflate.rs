//! Compressed messages (RFC 7692, `permessage-deflate`): whether a client may have them, and the bytes.
//!
//! Each message is compressed by itself, in both directions: what the next one could have referred to would be kept
//! for every socket, at 300 KiB a piece. Pure.

use std::cell::RefCell;

use flate2::Compression as Level;
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use http::{HeaderMap, header};

/// Shorter messages go out as they are.
pub(super) const WORTH_IT_BYTES: usize = 256;

/// What ends a message that is flushed, and is left out of it (RFC 7692, 7.2.1).
const FLUSHED: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// The answer to an offer that is taken.
pub(super) const ANSWER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Whether messages of a socket may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Off,
    PerMessage,
}

/// Whether the client offers what we can do. Clients may make several offers.
pub(super) fn is_offered(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(can_do)
}

fn can_do(offer: &str) -> bool {
    let mut words = offer.split(';').map(str::trim);
    if words.next() != Some("permessage-deflate") {
        return false;
    }
    let mut seen = Vec::new();
    words.all(|parameter| {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (parameter, None),
        };
        let is_first = !seen.contains(&name);
        seen.push(name);
        let is_good = match (name, value) {
            (
                "server_no_context_takeover"
                | "client_no_context_takeover"
                | "client_max_window_bits",
                None,
            ) => true,
            // How far back the client looks is its own choice; ours is the widest.
            ("client_max_window_bits", Some(bits)) => {
                matches!(bits, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
            }
            ("server_max_window_bits", Some(bits)) => bits == "15",
            _ => false,
        };
        is_first && is_good
    })
}

thread_local! {
    /// Making one costs more than most messages do.
    static SHRINK: RefCell<Compress> = RefCell::new(Compress::new(Level::fast(), false));
    static GROW: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// The parts as one compressed message.
pub(super) fn shrink(parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut output = Vec::with_capacity(length / 4 + 64);
    SHRINK.with_borrow_mut(|compress| {
        compress.reset();
        for part in parts {
            push(compress, part, &mut output, FlushCompress::None);
        }
        push(compress, &[], &mut output, FlushCompress::Sync);
    });
    debug_assert!(output.ends_with(&FLUSHED));
    output.truncate(output.len() - FLUSHED.len());
    output
}

fn push(compress: &mut Compress, part: &[u8], output: &mut Vec<u8>, flush: FlushCompress) {
    let start = compress.total_in();
    loop {
        make_room(output);
        let done = usize::try_from(compress.total_in() - start).unwrap_or(part.len());
        let status = compress.compress_vec(&part[done..], output, flush);
        status.expect("every sequence of bytes can be compressed");
        let is_read = compress.total_in() - start == part.len() as u64;
        if is_read && output.len() < output.capacity() {
            return;
        }
    }
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GrowError {
    /// It would have more bytes than it may.
    TooLong,
    /// It is no compressed message.
    Broken,
}

/// What a compressed message says, if that is no longer than `bytes_max`.
pub(super) fn grow(mut message: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, GrowError> {
    message.extend(FLUSHED);
    let mut output = Vec::new();
    GROW.with_borrow_mut(|decompress| {
        decompress.reset(false);
        loop {
            make_room(&mut output);
            let done = usize::try_from(decompress.total_in()).unwrap_or(message.len());
            let before = (done, output.len());
            let flush = FlushDecompress::Sync;
            let status = decompress.decompress_vec(&message[done..], &mut output, flush);
            let status = status.map_err(|_| GrowError::Broken)?;
            if output.len() > bytes_max {
                return Err(GrowError::TooLong);
            }
            let done = usize::try_from(decompress.total_in()).unwrap_or(message.len());
            let is_read = done == message.len() && output.len() < output.capacity();
            if is_read || status == Status::StreamEnd {
                return Ok(());
            }
            if (done, output.len()) == before {
                return Err(GrowError::Broken);
            }
        }
    })?;
    Ok(output)
}

fn make_room(output: &mut Vec<u8>) {
    if output.capacity() - output.len() < 64 {
        output.reserve(output.len().max(1024));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use http::HeaderValue;

    use super::*;

    #[test]
    fn offers_that_can_be_met_are_taken() {
        for (offers, expected) in [
            (&["permessage-deflate"][..], true),
            (&["permessage-deflate; client_max_window_bits"], true),
            (
                &["permessage-deflate;server_no_context_takeover;client_max_window_bits=\"9\""],
                true,
            ),
            (&["x-webkit-deflate-frame, permessage-deflate"], true),
            (
                &["permessage-deflate; server_max_window_bits=10, permessage-deflate"],
                true,
            ),
            (
                &["other", "permessage-deflate; server_max_window_bits=15"],
                true,
            ),
            (&[], false),
            (&["permessage-deflate; server_max_window_bits=10"], false),
            (&["permessage-deflate; client_max_window_bits=16"], false),
            (&["permessage-deflate; server_no_context_takeover=1"], false),
            (&["permessage-deflate; unknown"], false),
            (
                &["permessage-deflate; client_max_window_bits; client_max_window_bits"],
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for offer in offers {
                let value = HeaderValue::from_static(offer);
                headers.append(header::SEC_WEBSOCKET_EXTENSIONS, value);
            }
            assert_eq!(is_offered(&headers), expected, "{offers:?}");
        }
    }

    #[test]
    fn messages_of_any_length_come_back() {
        let mut noise = 1_u32;
        let mut random = move || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        };
        for length in [0, 1, 63, 64, 1000, 1024, 65_536, 300_000] {
            let dull = vec![b'x'; length];
            let bright: Vec<u8> = (0..length).map(|_| random()).collect();
            for text in [dull, bright] {
                let (first, second) = text.split_at(length / 3);
                let small = shrink(&[first, second]);
                assert_eq!(grow(small.clone(), length).unwrap(), text);
                if let Some(less) = length.checked_sub(1) {
                    assert_eq!(grow(small, less), Err(GrowError::TooLong));
                }
            }
        }
    }
}
