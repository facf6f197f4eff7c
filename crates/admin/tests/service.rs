//! The service on a real Postgres: what it starts from, what it shares with others, how it recovers.
//!
//! What single commands answer is in `cases/metadata`, over HTTP; here is what no single answer shows.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use graphloom_admin::{Admin, AdminEvent, AdminOptions, Changes, DefaultSource, Health};
use graphloom_execute::{Engine, GraphqlRequest};
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions};
use graphloom_store::{InstanceId, Store, Upgrade};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{ErrorCode, Json, QualifiedTable, Session, SourceName};
use serde_json::json;

/// Longer than anything here takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server without its HTTP.
struct Instance {
    admin: Arc<Admin>,
    engine: Arc<Engine>,
    events: Arc<Mutex<Vec<AdminEvent>>>,
}

impl Instance {
    async fn start(metadata: &Database, source: Option<&str>) -> Self {
        Self::start_with(metadata, source, Changes::Allowed).await
    }

    async fn start_with(metadata: &Database, source: Option<&str>, changes: Changes) -> Self {
        let polls = Duration::from_millis(50);
        Self::start_polling(metadata, source, (changes, polls)).await
    }

    async fn start_polling(
        metadata: &Database,
        source: Option<&str>,
        (changes, polls): (Changes, Duration),
    ) -> Self {
        let environment = source.map(|url| (DefaultSource::VARIABLE.to_owned(), url.to_owned()));
        let events: Arc<Mutex<Vec<AdminEvent>>> = Arc::default();
        let seen = events.clone();
        let options = AdminOptions {
            environment: environment.into_iter().collect::<HashMap<_, _>>(),
            default_source: source.map(|_| DefaultSource::from_environment()),
            sync_interval: Some(polls),
            changes,
            observer: Some(Arc::new(move |event: &AdminEvent| {
                seen.lock().unwrap().push(event.clone());
            })),
            ..AdminOptions::default()
        };
        let engine = Arc::new(Engine::default());
        let admin = Admin::start(options, store(metadata).await, engine.clone()).await;
        Self {
            admin: admin.unwrap(),
            engine,
            events,
        }
    }

    async fn metadata(&self, command: Json) -> Json {
        let answer = self.admin.metadata(&Session::admin(), command).await;
        answer.unwrap()
    }

    async fn track(&self, table: &str) {
        let command = json!({"type": "pg_track_table", "args": {"table": table}});
        self.metadata(command).await;
    }

    async fn sql(&self, sql: &str) {
        let command = json!({"type": "run_sql", "args": {"sql": sql}});
        let answer = self.admin.query_v2(&Session::admin(), command).await;
        answer.unwrap();
    }

    async fn export(&self) -> Json {
        let command = json!({"type": "export_metadata", "args": {}});
        self.metadata(command).await
    }

    /// Names of the default source's tables that are served.
    fn served(&self) -> Vec<String> {
        let snapshot = self.engine.snapshot();
        let source = snapshot.schema.sources.get(&SourceName::new("default"));
        let tables = source.map(|source| source.tables.keys());
        let mut names: Vec<_> = tables
            .into_iter()
            .flatten()
            .map(QualifiedTable::display_name)
            .collect();
        names.sort();
        names
    }

    async fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waited = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waited).await;
        assert!(in_time.is_ok(), "{what}: {:?}", self.events.lock().unwrap());
    }
}

async fn store(database: &Database) -> Store {
    let pool = Pool::new(
        ConnectionOptions::parse(database.url()).unwrap(),
        PoolOptions {
            max_connections: 4,
            ..PoolOptions::default()
        },
    );
    let initial = json!({"version": 3, "sources": []});
    let upgrade = Upgrade::Allowed {
        default_source: None,
    };
    let opened = Store::open(pool, InstanceId::random(), &initial, &upgrade).await;
    opened.unwrap().store
}

fn stored(database: &Database) -> Vec<Vec<Option<String>>> {
    let sql = "select metadata::text, resource_version::text from hdb_catalog.hdb_metadata";
    database.query(sql).unwrap()
}

#[tokio::test]
async fn the_default_source_is_stored_by_its_variable_and_found_again() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    source
        .run("create table author (id int primary key)")
        .unwrap();
    let first = Instance::start(&metadata, Some(source.url())).await;
    assert_eq!(
        first.export().await,
        json!({
            "version": 3,
            "sources": [{
                "name": "default",
                "kind": "postgres",
                "tables": [],
                "configuration": {
                    "connection_info": {
                        "database_url": {"from_env": "HASURA_GRAPHQL_DATABASE_URL"},
                        "isolation_level": "read-committed",
                        "pool_settings": {
                            "connection_lifetime": 600,
                            "idle_timeout": 180,
                            "max_connections": 50,
                            "retries": 1
                        },
                        "use_prepared_statements": true
                    }
                }
            }]
        })
    );
    first.track("author").await;
    let command = json!({"type": "export_metadata", "version": 2, "args": {}});
    let exported = first.metadata(command).await;
    assert_eq!(exported["resource_version"], first.admin.resource_version());
    assert_eq!(exported["metadata"], first.export().await);
    let before = stored(&metadata);
    let again = Instance::start(&metadata, Some(source.url())).await;
    assert_eq!(again.served(), ["author"]);
    assert_eq!(again.admin.health().await, Health::Ok);
    assert_eq!(stored(&metadata), before, "starting writes nothing");
}

#[tokio::test]
async fn a_refused_command_leaves_no_trace() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    source
        .run("create table author (id int primary key)")
        .unwrap();
    let instance = Instance::start(&metadata, Some(source.url())).await;
    instance.track("author").await;
    let (before, generation) = (stored(&metadata), instance.engine.snapshot().generation);
    let refused = [
        json!({"type": "pg_track_table", "args": {"table": "nobody"}}),
        json!({"type": "bulk", "args": [
            {"type": "pg_untrack_table", "args": {"table": "author"}},
            {"type": "pg_track_table", "args": {"table": "nobody"}}
        ]}),
        json!({"type": "replace_metadata", "args": {"version": 2, "tables": [{"table": "nobody"}]}}),
    ];
    for command in refused {
        let answer = instance.admin.metadata(&Session::admin(), command).await;
        answer.unwrap_err();
    }
    assert_eq!(stored(&metadata), before);
    assert_eq!(instance.engine.snapshot().generation, generation);
    assert_eq!(instance.served(), ["author"]);
}

#[tokio::test]
async fn refused_sql_is_undone_in_the_database_too() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    let world = "create table a (id int primary key); create table b (id int primary key, a int references a)";
    source.run(world).unwrap();
    let instance = Instance::start(&metadata, Some(source.url())).await;
    instance.track("a").await;
    instance.track("b").await;
    let relationship =
        json!({"table": "b", "name": "one", "using": {"foreign_key_constraint_on": "a"}});
    let command = json!({"type": "pg_create_object_relationship", "args": relationship});
    instance.metadata(command).await;
    let sql = "insert into a values (1); drop table a cascade";
    let command = json!({"type": "run_sql", "args": {"sql": sql}});
    let error = instance.admin.query_v2(&Session::admin(), command).await;
    assert_eq!(error.unwrap_err().code(), &ErrorCode::DependencyError);
    assert_eq!(
        source.query("select count(*) from a").unwrap(),
        [[Some("0".to_owned())]]
    );
}

#[tokio::test]
async fn a_source_that_is_away_comes_back_by_itself() {
    let (metadata, other) = (Database::create().unwrap(), Database::create().unwrap());
    let there = other.query("select current_database()").unwrap();
    let there = there[0][0].clone().unwrap();
    let name = format!("{there}_late");
    let missing = other
        .url()
        .replace(&format!("/{there}"), &format!("/{name}"));
    assert_ne!(missing, other.url());
    let instance = Instance::start(&metadata, Some(&missing)).await;
    assert_eq!(instance.admin.health().await, Health::Inconsistent);
    instance
        .wait_until("the failure is told", |instance| {
            let events = instance.events.lock().unwrap();
            let is_told = |event: &AdminEvent| {
                matches!(event, AdminEvent::SourceUnavailable { source, .. } if source == "default")
            };
            events.iter().any(is_told)
        })
        .await;
    other.run(&format!("create database {name}")).unwrap();
    instance
        .wait_until("the source is served", |instance| {
            instance.engine.snapshot().schema.is_consistent()
        })
        .await;
    assert_eq!(instance.admin.health().await, Health::Ok);
    instance.sql("create table late (id int primary key)").await;
    instance.track("late").await;
    assert_eq!(instance.served(), ["late"]);
    drop(instance);
    other
        .run(&format!("drop database {name} with (force)"))
        .unwrap();
}

#[tokio::test]
async fn what_one_instance_changes_the_other_serves() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    source
        .run("create table author (id int primary key)")
        .unwrap();
    let one = Instance::start(&metadata, Some(source.url())).await;
    let two = Instance::start(&metadata, Some(source.url())).await;
    one.track("author").await;
    two.wait_until("the table is served", |two| two.served() == ["author"])
        .await;
    // Also what is not in the document.
    one.sql("alter table author add column name text").await;
    let has_column = |instance: &Instance| {
        let snapshot = instance.engine.snapshot();
        let source = &snapshot.schema.sources["default"];
        let table = source.tables.values().next().unwrap();
        table.columns.len() == 2
    };
    assert!(has_column(&one));
    two.wait_until("the column is served", has_column).await;
    // And without waiting: a change begins from what is stored.
    one.sql("create table second (id int primary key)").await;
    one.track("second").await;
    two.metadata(json!({"type": "pg_untrack_table", "args": {"table": "author"}}))
        .await;
    assert_eq!(two.served(), ["second"]);
    assert_eq!(
        one.admin.resource_version() + 1,
        two.admin.resource_version()
    );
}

/// Changes are heard of, not only asked for: nobody asks within the time that this test has.
#[tokio::test]
async fn changes_of_others_are_heard_of_without_asking() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    source
        .run("create table author (id int primary key)")
        .unwrap();
    let one = Instance::start(&metadata, Some(source.url())).await;
    let never = Duration::from_hours(1);
    let two = Instance::start_polling(&metadata, Some(source.url()), (Changes::Allowed, never));
    let two = two.await;
    for _ in 0..3 {
        one.track("author").await;
        two.wait_until("the table is served", |two| two.served() == ["author"])
            .await;
        one.metadata(json!({"type": "pg_untrack_table", "args": {"table": "author"}}))
            .await;
        two.wait_until("the table is gone", |two| two.served().is_empty())
            .await;
    }
    // A session that is lost is opened again.
    let listening = "select pg_terminate_backend(pid) from pg_stat_activity \
                     where query like 'LISTEN%' and datname = current_database()";
    metadata.run(listening).unwrap();
    one.track("author").await;
    two.wait_until("heard of again", |two| two.served() == ["author"])
        .await;
}

#[tokio::test]
async fn of_racing_writers_none_is_lost() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    let tables: Vec<_> = (0..8).map(|n| format!("t{n}")).collect();
    for table in &tables {
        source
            .run(&format!("create table {table} (id int primary key)"))
            .unwrap();
    }
    let one = Instance::start(&metadata, Some(source.url())).await;
    let two = Instance::start(&metadata, Some(source.url())).await;
    let instances = [&one, &two];
    let writers = tables.iter().enumerate().map(|(n, table)| {
        let instance = instances[n % 2];
        async move {
            loop {
                let command = json!({"type": "pg_track_table", "args": {"table": table}});
                match instance.admin.metadata(&Session::admin(), command).await {
                    Ok(_) => break,
                    Err(error) => assert_eq!(error.code(), &ErrorCode::Conflict, "{error}"),
                }
            }
        }
    });
    futures_util::future::join_all(writers).await;
    for instance in instances {
        instance
            .wait_until("all tables are served", |instance| {
                instance.served() == tables
            })
            .await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_half_done() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    let instance = Instance::start(&metadata, Some(source.url())).await;
    let sql = "select pg_sleep(0.2); create table t (id int); comment on table t is 'x'";
    let bulk = json!({"type": "bulk", "args": [
        {"type": "run_sql", "args": {"sql": sql}},
        {"type": "track_table", "args": "t"}
    ]});
    let session = Session::admin();
    let request = instance.admin.query_v1(&session, bulk);
    let abandoned = tokio::time::timeout(Duration::from_millis(50), request).await;
    assert!(abandoned.is_err());
    instance
        .wait_until("the bulk ends", |instance| instance.served() == ["t"])
        .await;
}

#[tokio::test]
async fn in_maintenance_nothing_is_changed_and_everything_is_served() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    source
        .run("create table author (id int primary key)")
        .unwrap();
    let first = Instance::start(&metadata, Some(source.url())).await;
    first.track("author").await;
    let before = stored(&metadata);
    let url = Some(source.url());
    let instance = Instance::start_with(&metadata, url, Changes::Refused).await;
    assert_eq!(instance.served(), ["author"]);
    for command in [
        json!({"type": "pg_untrack_table", "args": {"table": "author"}}),
        json!({"type": "clear_metadata", "args": {}}),
        json!({"type": "bulk_keep_going", "args": [{"type": "reload_metadata", "args": {}}]}),
    ] {
        let answer = instance.admin.metadata(&Session::admin(), command).await;
        let error = answer.unwrap_err();
        let message = "metadata cannot be modified in maintenance mode";
        assert_eq!((error.message(), error.status()), (message, 500));
    }
    assert_eq!(stored(&metadata), before);
    assert_eq!(instance.export().await, first.export().await);
    // What others change is followed.
    first.sql("create table second (id int primary key)").await;
    first.track("second").await;
    instance
        .wait_until("the other's table", |instance| {
            instance.served() == ["author", "second"]
        })
        .await;
}

#[tokio::test]
async fn in_read_only_mode_nothing_is_written_anywhere() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    source
        .run("create table author (id int primary key)")
        .unwrap();
    let first = Instance::start(&metadata, Some(source.url())).await;
    first.track("author").await;
    let before = stored(&metadata);
    let url = Some(source.url());
    let instance = Instance::start_with(&metadata, url, Changes::ReadOnly).await;
    let admin = Session::admin();
    for (command, message) in [
        (
            json!({"type": "pg_untrack_table", "args": {"table": "author"}}),
            "metadata cannot be modified in read-only mode",
        ),
        (
            json!({"type": "set_catalog_state", "args": {"type": "cli", "state": {}}}),
            "Cannot run write queries when read-only mode is enabled",
        ),
    ] {
        let error = instance.admin.metadata(&admin, command).await.unwrap_err();
        assert_eq!(error.message(), message);
        assert_eq!(*error.code(), ErrorCode::NotSupported);
    }
    let run_sql = |sql: &str, read_only: bool| json!({"type": "run_sql", "args": {"sql": sql, "read_only": read_only}});
    for command in [
        run_sql("insert into author values (1)", false),
        json!({"type": "bulk", "args": [run_sql("select 1", true), run_sql("select 1", false)]}),
        json!({"type": "insert", "args": {"table": "author", "objects": [{"id": 1}]}}),
    ] {
        let error = instance.admin.query_v2(&admin, command).await.unwrap_err();
        assert_eq!(
            error.message(),
            "Cannot run write queries when read-only mode is enabled"
        );
    }
    let read = run_sql("select count(*) from author", true);
    let read = instance.admin.query_v2(&admin, read).await.unwrap();
    assert_eq!(read["result"], json!([["count"], ["0"]]));
    assert_eq!(stored(&metadata), before);
}

#[tokio::test]
async fn a_source_that_does_not_answer_just_now_is_served_on_when_another_instance_changes_it() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    source
        .run("create table author (id int primary key)")
        .unwrap();
    let one = Instance::start(&metadata, Some(source.url())).await;
    let two = Instance::start(&metadata, Some(source.url())).await;
    one.track("author").await;
    two.wait_until("the table", |two| two.served() == ["author"])
        .await;
    let name = source.query("select current_database()").unwrap();
    let name = name[0][0].clone().unwrap();
    let closed = format!("alter database {name} with allow_connections false");
    metadata.run(&closed).unwrap();
    let ended =
        format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
    metadata.run(&ended).unwrap();
    let reload = json!({"type": "reload_metadata", "args": {"reload_sources": true}});
    let answer = one.metadata(reload).await;
    assert_eq!(answer["is_consistent"], false, "whoever asks is told");
    let version = one.admin.resource_version();
    two.wait_until("the change arrives", |two| {
        two.admin.resource_version() == version
    })
    .await;
    assert_eq!(two.served(), ["author"]);
    assert_eq!(two.admin.health().await, Health::Ok);
    let opened = format!("alter database {name} with allow_connections true");
    metadata.run(&opened).unwrap();
    one.wait_until("it comes back", |one| one.served() == ["author"])
        .await;
}

#[tokio::test]
async fn a_stream_of_changes_disturbs_no_query() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    let world = "create table author (id int primary key); insert into author values (1); \
                 create table other (id int primary key)";
    source.run(world).unwrap();
    let one = Instance::start(&metadata, Some(source.url())).await;
    let two = Instance::start(&metadata, Some(source.url())).await;
    one.track("author").await;
    two.wait_until("the table", |two| two.served() == ["author"])
        .await;
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let queries = async {
        let mut answered = 0;
        while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
            for instance in [&one, &two] {
                let request = json!({"query": "{ author { id } }"});
                let request = GraphqlRequest::from_json(request).unwrap();
                let answer = instance.engine.graphql(&Session::admin(), &request).await;
                let answer = answer.unwrap().data;
                assert_eq!(answer.as_ref(), br#"{"author":[{"id":1}]}"#);
                answered += 1;
            }
        }
        answered
    };
    let changes = async {
        for round in 0..10 {
            let (writer, reader) = if round % 2 == 0 {
                (&one, &two)
            } else {
                (&two, &one)
            };
            writer.track("other").await;
            let has = |reader: &Instance| reader.served() == ["author", "other"];
            reader.wait_until("tracked", has).await;
            let untrack = json!({"type": "pg_untrack_table", "args": {"table": "other"}});
            writer.metadata(untrack).await;
            let has = |reader: &Instance| reader.served() == ["author"];
            reader.wait_until("untracked", has).await;
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (answered, ()) = futures_util::future::join(queries, changes).await;
    assert!(answered > 0);
}

/// Exports, clears, replaces with the export and exports again: the same bytes.
async fn goes_around(instance: &Instance, document: &Json) {
    let replace = |document: &Json| {
        let args = json!({"metadata": document, "allow_inconsistent_metadata": true});
        json!({"type": "replace_metadata", "version": 2, "args": args})
    };
    instance.metadata(replace(document)).await;
    let first = instance.export().await;
    let clear = json!({"type": "clear_metadata", "args": {}});
    instance.metadata(clear).await;
    instance.metadata(replace(&first)).await;
    assert_eq!(instance.export().await.to_string(), first.to_string());
}

#[tokio::test]
async fn exports_are_taken_back_and_come_out_the_same() {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    let instance = Instance::start(&metadata, Some(source.url())).await;
    let everything = include_str!("../../metadata/tests/fixtures/everything.json");
    goes_around(&instance, &serde_json::from_str(everything).unwrap()).await;
    // Documents of other projects, in older forms, where they are at hand.
    let default = json!({"version": 3, "sources": [{
        "name": "default", "kind": "postgres", "tables": [],
        "configuration": {"connection_info": {"database_url": {"from_env": DefaultSource::VARIABLE}}}
    }]});
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/bench/data");
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let file = entry.unwrap().path().join("replace_metadata.json");
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let request: Json = serde_json::from_str(&text).unwrap();
        goes_around(&instance, &default).await;
        goes_around(&instance, &request["args"]).await;
    }
}
