//! `permissions test` and `permissions why`, as their documentation shows them and from a stored catalog.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::Launch;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_graphloom");

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn run(&self, environment: &[(&str, &str)], words: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(BINARY);
        command.current_dir(&self.0).env_clear().args(words);
        command.envs(environment.iter().copied());
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

/// The fenced blocks of the documentation, by language, in order.
fn blocks(language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/permission-tests.md");
    let text = fs::read_to_string(path).unwrap();
    let opening = format!("```{language}\n");
    let parts = text.split(&opening).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

/// The example of the documentation: its folder and its database.
fn example(name: &str) -> (Folder, Database) {
    let (folder, database) = (Folder::new(name), Database::create().unwrap());
    database.run(&blocks("sql")[0]).unwrap();
    folder.write("metadata.json", &blocks("json")[0]);
    folder.write("expectations.yaml", &blocks("yaml")[0]);
    (folder, database)
}

const TEST: &[&str] = &["permissions", "test", "--metadata", "metadata.json"];

#[test]
fn the_documented_example_holds_and_leaves_nothing_behind() {
    let (folder, database) = example("permissions_example");
    let environment = [("EXAMPLE_DATABASE_URL", database.url())];
    let words = [TEST, &["expectations.yaml"]].concat();
    let (code, out, err) = folder.run(&environment, &words);
    assert_eq!((out, err), (blocks("text")[0].clone(), String::new()));
    assert_eq!(code, 0);
    let left = database.query("SELECT count(*)::text FROM author, article");
    assert_eq!(left.unwrap(), [[Some("0".to_owned())]]);
}

#[test]
fn what_does_not_hold_is_shown_and_ends_with_one() {
    let (folder, database) = example("permissions_fails");
    let text = blocks("yaml")[0].replace("is_public: {_eq: true}", "");
    let text = text.replace("rows: {article: 1}", "rows: {article: 2}");
    let text = text.replace("\"{ article { is_public } }\"", "\"{ article { id } }\"");
    fs::create_dir(folder.0.join("some")).unwrap();
    folder.write("some/a.yml", &text);
    folder.write("some/ignored.txt", "no expectation");
    let environment = [("EXAMPLE_DATABASE_URL", database.url())];
    let words = [TEST, &["--json", "--junit", "result.xml", "some"]].concat();
    let (code, out, err) = folder.run(&environment, &words);
    assert_eq!((code, err.as_str()), (1, ""));
    let xml = fs::read_to_string(folder.0.join("result.xml")).unwrap();
    for line in [
        "<testsuites tests=\"5\" failures=\"2\" errors=\"0\">",
        "<testcase classname=\"some/a.yml\" name=\"nobody's drafts are seen by others\">",
        "<failure message=\"step 1: rows at article\">expected: 2\nfound:    1</failure>",
        "expected: &quot;denied&quot;\n",
    ] {
        assert!(xml.contains(line), "{line}: {xml}");
    }
    let report: Value = serde_json::from_str(&out).unwrap();
    let counts = ["holds", "fails", "not_tried"].map(|key| report[key].clone());
    assert_eq!(counts, [json!(3), json!(2), json!(0)]);
    assert_eq!(
        report["tests"][1],
        json!({
            "file": "some/a.yml",
            "name": "nobody's drafts are seen by others",
            "state": "fails",
            "mismatches": [
                {"step": 1, "what": "rows at article", "expected": 2, "found": 1}
            ],
            "reason": null,
        })
    );
    let denied = &report["tests"][2]["mismatches"][0];
    assert_eq!(denied["expected"], "denied");
    assert_eq!(
        denied["found"],
        json!({"data": {"article": [{"id": 101}, {"id": 103}]}})
    );
}

#[test]
fn a_result_that_cannot_be_written_ends_with_two() {
    let (folder, database) = example("permissions_unwritten");
    let environment = [("EXAMPLE_DATABASE_URL", database.url())];
    let words = [
        TEST,
        &["--junit", "no/such/folder.xml", "expectations.yaml"],
    ]
    .concat();
    let (code, out, err) = folder.run(&environment, &words);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("--junit: no/such/folder.xml: "), "{err}");
}

#[test]
fn what_cannot_be_tried_ends_with_two() {
    let (folder, database) = example("permissions_cannot");
    let environment = [("EXAMPLE_DATABASE_URL", database.url())];
    let try_out = |text: &str| {
        folder.write("one.yaml", text);
        folder.run(&environment, &[TEST, &["one.yaml"]].concat())
    };
    let operation = "role: user\ntests: [{name: x, operation: '{ article { id } }', expect: {rows: {article: 0}}";
    for (text, expected) in [
        ("tests: []", "one.yaml: `tests` is empty"),
        ("rest: []", "one.yaml: cannot be read: "),
        (
            &format!("{operation}, setup: COMMIT}}]"),
            "could not be tried: 1",
        ),
        (
            &format!("{operation}, setup: 'SELECT nothing'}}]"),
            "could not be tried: 1",
        ),
        (
            &format!("{operation}, steps: []}}, {{name: y}}]"),
            "in \"y\": either `operation`",
        ),
        (
            "role: user\nsession: {x-hasura-user-id: 1}\ntests: [{name: x, operation: 'subscription { article { id } }', expect: {denied: true}}]",
            "could not be tried: 1",
        ),
    ] {
        let (code, out, err) = try_out(text);
        assert_eq!(code, 2, "{text}: {out}{err}");
        assert!(err.contains(expected), "{text}: {err}");
    }
    let (code, _, err) = folder.run(&environment, TEST);
    assert_eq!(code, 2);
    assert!(err.contains("name the files with expectations"), "{err}");
    let away = [("EXAMPLE_DATABASE_URL", "postgres://u@127.0.0.1:1/none")];
    let (code, _, err) = folder.run(&away, &[TEST, &["expectations.yaml"]].concat());
    assert_eq!(code, 2);
    assert!(err.contains("source default: "), "{err}");
}

#[test]
fn an_operation_that_nobody_can_run_is_no_denial() {
    let (folder, database) = example("permissions_nobody");
    let environment = [("EXAMPLE_DATABASE_URL", database.url())];
    folder.write(
        "one.yaml",
        "role: user\ntests: [{name: x, operation: '{ article { titel } }', expect: {denied: true}}]",
    );
    let (code, out, _) = folder.run(&environment, &[TEST, &["one.yaml"]].concat());
    assert_eq!(code, 1);
    assert!(
        out.contains("expected: \"an operation that the admin may run\""),
        "{out}"
    );
    assert!(
        out.contains("field 'titel' not found in type: 'article'"),
        "{out}"
    );
}

#[test]
fn the_stored_metadata_is_taken_without_changing_anything() {
    let (folder, database) = example("permissions_stored");
    let stored = Database::create().unwrap();
    let environment = [
        ("EXAMPLE_DATABASE_URL", database.url()),
        ("HASURA_GRAPHQL_METADATA_DATABASE_URL", stored.url()),
    ];
    let words = ["permissions", "test", "expectations.yaml"];
    let (code, out, _) = folder.run(&environment, &words);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("not tried: no source is served"), "{out}");
    let catalogs = "SELECT count(*)::text FROM pg_namespace WHERE nspname = 'hdb_catalog'";
    assert_eq!(stored.query(catalogs).unwrap(), [[Some("0".to_owned())]]);
    let launch = Launch::serve(BINARY, &stored);
    let launch = launch.with_env("EXAMPLE_DATABASE_URL", database.url());
    let server = launch.start().unwrap();
    let metadata: Value = serde_json::from_str(&blocks("json")[0]).unwrap();
    let replace = json!({"type": "replace_metadata", "args": metadata});
    server.command(&[], &replace).unwrap();
    server.terminate().unwrap();
    let (code, out, err) = folder.run(&environment, &words);
    assert_eq!((out, err), (blocks("text")[0].clone(), String::new()));
    assert_eq!(code, 0);
}

#[test]
fn why_answers_as_documented() {
    let (folder, database) = example("permissions_why");
    let environment = [("EXAMPLE_DATABASE_URL", database.url())];
    database
        .run("INSERT INTO author VALUES (1, 'Ann'), (2, 'Bob')")
        .unwrap();
    let why = |more: &[&str]| {
        let words = [
            "permissions",
            "why",
            "--metadata",
            "metadata.json",
            "--role",
            "user",
        ];
        let session = [
            "--session",
            r#"{"x-hasura-user-id": 1}"#,
            "--table",
            "article",
        ];
        folder.run(&environment, &[words.as_slice(), &session, more].concat())
    };
    let row = ["--row", r#"{"author_id": 2, "title": "x"}"#];
    let (code, out, err) = why(&row);
    assert_eq!((out, err), (blocks("text")[1].clone(), String::new()));
    assert_eq!(code, 1);
    let (code, out, _) = why(&[&row[..], &["--json"]].concat());
    let shown: Value = serde_json::from_str(&blocks("json")[1]).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), shown);
    assert_eq!(code, 1);
    let own = [
        "--action",
        "insert",
        "--row",
        r#"{"author_id": 1, "title": "x"}"#,
    ];
    assert_eq!(why(&own), (0, "allowed\n".to_owned(), String::new()));
    let (code, _, err) = why(&["--key", "1"]);
    assert_eq!(
        (code, err.as_str()),
        (2, "Fatal Error: --key is no JSON object\n")
    );
    let left = database.query("SELECT count(*)::text FROM article");
    assert_eq!(left.unwrap(), [[Some("0".to_owned())]]);
}
