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
    _metadata: Database,
    _data: Database,
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
        _metadata: metadata,
        _data: data,
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
