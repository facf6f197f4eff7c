//! The one way a name and the one way a text value get into SQL.
//!
//! Both always quote: which words are keywords changes between Postgres versions, quotes work in all of
//! them. Tested against Postgres' own `quote_ident`, `quote_literal` and `format` in `tests/quoting.rs`.

/// Appends a name as a quoted identifier: `a"b` becomes `"a""b"`.
///
/// NUL, which no Postgres identifier can hold and which would end the statement on the wire, becomes
/// U+FFFD.
pub(crate) fn write_identifier(out: &mut String, name: &str) {
    out.push('"');
    for c in name.chars() {
        match c {
            '"' => out.push_str("\"\""),
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends a text as a string constant: `it's` becomes `'it''s'`.
///
/// A text with a backslash is written in the escape form, `E'a\\b'`, which means the same whatever
/// `standard_conforming_strings` says. NUL, which no Postgres text can hold, becomes U+FFFD.
pub(crate) fn write_literal(out: &mut String, text: &str) {
    if text.contains('\\') {
        out.push('E');
    }
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out.push('\'');
}

/// A name as a quoted identifier, as the printer writes it.
pub fn quote_identifier(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    write_identifier(&mut out, name);
    out
}

/// A text as a string constant, as the printer writes it.
pub fn quote_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_literal(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote_identifier(r#"a"b"#), r#""a""b""#);
        assert_eq!(quote_identifier(""), r#""""#);
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal(""), "''");
    }

    #[test]
    fn backslashes_take_the_escape_form() {
        assert_eq!(quote_literal(r"a\'b"), r"E'a\\''b'");
    }

    #[test]
    fn nul_never_reaches_the_wire() {
        assert_eq!(quote_identifier("a\0b"), "\"a\u{fffd}b\"");
        assert_eq!(quote_literal("a\0b"), "'a\u{fffd}b'");
    }
}
