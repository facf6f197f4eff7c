//! The languages of the ltree extension, as far as telling what is certainly no word of theirs.
//!
//! Postgres reports a malformed value as an error of its own syntax class, which clients would see as a
//! mistake of the server's. What only some versions take (a hyphen, long labels) is let through.
//! Source: the Postgres manual, "ltree"; the grammar of its two query types.

use graphloom_vocab::Error;

/// `L1.L2.L3`. Error: `parse-failed`, in v2's words.
pub(crate) fn check_path(text: &str) -> Result<(), Error> {
    let is_path = text.split('.').all(is_label);
    refuse_unless(
        is_path,
        "Expecting label path: a sequence of zero or more labels separated by dots, for example \
         L1.L2.L3",
    )
}

/// `Top.*{1,2}.!Science@|Art*`. Error: `parse-failed`.
pub(crate) fn check_lquery(text: &str) -> Result<(), Error> {
    let is_query = text.split('.').all(is_level);
    refuse_unless(
        is_query,
        "Expecting lquery: patterns of labels separated by dots, for example Top.*.Science@",
    )
}

/// `Europe & !(Russia* | Asia@)`. Error: `parse-failed`.
pub(crate) fn check_ltxtquery(text: &str) -> Result<(), Error> {
    let rest = expression(text.trim_start(), 0);
    refuse_unless(
        rest == Some(""),
        "Expecting ltxtquery: words with &, |, ! and parentheses, for example Europe & !Russia*",
    )
}

fn refuse_unless(is_good: bool, message: &str) -> Result<(), Error> {
    if is_good {
        return Ok(());
    }
    Err(Error::parse_failed(message))
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_label_character)
}

fn is_label_character(character: char) -> bool {
    character.is_alphanumeric() || "_-".contains(character)
}

/// One level of an lquery.
fn is_level(text: &str) -> bool {
    let (pattern, times) = match text.split_once('{') {
        Some((pattern, times)) => (pattern, Some(times)),
        None => (text, None),
    };
    if !times.is_none_or(are_times) {
        return false;
    }
    if pattern == "*" {
        return true;
    }
    let variants = pattern.strip_prefix('!').unwrap_or(pattern);
    variants
        .split('|')
        .all(|variant| is_label(variant.trim_end_matches(['@', '*', '%'])))
}

/// `2}`, `2,}`, `,3}`, `2,3}`.
fn are_times(text: &str) -> bool {
    let Some(times) = text.strip_suffix('}') else {
        return false;
    };
    let (low, high) = times.split_once(',').unwrap_or((times, times));
    let number = |text: &str, default: u16| match text {
        "" => Some(default),
        digits => digits.parse().ok(),
    };
    let ordered = number(low, 0).zip(number(high, u16::MAX));
    !times.is_empty() && ordered.is_some_and(|(low, high)| low <= high)
}

/// Deeper than anyone writes; Postgres itself gives up somewhere.
const DEPTH_MAX: usize = 200;

/// What follows an expression and the space behind it; `None` if there is none.
fn expression(text: &str, depth: usize) -> Option<&str> {
    let mut rest = term(text, depth)?;
    while let Some(after) = rest.strip_prefix(['&', '|']) {
        rest = term(after.trim_start(), depth)?;
    }
    Some(rest)
}

fn term(text: &str, depth: usize) -> Option<&str> {
    if depth > DEPTH_MAX {
        return None;
    }
    if let Some(negated) = text.strip_prefix('!') {
        return term(negated.trim_start(), depth + 1);
    }
    if let Some(inner) = text.strip_prefix('(') {
        let rest = expression(inner.trim_start(), depth + 1)?;
        return rest.strip_prefix(')').map(str::trim_start);
    }
    let rest = text.trim_start_matches(is_label_character);
    let is_word = rest.len() < text.len();
    is_word.then(|| rest.trim_start_matches(['@', '*', '%']).trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for good in ["a", "Top.Science.x_1", "é.b", "a-b"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in ["", "a..b", ".a", "a b", "a.b!", "'", "a.*"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn level_patterns() {
        for good in [
            "*",
            "a.*",
            "*{2}.a",
            "*{,3}",
            "*{1,}",
            "*{1,2}.!a@|b*%.c",
            "a{1,2}",
        ] {
            assert!(check_lquery(good).is_ok(), "{good}");
        }
        for bad in [
            "", "a..b", "*{", "*{}", "*{2,1}", "*{x}", "!", "a|", "a b", "@", "a.b!", "*a", "(",
        ] {
            assert!(check_lquery(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn full_text_queries() {
        for good in [
            "a",
            " a ",
            "Europe & !(Russia* | Asia@)",
            "!!a",
            "a|b&c",
            "((a))",
        ] {
            assert!(check_ltxtquery(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a &",
            "& a",
            "a b",
            "(a",
            "a)",
            "!",
            "'",
            "a.b",
            "Astro*% & !pictures@\\",
        ] {
            assert!(check_ltxtquery(bad).is_err(), "{bad}");
        }
        assert!(check_ltxtquery(&"!".repeat(100_000)).is_err());
    }
}
