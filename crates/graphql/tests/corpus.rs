//! Documents that break parsers: small ones as files under `corpus/`, large ones made here.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::fs;
use std::path::Path;

use graphloom_graphql::{Limits, SyntaxError, parse, print};

fn texts(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        texts.push((name, fs::read_to_string(path).unwrap()));
    }
    assert!(!texts.is_empty());
    texts
}

#[test]
fn accepted_ones_are_accepted() {
    for (name, text) in texts("accepted") {
        let document = parse(&text, Limits::default());
        let document = document.unwrap_or_else(|error| panic!("{name}: {}", error.message));
        let printed = print(&document);
        assert_eq!(
            parse(&printed, Limits::default()),
            Ok(document),
            "{name}: {printed}"
        );
    }
}

#[test]
fn refused_ones_are_refused() {
    for (name, text) in texts("refused") {
        let error = refusal(&text);
        assert!(!error.limit, "{name}: {}", error.message);
    }
}

fn refusal(text: &str) -> SyntaxError {
    match parse(text, Limits::default()) {
        Ok(_) => panic!("accepted: {}…", &text[..60.min(text.len())]),
        Err(error) => error,
    }
}

/// A text that is nothing but one thing, over and over.
fn repeated(start: &str, unit: &str, end: &str) -> String {
    format!("{start}{}{end}", unit.repeat(200_000 / unit.len()))
}

#[test]
fn deep_ones_hit_the_limit_on_depth() {
    let texts = [
        repeated("", "{a", ""),
        repeated("{ a(b: ", "[", ""),
        repeated("{ a(b: ", "{c:", ""),
        repeated("{ a(b: ", "[{c:", ""),
        repeated("query ($a: T = ", "[", ""),
        repeated("query ($a: ", "[", ""),
        repeated("{ ", "...{", ""),
        repeated("{ ", "... on T { ", ""),
        repeated("{ a @d(x: ", "[", ""),
    ];
    for text in texts {
        let error = refusal(&text);
        assert!(error.limit, "{}: {}", &text[..20], error.message);
    }
}

#[test]
fn closed_deep_ones_as_well() {
    let depth = 50_000;
    let selections = format!("{}{{a}}{}", "{a".repeat(depth), "}".repeat(depth));
    let lists = format!("{{ a(b: {}{}) }}", "[".repeat(depth), "]".repeat(depth));
    let types = format!(
        "query ($a: {}T{}) {{ a }}",
        "[".repeat(depth),
        "]".repeat(depth)
    );
    for text in [selections, lists, types] {
        assert!(refusal(&text).limit, "{}", &text[..20]);
    }
}

#[test]
fn what_people_write_is_far_below_the_limit_on_depth() {
    let selections = format!("{}{{a}}{}", "{a".repeat(99), "}".repeat(99));
    parse(&selections, Limits::default()).unwrap();
    let condition = format!("{{ a(b: {}1{}) }}", "{c: [".repeat(60), "]}".repeat(60));
    parse(&condition, Limits::default()).unwrap();
}

#[test]
fn long_ones_are_read() {
    let aliases: Vec<_> = (0..10_000).map(|i| format!("a{i}: b")).collect();
    let document = parse(&format!("{{ {} }}", aliases.join(" ")), Limits::default()).unwrap();
    assert_eq!(document.operations[0].selection_set.len(), 10_000);
    for text in [
        repeated("{", " a", "}"),
        repeated("{ a(b: [", "1 ", "]) }"),
        repeated("{ a(", "b: 1 ", ") }"),
        repeated("{ a(b: {", "c: 1 ", "}) }"),
        repeated("{ a ", "@d ", "}"),
        repeated("{ ", "...F ", "}"),
        repeated("{ a(b: \"", "\\u{1F600}", "\") }"),
        repeated("{ a(b: \"\"\"", "\n \\\"\"\" ", "\"\"\") }"),
        repeated("{ a(b: ", "9", ") }"),
        repeated("{ a } ", "#\n", ""),
        repeated("", ",", "{ a }"),
        repeated("{ ", "a", " }"),
        repeated("", "{a} ", ""),
        repeated("{a} ", "fragment F on T {a} ", ""),
        repeated("query (", "$a: T = 1 ", ") { a }"),
    ] {
        let document = parse(&text, Limits::default());
        assert!(document.is_ok(), "{}…", &text[..30]);
    }
}

#[test]
fn too_many_tokens_hit_the_limit() {
    let limits = Limits {
        tokens: 100,
        ..Limits::default()
    };
    let text = format!("{{ {} }}", "a ".repeat(101));
    let error = parse(&text, limits).unwrap_err();
    assert!(error.limit, "{}", error.message);
    let text = format!("{{ {} }}", "a ".repeat(50));
    parse(&text, limits).unwrap();
}
