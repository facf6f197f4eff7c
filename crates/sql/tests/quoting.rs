//! Our quoting against Postgres' own, on a real server: what we write reads back as what was meant, and
//! is what `quote_literal` and `format` would write, give or take quotes that are not needed.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::sync::{Mutex, PoisonError};

use graphloom_sql::{quote_identifier, quote_literal};
use graphloom_testkit::postgres::Database;
use proptest::prelude::*;

/// The first row of a query.
fn ask(sql: &str) -> Vec<String> {
    static DATABASE: Mutex<Option<Database>> = Mutex::new(None);
    let mut database = DATABASE.lock().unwrap_or_else(PoisonError::into_inner);
    let database = database.get_or_insert_with(|| Database::create().unwrap());
    let mut rows = database.query(sql).unwrap();
    rows.remove(0).into_iter().flatten().collect()
}

/// Text by its code points, so that no quoting of ours takes part in saying what is meant.
fn spelled(text: &str) -> String {
    let characters: Vec<String> = text
        .chars()
        .map(|c| format!("chr({})", u32::from(c)))
        .collect();
    if characters.is_empty() {
        return "''".to_owned();
    }
    characters.join(" || ")
}

fn check_literal(text: &str) {
    let (spelled, ours) = (spelled(text), quote_literal(text));
    for conforming in ["on", "off"] {
        let answer = ask(&format!(
            "SET standard_conforming_strings = {conforming}; SET escape_string_warning = off; \
             SELECT {ours} = {spelled}, quote_literal({spelled}), format('%L', {spelled})"
        ));
        // Postgres puts a space before the `E` of the escape form.
        assert_eq!(answer, ["t", &answer[1], &answer[1]], "{text:?}");
        assert_eq!(answer[1].trim_start(), ours, "{text:?}");
    }
}

fn check_identifier(text: &str) {
    let (spelled, ours) = (spelled(text), quote_identifier(text));
    let answer = ask(&format!(
        "SELECT quote_ident({spelled}), format('%I', {spelled}), json_object_keys(row_to_json(r)) = {spelled} \
         FROM (SELECT 1 AS {ours}) r"
    ));
    assert_eq!(answer[0], answer[1]);
    assert_eq!(answer[2], "t", "{text:?}");
    // Postgres leaves out quotes that are not needed; we never do.
    if answer[0].starts_with('"') {
        assert_eq!(answer[0], ours);
    } else {
        assert_eq!(format!("\"{}\"", answer[0]), ours);
    }
}

const TEXTS: &[&str] = &[
    "a",
    "A b",
    "select",
    "bit",
    "a\"b",
    "\"\"",
    "it's",
    "''",
    "\\",
    "\\'; --",
    "'\\''",
    "$1",
    "$$",
    "a\nb\t",
    "ünï 🦀",
    "E'x'",
    "%s",
    "; DROP TABLE x",
    "/*",
    "--",
    "\u{feff}",
    "\u{7f}",
];

#[test]
fn known_troublemakers() {
    check_literal("");
    for text in TEXTS {
        check_literal(text);
        check_identifier(text);
    }
}

/// Text without NUL, weighted towards what has a meaning in SQL.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec!["'", "\"", "\\", "$", "-", "/", "*", ";", "E", " ", "\n"])
            .prop_map(str::to_owned),
        2 => any::<char>().prop_filter("no NUL in Postgres", |c| *c != '\0').prop_map(String::from),
        1 => "[a-z]{1,4}",
    ];
    prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_literal(text in texts()) {
        check_literal(&text);
    }

    #[test]
    fn any_identifier(text in texts().prop_filter("fits", |text| text.len() < 64)) {
        check_identifier(&text);
    }
}
