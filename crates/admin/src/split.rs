//! SQL text as its statements, where they have to be run one by one.
//!
//! Knows quotes, dollar quotes and comments, as the Postgres manual's section 4.1 has them, and the
//! bodies of `BEGIN ATOMIC` functions only as far as their semicolons stand in none of these: such a
//! function needs a transaction anyway.

/// The statements of a text, without the semicolons and without those that are empty.
pub(crate) fn statements(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let (mut start, mut position) = (0, 0);
    let mut has_content = false;
    while position < bytes.len() {
        let rest = &bytes[position..];
        let (length, kind) = token(rest, position.checked_sub(1).map(|before| bytes[before]));
        match kind {
            Kind::End => {
                if has_content {
                    found.push(text[start..position].trim());
                }
                start = position + length;
                has_content = false;
            }
            Kind::Space => {}
            Kind::Content => has_content = true,
        }
        position += length;
    }
    if has_content {
        found.push(text[start..].trim());
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    End,
    Space,
    Content,
}

/// The length of what the text begins with, and what it is.
fn token(rest: &[u8], before: Option<u8>) -> (usize, Kind) {
    match rest {
        [b';', ..] => (1, Kind::End),
        [b'-', b'-', ..] => {
            let end = rest.iter().position(|byte| *byte == b'\n');
            (end.unwrap_or(rest.len()), Kind::Space)
        }
        [b'/', b'*', ..] => (comment(rest), Kind::Space),
        [b'\'', ..] => {
            let escapes = before.is_some_and(|byte| byte.eq_ignore_ascii_case(&b'e'));
            (quoted(rest, b'\'', escapes), Kind::Content)
        }
        [b'"', ..] => (quoted(rest, b'"', false), Kind::Content),
        [b'$', ..] if !before.is_some_and(is_word) => (dollar_quoted(rest), Kind::Content),
        [byte, ..] if byte.is_ascii_whitespace() => (1, Kind::Space),
        _ => (1, Kind::Content),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// `/* … */`, which nests.
fn comment(rest: &[u8]) -> usize {
    let (mut depth, mut position) = (0, 0);
    while position < rest.len() {
        match rest[position..] {
            [b'/', b'*', ..] => {
                depth += 1;
                position += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                position += 2;
                if depth == 0 {
                    return position;
                }
            }
            _ => position += 1,
        }
    }
    rest.len()
}

/// `'…'` or `"…"`; a doubled quote is read as two pieces side by side, which comes to the same.
fn quoted(rest: &[u8], quote: u8, escapes: bool) -> usize {
    let mut position = 1;
    while position < rest.len() {
        match rest[position] {
            b'\\' if escapes => position += 2,
            byte if byte == quote => return position + 1,
            _ => position += 1,
        }
    }
    rest.len()
}

/// `$tag$ … $tag$`, or a lone `$`.
fn dollar_quoted(rest: &[u8]) -> usize {
    let tag = rest[1..].iter().position(|byte| !is_word(*byte));
    let Some(end) = tag.map(|length| length + 1) else {
        return 1;
    };
    let starts_with_digit = rest[1].is_ascii_digit();
    if rest[end] != b'$' || starts_with_digit {
        return 1;
    }
    let tag = &rest[..=end];
    let body = &rest[tag.len()..];
    let close = body.windows(tag.len()).position(|window| window == tag);
    close.map_or(rest.len(), |at| tag.len() + at + tag.len())
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn one_by_one() {
        assert_eq!(statements("a; b;\n c "), ["a", "b", "c"]);
        assert_eq!(statements(" ; -- nothing\n ;/* ; */"), Vec::<&str>::new());
    }

    #[test]
    fn semicolons_inside_something() {
        let whole = [
            "select ';', 'it''s;', e'\\';', \"a;b\"",
            "do $$ begin; end $$",
            "do $x$ $$;$$ ; $x$",
            "select 1 -- ;\n+ 1",
            "select /* /* ; */ ; */ 1",
            "select $1; ",
        ];
        for text in whole {
            let expected = text.trim().trim_end_matches(';');
            assert_eq!(statements(text), [expected], "{text}");
        }
        assert_eq!(
            statements("select a$b$; select 2"),
            ["select a$b$", "select 2"]
        );
    }
}
