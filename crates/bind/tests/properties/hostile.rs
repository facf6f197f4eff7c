//! Documents and variables made to hurt: each ends, in little stack, with its answer or a clear refusal.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::fmt::Write;
use std::thread;

use graphloom_bind::{Limits, bind};
use graphloom_graphql as graphql;
use graphloom_vocab::{Json, JsonObject, RoleName};
use serde_json::json;

use crate::support::world;

/// Binds for the admin in a thread with the stack that a worker of the server has; the error's message,
/// or nothing.
fn outcome(text: String, variables: Json) -> String {
    let Json::Object(variables) = variables else {
        panic!("variables are an object");
    };
    let run = move || {
        let document = match graphql::parse(&text, graphql::Limits::default()) {
            Ok(document) => document,
            Err(error) => return error.message,
        };
        let world = world::load("library");
        let schema = world.cache.role(&RoleName::admin());
        let operation = &document.operations[0];
        let bound = bind(&schema, &document, operation, &variables, Limits::default());
        bound.map_or_else(|error| error.message().to_owned(), |_| String::new())
    };
    let thread = thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(run)
        .unwrap();
    thread.join().expect("no panic and no overflow")
}

fn plain(text: impl Into<String>) -> String {
    outcome(text.into(), Json::Object(JsonObject::new()))
}

/// Pieces of text for 0 and up, one behind the other.
fn numbered(end: u32, piece: impl Fn(u32) -> String) -> String {
    let mut text = String::new();
    for i in 0..end {
        text.push_str(&piece(i));
    }
    text
}

#[test]
fn exponential_fragments() {
    let mut text = "{ author { ...F0 } }".to_owned();
    for i in 0..40 {
        write!(
            text,
            " fragment F{i} on author {{ ...F{0} ...F{0} }}",
            i + 1
        )
        .unwrap();
    }
    text.push_str(" fragment F40 on author { id }");
    assert_eq!(plain(text), "the operation selects more than 50000 fields");
}

#[test]
fn exponential_selections() {
    let mut text = "{ author { ...F0 } }".to_owned();
    for i in 0..40 {
        write!(
            text,
            " fragment F{i} on author {{ a: articles {{ author {{ ...F{0} }} }} b: articles {{ author {{ ...F{0} }} }} }}",
            i + 1
        )
        .unwrap();
    }
    text.push_str(" fragment F40 on author { id }");
    let message = plain(text);
    assert!(message.starts_with("the operation"), "{message}");
}

#[test]
fn a_chain_of_fragments() {
    let mut text = "{ author { ...F0 } }".to_owned();
    for i in 0..30_000 {
        write!(text, " fragment F{i} on author {{ ...F{} }}", i + 1).unwrap();
    }
    text.push_str(" fragment F30000 on author { id }");
    assert_eq!(plain(text), "fragments nest deeper than 50 levels");
}

#[test]
fn a_long_cycle_of_fragments() {
    let mut text = "{ author { ...F0 } }".to_owned();
    for i in 0..30_000 {
        write!(
            text,
            " fragment F{i} on author {{ ...F{} }}",
            (i + 1) % 30_000
        )
        .unwrap();
    }
    assert_eq!(plain(text), "fragments nest deeper than 50 levels");
}

#[test]
fn ten_thousand_aliases() {
    let roots = numbered(10_000, |i| format!("a{i}: author {{ id }} "));
    assert_eq!(
        plain(format!("{{ {roots} }}")),
        "the operation has more than 1000 root fields"
    );
    let columns = numbered(10_000, |i| format!("a{i}: id "));
    assert_eq!(plain(format!("{{ author {{ {columns} }} }}")), "");
}

#[test]
fn very_many_equal_fields() {
    let text = format!("{{ author {{ {} }} }}", "id ".repeat(200_000));
    assert_eq!(plain(text), "the operation selects more than 50000 fields");
}

#[test]
fn very_many_arguments() {
    let arguments = numbered(100_000, |i| format!("a{i}: 1 "));
    let text = format!("{{ author({arguments}) {{ id }} author({arguments}) {{ id }} }}");
    assert_eq!(plain(text), "'author' has no argument named 'a0'");
}

#[test]
fn very_many_variables() {
    let declared = numbered(100_000, |i| format!("$v{i}: Int "));
    assert_eq!(
        plain(format!("query ({declared}) {{ author {{ id }} }}")),
        ""
    );
}

#[test]
fn conditions_in_variables() {
    let text = "query ($w: author_bool_exp!) { author(where: $w) { id } }";
    let wide: Vec<_> = (0..15_000).map(|i| json!({"id": {"_eq": i}})).collect();
    assert_eq!(outcome(text.to_owned(), json!({"w": {"_or": wide}})), "");
    let wider: Vec<_> = (0..200_000).map(|_| json!({})).collect();
    assert_eq!(
        outcome(text.to_owned(), json!({"w": {"_or": wider}})),
        "the operation selects more than 50000 fields"
    );
    let mut deep = json!({});
    for _ in 0..50 {
        deep = json!({"_not": deep});
    }
    assert_eq!(
        outcome(text.to_owned(), json!({"w": deep})),
        "the operation nests deeper than 50 levels"
    );
    let mut branching = json!({"id": {"_eq": 1}});
    for _ in 0..14 {
        branching = json!({"_or": [branching, branching]});
    }
    let message = outcome(text.to_owned(), json!({"w": branching}));
    assert_eq!(message, "the operation selects more than 50000 fields");
}

#[test]
fn lists_that_are_one_parameter() {
    let numbers: Vec<_> = (0..200_000).collect();
    let text = "query ($l: [Int!]!) { author(where: {id: {_in: $l}}) { id } }";
    assert_eq!(outcome(text.to_owned(), json!({"l": numbers})), "");
    let written = numbered(200_000, |i| format!("{i} "));
    assert_eq!(
        plain(format!(
            "{{ author(where: {{id: {{_in: [{written}]}}}}) {{ id }} }}"
        )),
        ""
    );
}

#[test]
fn sort_keys() {
    let text = "query ($o: [author_order_by!]!) { author(order_by: $o) { id } }";
    let wide: Vec<_> = (0..20_000).map(|_| json!({"id": "asc"})).collect();
    assert_eq!(outcome(text.to_owned(), json!({"o": wide})), "");
    let wider: Vec<_> = (0..100_000).map(|_| json!({})).collect();
    assert_eq!(
        outcome(text.to_owned(), json!({"o": wider})),
        "the operation selects more than 50000 fields"
    );
}

#[test]
fn introspection_of_introspection() {
    let mut text = "name".to_owned();
    for _ in 0..10 {
        text = format!("fields {{ type {{ {text} }} }}");
    }
    let message = plain(format!("{{ __schema {{ types {{ {text} }} }} }}"));
    assert_eq!(message, "introspection lists nest deeper than 2 levels");
    let mut text = "name".to_owned();
    for _ in 0..90 {
        text = format!("ofType {{ {text} }}");
    }
    assert_eq!(
        plain(format!(
            "{{ __schema {{ types {{ fields {{ type {{ {text} }} }} }} }} }}"
        )),
        ""
    );
    let mut text = "name".to_owned();
    for _ in 0..120 {
        text = format!("ofType {{ {text} }}");
    }
    let message = plain(format!("{{ __type(name: \"author\") {{ {text} }} }}"));
    assert!(
        message.is_empty() || message.contains("nests deeper"),
        "{message}"
    );
}

#[test]
fn a_deep_json_value() {
    let deep = format!("{}1{}", "[".repeat(180), "]".repeat(180));
    assert_eq!(
        plain(format!(
            "{{ author(where: {{meta: {{_contains: {deep}}}}}) {{ id }} }}"
        )),
        ""
    );
}
