//! `graphloom metadata support` as whoever calls it sees it.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::process::{Command, Output};

fn graphloom(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_graphloom"));
    command.args(words).output().unwrap()
}

#[test]
fn the_register_is_printed_for_people_and_for_programs() {
    let text = graphloom(&["metadata", "support"]);
    assert!(text.status.success());
    let text = String::from_utf8(text.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines.contains(&"enforced  $.sources[].tables[].is_enum"),
        "{text}"
    );
    assert!(lines.contains(&"refused   $.actions  (actions are not built yet)"));
    let json = graphloom(&["metadata", "support", "--json"]);
    assert!(json.status.success());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let keys = json["keys"].as_array().unwrap();
    // One line more says which databases there are none for.
    assert_eq!(keys.len() + 1, lines.len());
    let key = keys.iter().find(|key| key["path"] == "$.opentelemetry");
    assert_eq!(key.unwrap()["support"], "ignored");
}

#[test]
fn what_is_no_command_is_refused() {
    for words in [
        &["metadata"][..],
        &["metadata", "sport"],
        &["metadata", "support", "all"],
    ] {
        let output = graphloom(words);
        assert!(!output.status.success(), "{words:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}
