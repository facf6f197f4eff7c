//! JSON as people write it in a case file: short things on one line, long ones over several.

use serde_json::Value;

/// A value that fits into so many columns stays on one line.
const COLUMNS: usize = 88;

/// The value as indented text, without a line end after it.
pub(super) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, 0, &mut text);
    text
}

/// Writes `value`; `indent` is that of the line it stands on, `used` what stands on it already.
fn write(value: &Value, indent: usize, used: usize, text: &mut String) {
    let short = one_line(value);
    if used + short.len() <= COLUMNS {
        text.push_str(&short);
        return;
    }
    let (open, close) = match value {
        Value::Array(_) => ('[', ']'),
        Value::Object(_) => ('{', '}'),
        _ => {
            text.push_str(&short);
            return;
        }
    };
    text.push(open);
    let below = indent + 2;
    for (index, (key, value)) in entries(value).into_iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.extend(std::iter::repeat_n(' ', below));
        text.push_str(&key);
        write(value, below, below + key.len() + 1, text);
    }
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
    text.push(close);
}

/// The parts of an array or object, each with what stands before it.
fn entries(value: &Value) -> Vec<(String, &Value)> {
    match value {
        Value::Array(values) => values.iter().map(|value| (String::new(), value)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (format!("{}: ", quoted(key)), value))
            .collect(),
        _ => Vec::new(),
    }
}

fn one_line(value: &Value) -> String {
    let parts = |around: &str| {
        let parts: Vec<String> = entries(value)
            .into_iter()
            .map(|(key, value)| format!("{key}{}", one_line(value)))
            .collect();
        format!("{around}{}{around}", parts.join(", "))
    };
    match value {
        Value::Array(values) if !values.is_empty() => format!("[{}]", parts("")),
        Value::Object(map) if !map.is_empty() => format!("{{{}}}", parts(" ")),
        other => other.to_string(),
    }
}

fn quoted(key: &str) -> String {
    Value::from(key).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn short_values_stay_on_a_line_and_long_ones_do_not() {
        let text = r#"{"data":{"a":[],"b":{},"c":[1.50,{"d\"":null}]}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            pretty(&value),
            r#"{ "data": { "a": [], "b": {}, "c": [1.50, { "d\"": null }] } }"#
        );

        let long = "x".repeat(60);
        let value = serde_json::json!({ "data": { "first": [&long, &long], "second": 1 } });
        let expected = format!(
            "{{\n  \"data\": {{\n    \"first\": [\n      \"{long}\",\n      \"{long}\"\n    ],\n    \
             \"second\": 1\n  }}\n}}"
        );
        assert_eq!(pretty(&value), expected);
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let value =
            serde_json::json!({ "a": vec!["y".repeat(70); 3], "b": { "c": [[[]], "ü\n"] } });
        assert_eq!(
            serde_json::from_str::<Value>(&pretty(&value)).unwrap(),
            value
        );
    }
}
