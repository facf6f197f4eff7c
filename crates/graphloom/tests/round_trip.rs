//! A document of metadata, in whatever form, is exported, cleared, taken back and exported again: the same bytes.
//!
//! Of a fixture with every key, and of every file below `../shared` that has a `replace_metadata` in it, where that
//! folder is there.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::path::{Path, PathBuf};

use graphloom_testkit::http::{Reply, Request};
use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::{Launch, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_graphloom");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let below = |path: PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    };
    paths.into_iter().flat_map(below).collect()
}

/// What the `replace_metadata`s in a file replace with; a file of another kind has none.
fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if !text.contains("replace_metadata") {
        return Vec::new();
    }
    let read = match path.extension().and_then(|end| end.to_str()) {
        Some("json") => serde_json::from_str(&text).ok(),
        Some("yaml" | "yml") => serde_norway::from_str(&text).ok(),
        _ => None,
    };
    let mut found = Vec::new();
    collect(&read.unwrap_or_default(), &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(object) => {
            let args = object.get("args").filter(|args| args.is_object());
            if let Some(args) = args
                && object.get("type") == Some(&json!("replace_metadata"))
            {
                let document = args.get("metadata").unwrap_or(args);
                found.push(document.clone());
            }
            object.values().for_each(|value| collect(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

fn send(server: &Server, body: &str) -> Reply {
    let mut request = Request::post_json("/v1/metadata", &Value::Null);
    request.body = body.as_bytes().to_vec();
    server.send(request).unwrap()
}

fn replace(server: &Server, document: &str) -> Reply {
    let args = format!(r#"{{"allow_inconsistent_metadata": true, "metadata": {document}}}"#);
    let body = format!(r#"{{"type": "replace_metadata", "version": 2, "args": {args}}}"#);
    send(server, &body)
}

fn export(server: &Server) -> String {
    let reply = send(server, r#"{"type": "export_metadata", "args": {}}"#);
    assert_eq!(reply.status, 200);
    reply.text().unwrap().to_owned()
}

#[test]
fn every_document_comes_back_as_it_was_exported() {
    let (metadata, data) = (Database::create().unwrap(), Database::create().unwrap());
    let launch = Launch::serve(BINARY, &metadata);
    let launch = launch.with_env("HASURA_GRAPHQL_DATABASE_URL", data.url());
    let server = launch.start().unwrap();
    let begin = export(&server);
    let fixture = root().join("crates/metadata/tests/fixtures/everything.json");
    let everything = std::fs::read_to_string(&fixture).unwrap();
    let mut all = vec![(fixture, serde_json::from_str(&everything).unwrap())];
    for path in files(&root().join("../shared")) {
        let documents = documents(&path);
        all.extend(documents.into_iter().map(|one| (path.clone(), one)));
    }
    for (path, document) in all {
        // An older form is about the source `default`, which must be there.
        assert_eq!(replace(&server, &begin).status, 200);
        let taken = replace(&server, &document.to_string());
        let said = taken.text().unwrap();
        assert_eq!(taken.status, 200, "{}: {said:.1000}", path.display());
        let first = export(&server);
        let cleared = send(&server, r#"{"type": "clear_metadata", "args": {}}"#);
        assert_eq!(cleared.status, 200, "{}", path.display());
        assert_ne!(first, export(&server), "{}", path.display());
        assert_eq!(replace(&server, &first).status, 200, "{}", path.display());
        assert!(
            first == export(&server),
            "{}: the bytes differ",
            path.display()
        );
    }
}
