//! What is decoded, and what is refused with which words at which path.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use serde_json::json;

use super::*;
use crate::command::Change;

fn refused(endpoint: Endpoint, body: Json) -> (String, String) {
    let error = Request::parse(endpoint, &body).unwrap_err();
    assert_eq!(error.code().as_str(), "parse-failed");
    (error.path().to_string(), error.message().to_owned())
}

fn parsed(endpoint: Endpoint, body: Json) -> Command {
    Request::parse(endpoint, &body).unwrap().command
}

#[test]
fn what_is_no_command() {
    let cases = [
        (
            Endpoint::Metadata,
            json!("type: bulk"),
            "$",
            "parsing RQLMetadata failed, expected Object, but encountered String",
        ),
        (
            Endpoint::QueryV1,
            json!("type: count"),
            "$",
            "parsing Object failed, expected Object, but encountered String",
        ),
        (
            Endpoint::Metadata,
            json!({"args": {}}),
            "$",
            "the key 'type' was not present",
        ),
        (
            Endpoint::Metadata,
            json!({"type": "clear_metadata"}),
            "$",
            "the key 'args' was not present",
        ),
        (
            Endpoint::QueryV1,
            json!({"type": "track_function", "version": 3, "args": {}}),
            "$.version",
            "expected 1 or 2, encountered 3",
        ),
        (
            Endpoint::Metadata,
            json!({"type": "frobnicate_all", "args": {}}),
            "$",
            "unknown metadata command \"frobnicate_all\"; \"frobnicate\" was not recognized as a \
             valid backend name",
        ),
        (
            Endpoint::Metadata,
            json!({"type": "pg_frobnicate", "args": {}}),
            "$",
            "unknown metadata command \"frobnicate\" for backend postgres",
        ),
    ];
    for (endpoint, body, path, message) in cases {
        assert_eq!(
            refused(endpoint, body),
            (path.to_owned(), message.to_owned())
        );
    }
}

#[test]
fn older_endpoints_leave_args_out_of_paths() {
    let args = json!({"table": "t", "role": "", "permission": {"check": {}}});
    let named = |name: &str| json!({"type": name, "args": args});
    let (path, message) = refused(Endpoint::QueryV1, named("create_insert_permission"));
    assert_eq!(
        (path.as_str(), message.as_str()),
        ("$.role", "empty string not allowed")
    );
    let (path, message) = refused(Endpoint::Metadata, named("pg_create_insert_permission"));
    assert_eq!(path, "$.args.role");
    assert_eq!(
        message,
        "Error when parsing command create_insert_permission.\nSee our documentation at \
         https://hasura.io/docs/latest/graphql/core/api-reference/metadata-api/index.html#metadata-apis.\n\
         Internal error message: empty string not allowed"
    );
    let bulk = json!({"type": "bulk", "args": [named("create_insert_permission")]});
    assert_eq!(refused(Endpoint::QueryV1, bulk).0, "$[0].role");
    let bulk = json!({"type": "bulk", "args": [named("pg_create_insert_permission")]});
    assert_eq!(refused(Endpoint::Metadata, bulk).0, "$.args[0].args.role");
}

#[test]
fn a_table_is_tracked_by_name_or_with_options() {
    let name = |command| match command {
        Command::Change(Change::TrackTable(track)) => track.id.display(),
        other => panic!("{other:?}"),
    };
    let track = |args| json!({"type": "track_table", "args": args});
    for args in [json!("t"), json!({"name": "t"}), json!({"table": "t"})] {
        assert_eq!(name(parsed(Endpoint::QueryV1, track(args))), "default.t");
    }
    let args = json!({"source": "other", "table": {"schema": "s", "name": "t"}});
    let command = json!({"type": "postgres_track_table", "args": args});
    assert_eq!(name(parsed(Endpoint::Metadata, command)), "other.s.t");
}

#[test]
fn what_is_not_built_is_known_by_name() {
    let cases = [
        (Endpoint::Metadata, "create_action"),
        (Endpoint::Metadata, "pg_create_event_trigger"),
        (Endpoint::Metadata, "mssql_track_table"),
        (Endpoint::QueryV1, "create_cron_trigger"),
        (Endpoint::QueryV2, "bigquery_run_sql"),
    ];
    for (endpoint, name) in cases {
        let command = parsed(endpoint, json!({"type": name, "args": {}}));
        assert!(
            matches!(command, Command::NotBuilt(known) if known == name),
            "{name}"
        );
    }
}

#[test]
fn only_some_commands_need_the_lock() {
    let bulk = |items| parsed(Endpoint::QueryV2, json!({"type": "bulk", "args": items}));
    let sql = |sql: &str| json!({"type": "run_sql", "args": {"sql": sql}});
    assert!(!bulk(json!([sql("select 1"), sql("create table t (id int)")])).is_change());
    assert!(bulk(json!([sql("select 1"), sql("ALTER table t add x int")])).is_change());
    let read = json!({"type": "run_sql", "args": {"sql": "drop table t", "read_only": true}});
    assert!(!parsed(Endpoint::QueryV2, read).is_change());
}
