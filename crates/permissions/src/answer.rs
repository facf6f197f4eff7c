//! Looking at an answer: what is at a place, and whether it is what was wanted.

use graphloom_vocab::Json;

/// What is at a place of an answer: response keys, one below the other, with dots between.
pub(crate) fn at<'a>(data: &'a Json, place: &str) -> Option<&'a Json> {
    place.split('.').try_fold(data, |inner, key| inner.get(key))
}

/// The rows at a place: a list's, an object alone, none of null.
pub(crate) fn rows(found: &Json) -> Vec<&Json> {
    match found {
        Json::Array(rows) => rows.iter().collect(),
        Json::Null => Vec::new(),
        one => vec![one],
    }
}

/// Whether both say the same, whatever the order of keys and however a number is written.
pub(crate) fn is_same(ours: &Json, theirs: &Json) -> bool {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, value)| {
                    let other = theirs.get(key);
                    other.is_some_and(|other| is_same(value, other))
                })
        }
        (Json::Array(ours), Json::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| is_same(ours, theirs))
        }
        (Json::Number(ours), Json::Number(theirs)) => {
            ours == theirs || is_same_number(&ours.to_string(), &theirs.to_string())
        }
        (ours, theirs) => ours == theirs,
    }
}

/// Digits beyond those of a double are compared as they are written.
fn is_same_number(ours: &str, theirs: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    match (ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b).is_eq() && digits(ours) <= 15 && digits(theirs) <= 15,
        _ => false,
    }
}

/// Whether a row has at least what `wanted` has: of an object these keys, of anything else the same.
pub(crate) fn has(row: &Json, wanted: &Json) -> bool {
    match (row, wanted) {
        (Json::Object(row), Json::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| row.get(key).is_some_and(|found| has(found, value))),
        (row, wanted) => is_same(row, wanted),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_of_keys_and_spelling_of_numbers_do_not_matter() {
        let ours = json!({"a": [1, {"b": 1.50, "c": null}]});
        assert!(is_same(&ours, &json!({"a": [1, {"c": null, "b": 1.5}]})));
        assert!(!is_same(&ours, &json!({"a": [{"c": null, "b": 1.5}, 1]})));
        assert!(!is_same(&json!(1), &json!("1")));
        let long: Json = serde_json::from_str("12345678901234567891").expect("JSON");
        let other: Json = serde_json::from_str("12345678901234567892").expect("JSON");
        assert!(!is_same(&long, &other));
    }

    #[test]
    fn a_place_is_found_by_its_keys() {
        let data = json!({"a": {"b": [1, 2]}, "n": null});
        assert_eq!(at(&data, "a.b").map(rows).map(|rows| rows.len()), Some(2));
        assert_eq!(at(&data, "n").map(rows).map(|rows| rows.len()), Some(0));
        assert!(at(&data, "a.c").is_none());
        assert!(has(
            &json!({"id": 1, "x": {"y": 2, "z": 3}}),
            &json!({"x": {"y": 2}})
        ));
        assert!(!has(&json!({"id": 1}), &json!({"id": 1, "x": null})));
    }
}
