//! A JSON value as the text of one parameter, by the type it is used as.
//!
//! The rules are v2's: numbers are checked against the type's bounds, text goes to Postgres as it is
//! (so `"5"` is fine for an integer and a bad date is Postgres' error), json takes anything.

use std::sync::Arc;

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_vocab::{Error, ErrorCode, ErrorPath, GraphqlName, Json};

use crate::number::{in_digits, whole, with_point, without_exponent};
use crate::opaque::{self, NodeId};
use crate::{Coercion, CursorPath};

/// Turns a JSON value into Postgres text; `None` is NULL.
///
/// Errors are `parse-failed` for values of the wrong kind and `validation-failed` where the schema
/// itself rules the value out, at a path relative to the value.
pub fn coerce(coercion: &Coercion, value: &Json) -> Result<Option<String>, Error> {
    match coercion {
        Coercion::Scalar { ty, .. } => of_client(ty, value),
        Coercion::List {
            element,
            graphql_type,
        } => list(value, |item| {
            refuse_null(item, graphql_type)?;
            // Arrays too are elements, as their literals' text: Postgres has no arrays of arrays, and one
            // with more dimensions would have no place for arrays of different lengths.
            of_client(element, item).map(Element::Value)
        }),
        Coercion::Enum { .. } if value.is_null() => Ok(None),
        Coercion::Enum {
            graphql_type,
            values,
        } => enum_value(graphql_type, values, value),
        Coercion::EnumList {
            graphql_type,
            values,
        } => list(value, |item| {
            refuse_null(item, graphql_type)?;
            enum_value(graphql_type, values, item).map(Element::Value)
        }),
        Coercion::Limit => limit(value),
        Coercion::Offset => offset(value),
        Coercion::JsonPath => json_path(value),
        Coercion::Cursor { path, ty } => cursor(path, ty, value),
        Coercion::NodeId { index, column, ty } => node_id(*index, value, |part| scalar(ty, part))
            .map_err(|error| {
                let message = error.message();
                Error::parse_failed(format!(
                    "value of column \"{column}\" in node id: {message}"
                ))
            }),
    }
}

fn cursor(path: &CursorPath, ty: &PgType, value: &Json) -> Result<Option<String>, Error> {
    let cursor = value.as_str().and_then(opaque::decode_cursor);
    let part = cursor
        .as_ref()
        .and_then(|cursor| opaque::cursor_part(cursor, path));
    let Some(part) = part else {
        return Err(Error::validation(INVALID_CURSOR));
    };
    scalar(ty, part).map_err(|error| Error::validation(error.message()))
}

/// A part of a global id that has been found to be one.
fn node_id(
    index: usize,
    value: &Json,
    part: impl Fn(&Json) -> Result<Option<String>, Error>,
) -> Result<Option<String>, Error> {
    let id = value.as_str().map(str::to_owned);
    let id = id.or_else(|| value.is_number().then(|| value.to_string()));
    let id = NodeId::decode(&id.unwrap_or_default()).map_err(Error::validation)?;
    part(id.key.get(index).unwrap_or(&Json::Null))
}

/// v2's words.
pub const INVALID_CURSOR: &str = "the \"after\" or \"before\" cursor is invalid";

/// Turns a JSON value into the text of one value of a Postgres type.
pub fn scalar(ty: &PgType, value: &Json) -> Result<Option<String>, Error> {
    if value.is_null() {
        return Ok(None);
    }
    if let Some(element) = ty.element() {
        return match value {
            Json::Array(_) => array(element, value),
            Json::String(text) => Ok(Some(text.clone())),
            other => Err(expected("Array", other)),
        };
    }
    one(ty, value).map(Some)
}

/// An array's literal; arrays inside it are further dimensions, which Postgres' types do not tell apart.
/// Inside arrays of json they are json.
fn array(element: &PgType, value: &Json) -> Result<Option<String>, Error> {
    let is_json = matches!(element.scalar_kind(), ScalarKind::Json | ScalarKind::Jsonb);
    list(value, |item| match item {
        Json::Array(_) if !is_json => array(element, item).map(Element::Nested),
        item => scalar(element, item).map(Element::Value),
    })
}

/// An element of an array's literal; `None` is NULL.
enum Element {
    /// A value's text, to be quoted.
    Value(Option<String>),
    /// An array's literal.
    Nested(Option<String>),
}

/// `[T!]` says so, and NULL inside `= ANY (…)` would match nothing silently.
fn refuse_null(item: &Json, graphql_type: &str) -> Result<(), Error> {
    if item.is_null() {
        return Err(Error::validation(format!(
            "unexpected null value for type '{graphql_type}'"
        )));
    }
    Ok(())
}

fn one(ty: &PgType, value: &Json) -> Result<String, Error> {
    use ScalarKind as K;
    let kind = ty.scalar_kind();
    match (kind, value) {
        (K::Json | K::Jsonb, value) => Ok(value.to_string()),
        (K::Raster, value) => raster(value),
        (K::Ltree, value) => ltree(value),
        (_, Json::String(text)) => Ok(text.clone()),
        (K::SmallInt, Json::Number(number)) => integer(number, i16::MIN.into(), i16::MAX.into()),
        (K::Integer, Json::Number(number)) => integer(number, i32::MIN.into(), i32::MAX.into()),
        (K::BigInt, Json::Number(number)) => integer(number, i64::MIN.into(), i64::MAX.into()),
        (K::Real, Json::Number(number)) => float(number, f64::from(f32::MAX)),
        (K::Double, Json::Number(number)) => float(number, f64::MAX),
        (K::Numeric, Json::Number(number)) => Ok(with_point(&number.to_string())),
        (K::Money, Json::Number(number)) => Ok(without_exponent(&number.to_string())),
        (K::Boolean, Json::Bool(true)) => Ok("true".to_owned()),
        (K::Boolean, Json::Bool(false)) => Ok("false".to_owned()),
        (K::Geometry | K::Geography, Json::Object(object)) => {
            crate::geojson::check(object)?;
            Ok(value.to_string())
        }
        (K::SmallInt | K::Integer | K::BigInt, other) => {
            let name = type_name(ty);
            Err(parsing(
                &format!("Integer expected for input type: {name}"),
                "Number",
                other,
            ))
        }
        (K::Real | K::Double, other) => {
            let name = type_name(ty);
            Err(parsing(
                &format!("Float expected for input type: {name}"),
                "Number",
                other,
            ))
        }
        (K::Numeric | K::Money, other) => Err(parsing("Scientific", "Number", other)),
        (K::Boolean, other) => Err(parsing("Bool", "Boolean", other)),
        (K::Geometry | K::Geography, other) => Err(parsing("Geometry", "Object", other)),
        (K::Other, _) => {
            let name = type_name(ty);
            Err(Error::parse_failed(format!(
                "A string is expected for type: {name}"
            )))
        }
        (_, other) => Err(parsing("Text", "String", other)),
    }
}

/// As v2 spells types in these messages.
fn type_name(ty: &PgType) -> &str {
    match ty.scalar_kind() {
        ScalarKind::SmallInt => "smallint",
        ScalarKind::Integer => "integer",
        ScalarKind::BigInt => "bigint",
        ScalarKind::Real => "real",
        ScalarKind::Double => "float8",
        _ => &ty.base().name,
    }
}

fn list(
    value: &Json,
    item: impl Fn(&Json) -> Result<Element, Error>,
) -> Result<Option<String>, Error> {
    let single;
    let items = match value {
        Json::Array(items) => items,
        Json::Null => return Err(Error::validation("expected a list, but found null")),
        other => {
            single = vec![other.clone()];
            &single
        }
    };
    let mut literal = String::from("{");
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            literal.push(',');
        }
        match item(value).map_err(|error| error.below(&ErrorPath::root().index(index)))? {
            Element::Value(None) | Element::Nested(None) => literal.push_str("NULL"),
            Element::Nested(Some(text)) => literal.push_str(&text),
            Element::Value(Some(text)) => push_array_element(&mut literal, &text),
        }
    }
    literal.push('}');
    Ok(Some(literal))
}

/// Appends one element, quoted as Postgres' array input wants it.
fn push_array_element(literal: &mut String, text: &str) {
    literal.push('"');
    for c in text.chars() {
        if c == '"' || c == '\\' {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal.push('"');
}

fn enum_value(
    graphql_type: &str,
    values: &[(GraphqlName, Arc<str>)],
    value: &Json,
) -> Result<Option<String>, Error> {
    let Json::String(text) = value else {
        let found = describe(value);
        return Err(Error::validation(format!(
            "expected an enum value for type '{graphql_type}', but found {found}"
        )));
    };
    match values.iter().find(|(name, _)| name.as_str() == text) {
        Some((_, stored)) => Ok(Some(stored.to_string())),
        None => {
            let names: Vec<_> = values.iter().map(|(name, _)| format!("'{name}'")).collect();
            let names = names.join(", ");
            Err(Error::validation(format!(
                "expected one of the values [{names}] for type '{graphql_type}', but found '{text}'"
            )))
        }
    }
}

fn limit(value: &Json) -> Result<Option<String>, Error> {
    match value {
        Json::Null => Ok(None),
        Json::Number(number) if !number.to_string().starts_with('-') => {
            integer(number, 0, i32::MAX.into()).map(Some)
        }
        other => Err(Error::validation(format!(
            "expected a non-negative 32-bit integer for type 'Int', but found {}",
            describe(other)
        ))),
    }
}

fn offset(value: &Json) -> Result<Option<String>, Error> {
    match value {
        Json::Null => Ok(None),
        Json::Number(number) => integer(number, i64::MIN.into(), i64::MAX.into()).map(Some),
        Json::String(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(Some(text.clone()))
        }
        other => Err(Error::validation(format!(
            "expected a 32-bit integer, or a 64-bit integer represented as a string \
             for type 'Int', but found {}",
            describe(other)
        ))),
    }
}

fn json_path(value: &Json) -> Result<Option<String>, Error> {
    match value {
        Json::Null => Ok(None),
        Json::String(text) => match crate::json_path::parse(text) {
            Ok(steps) if steps.is_empty() => Ok(None),
            Ok(steps) => {
                let steps = steps.into_iter().map(Json::from).collect();
                list(&Json::Array(steps), |step| {
                    scalar(&PgType::builtin("text"), step).map(Element::Value)
                })
            }
            Err(reason) => Err(Error::validation(format!(
                "parse json path error: {reason}"
            ))),
        },
        other => Err(Error::validation(format!(
            "expected a string for type 'String', but found {}",
            describe(other)
        ))),
    }
}

/// An integer's text, if the number is whole and within bounds; `1.0` and `1e2` are whole.
fn integer(number: &serde_json::Number, min: i128, max: i128) -> Result<String, Error> {
    let text = number.to_string();
    match whole(&text) {
        Some(value) if value >= min && value <= max => Ok(value.to_string()),
        _ => Err(Error::parse_failed(format!(
            "The value {} lies outside the bounds or is not an integer. \
             Maybe it is a float, or is there integer overflow?",
            in_digits(&text)
        ))),
    }
}

fn float(number: &serde_json::Number, max: f64) -> Result<String, Error> {
    let text = number.to_string();
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value.abs() <= max => Ok(text),
        _ => Err(Error::parse_failed(format!(
            "The value {} lies outside the bounds. Is it overflowing the float bounds?",
            in_digits(&text)
        ))),
    }
}

fn raster(value: &Json) -> Result<String, Error> {
    match value {
        Json::String(text)
            if text.len() % 2 == 0 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            Ok(text.clone())
        }
        Json::String(_) => Err(Error::parse_failed(
            "invalid hexadecimal representation of raster well known binary format",
        )),
        _ => Err(Error::parse_failed("expecting String for raster")),
    }
}

fn ltree(value: &Json) -> Result<String, Error> {
    // What is no text is no path either.
    let text = value.as_str().unwrap_or_default();
    crate::ltree::check_path(text)?;
    Ok(text.to_owned())
}

/// The text of a client's value. Rules in metadata are for Postgres to judge.
fn of_client(ty: &PgType, value: &Json) -> Result<Option<String>, Error> {
    let text = scalar(ty, value)?;
    match (ty.scalar_kind(), &text) {
        (ScalarKind::Lquery, Some(text)) => crate::ltree::check_lquery(text)?,
        (ScalarKind::Ltxtquery, Some(text)) => crate::ltree::check_ltxtquery(text)?,
        _ => {}
    }
    Ok(text)
}

fn expected(kind: &str, found: &Json) -> Error {
    parsing(kind, kind, found)
}

fn parsing(what: &str, kind: &str, found: &Json) -> Error {
    let found = match found {
        Json::Null => "Null",
        Json::Bool(_) => "Boolean",
        Json::Number(_) => "Number",
        Json::String(_) => "String",
        Json::Array(_) => "Array",
        Json::Object(_) => "Object",
    };
    let message = format!("parsing {what} failed, expected {kind}, but encountered {found}");
    Error::new(ErrorCode::ParseFailed, message)
}

/// As errors about input values name what they found.
pub fn describe(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(number) if number.to_string().contains(['.', 'e', 'E']) => "a float",
        Json::Number(_) => "an integer",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]
    use serde_json::json;

    use super::*;

    fn text(ty: &str, value: Json) -> String {
        match scalar(&PgType::builtin(ty), &value) {
            Ok(Some(text)) => text,
            Ok(None) => "NULL".to_owned(),
            Err(error) => format!("! {}", error.message()),
        }
    }

    fn number(text: &str) -> Json {
        serde_json::from_str(text).expect("a number")
    }

    #[test]
    fn integers_are_whole_and_bounded() {
        assert_eq!(text("int4", json!(5)), "5");
        assert_eq!(text("int4", json!("5")), "5");
        assert_eq!(text("int4", number("1.0")), "1");
        assert_eq!(text("int4", number("12e2")), "1200");
        assert_eq!(text("int4", number("1200e-2")), "12");
        for bad in ["1.5", "2147483648", "1e40", "1e4000000000", "5e-1"] {
            assert!(
                text("int4", number(bad)).starts_with("! The value"),
                "{bad}"
            );
        }
        assert_eq!(
            text("int8", number("9223372036854775807")),
            "9223372036854775807"
        );
        assert!(text("int4", json!(true)).starts_with("! parsing Integer expected"));
    }

    #[test]
    fn numbers_keep_their_digits() {
        let digits = "123456789012345678901234567890.10";
        assert_eq!(text("numeric", number(digits)), digits);
        assert!(text("float8", number("1e400")).starts_with("! The value"));
    }

    #[test]
    fn text_takes_text_only() {
        assert_eq!(text("text", json!("a")), "a");
        assert_eq!(
            text("text", json!(1)),
            "! parsing Text failed, expected String, but encountered Number"
        );
        assert_eq!(text("text", Json::Null), "NULL");
        assert_eq!(
            text("tsvector", json!(1)),
            "! A string is expected for type: tsvector"
        );
    }

    #[test]
    fn json_takes_anything() {
        assert_eq!(text("jsonb", json!("a")), "\"a\"");
        assert_eq!(text("jsonb", json!({"a": [1]})), "{\"a\":[1]}");
    }

    #[test]
    fn arrays_are_quoted_element_by_element() {
        let ty = PgType::array_of(PgType::builtin("text"));
        let value = json!(["a\"b", "c\\d", null, "{,}"]);
        assert_eq!(
            scalar(&ty, &value).unwrap().unwrap(),
            r#"{"a\"b","c\\d",NULL,"{,}"}"#
        );
        let numbers = PgType::array_of(PgType::builtin("int4"));
        assert_eq!(
            scalar(&numbers, &json!([[1, 2], [3]])).unwrap().unwrap(),
            r#"{{"1","2"},{"3"}}"#
        );
        let error = scalar(&numbers, &json!([1, true])).unwrap_err();
        assert_eq!(error.path().to_string(), "$[1]");
    }

    #[test]
    fn arrays_of_json_hold_json_arrays() {
        let value = json!([[1, "a\"b"], [], {"k": [2]}]);
        let expected = r#"{"[1,\"a\\\"b\"]","[]","{\"k\":[2]}"}"#;
        let jsonb = PgType::builtin("jsonb");
        let array = PgType::array_of(jsonb.clone());
        assert_eq!(scalar(&array, &value).unwrap().unwrap(), expected);
        let list = Coercion::List {
            element: jsonb,
            graphql_type: "jsonb".into(),
        };
        assert_eq!(coerce(&list, &value).unwrap().unwrap(), expected);
    }

    #[test]
    fn lists_of_values_have_no_nulls() {
        let list = Coercion::List {
            element: PgType::builtin("int4"),
            graphql_type: "Int".into(),
        };
        let error = coerce(&list, &json!([1, null])).unwrap_err();
        assert_eq!(error.message(), "unexpected null value for type 'Int'");
        assert_eq!(error.path().to_string(), "$[1]");
    }

    #[test]
    fn limits_are_non_negative() {
        let limit = |value| coerce(&Coercion::Limit, &value);
        assert_eq!(limit(json!(3)).unwrap().unwrap(), "3");
        assert_eq!(
            limit(json!(-1)).unwrap_err().message(),
            "expected a non-negative 32-bit integer for type 'Int', but found an integer"
        );
        let offset = |value| coerce(&Coercion::Offset, &value);
        assert_eq!(
            offset(json!("9223372036854775807")).unwrap().unwrap(),
            "9223372036854775807"
        );
        assert!(offset(json!("-1")).is_err());
    }

    #[test]
    fn json_paths_become_steps() {
        let path = |text: &str| coerce(&Coercion::JsonPath, &json!(text));
        assert_eq!(path("$.a.b[0]").unwrap().unwrap(), r#"{"a","b","0"}"#);
        assert_eq!(path("$").unwrap(), None);
        assert!(path("$.").is_err());
    }
}
