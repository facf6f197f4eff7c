//! Every document of the case files, broken in thousands of places: parsing and binding end, without a panic,
//! within little stack, with an answer or a refusal.
//!
//! The corpus is `tests/cases`; what is done to it is the same in every run. `MUTATIONS=1000000` does more.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::path::Path;
use std::{fs, thread};

use graphloom_bind::{Limits, bind, select_operation};
use graphloom_graphql as graphql;
use graphloom_vocab::{JsonObject, RoleName};
use serde_json::json;

use crate::choices::Choices;
use crate::support::world;

/// Documents to try.
const MUTATIONS: usize = 6_000;
const STACK_BYTES: usize = 2 << 20;

/// What is put in: tokens, halves of tokens, and what no token may have.
const PIECES: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "!",
    "$",
    "...",
    "@include(if: true)",
    "\"",
    "\"\"\"",
    "\\u",
    "\\uD800",
    "\\u{110000}",
    "#",
    "\u{0}",
    "\u{feff}",
    "é🙂",
    "-",
    "-0",
    "1e400",
    "9223372036854775808",
    "0x1",
    "null",
    "$v",
    "fragment F on author { ...F }",
    "...F",
    "on",
    "query",
    "mutation",
    "subscription",
    "{_not: ",
    "where: ",
    "__typename",
    "__schema { types { name } }",
    "id",
    "author",
    "&",
    ",",
    "\r",
    "_eq: ",
    "@",
    "=",
];

fn corpus() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let folders = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut documents = Vec::new();
    for folder in folders.filter(|path| path.is_dir()) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "graphql")
            {
                let text = fs::read_to_string(&path).unwrap();
                // The name of a case stands behind the marks.
                let cases = text
                    .split("\n###")
                    .skip(1)
                    .filter_map(|case| case.split_once('\n'));
                documents.extend(cases.map(|(_, document)| document.to_owned()));
            }
        }
    }
    // The order of a folder is the file system's.
    documents.sort();
    documents
}

/// A place between two characters.
fn place(text: &str, choices: &mut Choices<'_>) -> usize {
    let mut at = choices.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn broken(corpus: &[String], choices: &mut Choices<'_>) -> String {
    let mut text = corpus[choices.below(corpus.len())].clone();
    for _ in 0..=choices.below(3) {
        let (one, other) = (place(&text, choices), place(&text, choices));
        let range = one.min(other)..one.max(other).min(one.min(other) + 40);
        let range = range.start..place_before(&text, range.end);
        let part = text[range.clone()].to_owned();
        match choices.below(5) {
            0 => text.replace_range(range, ""),
            1 => text.insert_str(range.start, &part.repeat(2 + choices.below(300))),
            2 => text.insert_str(one, &part),
            _ => text.insert_str(one, PIECES[choices.below(PIECES.len())]),
        }
    }
    text
}

fn place_before(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[test]
fn broken_documents_are_answered() {
    let count = std::env::var("MUTATIONS").map_or(MUTATIONS, |text| text.parse().unwrap());
    let run = move || {
        let corpus = corpus();
        assert!(corpus.len() > 300, "{}", corpus.len());
        let world = world::load("library");
        let roles =
            ["admin", "user", "stranger"].map(|role| world.cache.role(&RoleName::new(role)));
        let json = json!({"v": {"_not": {}}, "id": 1, "x": [null]});
        let variables: JsonObject = json.as_object().unwrap().clone();
        // The classic linear congruential generator; nothing depends on its quality.
        let mut state = 7_u32;
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u16::try_from(state >> 16).unwrap()
        };
        let mut parsed = 0;
        for _ in 0..count {
            let numbers: Vec<_> = (0..24).map(|_| number()).collect();
            let text = broken(&corpus, &mut Choices::new(&numbers));
            let Ok(document) = graphql::parse(&text, graphql::Limits::default()) else {
                continue;
            };
            parsed += 1;
            let printed = graphql::print(&document);
            let again = graphql::parse(&printed, graphql::Limits::default());
            assert!(again.is_ok_and(|again| again == document), "{text}");
            let Ok(operation) = select_operation(&document, None) else {
                continue;
            };
            for schema in &roles {
                drop(bind(
                    schema,
                    &document,
                    operation,
                    &variables,
                    Limits::default(),
                ));
            }
        }
        assert!(parsed * 10 > count, "{parsed} of {count} could be parsed");
    };
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    thread.unwrap().join().expect("no panic and no overflow");
}
