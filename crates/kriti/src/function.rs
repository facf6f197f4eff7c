//! The functions of templates: of one value, without effects.

use graphloom_vocab::{Json, JsonObject};

/// A function by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Empty,
    Size,
    Inverse,
    Head,
    Tail,
    ToCaseFold,
    ToLower,
    ToUpper,
    ToTitle,
    EscapeUri,
    FromPairs,
    ToPairs,
    RemoveNulls,
    Concat,
    Not,
}

impl Function {
    const NAMES: [(&'static str, Self); 15] = [
        ("empty", Self::Empty),
        ("size", Self::Size),
        ("inverse", Self::Inverse),
        ("head", Self::Head),
        ("tail", Self::Tail),
        ("toCaseFold", Self::ToCaseFold),
        ("toLower", Self::ToLower),
        ("toUpper", Self::ToUpper),
        ("toTitle", Self::ToTitle),
        ("escapeUri", Self::EscapeUri),
        ("fromPairs", Self::FromPairs),
        ("toPairs", Self::ToPairs),
        ("removeNulls", Self::RemoveNulls),
        ("concat", Self::Concat),
        ("not", Self::Not),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, function)| *function)
    }

    /// The function's value, or why it has none.
    pub(crate) fn apply(self, value: Json) -> Result<Json, String> {
        match self {
            Self::Empty => empty(&value).map(Json::Bool),
            Self::Size => Ok(size(value)),
            Self::Inverse => inverse(value),
            Self::Head => head(value),
            Self::Tail => tail(value),
            Self::ToCaseFold | Self::ToLower => text(value, str::to_lowercase),
            Self::ToUpper => text(value, str::to_uppercase),
            Self::ToTitle => text(value, title),
            Self::EscapeUri => text(value, escape_uri),
            Self::FromPairs => from_pairs(value),
            Self::ToPairs => match value {
                Json::Object(fields) => {
                    let pair = |(key, value)| Json::Array(vec![Json::String(key), value]);
                    Ok(fields.into_iter().map(pair).collect())
                }
                other => Err(expected("an object", &other)),
            },
            Self::RemoveNulls => {
                let items = array(value)?.into_iter();
                Ok(items.filter(|item| !item.is_null()).collect())
            }
            Self::Concat => concat(array(value)?),
            Self::Not => match value {
                Json::Bool(value) => Ok(Json::Bool(!value)),
                other => Err(expected("a boolean", &other)),
            },
        }
    }
}

/// What a value is, as messages call it.
pub(crate) fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn expected(what: &str, found: &Json) -> String {
    format!("expected {what}, but found {}", kind(found))
}

fn array(value: Json) -> Result<Vec<Json>, String> {
    match value {
        Json::Array(items) => Ok(items),
        other => Err(expected("an array", &other)),
    }
}

fn text(value: Json, change: impl FnOnce(&str) -> String) -> Result<Json, String> {
    match value {
        Json::String(text) => Ok(Json::String(change(&text))),
        other => Err(expected("a string", &other)),
    }
}

fn empty(value: &Json) -> Result<bool, String> {
    match value {
        Json::Null => Ok(true),
        Json::Bool(_) => Err("a boolean is neither empty nor not".to_owned()),
        Json::Number(number) => Ok(number.as_f64() == Some(0.0)),
        Json::String(text) => Ok(text.trim().is_empty()),
        Json::Array(items) => Ok(items.is_empty()),
        Json::Object(fields) => Ok(fields.is_empty()),
    }
}

fn size(value: Json) -> Json {
    match value {
        Json::Null => 0.into(),
        Json::Bool(value) => u8::from(value).into(),
        number @ Json::Number(_) => number,
        Json::String(text) => text.chars().count().into(),
        Json::Array(items) => items.len().into(),
        Json::Object(fields) => fields.len().into(),
    }
}

fn inverse(value: Json) -> Result<Json, String> {
    Ok(match value {
        Json::Bool(value) => Json::Bool(!value),
        Json::Number(number) => match number.as_f64() {
            Some(number) if number != 0.0 => Json::from(1.0 / number),
            _ => return Err("zero has no inverse".to_owned()),
        },
        Json::String(text) => Json::String(text.chars().rev().collect()),
        Json::Array(items) => items.into_iter().rev().collect(),
        other @ (Json::Null | Json::Object(_)) => other,
    })
}

fn head(value: Json) -> Result<Json, String> {
    match value {
        Json::Array(items) => {
            let first = items.into_iter().next();
            first.ok_or_else(|| "an empty array has no head".to_owned())
        }
        Json::String(text) => match text.chars().next() {
            Some(first) => Ok(Json::String(first.to_string())),
            None => Err("an empty string has no head".to_owned()),
        },
        other => Err(expected("an array or a string", &other)),
    }
}

fn tail(value: Json) -> Result<Json, String> {
    match value {
        Json::Array(items) => Ok(items.into_iter().skip(1).collect()),
        Json::String(text) => Ok(Json::String(text.chars().skip(1).collect())),
        other => Err(expected("an array or a string", &other)),
    }
}

fn title(text: &str) -> String {
    let mut is_inside = false;
    let mut titled = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_inside {
            true => titled.extend(letter.to_lowercase()),
            false => titled.extend(letter.to_uppercase()),
        }
        is_inside = letter.is_alphabetic() || (is_inside && letter == '\'');
    }
    titled
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
fn escape_uri(text: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("a string takes everything");
        }
    }
    escaped
}

fn from_pairs(value: Json) -> Result<Json, String> {
    let shape = || "expected an array of pairs, each with a string first".to_owned();
    let pair = |item| {
        let pair: [Json; 2] = array(item)?.try_into().map_err(|_| shape())?;
        match pair {
            [Json::String(key), value] => Ok((key, value)),
            _ => Err(shape()),
        }
    };
    let fields: Result<JsonObject, String> = array(value)?.into_iter().map(pair).collect();
    fields.map(Json::Object)
}

/// Arrays, strings or objects as one; of equal keys the later counts.
fn concat(items: Vec<Json>) -> Result<Json, String> {
    let mut whole = None;
    for item in items {
        whole = Some(match (whole, item) {
            (None, item @ (Json::Array(_) | Json::String(_) | Json::Object(_))) => item,
            (Some(Json::Array(mut whole)), Json::Array(items)) => {
                whole.extend(items);
                Json::Array(whole)
            }
            (Some(Json::String(whole)), Json::String(text)) => Json::String(whole + &text),
            (Some(Json::Object(mut whole)), Json::Object(fields)) => {
                whole.extend(fields);
                Json::Object(whole)
            }
            _ => return Err("expected arrays, strings or objects, and one kind of them".to_owned()),
        });
    }
    Ok(whole.unwrap_or_else(|| Json::Array(Vec::new())))
}
