//! The `path` argument of json columns: `$.a.b[0]['odd key']`.

/// Splits a path into its steps; list positions are their digits.
///
/// The leading `$` and the dot after it may be left out. Errors say what was expected where.
pub(crate) fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut steps = Vec::new();
    let mut rest = text.strip_prefix('$').unwrap_or(text);
    if rest.is_empty() && text.is_empty() {
        return Err("a json path is expected, but the text is empty".to_owned());
    }
    // A bare first key needs no dot.
    if !rest.is_empty() && !rest.starts_with(['.', '[']) && !text.starts_with('$') {
        let (key, after) = bare_key(rest)?;
        steps.push(key);
        rest = after;
    }
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('.') {
            // v2 lets a dot stand before a bracket too.
            Some(after) if !after.starts_with('[') => bare_key(after)?,
            Some(after) => bracketed(after)?,
            None => bracketed(rest)?,
        };
        steps.push(step);
        rest = after;
    }
    Ok(steps)
}

fn bare_key(text: &str) -> Result<(String, &str), String> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    let valid = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if valid {
        Ok((key.to_owned(), rest))
    } else {
        Err(format!(
            "a key of letters, digits, '_' and '-' is expected before '{rest}'"
        ))
    }
}

fn bracketed(text: &str) -> Result<(String, &str), String> {
    let inner = text
        .strip_prefix('[')
        .ok_or_else(|| format!("'.' or '[' is expected before '{text}'"))?;
    if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        return quoted(&inner[1..], quote);
    }
    let end = inner.find(']').ok_or("a closing ']' is expected")?;
    let digits = &inner[..end];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!(
            "a list position or a quoted key is expected, but found '{digits}'"
        ));
    }
    Ok((digits.to_owned(), &inner[end + 1..]))
}

fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        if c == '\\' {
            match chars.next() {
                Some((_, escaped)) => key.push(escaped),
                None => break,
            }
        } else if c == quote {
            let rest = text[index + 1..]
                .strip_prefix(']')
                .ok_or("a closing ']' is expected after the quoted key")?;
            return Ok((key, rest));
        } else {
            key.push(c);
        }
    }
    Err("a closing quote is expected".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_form_of_step() {
        let steps = |text| parse(text).map(|steps| steps.join("|"));
        assert_eq!(steps("$.a.b[0]").as_deref(), Ok("a|b|0"));
        assert_eq!(steps("a.b").as_deref(), Ok("a|b"));
        assert_eq!(steps("$['a b'][\"c\"]").as_deref(), Ok("a b|c"));
        assert_eq!(steps("[3]").as_deref(), Ok("3"));
        assert_eq!(steps("a[0].[\"你好\"]").as_deref(), Ok("a|0|你好"));
        for bad in [
            "", "$.", "a..b", "$[", "$[a]", "$['a'", "$['a]", "a[-1]", "$a",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
