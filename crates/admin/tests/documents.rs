//! Whole documents through the service: what one export says the next one says too, and what is large or names a
//! database that is down leaves nothing half done.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use graphloom_admin::{Admin, AdminOptions, DefaultSource};
use graphloom_execute::Engine;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions};
use graphloom_store::{InstanceId, Store, Upgrade};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{Error, Json, Session};
use serde_json::json;

async fn start(metadata: &Database, source: &Database) -> Arc<Admin> {
    let connect = ConnectionOptions::parse(metadata.url()).unwrap();
    let pool = Pool::new(connect, PoolOptions::default());
    let initial = json!({"version": 3, "sources": []});
    let upgrade = Upgrade::Allowed {
        default_source: None,
    };
    let opened = Store::open(pool, InstanceId::random(), &initial, &upgrade).await;
    let variable = (DefaultSource::VARIABLE.to_owned(), source.url().to_owned());
    let options = AdminOptions {
        environment: [variable].into(),
        default_source: Some(DefaultSource::from_environment()),
        ..AdminOptions::default()
    };
    let engine = Arc::new(Engine::default());
    Admin::start(options, opened.unwrap().store, engine)
        .await
        .unwrap()
}

async fn run(admin: &Admin, command: &str, args: Json) -> Result<Json, Error> {
    let command = json!({"type": command, "args": args});
    admin.metadata(&Session::admin(), command).await
}

async fn export(admin: &Admin) -> String {
    let exported = run(admin, "export_metadata", json!({})).await.unwrap();
    exported.to_string()
}

async fn replace(admin: &Admin, document: &Json) {
    let args = json!({"metadata": document, "allow_inconsistent_metadata": true});
    run(admin, "replace_metadata", args).await.unwrap();
}

/// Export, clear, replace with the export, export: the same bytes, and everything that came in is in them.
async fn round_trip(admin: &Admin, name: &str, document: &Json) {
    replace(admin, document).await;
    let first = export(admin).await;
    run(admin, "clear_metadata", json!({})).await.unwrap();
    assert_ne!(export(admin).await, first, "{name}: cleared");
    replace(admin, &serde_json::from_str(&first).unwrap()).await;
    assert_eq!(export(admin).await, first, "{name}");
    let exported: Json = serde_json::from_str(&first).unwrap();
    assert_eq!(counts(&exported), counts(document), "{name}");
}

/// How many objects of each kind a document has, wherever its version keeps them.
fn counts(document: &Json) -> [usize; 6] {
    let mut counts = [0; 6];
    count(document, &mut counts);
    counts
}

fn count(json: &Json, counts: &mut [usize; 6]) {
    const KINDS: [&str; 6] = [
        "tables",
        "functions",
        "object_relationships",
        "array_relationships",
        "select_permissions",
        "queries",
    ];
    match json {
        Json::Array(items) => items.iter().for_each(|item| count(item, counts)),
        Json::Object(object) => {
            for (key, value) in object {
                if let (Some(kind), Some(items)) =
                    (KINDS.iter().position(|kind| kind == key), value.as_array())
                {
                    counts[kind] += items.len();
                }
                count(value, counts);
            }
        }
        _ => {}
    }
}

/// The documents among a file's contents: arguments of `replace_metadata`, wherever they stand.
fn documents(json: &Json, into: &mut Vec<Json>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| documents(item, into)),
        Json::Object(object) => {
            let args = object.get("args").filter(|_| {
                object.get("type") == Some(&Json::from("replace_metadata"))
                    // What is refused is no document.
                    && object.get("status").is_none()
            });
            if let Some(args) = args {
                let document = args.get("metadata").unwrap_or(args);
                into.push(document.clone());
                return;
            }
            object.values().for_each(|value| documents(value, into));
        }
        _ => {}
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            files(&path, into);
        } else if matches!(extension, Some("yaml" | "yml" | "json")) {
            into.push(path);
        }
    }
}

#[tokio::test]
async fn what_was_exported_comes_back_byte_by_byte() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    let admin = start(&metadata, &source).await;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../metadata/tests/fixtures");
    for name in ["legacy_v1.json", "legacy_v2.json", "everything.json"] {
        let text = std::fs::read_to_string(fixtures.join(name)).unwrap();
        round_trip(&admin, name, &serde_json::from_str(&text).unwrap()).await;
        // Back to the default source, which documents without sources need.
        let sources = json!([default_source()]);
        replace(&admin, &json!({"version": 3, "sources": sources})).await;
    }
}

fn default_source() -> Json {
    json!({
        "name": "default", "kind": "postgres", "tables": [],
        "configuration": {"connection_info": {"database_url": {"from_env": DefaultSource::VARIABLE}}},
    })
}

/// The metadata that comes with the benchmarks and the conformance suite, where they are beside this repository.
#[tokio::test]
async fn the_metadata_beside_this_repository_comes_back_byte_by_byte() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let mut paths = Vec::new();
    files(&shared.join("bench/data"), &mut paths);
    files(&shared.join("conformance/cases"), &mut paths);
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    let admin = start(&metadata, &source).await;
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        if !text.contains("replace_metadata") {
            continue;
        }
        let mut found = Vec::new();
        // JSON is YAML too, and reading it as such would take long.
        let json = match path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            true => serde_json::from_str(&text).ok(),
            false => serde_norway::from_str(&text).ok(),
        };
        documents(&json.unwrap_or_default(), &mut found);
        for document in found {
            round_trip(&admin, &path.display().to_string(), &document).await;
            let sources = json!([default_source()]);
            replace(&admin, &json!({"version": 3, "sources": sources})).await;
        }
    }
}

/// Some 20 MB of queries.
fn large(last: Json) -> Json {
    let text = "x".repeat(2000);
    let queries = (0..10_000).map(|number| {
        json!({"name": format!("q{number}"), "query": format!("{{ author {{ id }} }} # {text}")})
    });
    let mut collections =
        vec![json!({"name": "c", "definition": {"queries": queries.collect::<Json>()}})];
    collections.push(last);
    json!({"version": 3, "sources": [default_source()], "query_collections": collections})
}

#[tokio::test]
async fn metadata_of_20_megabytes_is_taken_or_refused_as_a_whole() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    let admin = start(&metadata, &source).await;
    let before = export(&admin).await;
    let bad = large(json!({"name": "c", "definition": {"queries": []}}));
    assert!(bad.to_string().len() > 20_000_000);
    let error = run(&admin, "replace_metadata", bad).await.unwrap_err();
    assert!(
        error.message().contains("multiple declarations exist"),
        "{error:?}"
    );
    assert_eq!(export(&admin).await, before);
    let good = large(json!({"name": "d", "definition": {"queries": []}}));
    run(&admin, "replace_metadata", good).await.unwrap();
    let exported = export(&admin).await;
    assert!(exported.len() > 20_000_000);
    // Another server reads it.
    let other = start(&metadata, &source).await;
    assert!(export(&other).await == exported, "the same for the other");
}

#[tokio::test]
async fn a_database_that_is_down_is_refused_or_left_out_alone() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    source
        .run("create table author (id int primary key)")
        .unwrap();
    let admin = start(&metadata, &source).await;
    run(&admin, "pg_track_table", json!({"table": "author"}))
        .await
        .unwrap();
    let before = export(&admin).await;
    // Nobody listens on port 1.
    let down = json!({"connection_info": {"database_url": "postgres://u:hunter2@127.0.0.1:1/d"}});
    let add = json!({"name": "down", "configuration": down});
    let error = run(&admin, "pg_add_source", add).await.unwrap_err();
    assert_eq!(error.message(), "Inconsistent object: connection error");
    assert_eq!(error.path().to_string(), "$.args");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    assert_eq!(export(&admin).await, before);

    let mut both: Json = serde_json::from_str(&before).unwrap();
    let sources = both["sources"].as_array_mut().unwrap();
    sources.push(json!({"name": "down", "kind": "postgres", "tables": [{"table": "x"}], "configuration": down}));
    let error = run(&admin, "replace_metadata", both.clone())
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        "cannot continue due to inconsistent metadata"
    );
    assert_eq!(export(&admin).await, before);

    let args = json!({"metadata": both, "allow_inconsistent_metadata": true});
    let taken = run(&admin, "replace_metadata", args).await.unwrap();
    assert_eq!(taken["is_consistent"], false);
    assert_eq!(taken["inconsistent_objects"][0]["name"], "source down");
    // The other source goes on, in reads and in changes.
    let untracked = json!({"table": "author"});
    run(&admin, "pg_untrack_table", untracked).await.unwrap();
    let error = run(
        &admin,
        "pg_track_table",
        json!({"source": "down", "table": "x"}),
    )
    .await
    .unwrap_err();
    assert_eq!(error.message(), "source with name \"down\" is inconsistent");
}
