//! Whole documents, in and out: what an export of each looks like, byte for byte.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use graphloom_metadata::{Document, Metadata, decode::Decode};
use graphloom_vocab::{ErrorCode, Json};
use serde_json::json;

const EVERYTHING: &str = include_str!("fixtures/everything.json");
const EVERYTHING_EXPORT: &str = include_str!("fixtures/everything.export.json");

fn parse(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

/// Decodes, encodes and decodes again; nothing may change on the way.
fn round_trip(json: &Json) -> Metadata {
    let metadata = Metadata::from_json(json).unwrap();
    let exported = metadata.to_json();
    let again = Metadata::from_json(&exported).unwrap();
    assert_eq!(metadata, again);
    assert_eq!(exported.to_string(), again.to_json().to_string());
    metadata
}

#[test]
fn a_document_with_everything_is_exported_in_order_and_whole() {
    let metadata = round_trip(&parse(EVERYTHING));
    let exported = serde_json::to_string_pretty(&metadata.to_json()).unwrap();
    assert_eq!(exported, EVERYTHING_EXPORT.trim_end());
}

#[test]
fn numbers_keep_their_text() {
    let json =
        parse(r#"{"version":3,"sources":[],"future":[1.50, 123456789012345678901234567890]}"#);
    let exported = round_trip(&json).to_json().to_string();
    assert!(
        exported.contains("[1.50,123456789012345678901234567890]"),
        "{exported}"
    );
}

#[test]
fn the_empty_document_has_version_and_sources_only() {
    let empty = Metadata::default().to_json();
    assert_eq!(empty.to_string(), r#"{"version":3,"sources":[]}"#);
    assert_eq!(round_trip(&empty), Metadata::default());
}

fn source(tables: Json) -> Json {
    json!({
        "name": "default",
        "kind": "postgres",
        "tables": tables,
        "configuration": {"connection_info": {"database_url": {"from_env": "URL"}}}
    })
}

fn existing() -> Metadata {
    let other = json!({
        "name": "other",
        "tables": [],
        "configuration": {"connection_info": {"database_url": "postgres://h/d"}}
    });
    let document = json!({
        "version": 3,
        "sources": [source(json!([{"table": "old"}])), other],
        "rest_endpoints": [{"name": "e", "url": "u"}],
        "api_limits": {"disabled": false}
    });
    Metadata::from_json(&document).unwrap()
}

#[test]
fn a_version_2_document_replaces_the_default_source() {
    let legacy = parse(include_str!("fixtures/legacy_v2.json"));
    let replaced = Metadata::from_json_any(&legacy, &existing()).unwrap();
    round_trip(&replaced.to_json());
    assert_eq!(
        replaced.to_json(),
        json!({
            "version": 3,
            "sources": [{
                "name": "default",
                "kind": "postgres",
                "tables": [
                    {"table": {"name": "article", "schema": "public"}},
                    {
                        "table": {"name": "author", "schema": "public"},
                        "array_relationships": [{
                            "name": "articles",
                            "using": {"foreign_key_constraint_on": {
                                "column": "author_id",
                                "table": {"name": "article", "schema": "public"}
                            }}
                        }],
                        "select_permissions": [{
                            "role": "user",
                            "permission": {"columns": ["id", "name"], "filter": {}}
                        }]
                    }
                ],
                "functions": [{
                    "function": {"name": "search_article", "schema": "public"},
                    "configuration": {"custom_root_fields": {}, "session_argument": "s"}
                }],
                // Where the database is stays as it was: the document's own word for it is not ours.
                "configuration": {"connection_info": {
                    "database_url": {"from_env": "URL"},
                    "isolation_level": "read-committed",
                    "use_prepared_statements": false
                }}
            }],
            "query_collections": [{"name": "c", "definition": {"queries": []}}],
            "rest_endpoints": [{"name": "e", "url": "u"}],
            "configuration": {"connection_info": {"database_url": {"from_env": "ELSEWHERE"}}}
        })
    );
}

#[test]
fn a_version_1_document_names_its_functions_only() {
    let legacy = parse(include_str!("fixtures/legacy_v1.json"));
    let Document::Legacy(read) = Document::decode(&legacy).unwrap() else {
        panic!("not legacy");
    };
    let names: Vec<String> = read
        .functions
        .keys()
        .map(|name| format!("{name:?}"))
        .collect();
    assert_eq!(names, ["public.search_author", "app.count_author"]);
    let replaced = read.replace(&existing()).unwrap();
    assert_eq!(replaced.sources.len(), 1);
    let table = &replaced.sources["default"].tables[0];
    let column = table.configuration.column_config.get("name").unwrap();
    assert_eq!(column.custom_name.as_deref(), Some("fullName"));
    round_trip(&replaced.to_json());
}

#[test]
fn a_document_without_sources_needs_a_default_one() {
    let legacy = parse(include_str!("fixtures/legacy_v2.json"));
    let error = Metadata::from_json_any(&legacy, &Metadata::default()).unwrap_err();
    assert_eq!(*error.code(), ErrorCode::NotSupported);
    assert_eq!(error.path().to_string(), "$");
    assert_eq!(
        error.message(),
        "cannot import metadata without sources since no default source is defined"
    );
}

#[test]
fn of_two_tables_with_one_name_the_later_counts() {
    let document = json!({
        "version": 3,
        "sources": [source(json!([{"table": "t"}, {"table": {"schema": "public", "name": "t"}, "is_enum": true}]))]
    });
    let metadata = round_trip(&document);
    let tables = &metadata.sources["default"].tables;
    assert_eq!(tables.len(), 1);
    assert!(tables[0].is_enum);
}
