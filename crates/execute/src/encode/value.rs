//! A value of Postgres in binary format as JSON, as `to_json` writes it.
//!
//! The types are those that the plan reads as they are (`plan/src/column.rs`); all others come as `json`.

use graphloom_pg::PgError;

use super::{malformed, numeric};

/// The types by their number, which is the same on every server (`pg_type.dat`).
mod oid {
    pub(super) const BOOL: u32 = 16;
    pub(super) const NAME: u32 = 19;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const TEXT: u32 = 25;
    pub(super) const JSON: u32 = 114;
    pub(super) const BPCHAR: u32 = 1042;
    pub(super) const VARCHAR: u32 = 1043;
    pub(super) const NUMERIC: u32 = 1700;
    pub(super) const UUID: u32 = 2950;
    pub(super) const JSONB: u32 = 3802;
}

/// Writes a value. Errors: another type than those, or bytes that are none of its.
pub(super) fn write(out: &mut Vec<u8>, ty: u32, bytes: &[u8]) -> Result<(), PgError> {
    match ty {
        oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME => string(out, bytes),
        oid::INT4 => integer(out, i32::from_be_bytes(exactly(bytes)?)),
        oid::INT8 => integer(out, i64::from_be_bytes(exactly(bytes)?)),
        oid::INT2 => integer(out, i16::from_be_bytes(exactly(bytes)?)),
        oid::JSON => out.extend_from_slice(bytes),
        // A version, and then the text.
        oid::JSONB => match bytes {
            [1, text @ ..] => out.extend_from_slice(text),
            _ => return Err(malformed()),
        },
        oid::BOOL => out.extend_from_slice(match bytes {
            [0] => b"false",
            [1] => b"true",
            _ => return Err(malformed()),
        }),
        oid::NUMERIC => numeric::write(out, bytes)?,
        oid::UUID => {
            let mut text = [0; 36];
            let id = uuid::Uuid::from_bytes(exactly(bytes)?);
            let id = id.hyphenated().encode_lower(&mut text);
            out.push(b'"');
            out.extend_from_slice(id.as_bytes());
            out.push(b'"');
        }
        other => {
            return Err(PgError::unexpected(format!(
                "a column's type is not the one it had when the schema was read (it is number {other} now); \
                 reload the metadata"
            )));
        }
    }
    Ok(())
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], PgError> {
    bytes.try_into().map_err(|_| malformed())
}

fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// What is written in place of each byte; 0: itself, `u`: its number, else what follows the backslash.
static ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escapes[byte] = b'u';
        byte += 1;
    }
    escapes[0x08] = b'b';
    escapes[0x0c] = b'f';
    escapes[b'\n' as usize] = b'n';
    escapes[b'\r' as usize] = b'r';
    escapes[b'\t' as usize] = b't';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

/// So many bytes of a text are looked at together.
const BLOCK: usize = 16;

/// Where the first byte is that is not written as itself.
fn first_escaped(text: &[u8]) -> Option<usize> {
    let is_escaped = |byte: &u8| ESCAPES[usize::from(*byte)] != 0;
    let mut rest = text;
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        if has_escaped(block) {
            break;
        }
        rest = behind;
    }
    // Of a text that is not short, the end is looked at together with some of what is known to be plain.
    if rest.len() < BLOCK && text.last_chunk().is_some_and(|end| !has_escaped(end)) {
        return None;
    }
    let at = rest.iter().position(is_escaped)?;
    Some(text.len() - rest.len() + at)
}

/// No branch per byte, so that the processor looks at all of them at once.
fn has_escaped(block: &[u8; BLOCK]) -> bool {
    let is_escaped =
        |byte: &u8| u8::from(*byte < 0x20) | u8::from(*byte == b'"') | u8::from(*byte == b'\\');
    let found = block.iter().fold(0, |found, byte| found | is_escaped(byte));
    found != 0
}

/// A text as a JSON string.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = first_escaped(rest) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let byte = from[0];
        out.push(b'\\');
        match ESCAPES[usize::from(byte)] {
            b'u' => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                out.extend_from_slice(&[b'u', b'0', b'0', DIGITS[high], DIGITS[low]]);
            }
            short => out.push(short),
        }
        rest = &from[1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn written(ty: u32, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write(&mut out, ty, bytes).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_postgres_does() {
        let text = "a\"b\\c/d\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}é😀";
        let expected = "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}é😀\"";
        assert_eq!(written(oid::TEXT, text.as_bytes()), expected);
        assert_eq!(written(oid::VARCHAR, b""), "\"\"");
    }

    #[test]
    fn escapes_are_found_wherever_they_stand() {
        for length in 0..70 {
            let plain = vec![b'a'; length];
            assert_eq!(first_escaped(&plain), None);
            for at in 0..length {
                let mut text = plain.clone();
                text[at] = b'"';
                assert_eq!(first_escaped(&text), Some(at), "{length}");
                text[length - 1] = b'\n';
                assert_eq!(first_escaped(&text), Some(at), "{length}");
            }
        }
        let is_escaped = |byte: &u8| first_escaped(&[*byte; 20]).is_some();
        let escaped = (0..=u8::MAX).filter(is_escaped);
        let expected = (0..0x20).chain([b'"', b'\\']);
        assert!(escaped.eq(expected));
    }

    #[test]
    fn plain_values() {
        assert_eq!(written(oid::BOOL, &[1]), "true");
        assert_eq!(
            written(oid::INT8, &i64::MIN.to_be_bytes()),
            "-9223372036854775808"
        );
        assert_eq!(written(oid::INT2, &[0xff, 0xff]), "-1");
        assert_eq!(written(oid::JSON, b"{ \"a\":1}"), "{ \"a\":1}");
        assert_eq!(written(oid::JSONB, b"\x01[1]"), "[1]");
        assert_eq!(
            written(oid::UUID, &[0xab; 16]),
            "\"abababab-abab-abab-abab-abababababab\""
        );
    }

    #[test]
    fn other_types_and_lengths_are_refused() {
        for (ty, bytes) in [
            (oid::INT4, &[0; 8][..]),
            (oid::BOOL, &[2]),
            (oid::JSONB, &[2]),
            (oid::UUID, &[]),
            // A timestamp, which the plan has Postgres write.
            (1114, &[0; 8]),
        ] {
            assert!(write(&mut Vec::new(), ty, bytes).is_err(), "{ty}");
        }
    }
}
