//! The catalog in a real Postgres: created, found and left alone, saved to, refused.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use graphloom_pg::{ConnectionOptions, Isolation, Pool, PoolOptions};
use graphloom_store::{
    CatalogStateKind, Change, InstanceId, Opened, Origin, ResourceVersion, Store, StoreError,
};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{ErrorCode, Json};
use serde_json::json;

use support::{CATALOG_48, allowed, dump, initial, open, open_store, pool, structure};

#[tokio::test]
async fn an_empty_database_gets_what_version_48_has() {
    let (ours, theirs) = (Database::create().unwrap(), Database::create().unwrap());
    theirs.run(CATALOG_48).unwrap();
    let opened = open(&ours).await.unwrap();
    assert_eq!(opened.origin, Origin::Created);
    assert_eq!(structure(&ours), structure(&theirs));

    let stored = opened.store.load().await.unwrap();
    assert_eq!(stored.document, initial());
    assert_eq!(stored.version, ResourceVersion::INITIAL);
    let version =
        "SELECT version, upgraded_on > now() - interval '1 hour', cli_state, console_state,
        hasura_uuid IS NOT NULL FROM hdb_catalog.hdb_version";
    let version: Vec<String> = ours
        .query(version)
        .unwrap()
        .concat()
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(version, ["48", "t", "{}", "{}", "t"]);
    let notifications = "SELECT count(*) FROM hdb_catalog.hdb_schema_notifications";
    assert_eq!(
        ours.query(notifications).unwrap()[0][0].as_deref(),
        Some("0")
    );

    let before = dump(&ours);
    assert_eq!(open(&ours).await.unwrap().origin, Origin::Found);
    assert_eq!(dump(&ours), before);
}

#[tokio::test]
async fn a_catalog_of_version_48_is_read_and_left_as_it_is() {
    let database = Database::create().unwrap();
    database.run(CATALOG_48).unwrap();
    let before = dump(&database);
    let opened = open(&database).await.unwrap();
    assert_eq!(opened.origin, Origin::Found);
    let store = opened.store;

    let stored = store.load().await.unwrap();
    assert_eq!(stored.version, ResourceVersion::new(17));
    assert_eq!(stored.document["sources"][0]["tables"][0]["shade"], "é");
    assert_eq!(stored.document["from_the_future"]["b"].to_string(), "1.50");
    let keys: Vec<&String> = stored.document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["version", "from_the_future", "sources", "actions"]);

    assert_eq!(store.current_version().await.unwrap(), stored.version);
    let state = store.catalog_state().await.unwrap();
    assert_eq!(state.id, "0a1b2c3d-0000-4000-8000-000000000001");
    assert_eq!(
        state.cli_state["settings"],
        json!({"migration_mode": "true"})
    );
    assert_eq!(state.console_state["onboardingShown"], true);
    let told = store
        .change_between(ResourceVersion::new(16), ResourceVersion::new(17))
        .await
        .unwrap();
    assert_eq!(told, Some(Change::of_sources(["default"])));
    store.ping().await.unwrap();

    assert_eq!(dump(&database), before);
}

#[tokio::test]
async fn a_save_replaces_the_version_it_knows_and_no_other() {
    let database = Database::create().unwrap();
    database.run(CATALOG_48).unwrap();
    let store = open_store(&database).await;
    let other = open_store(&database).await;
    let document: Json = serde_json::from_str(
        r#"{"version":3,"z":1.50,"a":"'; DROP TABLE hdb_catalog.hdb_metadata"}"#,
    )
    .unwrap();
    let change = Change::of_sources(["default"]);

    let saved = store
        .save(&document.to_string(), ResourceVersion::new(17), &change)
        .await
        .unwrap();
    assert_eq!(saved, ResourceVersion::new(18));
    let stored = other.load().await.unwrap();
    assert_eq!(stored.version, saved);
    // Order of keys and spelling of numbers are kept, byte for byte.
    assert_eq!(stored.document.to_string(), document.to_string());

    let error = other
        .save(
            &initial().to_string(),
            ResourceVersion::new(17),
            &Change::default(),
        )
        .await
        .unwrap_err()
        .to_error();
    assert_eq!(*error.code(), ErrorCode::Conflict);
    assert_eq!(error.status(), 409);
    assert_eq!(error.path().to_string(), "$");
    assert_eq!(
        error.message(),
        "metadata resource version referenced (17) did not match current version"
    );
    assert_eq!(other.load().await.unwrap(), stored);

    // Others hear of it, and of nothing else.
    let known = ResourceVersion::new(17);
    let heard = other.change_between(known, saved).await.unwrap();
    assert_eq!(heard, Some(change));
    let heard = other.change_between(saved, saved).await.unwrap();
    assert_eq!(heard, Some(Change::default()));
    let earlier = ResourceVersion::new(15);
    assert_eq!(other.change_between(earlier, saved).await.unwrap(), None);
    let row = "SELECT notification::text, resource_version, instance_id
        FROM hdb_catalog.hdb_schema_notifications";
    let row: Vec<String> = database
        .query(row)
        .unwrap()
        .concat()
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(
        row,
        [
            r#"{"metadata":true,"remote_schemas":[],"sources":["default"],"data_connectors":[],"graphloom":[{"version":18,"sources":{"default":null}}]}"#,
            "18",
            &store.instance().to_string(),
        ]
    );
}

#[tokio::test]
async fn of_many_saves_of_one_version_one_wins() {
    let database = Database::create().unwrap();
    let mut stores = vec![open_store(&database).await];
    // At a level where waiting for another save would otherwise end in a serialization failure.
    for _ in 0..3 {
        let options = PoolOptions {
            isolation: Isolation::RepeatableRead,
            ..PoolOptions::default()
        };
        let pool = Pool::new(ConnectionOptions::parse(database.url()).unwrap(), options);
        let opened = Store::open(pool, InstanceId::random(), &initial(), &allowed())
            .await
            .unwrap();
        stores.push(opened.store);
    }
    let mut saves = tokio::task::JoinSet::new();
    for number in 0..12 {
        let store = stores[number % stores.len()].clone();
        saves.spawn(async move {
            let document = json!({"version": 3, "sources": [], "winner": number});
            let saved = store
                .save(
                    &document.to_string(),
                    ResourceVersion::INITIAL,
                    &Change::default(),
                )
                .await;
            (number, saved)
        });
    }
    let mut winners = Vec::new();
    for (number, saved) in saves.join_all().await {
        match saved {
            Ok(version) => {
                assert_eq!(version, ResourceVersion::new(2));
                winners.push(number);
            }
            Err(StoreError::Conflict { referenced }) => {
                assert_eq!(referenced, ResourceVersion::INITIAL);
            }
            Err(error) => panic!("{error}"),
        }
    }
    let [winner] = winners[..] else {
        panic!("{winners:?}")
    };
    assert_eq!(stores[0].load().await.unwrap().document["winner"], winner);
}

#[tokio::test]
async fn of_many_that_start_at_once_one_creates() {
    let database = Database::create().unwrap();
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let pool = pool(database.url());
        starts.spawn(async move {
            Store::open(pool, InstanceId::random(), &initial(), &allowed()).await
        });
    }
    let opened: Vec<Opened> = starts
        .join_all()
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let created = opened
        .iter()
        .filter(|opened| opened.origin == Origin::Created);
    assert_eq!(created.count(), 1);
}

#[tokio::test]
async fn a_catalog_without_a_document_is_at_the_first_version() {
    let database = Database::create().unwrap();
    database.run(CATALOG_48).unwrap();
    database
        .run("DELETE FROM hdb_catalog.hdb_metadata")
        .unwrap();
    let store = open_store(&database).await;
    let stored = store.load().await.unwrap();
    assert_eq!(
        (stored.document, stored.version),
        (Json::Null, ResourceVersion::INITIAL)
    );
    let late = store
        .save(
            &initial().to_string(),
            ResourceVersion::new(5),
            &Change::default(),
        )
        .await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    let saved = store
        .save(
            &initial().to_string(),
            ResourceVersion::INITIAL,
            &Change::default(),
        )
        .await
        .unwrap();
    assert_eq!(saved, ResourceVersion::new(2));
    assert_eq!(store.load().await.unwrap().document, initial());
}

#[tokio::test]
async fn clients_keep_their_state_in_the_catalog() {
    let database = Database::create().unwrap();
    let store = open_store(&database).await;
    let cli = json!({"migrations": {"default": {"1": false}}});
    store
        .set_catalog_state(CatalogStateKind::Cli, &cli)
        .await
        .unwrap();
    store
        .set_catalog_state(CatalogStateKind::Console, &json!({"telemetry": false}))
        .await
        .unwrap();
    let state = store.catalog_state().await.unwrap();
    assert_eq!(state.cli_state, cli);
    assert_eq!(state.console_state, json!({"telemetry": false}));
    assert_eq!(state.id.len(), 36);
}

#[tokio::test]
async fn the_schema_of_a_source_with_event_triggers_is_no_catalog_yet() {
    let database = Database::create().unwrap();
    let source = "CREATE SCHEMA hdb_catalog;
        CREATE FUNCTION hdb_catalog.gen_hasura_uuid() RETURNS uuid LANGUAGE sql
            AS 'select gen_random_uuid()';
        CREATE TABLE hdb_catalog.event_log (id text DEFAULT hdb_catalog.gen_hasura_uuid())";
    database.run(source).unwrap();
    assert_eq!(open(&database).await.unwrap().origin, Origin::Created);
}

#[tokio::test]
async fn other_versions_are_refused_with_what_to_do() {
    let database = Database::create().unwrap();
    database.run(CATALOG_48).unwrap();
    let refused = async |version: &str| {
        let set = format!("UPDATE hdb_catalog.hdb_version SET version = '{version}'");
        database.run(&set).unwrap();
        let before = dump(&database);
        let error = open(&database).await.unwrap_err();
        assert_eq!(dump(&database), before);
        error
    };
    let newer = refused("49").await;
    assert_eq!(
        newer.to_string(),
        "Cannot use database previously used with a newer version of graphql-engine (expected a \
         catalog version <=48, but the current version is 49)."
    );
    assert_eq!(*newer.to_error().code(), ErrorCode::Unexpected);
    for version in ["39", "0.8", "43.5"] {
        let older = refused(version).await;
        assert!(matches!(&older, StoreError::OlderCatalog { found, .. } if found == version));
        assert!(
            older
                .to_string()
                .contains("start Hasura GraphQL Engine v2.48"),
            "{older}"
        );
    }
    let odd = refused("new").await;
    assert!(matches!(odd, StoreError::Damaged(_)), "{odd}");
    database.run("DELETE FROM hdb_catalog.hdb_version").unwrap();
    let empty = open(&database).await.unwrap_err();
    assert!(matches!(empty, StoreError::Damaged(_)), "{empty}");
}

/// A role of its own that has been granted nothing; the name is odd enough to need quotes.
fn limited(database: &Database, name: &str) -> (Pool, String) {
    let role = format!("Limited {name}");
    database
        .run(&format!("DROP ROLE IF EXISTS \"{role}\""))
        .unwrap();
    database.run(&format!("CREATE ROLE \"{role}\"")).unwrap();
    // A backslash keeps the space inside the option.
    let options = format!("-c%20role%3DLimited%5C%20{name}");
    (
        pool(&format!("{}&options={options}", database.url())),
        format!("\"{role}\""),
    )
}

#[tokio::test]
async fn a_user_who_may_not_create_the_schema_is_told_what_to_grant() {
    let database = Database::create().unwrap();
    let (pool, role) = limited(&database, "creator");
    let error = Store::open(pool.clone(), InstanceId::random(), &initial(), &allowed())
        .await
        .unwrap_err();
    let StoreError::NoPrivilege { user, grant, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*user, role);
    assert!(
        error
            .to_string()
            .contains("may not create the schema hdb_catalog"),
        "{error}"
    );
    assert_eq!(*error.to_error().code(), ErrorCode::PostgresError);
    // What it says is what helps.
    database.run(grant).unwrap();
    let opened = Store::open(pool, InstanceId::random(), &initial(), &allowed())
        .await
        .unwrap();
    assert_eq!(opened.origin, Origin::Created);
}

#[tokio::test]
async fn a_user_who_may_not_use_the_tables_is_told_what_to_grant() {
    let database = Database::create().unwrap();
    database.run(CATALOG_48).unwrap();
    let (pool, _) = limited(&database, "reader");
    let error = Store::open(pool.clone(), InstanceId::random(), &initial(), &allowed())
        .await
        .unwrap_err();
    let StoreError::NoPrivilege { grant, .. } = &error else {
        panic!("{error}");
    };
    database.run(grant).unwrap();
    let store = Store::open(pool, InstanceId::random(), &initial(), &allowed())
        .await
        .unwrap()
        .store;
    store
        .save(
            &initial().to_string(),
            ResourceVersion::new(17),
            &Change::default(),
        )
        .await
        .unwrap();
    store
        .set_catalog_state(CatalogStateKind::Cli, &json!({}))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_user_who_may_not_create_tables_in_the_schema_is_told_what_to_grant() {
    let database = Database::create().unwrap();
    database.run("CREATE SCHEMA hdb_catalog").unwrap();
    let (pool, _) = limited(&database, "maker");
    let error = Store::open(pool.clone(), InstanceId::random(), &initial(), &allowed())
        .await
        .unwrap_err();
    let StoreError::NoPrivilege { grant, .. } = &error else {
        panic!("{error}");
    };
    database.run(grant).unwrap();
    Store::open(pool, InstanceId::random(), &initial(), &allowed())
        .await
        .unwrap();
}

#[tokio::test]
async fn no_error_shows_the_document() {
    let database = Database::create().unwrap();
    let store = open_store(&database).await;
    let rule = "ALTER TABLE hdb_catalog.hdb_metadata ADD CHECK (resource_version < 2)";
    database.run(rule).unwrap();
    let secret = json!({"version": 3, "sources": [], "url": "postgres://u:hunter2@h/d"});
    let error = store
        .save(
            &secret.to_string(),
            ResourceVersion::INITIAL,
            &Change::default(),
        )
        .await
        .unwrap_err();
    let shown = format!("{error} {error:?} {:?}", error.to_error());
    assert!(shown.contains("check constraint"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(store.load().await.unwrap().document, initial());
}

#[tokio::test]
async fn a_database_that_is_away_is_a_connection_error() {
    let database = Database::create().unwrap();
    let store = open_store(&database).await;
    drop(database);
    let error = store.ping().await.unwrap_err();
    assert!(error.is_connection_error(), "{error}");
    assert!(store.ping().await.is_err());
}
