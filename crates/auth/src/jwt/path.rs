//! JSON paths of the claims options: `$`, `$.a.b[0]`, `$["a b"]`, `a.b`.
//!
//! Pure. Source: the grammar v2 documents for `claims_namespace_path` and `claims_map`.

use std::fmt;

use graphloom_vocab::Json;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Where a value stands in the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonPath(Vec<Step>);

impl JsonPath {
    /// Reads a path. The error repeats it and says what is accepted.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parsed = match text {
            "$" => Some(Vec::new()),
            _ => steps(text.strip_prefix('$').unwrap_or(text)),
        };
        parsed.map(Self).ok_or_else(|| {
            format!(
                "{text}. Accept letters, digits, underscore (_) or hyphen (-) only. Use quotes \
                 enclosed in bracket ([\"...\"]) if there is any special character"
            )
        })
    }

    /// The value there, if there is one.
    pub(crate) fn find<'a>(&self, json: &'a Json) -> Option<&'a Json> {
        self.0.iter().try_fold(json, |json, step| match step {
            Step::Key(key) => json.as_object()?.get(key),
            Step::Index(index) => json.as_array()?.get(*index),
        })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_name(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[{}]", Json::from(key.as_str()))?,
            }
        }
        Ok(())
    }
}

fn is_name(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key.chars().all(is_name_char)
}

fn is_name_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || char == '-'
}

/// One step or more, to the end of the text.
fn steps(mut rest: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while steps.is_empty() || !rest.is_empty() {
        let undotted = rest.strip_prefix('.').unwrap_or(rest);
        let (step, after) = match undotted.strip_prefix('[') {
            Some(inside) => bracket(inside)?,
            None => name(undotted)?,
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

fn name(text: &str) -> Option<(Step, &str)> {
    let end = text
        .find(|char| !is_unicode_name_char(char))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let first = name.chars().next()?;
    (first.is_alphabetic() || first == '_').then(|| (Step::Key(name.to_owned()), rest))
}

fn is_unicode_name_char(char: char) -> bool {
    char.is_alphabetic() || is_name_char(char)
}

/// After `[`: a number, or a text in single or double quotes with JSON's escapes; and `]`.
fn bracket(text: &str) -> Option<(Step, &str)> {
    let quote = text.chars().next()?;
    if quote != '"' && quote != '\'' {
        let (digits, rest) = text.split_once(']')?;
        let is_index = digits.bytes().all(|byte| byte.is_ascii_digit());
        return Some((Step::Index(digits.parse().ok().filter(|_| is_index)?), rest));
    }
    let mut json = String::from('"');
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => match chars.next()? {
                (_, '\'') => json.push('\''),
                (_, escaped) => json.extend(['\\', escaped]),
            },
            _ if char == quote => {
                json.push('"');
                let key = serde_json::from_str(&json).ok()?;
                return Some((Step::Key(key), text[at + 1..].strip_prefix(']')?));
            }
            '"' => json.push_str("\\\""),
            _ => json.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let token = json!({
            "a": { "b-c": [10, 20], "https://x/y": { "d": "e" }, "it's \"q\"": 1 },
        });
        for (path, expected, printed) in [
            ("$", Some(token.clone()), "$"),
            ("$.a.b-c[1]", Some(json!(20)), "$.a.b-c[1]"),
            ("a.b-c.[0]", Some(json!(10)), "$.a.b-c[0]"),
            (
                "$.a[\"https://x/y\"].d",
                Some(json!("e")),
                "$.a[\"https://x/y\"].d",
            ),
            (
                "$.a.['https://x/y']['d']",
                Some(json!("e")),
                "$.a[\"https://x/y\"].d",
            ),
            (
                "$.a['it\\'s \"q\"']",
                Some(json!(1)),
                "$.a[\"it's \\\"q\\\"\"]",
            ),
            ("$.a.b-c[2]", None, "$.a.b-c[2]"),
            ("$.a.b-c.d", None, "$.a.b-c.d"),
            ("$[0]", None, "$[0]"),
        ] {
            let parsed = JsonPath::parse(path).unwrap();
            assert_eq!(parsed.find(&token), expected.as_ref(), "{path}");
            assert_eq!(parsed.to_string(), printed);
        }
    }

    #[test]
    fn other_texts_are_no_paths() {
        for bad in [
            "",
            "$.",
            "$..a",
            "$.a.",
            "$.1a",
            "$[",
            "$[]",
            "$[a]",
            "$[-1]",
            "$['a]",
            "$[\"a\"",
            "$.a b",
            "$$",
            "$[99999999999999999999999]",
        ] {
            assert!(JsonPath::parse(bad).is_err(), "{bad}");
        }
    }
}
