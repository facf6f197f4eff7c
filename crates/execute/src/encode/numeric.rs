//! `numeric` in binary format as text, as `numeric_out` writes it: all the digits that its scale says, and no exponent.
//!
//! How many digits to the base of 10,000, the weight of the first, the sign, how many decimals are shown, the digits:
//! 16 bits each (`numeric_send` in Postgres' `numeric.c`).

use graphloom_pg::PgError;

use super::malformed;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;

/// Writes the number; what is no number of JSON's is a string.
pub(super) fn write(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), PgError> {
    let (head, digits) = bytes.split_first_chunk::<8>().ok_or_else(malformed)?;
    let word = |at: usize| u16::from_be_bytes([head[2 * at], head[2 * at + 1]]);
    let (count, weight, sign, scale) = (word(0), word(1).cast_signed(), word(2), word(3));
    let (digits, []) = digits.as_chunks::<2>() else {
        return Err(malformed());
    };
    if digits.len() != usize::from(count) {
        return Err(malformed());
    }
    match sign {
        0 => {}
        NEGATIVE => out.push(b'-'),
        NAN => out.extend_from_slice(b"\"NaN\""),
        INFINITY => out.extend_from_slice(b"\"Infinity\""),
        NEGATIVE_INFINITY => out.extend_from_slice(b"\"-Infinity\""),
        _ => return Err(malformed()),
    }
    if sign & NAN == NAN {
        return Ok(());
    }
    // The digit of that weight; those that are not sent are zeros.
    let digit = |of: i32| {
        let at = usize::try_from(i32::from(weight) - of).ok();
        let digit = at.and_then(|at| digits.get(at));
        digit.map_or(0, |digit| u16::from_be_bytes(*digit))
    };
    if weight < 0 {
        out.push(b'0');
    }
    for of in (0..=i32::from(weight)).rev() {
        let four = four_digits(digit(of))?;
        let zeros = match of == i32::from(weight) {
            true => four
                .iter()
                .take(3)
                .take_while(|digit| **digit == b'0')
                .count(),
            false => 0,
        };
        out.extend_from_slice(&four[zeros..]);
    }
    if scale > 0 {
        out.push(b'.');
        let mut left = usize::from(scale);
        let mut of = -1;
        while left > 0 {
            let shown = left.min(4);
            out.extend_from_slice(&four_digits(digit(of))?[..shown]);
            left -= shown;
            of -= 1;
        }
    }
    Ok(())
}

fn four_digits(value: u16) -> Result<[u8; 4], PgError> {
    if value > 9_999 {
        return Err(malformed());
    }
    let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
    Ok([
        digit(value / 1_000),
        digit(value / 100),
        digit(value / 10),
        digit(value),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn written(words: &[u16]) -> Option<String> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let mut out = Vec::new();
        write(&mut out, &bytes).ok()?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn numbers() {
        let minus_one = (-1_i16).cast_unsigned();
        for (words, expected) in [
            (&[0, 0, 0, 0][..], "0"),
            (&[0, 0, 0, 2], "0.00"),
            (&[1, 0, 0, 0, 7], "7"),
            (&[1, 1, 0, 0, 12], "120000"),
            (&[2, 1, NEGATIVE, 3, 1, 20], "-10020.000"),
            (&[2, 0, 0, 2, 4, 9_900], "4.99"),
            (&[1, minus_one, 0, 4, 12], "0.0012"),
            (&[1, (-2_i16).cast_unsigned(), 0, 6, 3_400], "0.000034"),
            (&[0, 0, NAN, 0], "\"NaN\""),
            (&[0, 0, INFINITY, 0], "\"Infinity\""),
            (&[0, 0, NEGATIVE_INFINITY, 0], "\"-Infinity\""),
        ] {
            assert_eq!(written(words).as_deref(), Some(expected), "{words:?}");
        }
        for bad in [
            &[1, 0, 0, 0][..],
            &[1, 0, 0, 0, 10_000],
            &[0, 0, 1, 0],
            &[0],
        ] {
            assert_eq!(written(bad), None, "{bad:?}");
        }
    }
}
