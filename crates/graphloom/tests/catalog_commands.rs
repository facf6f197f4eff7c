//! `export`, `clean` and `downgrade` of the whole program, on a real Postgres.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::Launch;

const BINARY: &str = env!("CARGO_BIN_EXE_graphloom");

fn run(database: &Database, words: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.env_clear();
    command.env("HASURA_GRAPHQL_DATABASE_URL", database.url());
    command.args(words).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_catalog_is_exported_taken_back_served_again_and_cleaned() {
    let database = Database::create().unwrap();
    let none = refused(&run(&database, &["export"]));
    assert!(none.contains("has no metadata catalog"), "{none}");
    drop(Launch::serve(BINARY, &database).start().unwrap());
    let empty = "{\"version\":3,\"sources\":[]}\n";
    assert_eq!(printed(&run(&database, &["export"])), empty);

    let shown = printed(&run(&database, &["downgrade", "--to-v2.11.2", "--dryRun"]));
    assert!(
        shown.contains("DROP COLUMN IF EXISTS ee_client_id"),
        "{shown}"
    );
    for (words, says) in [
        (
            &["downgrade", "--to-v2.48.0"][..],
            "The catalog has version 48 already; nothing to do.\n",
        ),
        (
            &["downgrade", "--to-catalog-version", "45"],
            "Successfully took the catalog from version 48 to version 45.\n",
        ),
    ] {
        assert_eq!(printed(&run(&database, words)), says);
    }
    for (words, says) in [
        (
            &["downgrade", "--to-v1.3.3"][..],
            "This downgrade path (from 45 to 42) is not supported, because there is no available migration",
        ),
        (
            &["downgrade", "--to-v2.48.0"],
            "This downgrade path (from 45 to 48) is not supported, because the target version is unrecognized.",
        ),
        (&["downgrade", "--to-v9.9.9"], "there is no such release"),
        (&["downgrade"], "downgrade needs a version"),
        (
            &["downgrade", "--to-v2.0.1", "--to-catalog-version=44"],
            "exclude each other",
        ),
    ] {
        let text = refused(&run(&database, words));
        assert!(text.contains(says), "{text}");
    }
    drop(Launch::serve(BINARY, &database).start().unwrap());
    let version = "SELECT version FROM hdb_catalog.hdb_version";
    let version = database.query(version).unwrap();
    assert_eq!(version[0][0].as_deref(), Some("48"));

    let cleaned = printed(&run(&database, &["clean"]));
    assert_eq!(
        cleaned,
        "successfully cleaned graphql-engine related data\n"
    );
    let left = "SELECT to_regnamespace('hdb_catalog') IS NULL";
    assert_eq!(database.query(left).unwrap()[0][0].as_deref(), Some("t"));
}

#[test]
fn a_server_tries_its_metadata_database_as_often_as_it_is_told() {
    // Takes connections and ends them, as a database does that is just coming up.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    let url =
        format!("--metadata-database-url=postgres://u:hunter2@127.0.0.1:{port}/d?sslmode=disable");
    let mut command = Command::new(BINARY);
    command.env_clear();
    command.args([url.as_str(), "serve", "--retries=2", "--server-port=0"]);
    let output = command.output().unwrap();
    assert!(!output.status.success());
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
    let all = [output.stdout, output.stderr].concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    assert!(all.contains("Fatal Error: metadata database: "), "{all}");
    assert!(!all.contains("hunter2"), "{all}");
}
