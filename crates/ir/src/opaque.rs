//! Texts that clients hand back as they got them: cursors and global ids of the Relay API.
//!
//! Both are base64 of JSON. They are read here, when an operation is bound and when a request's variables
//! become parameters; Postgres writes them.

use graphloom_vocab::{Json, QualifiedTable};

/// The most of a text that is no JSON which is shown in an error.
const SHOWN_CHARS: usize = 50;

/// A cursor's JSON; `None` if it is none.
pub fn decode_cursor(text: &str) -> Option<Json> {
    serde_json::from_slice(&base64(text)).ok()
}

/// A value of a cursor; `None` if there is none in that place.
pub fn cursor_part<'a>(cursor: &'a Json, path: &[std::sync::Arc<str>]) -> Option<&'a Json> {
    path.iter()
        .try_fold(cursor, |value, key| value.as_object()?.get(&**key))
}

/// What a global id says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeId {
    /// The table.
    pub table: QualifiedTable,
    /// The primary key's values; at least one.
    pub key: Vec<Json>,
}

impl NodeId {
    /// Reads a global id. The error is the end of v2's message `invalid node id: …`.
    pub fn decode(text: &str) -> Result<Self, String> {
        let bytes = base64(text);
        let json: Json = serde_json::from_slice(&bytes).map_err(|_| {
            let shown = bytes.iter().take(SHOWN_CHARS).copied().map(char::from);
            let shown: String = shown.collect();
            in_root(format!(
                "Failed reading: not a valid json value at '{shown}'"
            ))
        })?;
        Self::from_json(json).map_err(in_root)
    }

    fn from_json(json: Json) -> Result<Self, String> {
        let Json::Array(items) = json else {
            return Err(format!(
                "parsing node id failed, expected Array, but encountered {}",
                kind(&json)
            ));
        };
        let mut items = items.into_iter();
        match items.next() {
            None => return Err("unexpected GUID format, found empty list".to_owned()),
            Some(Json::Number(version)) => match version.as_f64() {
                Some(1.0) => {}
                version => {
                    let version = version.unwrap_or(f64::NAN);
                    return Err(format!("unsupported GUID version: {version:?}"));
                }
            },
            Some(_) => {
                return Err(
                    "unexpected GUID format, needs to start with a version number".to_owned(),
                );
            }
        }
        let (schema, table, key) = (items.next(), items.next(), items.collect::<Vec<_>>());
        let (Some(schema), Some(table), false) = (schema, table, key.is_empty()) else {
            return Err(
                "GUID version 1: expecting schema name, table name and at least one column value"
                    .to_owned(),
            );
        };
        let name = |json: Json| match json {
            Json::String(name) => Ok(name),
            other => Err(format!(
                "parsing Text failed, expected String, but encountered {}",
                kind(&other)
            )),
        };
        let table = QualifiedTable::new(name(schema)?, name(table)?);
        Ok(Self { table, key })
    }
}

fn in_root(reason: String) -> String {
    format!("Error in $: {reason}")
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "Null",
        Json::Bool(_) => "Boolean",
        Json::Number(_) => "Number",
        Json::String(_) => "String",
        Json::Array(_) => "Array",
        Json::Object(_) => "Object",
    }
}

/// Base64, leniently, as v2 reads it: what is not of its alphabet is left out, padding need not be there.
fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for digit in text.bytes().filter_map(digit) {
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).expect("eight bits are a byte"));
            bits &= (1 << count) - 1;
        }
    }
    bytes
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use serde_json::json;

    use super::*;

    #[test]
    fn base64_of_any_length_with_or_without_padding() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8", "fo"),
            ("Zm9v", "foo"),
            ("Zm9v\nYmE=", "fooba"),
        ] {
            assert_eq!(base64(text), bytes.as_bytes(), "{text:?}");
        }
        assert_eq!(base64("+/8="), [0xfb, 0xff]);
    }

    #[test]
    fn a_cursor_is_an_object_of_values() {
        let cursor =
            decode_cursor("eyJhcnRpY2xlc19hZ2dyZWdhdGUiIDogeyJjb3VudCIgOiAwfSwgImlkIiA6IDR9");
        let cursor = cursor.unwrap();
        let part = |path: &[&str]| {
            let path: Vec<_> = path.iter().map(|key| (*key).into()).collect();
            cursor_part(&cursor, &path).cloned()
        };
        assert_eq!(part(&["articles_aggregate", "count"]), Some(json!(0)));
        assert_eq!(part(&["id"]), Some(json!(4)));
        assert_eq!(part(&["id", "further"]), None);
        assert_eq!(part(&["name"]), None);
        assert_eq!(decode_cursor("random"), None);
    }

    #[test]
    fn an_id_names_table_and_key() {
        let id = NodeId::decode("WzEsICJwdWJsaWMiLCAiYXV0aG9yIiwgMl0K").unwrap();
        assert_eq!(id.table, QualifiedTable::new("public", "author"));
        assert_eq!(id.key, [json!(2)]);
    }

    #[test]
    fn what_is_no_id_is_named() {
        for (text, reason) in [
            (
                "random",
                "Error in $: Failed reading: not a valid json value at '\u{ad}\u{a9}\u{dd}\u{a2}'",
            ),
            (
                "eyJpZCIgOiA0fQ==",
                "Error in $: parsing node id failed, expected Array, but encountered Object",
            ),
            (
                "W10=",
                "Error in $: unexpected GUID format, found empty list",
            ),
            ("WzJd", "Error in $: unsupported GUID version: 2.0"),
            (
                "WyIxIl0=",
                "Error in $: unexpected GUID format, needs to start with a version number",
            ),
            (
                "WzEsICJwdWJsaWMiLCAidXNlciJdCg==",
                "Error in $: GUID version 1: expecting schema name, table name and at least one \
                 column value",
            ),
        ] {
            assert_eq!(NodeId::decode(text), Err(reason.to_owned()), "{text}");
        }
    }
}
