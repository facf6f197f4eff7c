//! The corners of the language: what each text means, shown by printing it back, and what is no text of
//! the language at all (specification of October 2021, section 2).

use graphloom_graphql::{Limits, parse, print};

/// The text, printed in its one spelling; `!` if it is refused.
fn spelled(text: &str) -> String {
    match parse(text, Limits::default()) {
        Ok(document) => print(&document),
        Err(error) => {
            assert!(!error.limit, "{text:?} is far below every limit");
            "!".to_owned()
        }
    }
}

fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<_> = cases
        .iter()
        .map(|(text, expected)| (text, spelled(text), expected))
        .filter(|(_, spelled, expected)| spelled != *expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn refused(texts: &[&str]) {
    let wrong: Vec<_> = texts.iter().filter(|text| spelled(text) != "!").collect();
    assert!(wrong.is_empty(), "accepted: {wrong:#?}");
}

#[test]
fn strings() {
    check(&[
        (r#"{ a(b: "") }"#, r#"query { a(b: "") }"#),
        (
            r#"{ a(b: "\"\\\/\b\f\n\r\t") }"#,
            "query { a(b: \"\\\"\\\\/\\u0008\\u000C\\n\\r\\t\") }",
        ),
        (
            r#"{ a(b: "\u00e4 \u{e4} \u{1F600}") }"#,
            "query { a(b: \"ä ä 😀\") }",
        ),
        (r#"{ a(b: "\uD83D\uDE00") }"#, "query { a(b: \"😀\") }"),
        (
            r#"{ a(b: "\u00e9\uD83D\uDE00\u00e9") }"#,
            "query { a(b: \"é😀é\") }",
        ),
        ("{ a(b: \"ä😀 {}$#\") }", "query { a(b: \"ä😀 {}$#\") }"),
        (
            r##"{ a(b: "# no comment") }"##,
            r##"query { a(b: "# no comment") }"##,
        ),
    ]);
    refused(&[
        r#"{ a(b: "\q") }"#,
        r#"{ a(b: "\u12") }"#,
        r#"{ a(b: "\uD83D") }"#,
        r#"{ a(b: "\uDE00") }"#,
        r#"{ a(b: "\uD83Dx") }"#,
        r#"{ a(b: "\u{110000}") }"#,
        r#"{ a(b: "\u{D800}") }"#,
        r#"{ a(b: "\u{}") }"#,
        "{ a(b: \"x\ny\") }",
        "{ a(b: \"x",
        "{ a(b: 'x') }",
    ]);
}

#[test]
fn block_strings() {
    check(&[
        (r#"{ a(b: """""") }"#, r#"query { a(b: "") }"#),
        (
            r#"{ a(b: """x "y" \n z""") }"#,
            r#"query { a(b: "x \"y\" \\n z") }"#,
        ),
        (
            "{ a(b: \"\"\"\n    one\n      two\n\n    three\n  \n\"\"\") }",
            r#"query { a(b: "one\n  two\n\nthree") }"#,
        ),
        // The first line's indentation does not count.
        (
            "{ a(b: \"\"\"  x\n    y\n    z\"\"\") }",
            r#"query { a(b: "  x\ny\nz") }"#,
        ),
        (
            r#"{ a(b: """a \""" b""") }"#,
            r#"query { a(b: "a \"\"\" b") }"#,
        ),
        (
            "{ a(b: \"\"\"\r\n  x\r\n  y\r\n\"\"\") }",
            r#"query { a(b: "x\ny") }"#,
        ),
        (
            "{ a(b: \"\"\"\n\tx\n\ty\n\"\"\") }",
            r#"query { a(b: "x\ny") }"#,
        ),
    ]);
    refused(&[r#"{ a(b: """x) }"#, r#"{ a(b: """x"") }"#]);
}

#[test]
fn numbers() {
    check(&[(
        "{ a(b: [0 -0 7 -12 1.0 -1.50 1e9 1E+9 1.5e-3]) }",
        "query { a(b: [0, -0, 7, -12, 1.0, -1.50, 1e9, 1E+9, 1.5e-3]) }",
    )]);
    refused(&[
        "{ a(b: 00) }",
        "{ a(b: 01) }",
        "{ a(b: -) }",
        "{ a(b: +1) }",
        "{ a(b: 1.) }",
        "{ a(b: .5) }",
        "{ a(b: 1e) }",
        "{ a(b: 1e+) }",
        "{ a(b: 0xF) }",
        "{ a(b: 1a) }",
        "{ a(b: 1.5x) }",
        "{ a(b: 1_0) }",
        "{ a(b: 1.2.3) }",
    ]);
}

#[test]
fn other_values() {
    check(&[
        (
            "{ a(b: [], c: {}, d: [[{}]], e: $f) }",
            "query { a(b: [], c: {}, d: [[{}]], e: $f) }",
        ),
        (
            "{ a(b: true, c: false, d: null, e: TRUE, f: nullish, g: on) }",
            "query { a(b: true, c: false, d: null, e: TRUE, f: nullish, g: on) }",
        ),
        (
            "{ a(b: {true: null, on: 1}) }",
            "query { a(b: {true: null, on: 1}) }",
        ),
        (
            "query ($true: Int) { a(b: $true) }",
            "query ($true: Int) { a(b: $true) }",
        ),
    ]);
    refused(&[
        "{ a(b: ) }",
        "{ a(b: [1) }",
        "{ a(b: {x}) }",
        "{ a(b: {x: }) }",
        "{ a(b: $) }",
        "{ a(b: $1) }",
        "{ a(b: @c) }",
    ]);
}

#[test]
fn ignored_tokens() {
    check(&[
        ("\u{feff}{a}", "query { a }"),
        ("{,,a,,,b(,c,:,1,),}", "query { a b(c: 1) }"),
        ("{a#comment {\n#ä\r\nb\rc}#at the end", "query { a b c }"),
        ("\t\n\r\n {a}\n", "query { a }"),
    ]);
    refused(&[
        "{a\u{a0}b}",
        "{a\u{2028}}",
        "{a\u{0}}",
        "{a ? b}",
        "{a; b}",
        "{ä}",
        "{a-b}",
    ]);
}

#[test]
fn names_may_be_keywords() {
    check(&[
        (
            "{ query mutation subscription fragment on type true null on: true }",
            "query { query mutation subscription fragment on type true null on: true }",
        ),
        ("query query { a }", "query query { a }"),
        (
            "query on($on: on = on) @on(on: on) { on }",
            "query on($on: on = on) @on(on: on) { on }",
        ),
        (
            "{ ...fragment } fragment fragment on on { a }",
            "query { ...fragment } fragment fragment on on { a }",
        ),
        ("{ __a ___ _ }", "query { __a ___ _ }"),
    ]);
    refused(&[
        "{ ...on }",
        "fragment on on T { a }",
        "{ ... on { a } }",
        "fragment F T { a }",
        "fragment F on { a }",
    ]);
}

#[test]
fn operations() {
    check(&[
        (
            "{a} query B {b} mutation {c} subscription D {d}",
            "query { a } query B { b } mutation { c } subscription D { d }",
        ),
        (
            "query Q($a: [[Int!]]! = [[1]] $b: T) { a }",
            "query Q($a: [[Int!]]! = [[1]], $b: T) { a }",
        ),
        ("query ($a: Int @d) { a }", "query ($a: Int) { a }"),
        ("query @a @b(c: $d) { a }", "query @a @b(c: $d) { a }"),
        ("\"what it does\" query Q { a }", "query Q { a }"),
        ("\"\"\"what it does\"\"\" query Q { a }", "query Q { a }"),
    ]);
    refused(&[
        "",
        "#",
        "query",
        "query Q",
        "query Q()",
        "query Q() { a }",
        "{}",
        "{ a {} }",
        "{ a() }",
        "{ a: }",
        "{ : a }",
        "query ($a) { a }",
        "query ($a: Int!!) { a }",
        "query ($a: [Int) { a }",
        "query ($a: Int = $b) { a }",
        "query (a: Int) { a }",
        "{ a } }",
        "{ a",
        "a",
        "quarry { a }",
        "{ a } { b",
        "\"text\" { a }",
        "\"text\"",
    ]);
}

#[test]
fn selections() {
    check(&[
        (
            "{ a: b c @x @y(z: 1) { d } ... @x { e } ...F @y ... on T @x { f } }",
            "query { a: b c @x @y(z: 1) { d } ... @x { e } ...F @y ... on T @x { f } }",
        ),
        ("{ a(b: 1, b: 2) }", "query { a(b: 1, b: 2) }"),
        ("{ a b: a a }", "query { a b: a a }"),
    ]);
    refused(&[
        "{ ... }",
        "{ ...F { a } }",
        "{ ..F }",
        "{ a: b: c }",
        "{ a @ }",
        "{ a @x() }",
        "{ @x }",
        "{ ... on T }",
    ]);
}

#[test]
fn type_system_definitions_are_no_documents() {
    refused(&[
        "type T { a: Int }",
        "scalar S",
        "schema { query: Q }",
        "extend type T { a: Int }",
        "enum E { A }",
        "input I { a: Int }",
        "interface I { a: Int }",
        "union U = A | B",
        "directive @d on FIELD",
        "{ a } type T { a: Int }",
    ]);
}
