//! Surrogate pairs in strings, written so that the parser reads them.
//!
//! `bluejay` pairs `\uXXXX` escapes from the left, so that it refuses a pair after an odd number of other
//! escapes (`"\u00e9\uD83D\uDE00"`). Each pair is rewritten as `\u{1f600}`, which means the same. Block
//! strings and comments have no escapes and stay as they are.

use std::borrow::Cow;

/// The text with every surrogate pair in its strings as one escape; the text itself if there is none.
pub(crate) fn joined(text: &str) -> Cow<'_, str> {
    if !text.contains("\\uD") && !text.contains("\\ud") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '#']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        rest = if from.starts_with('#') {
            copy(
                from,
                from.find(['\n', '\r']).unwrap_or(from.len()),
                &mut out,
            )
        } else if from.starts_with("\"\"\"") {
            copy(from, block_string_end(from), &mut out)
        } else {
            string(from, &mut out)
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn copy<'a>(text: &'a str, end: usize, out: &mut String) -> &'a str {
    let (token, rest) = text.split_at(end);
    out.push_str(token);
    rest
}

/// Behind the closing quotes of a block string at the start of the text, or at its end.
fn block_string_end(text: &str) -> usize {
    let mut from = 3;
    while let Some(at) = text[from..].find("\"\"\"") {
        let at = from + at;
        from = at + 3;
        if !text[..at].ends_with('\\') {
            return from;
        }
    }
    text.len()
}

/// Copies a string at the start of the text, and returns what follows it.
fn string<'a>(text: &'a str, out: &mut String) -> &'a str {
    out.push('"');
    let mut rest = &text[1..];
    while let Some(at) = rest.find(['\\', '"', '\n', '\r']) {
        rest = copy(rest, at, out);
        if !rest.starts_with('\\') {
            // Closed, or broken off: either way the string ends here.
            return copy(rest, 1, out);
        }
        rest = match pair(rest) {
            Some(c) => {
                out.extend(c.escape_unicode());
                &rest[12..]
            }
            None => {
                let escaped = rest[1..].chars().next().map_or(0, char::len_utf8);
                copy(rest, 1 + escaped, out)
            }
        };
    }
    out.push_str(rest);
    ""
}

/// The character that two escapes at the start of the text stand for.
fn pair(text: &str) -> Option<char> {
    let unit = |from: usize| {
        let escape = text.get(from..from + 6)?;
        let digits = escape.strip_prefix("\\u")?;
        // A sign would be read as part of the number.
        let all_digits = digits.bytes().all(|b| b.is_ascii_hexdigit());
        all_digits.then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let mut decoded = char::decode_utf16([unit(0)?, unit(6)?]);
    match (decoded.next(), decoded.next()) {
        (Some(Ok(c)), None) => Some(c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn pairs_become_one_escape_in_strings_only() {
        for (text, expected) in [
            (
                r#"{ a(b: "\u00e9\uD83D\uDE00") }"#,
                r#"{ a(b: "\u00e9\u{1f600}") }"#,
            ),
            (
                r#"{ a(b: "\ud83d\ude00\\uD83D\uDE00") }"#,
                r#"{ a(b: "\u{1f600}\\uD83D\uDE00") }"#,
            ),
            (
                r#"{ a(b: "\"\uD83D\uDE00", c: "x") }"#,
                r#"{ a(b: "\"\u{1f600}", c: "x") }"#,
            ),
            (
                r#"{ a(b: """\uD83D\uDE00 \""" "x" """, c: "\uD83D\uDE00") }"#,
                r#"{ a(b: """\uD83D\uDE00 \""" "x" """, c: "\u{1f600}") }"#,
            ),
            (
                "{ a } # \"\\uD83D\\uDE00\n\"\\uD83D\\uDE00\"",
                "{ a } # \"\\uD83D\\uDE00\n\"\\u{1f600}\"",
            ),
            // What is broken stays so.
            (r#"{ a(b: "\uDE00\uD83D") }"#, r#"{ a(b: "\uDE00\uD83D") }"#),
            (r#"{ a(b: "\uD83D"#, r#"{ a(b: "\uD83D"#),
            (r#"{ a(b: "\uD83D\"#, r#"{ a(b: "\uD83D\"#),
            (r#"{ a(b: """\uD83D"#, r#"{ a(b: """\uD83D"#),
            (r#"{ a(b: "\uD83D\u+E00") }"#, r#"{ a(b: "\uD83D\u+E00") }"#),
        ] {
            assert_eq!(joined(text), expected, "{text}");
        }
    }
}
