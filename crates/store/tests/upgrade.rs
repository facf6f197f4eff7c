//! Catalogs of older versions in a real Postgres: brought up to date, taken back, refused, removed.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use graphloom_store::{
    Downgrading, InstanceId, Opened, Origin, ResourceVersion, Store, StoreError, Upgrade, clean,
    downgrade,
};
use graphloom_testkit::postgres::Database;
use serde_json::json;

use support::{CATALOG_48, dump, initial, open, pool, structure};

const CATALOG_42: &str = include_str!("fixtures/catalog_42.sql");

async fn open_with(database: &Database, upgrade: &Upgrade) -> Result<Opened, StoreError> {
    let (pool, instance) = (pool(database.url()), InstanceId::random());
    Store::open(pool, instance, &initial(), upgrade).await
}

fn version(database: &Database) -> String {
    let version = "SELECT version FROM hdb_catalog.hdb_version";
    database.query(version).unwrap()[0][0].clone().unwrap()
}

/// The catalog's objects, whatever numbers their columns have: one that went and came has another.
fn objects(database: &Database) -> Vec<String> {
    let lines = structure(database).into_iter();
    let without_numbers = lines.map(|line| match line.split_once('.') {
        Some((table, column)) if table.starts_with("column ") => {
            format!("{table} {}", column.trim_start_matches(char::is_numeric))
        }
        _ => line,
    });
    let mut lines: Vec<String> = without_numbers.collect();
    lines.sort();
    lines
}

fn with_default() -> Upgrade {
    let configuration =
        json!({"connection_info": {"database_url": {"from_env": "HASURA_GRAPHQL_DATABASE_URL"}}});
    Upgrade::Allowed {
        default_source: Some(configuration),
    }
}

#[tokio::test]
async fn every_version_with_a_document_goes_down_and_up_to_the_same() {
    let (database, untouched) = (Database::create().unwrap(), Database::create().unwrap());
    database.run(CATALOG_48).unwrap();
    untouched.run(CATALOG_48).unwrap();
    for target in ["47", "46", "45", "44", "43"] {
        let before = dump(&database);
        let shown = downgrade(&pool(database.url()), target, Downgrading::Show).await;
        assert_eq!(dump(&database), before, "showing changes nothing");
        let done = downgrade(&pool(database.url()), target, Downgrading::Run).await;
        assert_eq!(shown.unwrap(), done.unwrap());
        assert_eq!(version(&database), target);
        let document = Store::peek(&pool(database.url())).await.unwrap().unwrap();
        assert_eq!(document["version"], 3);

        let opened = open(&database).await.unwrap();
        assert_eq!(opened.origin, Origin::Upgraded(target.to_owned()));
        assert_eq!(objects(&database), objects(&untouched), "{target}");
        let stored = opened.store.load().await.unwrap();
        assert_eq!(stored.document["from_the_future"]["b"].to_string(), "1.50");
        let kept = if target == "43" { 1 } else { 17 };
        assert_eq!(stored.version, ResourceVersion::new(kept), "{target}");
        if target == "43" {
            // The version of the document went with its column.
            database
                .run("UPDATE hdb_catalog.hdb_metadata SET resource_version = 17")
                .unwrap();
        }
    }
    assert_eq!(open(&database).await.unwrap().origin, Origin::Found);
}

#[tokio::test]
async fn metadata_in_tables_becomes_a_document() {
    let database = Database::create().unwrap();
    database.run(CATALOG_42).unwrap();
    let opened = open_with(&database, &with_default()).await.unwrap();
    assert_eq!(opened.origin, Origin::Upgraded("42".to_owned()));
    assert_eq!(version(&database), "48");
    let stored = opened.store.load().await.unwrap();
    assert_eq!(stored.version, ResourceVersion::INITIAL);
    let article = json!({
        "table": {"schema": "public", "name": "article"}, "is_enum": false, "configuration": {},
        "object_relationships": [{
            "name": "author", "using": {"foreign_key_constraint_on": "author_id"},
            "comment": "who wrote it",
        }],
        "array_relationships": [], "computed_fields": [], "remote_relationships": [],
    });
    let author = json!({
        "table": {"schema": "public", "name": "author"}, "is_enum": false,
        "configuration": {
            "custom_name": "Author", "custom_root_fields": {}, "custom_column_names": {"id": "key"},
        },
        "object_relationships": [],
        "array_relationships": [{
            "name": "articles",
            "using": {"foreign_key_constraint_on": {
                "table": {"schema": "public", "name": "article"}, "column": "author_id",
            }},
            "comment": null,
        }],
        "computed_fields": [{
            "name": "full_name",
            "definition": {"function": {"schema": "public", "name": "full_name"}}, "comment": null,
        }],
        "remote_relationships": [{"name": "weather", "definition": {
            "remote_schema": "w", "hasura_fields": ["name"],
            "remote_field": {"at": {"arguments": {"name": "$name"}}},
        }}],
        "select_permissions": [{"role": "user", "comment": null, "permission": {
            "columns": ["id", "name"], "allow_aggregations": false,
            "filter": {"id": {"_eq": "X-Hasura-User-Id"}, "name": {"_is_null": false}},
        }}],
        "insert_permissions": [{"role": "user", "comment": "own", "permission": {
            "check": {"id": {"_eq": "X-Hasura-User-Id"}}, "columns": ["id"],
        }}],
        "delete_permissions": [{"role": "clerk", "comment": null, "permission": {"filter": {}}}],
    });
    let color = json!({
        "table": {"schema": "public", "name": "color"}, "is_enum": true, "configuration": {},
        "object_relationships": [], "array_relationships": [], "computed_fields": [],
        "remote_relationships": [],
    });
    let expected = json!({
        "version": 3,
        "sources": [{
            "name": "default", "kind": "postgres", "tables": [article, author, color],
            "functions": [{
                "function": {"schema": "public", "name": "search"},
                "configuration": {"session_argument": "session"},
            }],
            "configuration": {"connection_info": {
                "database_url": {"from_env": "HASURA_GRAPHQL_DATABASE_URL"},
            }},
        }],
        "remote_schemas": [{
            "name": "w", "definition": {"url": "http://w/graphql", "timeout_seconds": 60},
            "permissions": [{
                "role": "user", "definition": {"schema": "type Query { a: Int }"}, "comment": null,
            }],
        }],
        "query_collections": [{
            "name": "allowed",
            "definition": {"queries": [{"name": "q", "query": "query { author { key } }"}]},
        }],
        "allowlist": [{"collection": "allowed"}],
        "actions": [{
            "name": "hello", "comment": "says it",
            "definition": {
                "kind": "synchronous", "type": "query", "handler": "http://h", "arguments": [],
                "output_type": "Hello",
            },
            "permissions": [{"role": "user", "comment": null}],
        }],
        "custom_types": {"objects": [{"name": "Hello", "fields": [{"name": "a", "type": "Int"}]}]},
        "cron_triggers": [{
            "name": "nightly", "webhook": "http://c", "schedule": "0 0 * * *",
            "include_in_metadata": true, "retry_conf": {"num_retries": 1}, "headers": [],
        }],
    });
    assert_eq!(stored.document, expected);
    // What is no metadata is as it was, and what served the metadata is gone.
    let kept = "SELECT (SELECT count(*) FROM hdb_catalog.event_log),
        (SELECT count(*) FROM hdb_catalog.hdb_cron_events),
        (SELECT cli_state::text FROM hdb_catalog.hdb_version),
        to_regclass('hdb_catalog.hdb_table') IS NULL, to_regnamespace('hdb_views') IS NULL";
    let kept: Vec<String> = database.query(kept).unwrap()[0]
        .iter()
        .flatten()
        .cloned()
        .collect();
    assert_eq!(kept, ["1", "1", r#"{"kept": true}"#, "t", "t"]);
}

#[tokio::test]
async fn a_lock_without_a_time_becomes_one() {
    let database = Database::create().unwrap();
    database.run(CATALOG_42).unwrap();
    database
        .run(
            "DROP TABLE hdb_catalog.hdb_remote_schema_permission;
             ALTER TABLE hdb_catalog.event_log DROP COLUMN locked;
             ALTER TABLE hdb_catalog.event_log ADD COLUMN locked boolean NOT NULL DEFAULT false;
             UPDATE hdb_catalog.hdb_version SET version = '40'",
        )
        .unwrap();
    let opened = open_with(&database, &with_default()).await.unwrap();
    assert_eq!(opened.origin, Origin::Upgraded("40".to_owned()));
    let locked = "SELECT pg_typeof(locked)::text, locked IS NULL FROM hdb_catalog.event_log";
    let locked: Vec<String> = database.query(locked).unwrap()[0]
        .iter()
        .flatten()
        .cloned()
        .collect();
    assert_eq!(locked, ["timestamp with time zone", "t"]);
}

#[tokio::test]
async fn what_cannot_be_brought_up_to_date_is_left_as_it_is() {
    let database = Database::create().unwrap();
    database.run(CATALOG_42).unwrap();
    let refused = async |upgrade: &Upgrade, why: &str| {
        let before = dump(&database);
        let error = open_with(&database, upgrade).await.unwrap_err().to_string();
        assert!(error.contains("has catalog version 42"), "{error}");
        assert!(error.contains(why), "{error}");
        assert_eq!(dump(&database), before);
    };
    refused(&support::allowed(), "without --database-url").await;
    refused(&Upgrade::Refused, "maintenance mode").await;
    database
        .run(
            "INSERT INTO hdb_catalog.event_triggers (name, type, schema_name, table_name)
             VALUES ('t', 'table', 'public', 'author')",
        )
        .unwrap();
    refused(&with_default(), "it has event triggers").await;
    let export = Store::peek(&pool(database.url())).await.unwrap_err();
    assert!(
        matches!(export, StoreError::OlderCatalog { .. }),
        "{export}"
    );
}

#[tokio::test]
async fn in_maintenance_a_readable_catalog_is_served_as_it_is() {
    let database = Database::create().unwrap();
    database.run(CATALOG_48).unwrap();
    downgrade(&pool(database.url()), "45", Downgrading::Run)
        .await
        .unwrap();
    let before = dump(&database);
    let opened = open_with(&database, &Upgrade::Refused).await.unwrap();
    assert_eq!(opened.origin, Origin::Found);
    assert_eq!(
        opened.store.load().await.unwrap().version,
        ResourceVersion::new(17)
    );
    assert_eq!(dump(&database), before);
    downgrade(&pool(database.url()), "44", Downgrading::Run)
        .await
        .unwrap();
    let error = open_with(&database, &Upgrade::Refused).await.unwrap_err();
    assert!(matches!(error, StoreError::OlderCatalog { .. }), "{error}");
}

#[tokio::test]
async fn of_many_that_start_at_once_one_brings_it_up() {
    let database = Database::create().unwrap();
    database.run(CATALOG_42).unwrap();
    let (upgrade, start) = (with_default(), |upgrade| open_with(&database, upgrade));
    let (a, b, c, d) = tokio::join!(
        start(&upgrade),
        start(&upgrade),
        start(&upgrade),
        start(&upgrade)
    );
    let opened = [a, b, c, d].map(|opened| opened.unwrap().origin);
    let upgraded = opened
        .iter()
        .filter(|origin| matches!(origin, Origin::Upgraded(_)));
    assert_eq!(upgraded.count(), 1);
}

#[tokio::test]
async fn cleaning_leaves_nothing_and_exporting_needs_something() {
    let database = Database::create().unwrap();
    let nothing = Store::peek(&pool(database.url())).await.unwrap();
    assert_eq!(nothing, None);
    let nothing = downgrade(&pool(database.url()), "47", Downgrading::Run).await;
    assert!(matches!(nothing.unwrap_err(), StoreError::NoCatalog));
    database.run(CATALOG_48).unwrap();
    let refused = downgrade(&pool(database.url()), "42", Downgrading::Run).await;
    assert!(matches!(refused.unwrap_err(), StoreError::Downgrade { .. }));
    for _ in 0..2 {
        clean(&pool(database.url())).await.unwrap();
    }
    assert_eq!(open(&database).await.unwrap().origin, Origin::Created);
}
