//! URLs of databases in files: of the metadata database and of a source, and what happens when they change.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::fs;
use std::path::Path;

use graphloom_testkit::http::Request;
use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::Launch;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_graphloom");
const PREFIX: &str = "HASURA_GRAPHQL_DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX";

/// A URL for another user of the same database.
fn of_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let at = rest.split_once('@').map_or(rest, |(_, at)| at);
    format!("{scheme}://{user}@{at}")
}

#[test]
fn a_url_is_read_anew_for_new_connections() {
    let (metadata, data) = (Database::create().unwrap(), Database::create().unwrap());
    data.run("DO $$ BEGIN CREATE ROLE rotated LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        .unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secrets");
    fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    fs::write(file("metadata"), format!("{}\n", metadata.url())).unwrap();
    fs::write(file("data"), data.url()).unwrap();
    let server = Launch::serve(BINARY, &metadata)
        .with_env(PREFIX, &folder.display().to_string())
        .with_env(
            "HASURA_GRAPHQL_METADATA_DATABASE_URL",
            &format!("dynamic-from-file://{}", file("metadata")),
        )
        .start()
        .unwrap();
    let add = |name: &str, path: &str| {
        let url = json!({ "dynamic_from_file": path });
        let configuration = json!({ "connection_info": { "database_url": url } });
        json!({"type": "pg_add_source", "args": {"name": name, "configuration": configuration}})
    };
    server.command(&[], &add("one", &file("data"))).unwrap();
    let user = || {
        let args = json!({"source": "one", "read_only": true, "sql": "SELECT current_user"});
        let run = json!({"type": "run_sql", "args": args});
        let reply = server.send(Request::post_json("/v2/query", &run)).unwrap();
        reply.json().unwrap()["result"][1][0].clone()
    };
    let before = user();
    assert_ne!(before, "rotated");
    fs::write(file("data"), of_user(data.url(), "rotated")).unwrap();
    // Those that are open have ended by themselves, or a source is read again because somebody says so.
    let reload = json!({"type": "reload_metadata", "args": {"reload_sources": ["one"]}});
    server.command(&[], &reload).unwrap();
    assert_eq!(user(), Value::from("rotated"));
    let elsewhere = server.command(&[], &add("two", "/etc/passwd")).unwrap_err();
    let elsewhere = format!("{elsewhere:?}");
    assert!(
        elsewhere.contains("its path does not begin with"),
        "{elsewhere}"
    );
}
