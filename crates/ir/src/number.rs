//! Texts of JSON numbers, digit by digit: no number goes through a float.
//!
//! Knows no types; which of these a column's value needs is said in `coerce.rs`.

/// `1e-30` as `1.0e-30`: the digit makes a difference in how many decimals a result shows, and is v2's.
pub(crate) fn with_point(text: &str) -> String {
    match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) if !mantissa.contains('.') => {
            format!("{mantissa}.0e{exponent}")
        }
        _ => text.to_owned(),
    }
}

/// `-2e-2` as `-0.02`, which is all that Postgres reads as money. Exponents far beyond what money holds are
/// left as they are, for Postgres to refuse.
pub(crate) fn without_exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return text.to_owned();
    };
    let exponent: Option<i32> = exponent.parse().ok();
    let Some(exponent) = exponent.filter(|exponent| exponent.abs() <= 64) else {
        return text.to_owned();
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let zeros = "0".repeat(usize::try_from(exponent.unsigned_abs()).unwrap_or(0));
    let padded = match exponent < 0 {
        true => format!("{zeros}{whole}"),
        false => format!("{whole}{fraction}{zeros}"),
    };
    match exponent < 0 {
        true => {
            let (left, right) = padded.split_at(whole.len());
            format!("{sign}{left}.{right}{fraction}")
        }
        false => {
            let end = whole.len() + zeros.len();
            let (left, right) = padded.split_at(end);
            format!("{sign}{left}.{right}0")
        }
    }
}

/// A number as v2's messages show it: `40000.0`, and `2.147483648e9` from ten million on and below a tenth.
pub(crate) fn in_digits(text: &str) -> String {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i64>() else {
        return text.to_owned();
    };
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let leading = i64::try_from(all.len() - digits.len()).unwrap_or(0);
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return "0.0".to_owned();
    }
    // The value is 0.digits times ten to this power.
    let power = i64::try_from(whole.len()).unwrap_or(0) - leading + exponent;
    match usize::try_from(power) {
        Ok(0) => format!("{sign}0.{digits}"),
        Ok(places @ 1..=7) => {
            let padded = format!("{digits:0<places$}");
            let (left, right) = padded.split_at(places);
            format!(
                "{sign}{left}.{}",
                if right.is_empty() { "0" } else { right }
            )
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            format!("{sign}{first}.{rest}e{}", power - 1)
        }
    }
}

/// The value of a JSON number's text if it has no fraction and is at all sensible in size.
pub(crate) fn whole(text: &str) -> Option<i128> {
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (integral, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let shift = exponent - i32::try_from(fraction.len()).ok()?;
    let digits: i128 = format!("{integral}{fraction}").parse().ok()?;
    if digits == 0 {
        return Some(0);
    }
    match u32::try_from(shift) {
        Ok(shift) => digits.checked_mul(10_i128.checked_pow(shift)?),
        Err(_) => {
            let divisor = 10_i128.checked_pow(shift.unsigned_abs())?;
            (digits % divisor == 0).then_some(digits / divisor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_messages() {
        let shown = [
            ("40000", "40000.0"),
            ("2147483648", "2.147483648e9"),
            ("9999999", "9999999.0"),
            ("10000000", "1.0e7"),
            ("-1.50", "-1.5"),
            ("0.1", "0.1"),
            ("0.05", "5.0e-2"),
            ("1e400", "1.0e400"),
            ("12e-1", "1.2"),
            ("0", "0.0"),
            ("-0.0", "0.0"),
        ];
        for (text, expected) in shown {
            assert_eq!(in_digits(text), expected, "{text}");
        }
    }
}
