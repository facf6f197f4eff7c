//! Several servers on one metadata database: a change made through one is served by all, what they serve meanwhile is
//! right, and no change of one writer is lost to another's.
//!
//! How soon it is served is measured by `bench/metadata.py`; here only that it is.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use graphloom_testkit::http::Request;
use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::{Launch, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_graphloom");

/// Only what does not work at all takes so long.
const PATIENCE: Duration = Duration::from_mins(1);
const TABLES: usize = 12;

struct World {
    servers: [Server; 2],
    metadata_db: Database,
    data: Database,
}

fn world(option: &str) -> World {
    let (metadata, data) = (Database::create().unwrap(), Database::create().unwrap());
    data.run("CREATE TABLE always (id int PRIMARY KEY); INSERT INTO always VALUES (1)")
        .unwrap();
    for side in ["a", "b"] {
        for number in 0..TABLES {
            let table = format!("{side}{number}");
            data.run(&format!("CREATE TABLE {table} (id int PRIMARY KEY)"))
                .unwrap();
        }
    }
    let start = || {
        let launch = Launch::serve(BINARY, &metadata).with_option(option);
        let launch = launch.with_env("HASURA_GRAPHQL_DATABASE_URL", data.url());
        launch.start().unwrap()
    };
    let world = World {
        servers: [start(), start()],
        metadata_db: metadata,
        data,
    };
    track(&world.servers[0], "always");
    world.wait_until_served(1, "always");
    world
}

/// Another writer may have been faster: then nothing of it is done, and it is said again.
fn track(server: &Server, table: &str) {
    change(server, "pg_track_table", &json!({ "table": table }));
}

fn change(server: &Server, command: &str, args: &Value) {
    let began = Instant::now();
    loop {
        let body = json!({ "type": command, "args": args });
        let reply = server.send(Request::post_json("/v1/metadata", &body));
        let reply = reply.unwrap();
        let answer = reply.json().unwrap();
        if reply.status == 200 {
            assert_eq!(answer["message"], "success");
            return;
        }
        assert_eq!(
            (reply.status, &answer["code"]),
            (409, &json!("conflict")),
            "{answer}"
        );
        assert!(began.elapsed() < PATIENCE, "{args}: {answer}");
    }
}

fn ask(server: &Server, query: &str) -> Value {
    let body = json!({ "query": query });
    let reply = server.send(Request::post_json("/v1/graphql", &body));
    reply.unwrap().json().unwrap()
}

fn export(server: &Server) -> (i64, Value) {
    let body = json!({"type": "export_metadata", "version": 2, "args": {}});
    let mut answer = server.command(&[], &body).unwrap();
    let version = answer["resource_version"].as_i64().unwrap();
    (version, answer["metadata"].take())
}

impl World {
    fn wait_until_served(&self, server: usize, table: &str) {
        self.wait_for(server, table, |answer| answer.get("data").is_some());
    }

    fn wait_for(&self, server: usize, table: &str, is_met: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        loop {
            let answer = ask(&self.servers[server], &format!("{{ {table} {{ id }} }}"));
            if is_met(&answer) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{table}: {answer}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn changes_through_either_are_served_by_both_and_disturb_no_query() {
    let world = world("--schema-sync-poll-interval=1000");
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for server in &world.servers {
            let (is_over, asked) = (&is_over, &asked);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = ask(server, "{ always { id } }");
                    assert_eq!(answer, json!({"data": {"always": [{"id": 1}]}}));
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // It ends with the first panic, so that the others do.
        let changes = scope.spawn(|| {
            for number in 0..TABLES {
                let (one, other) = (number % 2, (number + 1) % 2);
                let table = format!("a{number}");
                track(&world.servers[one], &table);
                world.wait_until_served(other, &table);
                let untrack = json!({ "table": table });
                change(&world.servers[other], "pg_untrack_table", &untrack);
                world.wait_for(one, &table, |answer| answer.get("errors").is_some());
            }
        });
        let changed = changes.join();
        is_over.store(true, Ordering::Relaxed);
        changed.unwrap();
    });
    assert!(asked.load(Ordering::Relaxed) > 0);
    assert_eq!(export(&world.servers[0]), export(&world.servers[1]));
}

#[test]
fn of_racing_writers_none_loses_a_change() {
    let world = world("--schema-sync-poll-interval=1000");
    let (before, _) = export(&world.servers[0]);
    let begin = Barrier::new(2);
    thread::scope(|scope| {
        for (server, side) in world.servers.iter().zip(["a", "b"]) {
            let begin = &begin;
            scope.spawn(move || {
                begin.wait();
                for number in 0..TABLES {
                    track(server, &format!("{side}{number}"));
                }
            });
        }
    });
    for (server, last) in [
        (0, format!("b{}", TABLES - 1)),
        (1, format!("a{}", TABLES - 1)),
    ] {
        world.wait_until_served(server, &last);
    }
    let (version, metadata) = export(&world.servers[0]);
    assert_eq!((version, metadata.clone()), export(&world.servers[1]));
    // One version for each change, and all of them are there.
    assert_eq!(version, before + 2 * i64::try_from(TABLES).unwrap());
    let tables = metadata["sources"][0]["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 2 * TABLES + 1);
}

#[test]
fn a_change_is_heard_of_without_being_asked_for() {
    // The poll alone would be later than the test's patience.
    let world = world("--schema-sync-poll-interval=600000");
    track(&world.servers[1], "a0");
    world.wait_until_served(0, "a0");
}

/// Changes of every kind, one group after the other; each group is over when both servers serve it.
fn changes_of_every_kind() -> Vec<Vec<(&'static str, Value)>> {
    let sql = |text: &str| ("run_sql", json!({"sql": text, "cascade": true}));
    let is_checked = |text: &str| {
        let args = json!({"sql": text, "check_metadata_consistency": true});
        ("run_sql", args)
    };
    let permission = json!({"columns": "*", "filter": {"author": {"id": {"_gt": 1}}}});
    let columns = ["a", "b", "c", "d"];
    let burst = columns.map(|name| sql(&format!("ALTER TABLE book ADD COLUMN {name} int")));
    vec![
        vec![
            sql("CREATE TABLE author (id int PRIMARY KEY, name text);
                 CREATE TABLE color (value text PRIMARY KEY, comment text);
                 INSERT INTO color VALUES ('red', 'as wine');
                 CREATE TABLE book (id int PRIMARY KEY, author_id int REFERENCES author, color text REFERENCES color);
                 CREATE VIEW title AS SELECT id, color FROM book;
                 CREATE FUNCTION shelf(place author) RETURNS SETOF book LANGUAGE sql STABLE
                   AS 'SELECT * FROM book WHERE author_id = place.id';
                 CREATE FUNCTION found(word text) RETURNS SETOF author LANGUAGE sql STABLE
                   AS 'SELECT * FROM author WHERE name = word'"),
            ("pg_track_table", json!({"table": "author"})),
            ("pg_track_table", json!({"table": "book"})),
        ],
        vec![
            ("pg_create_array_relationship", json!({"table": "author", "name": "books",
                "using": {"foreign_key_constraint_on": {"table": "book", "column": "author_id"}}})),
            ("pg_create_object_relationship", json!({"table": "book", "name": "author",
                "using": {"foreign_key_constraint_on": "author_id"}})),
            ("pg_create_select_permission", json!({"table": "book", "role": "reader", "permission": permission})),
        ],
        vec![sql("ALTER TABLE book ADD COLUMN pages int")],
        vec![sql("ALTER TABLE author RENAME COLUMN name TO full_name")],
        vec![
            ("pg_add_computed_field", json!({"table": "author", "name": "shelf", "definition": {"function": "shelf"}})),
            ("pg_track_function", json!({"function": "found"})),
            ("pg_track_table", json!({"table": "title"})),
        ],
        vec![is_checked("COMMENT ON VIEW title IS 'what is told'; COMMENT ON FUNCTION found IS 'by a word'")],
        vec![("pg_track_table", json!({"table": "color"})), ("pg_set_table_is_enum", json!({"table": "color", "is_enum": true}))],
        vec![is_checked("INSERT INTO color VALUES ('blue', 'as ink')")],
        burst.into(),
        vec![sql("ALTER TABLE book ALTER COLUMN pages TYPE text")],
        vec![sql("ALTER TABLE author RENAME TO writer")],
        vec![("pg_drop_select_permission", json!({"table": "book", "role": "reader"})), sql("ALTER TABLE book DROP COLUMN a, DROP CONSTRAINT book_author_id_fkey")],
        vec![("pg_untrack_table", json!({"table": "color", "cascade": true})), sql("DROP TABLE writer CASCADE")],
        vec![
            ("pg_track_table", json!({"table": "a1"})),
            (
                "run_sql",
                json!({"sql": "DROP TABLE a1", "check_metadata_consistency": false}),
            ),
            ("reload_metadata", json!({})),
        ],
        vec![is_checked("CREATE TABLE a1 (id int, name text)")],
        vec![("pg_track_table", json!({"table": "a0"})), ("reload_metadata", json!({}))],
    ]
}

/// All types that a role sees.
fn schema(server: &Server, role: &str) -> Value {
    let query = "{ __schema { types { name description enumValues { name description }
        fields { name description args { name type { ...t } } type { ...t } }
        inputFields { name description type { ...t } } } } }
        fragment t on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
    let request = Request::post_json("/v1/graphql", &json!({ "query": query }));
    let reply = server.send(request.with_header("x-hasura-role", role));
    reply.unwrap().json().unwrap()
}

/// Some commands give more than that they were done.
fn done(server: &Server, command: &str, args: &Value) {
    if command != "run_sql" && command != "reload_metadata" {
        return change(server, command, args);
    }
    let path = if command == "run_sql" {
        "/v2/query"
    } else {
        "/v1/metadata"
    };
    let body = json!({ "type": command, "args": args });
    let reply = server.send(Request::post_json(path, &body)).unwrap();
    assert_eq!(reply.status, 200, "{args}: {:?}", reply.json());
}

impl World {
    fn wait_until_equal(&self) {
        let began = Instant::now();
        let ours = export(&self.servers[0]);
        loop {
            let theirs = export(&self.servers[1]);
            if theirs.0 == ours.0 {
                return assert_eq!(theirs, ours);
            }
            assert!(began.elapsed() < PATIENCE, "{} {}", theirs.0, ours.0);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn what_is_heard_of_comes_to_what_a_new_server_reads() {
    let option = "--schema-sync-poll-interval=1000";
    let world = world(option);
    for changes in changes_of_every_kind() {
        for (command, args) in &changes {
            done(&world.servers[0], command, args);
        }
        world.wait_until_equal();
        for role in ["admin", "reader"] {
            let [one, other] = [0, 1].map(|server| schema(&world.servers[server], role));
            assert!(other == one, "{changes:?}: {other}\n{one}");
        }
    }
    let launch = Launch::serve(BINARY, &world.metadata_db).with_option(option);
    let launch = launch.with_env("HASURA_GRAPHQL_DATABASE_URL", world.data.url());
    let new = launch.start().unwrap();
    for role in ["admin", "reader"] {
        let (heard, read) = (schema(&world.servers[1], role), schema(&new, role));
        assert!(heard == read, "{role}: {heard}\n{read}");
    }
}

#[test]
fn of_a_change_of_one_table_only_that_is_read_elsewhere() {
    let world = world("--schema-sync-poll-interval=1000");
    // Behind the back of both: nobody reads it again until somebody is told to.
    world
        .data
        .run("ALTER TABLE always ADD COLUMN secret int")
        .unwrap();
    let has_secret =
        |server: usize| ask(&world.servers[server], "{ always { secret } }")["data"].is_object();
    for (command, args) in [
        ("pg_track_table", json!({"table": "a0"})),
        (
            "run_sql",
            json!({"sql": "ALTER TABLE a0 ADD COLUMN name text"}),
        ),
        ("pg_untrack_table", json!({"table": "a0"})),
    ] {
        done(&world.servers[0], command, &args);
        world.wait_until_equal();
        assert_eq!([0, 1].map(has_secret), [false; 2], "{command}");
    }
    done(&world.servers[0], "reload_metadata", &json!({}));
    world.wait_until_equal();
    assert_eq!([0, 1].map(has_secret), [true; 2]);
}

#[test]
fn what_is_heard_of_while_a_source_is_away_is_read_when_it_is_back() {
    let mut world = world("--schema-sync-poll-interval=1000");
    let data = &world.data;
    // The second server comes as somebody else, who can be kept out.
    let (role, run) = ("graphloom_instances", |sql: &str| data.run(sql).unwrap());
    run(&format!(
        "DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN"
    ));
    let url = data
        .url()
        .replacen("://postgres@", &format!("://{role}@"), 1);
    assert_ne!(url, data.url());
    let launch = Launch::serve(BINARY, &world.metadata_db);
    let launch = launch.with_option("--schema-sync-poll-interval=1000");
    world.servers[1] = launch
        .with_env("HASURA_GRAPHQL_DATABASE_URL", &url)
        .start()
        .unwrap();
    let has_more = |server: usize| {
        let query = "{ __type(name: \"always\") { fields { name } } }";
        let answer = ask(&world.servers[server], query);
        let fields = answer["data"]["__type"]["fields"].as_array().unwrap();
        fields.iter().any(|field| field["name"] == "more")
    };
    run(&format!(
        "ALTER ROLE {role} NOLOGIN;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    ));
    let sql = "ALTER TABLE always ADD COLUMN more int";
    done(&world.servers[0], "run_sql", &json!({ "sql": sql }));
    world.wait_until_equal();
    assert_eq!([0, 1].map(has_more), [true, false]);
    // Commands that need nothing of the source are done meanwhile.
    let permission = json!({"columns": "*", "filter": {}});
    let permission = json!({"table": "always", "role": "reader", "permission": permission});
    done(
        &world.servers[1],
        "pg_create_select_permission",
        &permission,
    );
    // Nor is a later change that has nothing to do with it the end of the matter.
    track(&world.servers[0], "a0");
    world.wait_until_equal();
    assert_eq!([0, 1].map(has_more), [true, false]);
    run(&format!("ALTER ROLE {role} LOGIN"));
    let began = Instant::now();
    while !has_more(1) {
        assert!(began.elapsed() < PATIENCE, "it is not read again");
        thread::sleep(Duration::from_millis(20));
    }
}
