//! Whether an answer is the expected one, to the byte that a client can see.
//!
//! Numbers are compared as text, so `1.0` is not `1`. The order of keys counts inside `data`, where it
//! follows the selection set, and nowhere else. Arrays are compared in order.

use serde_json::{Map, Value};

/// In place of a time that is another at each run.
const TIME: &str = "${TIME}";

/// More differences than these help nobody.
const DIFFERENCES_MAX: usize = 10;

/// Whether the order of keys counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyOrder {
    Counts,
    Ignored,
}

/// What differs, one line each, with the path; empty where the answer is as expected.
pub(super) fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("$", expected, actual, KeyOrder::Ignored, &mut found);
    found.truncate(DIFFERENCES_MAX);
    found
}

fn compare(path: &str, expected: &Value, actual: &Value, order: KeyOrder, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            compare_objects(path, expected, actual, order, found);
        }
        (Value::Array(expected), Value::Array(actual)) => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{path}[{index}]"), expected, actual, order, found);
            }
            if expected.len() != actual.len() {
                let (expected, actual) = (expected.len(), actual.len());
                found.push(format!(
                    "{path}: expected {expected} elements, got {actual}"
                ));
            }
        }
        (Value::Number(expected), Value::Number(actual)) => {
            if expected.to_string() != actual.to_string() {
                found.push(format!("{path}: expected {expected}, got {actual}"));
            }
        }
        _ if expected == actual => {}
        (Value::String(expected), Value::String(actual)) if expected == TIME && is_time(actual) => {
        }
        _ => found.push(format!("{path}: expected {expected}, got {actual}")),
    }
}

/// Whether it is of the form `2022-08-09T09:32:05.235347837Z`.
fn is_time(text: &str) -> bool {
    const FORM: &str = "0000-00-00T00:00:00";
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    let is_fraction = |rest: &str| {
        let digits = rest
            .strip_prefix('.')
            .and_then(|rest| rest.strip_suffix('Z'));
        digits.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit()))
    };
    match text.split_at_checked(FORM.len()) {
        Some((time, rest)) => shape(time) == FORM && (rest == "Z" || is_fraction(rest)),
        None => false,
    }
}

fn compare_objects(
    path: &str,
    expected: &Map<String, Value>,
    actual: &Map<String, Value>,
    order: KeyOrder,
    found: &mut Vec<String>,
) {
    for (key, value) in expected {
        let below = format!("{path}.{key}");
        // The answer's own `data`, at its top; a column of that name is already inside it.
        let order = if below == "$.data" {
            KeyOrder::Counts
        } else {
            order
        };
        match actual.get(key) {
            Some(actual) => compare(&below, value, actual, order, found),
            None => found.push(format!("{below}: expected {value}, is missing")),
        }
    }
    for (key, value) in actual
        .iter()
        .filter(|(key, _)| !expected.contains_key(*key))
    {
        found.push(format!("{path}.{key}: not expected, got {value}"));
    }
    let same_keys =
        expected.len() == actual.len() && expected.keys().all(|k| actual.contains_key(k));
    if order == KeyOrder::Counts && same_keys && !expected.keys().eq(actual.keys()) {
        let keys = |map: &Map<String, Value>| map.keys().cloned().collect::<Vec<_>>().join(", ");
        found.push(format!(
            "{path}: expected keys in order {}, got {}",
            keys(expected),
            keys(actual)
        ));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn check(expected: &str, actual: &str) -> Vec<String> {
        let parse = |text: &str| serde_json::from_str(text).unwrap();
        differences(&parse(expected), &parse(actual))
    }

    #[test]
    fn the_same_is_the_same() {
        let text = r#"{"data":{"a":[1,null,true,"x",{"b":1.50}]}}"#;
        assert!(check(text, text).is_empty());
    }

    #[test]
    fn numbers_are_compared_as_text() {
        assert_eq!(check("[1.0]", "[1.00]"), ["$[0]: expected 1.0, got 1.00"]);
        assert_eq!(check("1", "1.0"), ["$: expected 1, got 1.0"]);
        let long = "123456789012345678901234567890.10";
        assert!(check(long, long).is_empty());
    }

    #[test]
    fn a_time_may_be_any() {
        let is_time = |text: &str| check(r#""${TIME}""#, &format!("{text:?}")).is_empty();
        assert!(is_time("2022-08-09T09:32:05.235347837Z"));
        assert!(is_time("2022-08-09T09:32:05Z"));
        for text in [
            "",
            "now",
            "2022-08-09",
            "2022-08-09T09:32:05.2",
            "2022-08-09T09:32:0xZ",
        ] {
            assert!(!is_time(text), "{text}");
        }
    }

    #[test]
    fn key_order_counts_inside_data_only() {
        let found = check(
            r#"{"data":{"t":[{"a":1,"b":2}]}}"#,
            r#"{"data":{"t":[{"b":2,"a":1}]}}"#,
        );
        assert_eq!(
            found,
            ["$.data.t[0]: expected keys in order a, b, got b, a"]
        );
        let errors = (
            r#"{"errors":[{"message":"m","extensions":{"path":"$","code":"c"}}]}"#,
            r#"{"errors":[{"extensions":{"code":"c","path":"$"},"message":"m"}]}"#,
        );
        assert!(check(errors.0, errors.1).is_empty());
        assert!(
            check(
                r#"{"x":{"data":{"a":1,"b":2}}}"#,
                r#"{"x":{"data":{"b":2,"a":1}}}"#
            )
            .is_empty()
        );
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        assert_eq!(check(r#"{"a":1}"#, "{}"), ["$.a: expected 1, is missing"]);
        assert_eq!(check("{}", r#"{"a":1}"#), ["$.a: not expected, got 1"]);
        assert_eq!(check("[1,2]", "[1]"), ["$: expected 2 elements, got 1"]);
        assert_eq!(check("null", "false"), ["$: expected null, got false"]);
        assert_eq!(check(r#"["1"]"#, "[1]"), [r#"$[0]: expected "1", got 1"#]);
    }

    #[test]
    fn the_list_of_differences_is_short() {
        let many = |value: u8| format!("[{}]", vec![value.to_string(); 50].join(","));
        assert_eq!(check(&many(1), &many(2)).len(), DIFFERENCES_MAX);
    }
}
