//! Templates and what becomes of them, and that nothing makes the parser or the evaluation fall over.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use graphloom_kriti::{ErrorKind, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

fn values() -> Value {
    json!({
        "name": "Ada", "born": 1815, "tags": ["a", "b"], "nothing": null, "on": true,
        "session": {"x-hasura-role": "dev", "x-hasura-tenant": "blue"},
        "set": {"blue": {"name": "blue"}},
        "items": [{"id": 1, "ok": true}, {"id": 2, "ok": false}],
    })
}

fn run(template: &str) -> Result<Value, ErrorKind> {
    let template = Template::parse(template).map_err(|error| error.kind)?;
    let values = values();
    let value = template.evaluate(&[("$", &values)]);
    value.map_err(|error| error.kind)
}

#[test]
fn templates_are_json_with_values() {
    let same = [
        "1",
        "-2.50e3",
        "\"text\"",
        "null",
        "[1, [], {}]",
        "{\"a\": {\"b\": {\"c\": 1}}}",
    ];
    for text in same {
        assert_eq!(run(text), Ok(serde_json::from_str(text).unwrap()), "{text}");
    }
    for (template, value) in [
        ("{{ $.name }}", json!("Ada")),
        ("{{2}}", json!(2)),
        ("{{ {\"a\":{\"b\":$.born}} }}", json!({"a": {"b": 1815}})),
        ("{\"a\":{{$.born}}}", json!({"a": 1815})),
        ("# why\n{{ $.on }} # so", json!(true)),
        (
            "\"I am {{$.name}}, {{ $.born }}, {{$.on}}{\"",
            json!("I am Ada, 1815, true{"),
        ),
        (r#""\"\\\u00e9\ud83d\ude00\n""#, json!("\"\\é😀\n")),
        ("\"{{ toLower($.name) }}\"", json!("ada")),
    ] {
        assert_eq!(run(template), Ok(value), "{template}");
    }
}

#[test]
fn paths() {
    for (template, value) in [
        ("{{ $.session.x-hasura-role }}", json!("dev")),
        ("{{ $.session['x-hasura-role'] }}", json!("dev")),
        ("{{ $.session?[\"x-hasura-role\"] }}", json!("dev")),
        (
            "{{ $.set[$.session.x-hasura-tenant] }}",
            json!({"name": "blue"}),
        ),
        ("{{ $.session['x-hasura-{{ \"role\" }}'] }}", json!("dev")),
        ("{{ $.tags[1] }}", json!("b")),
        ("{{ $?.none.at.all[3] }}", Value::Null),
        ("{{ $.nothing?.a }}", Value::Null),
        ("{{ $.tags?[7] ?? \"none\" }}", json!("none")),
        ("{{ $?.name ?? \"none\" }}", json!("Ada")),
    ] {
        assert_eq!(run(template), Ok(value), "{template}");
    }
    for (template, kind) in [
        ("{{ $.none }}", ErrorKind::InvalidPath),
        ("{{ none }}", ErrorKind::InvalidPath),
        ("{{ $.tags[2] }}", ErrorKind::InvalidPath),
        ("{{ $.name.first }}", ErrorKind::Type),
        ("{{ $.name[0] }}", ErrorKind::Type),
        ("\"{{ $.tags }}\"", ErrorKind::Type),
    ] {
        assert_eq!(run(template), Err(kind), "{template}");
    }
}

#[test]
fn conditions_and_loops() {
    for (template, value) in [
        ("{{ if $.on }} 1 {{ else }} 2 {{ end }}", json!(1)),
        (
            "{{if not($.on)}}1{{elif $.born > 1800}}{{$.name}}{{else}}3{{end}}",
            json!("Ada"),
        ),
        (
            "{{ if ($.name == \"Ada\") && ($.born < 1900) || (1 == 2) }} {{$.on}} {{ else }} {{ if $.on }} 2 {{ else }} 3 {{ end }} {{ end }}",
            json!(true),
        ),
        (
            "{\"all\": {{ range i, x := $.items }} {\"at\": {{i}}, \"id\": {{x.id}}} {{ end }}}",
            json!({"all": [{"at": 0, "id": 1}, {"at": 1, "id": 2}]}),
        ),
        (
            "{{ range _, x := $.items }} {{ if x.ok }} {{ x.id }} {{ else }} null {{ end }} {{ end }}",
            json!([1, null]),
        ),
        (
            "{{ range _, head := $.tags }} {{ head }} {{ end }}",
            json!(["a", "b"]),
        ),
        ("{{ \"a\" in $.tags }}", json!(true)),
        ("{{ \"x\" in $.session }}", json!(false)),
        ("{{ 1.0 == 1 }}", json!(true)),
        ("{{ 2 >= 2 }}", json!(true)),
        ("{{ \"a\" != \"b\" }}", json!(true)),
    ] {
        assert_eq!(run(template), Ok(value), "{template}");
    }
    for (template, kind) in [
        ("{{ if $.name }} 1 {{ else }} 2 {{ end }}", ErrorKind::Type),
        ("{{ if true }} 1 {{ end }}", ErrorKind::Parse),
        ("{{ range x := $.items }} 1 {{ end }}", ErrorKind::Parse),
        ("{{ range _, x := $.name }} 1 {{ end }}", ErrorKind::Range),
        ("{{ 1 in \"a\" }}", ErrorKind::Type),
    ] {
        assert_eq!(run(template), Err(kind), "{template}");
    }
}

#[test]
fn functions() {
    for (template, value) in [
        ("{{ empty(\" \") }}", json!(true)),
        ("{{ size($.tags) }}", json!(2)),
        ("{{ inverse(4) }}", json!(0.25)),
        ("{{ inverse $.tags }}", json!(["b", "a"])),
        ("{{ head $.name }}", json!("A")),
        ("{{ tail($.tags) }}", json!(["b"])),
        ("{{ toTitle(\"aBcD ef\") }}", json!("Abcd Ef")),
        ("{{ toUpper(toLower(\"aB\")) }}", json!("AB")),
        ("{{ escapeUri(\"a b/ü~\") }}", json!("a%20b%2F%C3%BC~")),
        ("{{ fromPairs([[\"a\",1]]) }}", json!({"a": 1})),
        ("{{ toPairs({\"a\": 1}) }}", json!([["a", 1]])),
        ("{{ removeNulls([1,null,2]) }}", json!([1, 2])),
        ("{{ concat([[1],[2]]) }}", json!([1, 2])),
        ("{{ concat([{\"a\":1},{\"a\":2}]) }}", json!({"a": 2})),
        ("{{ not ($.on) }}", json!(false)),
    ] {
        assert_eq!(run(template), Ok(value), "{template}");
    }
    for template in [
        "{{ head([]) }}",
        "{{ empty(true) }}",
        "{{ not 1 }}",
        "{{ inverse(0) }}",
        "{{ concat([1]) }}",
    ] {
        assert_eq!(run(template), Err(ErrorKind::Function), "{template}");
    }
}

#[test]
fn errors_say_where() {
    let error = Template::parse("{\n  \"a\": {{ if }}\n}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a value, but found \"}}\\n}\" (line 2, column 14)"
    );
    let template = Template::parse("[1,\n {{ $.none }}]").unwrap();
    let error = template.evaluate(&[("$", &json!({}))]).unwrap_err();
    assert_eq!(
        error.to_json(),
        json!({
            "error_code": "InvalidPathCode",
            "message": "the path leads nowhere: there is no \"none\"",
            "source_position": {"start_line": 2, "start_column": 7, "end_line": 2, "end_column": 11},
        })
    );
}

#[test]
fn everything_has_an_end() {
    for (open, close) in [
        ("[", "]"),
        ("(", ")"),
        ("{{", "}}"),
        ("not ", ""),
        ("{\"a\":", "}"),
        ("a[", "]"),
    ] {
        let deep = open.repeat(20_000) + "1" + &close.repeat(20_000);
        assert_eq!(
            Template::parse(&deep).unwrap_err().kind,
            ErrorKind::Parse,
            "{open}"
        );
    }
    let list = "[1,1,1,1,1,1,1,1,1,1]";
    let mut template = "\"x\"".to_owned();
    for level in 0..7 {
        template = format!("{{{{ range _, v{level} := {list} }}}} {template} {{{{ end }}}}");
    }
    assert_eq!(run(&template), Err(ErrorKind::Limit));
    let text = json!("x".repeat(1 << 20));
    let copies = format!("[{}]", vec!["{{ t }}"; 100].join(","));
    let template = Template::parse(&copies).unwrap();
    assert_eq!(
        template.evaluate(&[("t", &text)]).unwrap_err().kind,
        ErrorKind::Limit
    );
}

proptest! {
    #[test]
    fn nothing_panics(parts in proptest::collection::vec(prop_oneof![
        Just("{{"), Just("}}"), Just("{"), Just("}"), Just("\""), Just("'"), Just("["), Just("]"), Just("("), Just(")"),
        Just("$"), Just(".a"), Just("?"), Just("??"), Just(" if "), Just(" else "), Just(" end "), Just(" range "),
        Just("_, x := "), Just(" in "), Just("=="), Just("&&"), Just("not "), Just("1"), Just("-"), Just("\\u"), Just("é"), Just(" ")
    ], 0..40)) {
        if let Ok(template) = Template::parse(&parts.concat()) {
            drop(template.evaluate(&[("$", &values())]));
        }
    }

    #[test]
    fn json_means_itself(text in "[a-z\"\\\\{}éß\\n ]{0,20}", number in any::<i64>()) {
        // Two braces in a text begin a value, as they should.
        prop_assume!(!text.contains("{{"));
        let value = json!({"a": [text, number, null, {"b": true}]});
        let template = Template::parse(&value.to_string()).unwrap();
        prop_assert_eq!(template.evaluate(&[]).unwrap(), value);
    }
}
