//! A server over a few notes, with a role that sees its own.

use std::thread::sleep;
use std::time::{Duration, Instant};

use graphloom_testkit::http::Request;
use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::{Launch, Server};
use graphloom_testkit::socket::{Protocol, Socket};
use serde_json::{Value, json};

/// How long anything may take to happen. Not a measure of speed: only what hangs takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::GraphqlTransportWs, Protocol::GraphqlWs];

const TABLES: &str = "
    CREATE TABLE notes (id int PRIMARY KEY, owner text NOT NULL, text text NOT NULL);
    INSERT INTO notes VALUES (1, 'ada', 'one'), (2, 'bob', 'two');
    CREATE TABLE pace (seconds float8 NOT NULL);
    INSERT INTO pace VALUES (0);
    CREATE VIEW slow_notes AS SELECT n.id FROM notes n, LATERAL (SELECT pg_sleep(p.seconds) FROM pace p) s;
";

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) data: Database,
    _metadata: Database,
}

impl World {
    pub(crate) fn new(options: &[&str]) -> Self {
        let (metadata, data) = (Database::create().unwrap(), Database::create().unwrap());
        data.run(TABLES).unwrap();
        let launch = Launch::serve(env!("CARGO_BIN_EXE_graphloom"), &metadata)
            .with_env("HASURA_GRAPHQL_ENABLED_APIS", "graphql,metadata,developer")
            .with_option("--live-queries-multiplexed-refetch-interval=200")
            .with_option("--streaming-queries-multiplexed-refetch-interval=200")
            .with_env("HASURA_GRAPHQL_DATABASE_URL", data.url());
        let launch = options
            .iter()
            .fold(launch, |launch, option| launch.with_option(option));
        let server = launch.start().unwrap();
        let world = Self {
            server,
            data,
            _metadata: metadata,
        };
        for table in ["notes", "slow_notes"] {
            world.command("pg_track_table", json!({ "table": table }));
        }
        let own =
            json!({"columns": ["id", "text"], "filter": {"owner": {"_eq": "X-Hasura-User-Id"}}});
        let any = json!({"columns": ["id"], "filter": {}});
        for (table, permission) in [("notes", own), ("slow_notes", any)] {
            let args = json!({"table": table, "role": "user", "permission": permission});
            world.command("pg_create_select_permission", args);
        }
        world
    }

    pub(crate) fn command(&self, kind: &str, args: Value) {
        let command = json!({ "type": kind, "args": args });
        self.server.command(&[], &command).unwrap();
    }

    pub(crate) fn run(&self, sql: &str) {
        self.data.run(sql).unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let reply = self.server.send(Request::get(path)).unwrap();
        assert_eq!(reply.status, 200, "{path}");
        reply.json().unwrap()
    }

    /// `(pollers of live queries, pollers of streams, all subscribers)`
    pub(crate) fn pollers(&self) -> (usize, usize, u64) {
        let dump = self.get("/dev/subscriptions");
        let map = |name: &str| dump[name].as_array().unwrap().clone();
        let (live, streams) = (map("live_queries_map"), map("stream_queries_map"));
        let subscribers = live.iter().chain(&streams);
        let subscribers = subscribers.map(|poller| poller["subscriber_count"].as_u64().unwrap());
        (live.len(), streams.len(), subscribers.sum())
    }

    pub(crate) fn wait_for_pollers(&self, expected: (usize, usize, u64)) {
        wait_until(|| self.pollers() == expected);
    }

    /// A socket of this role and user, introduced.
    pub(crate) async fn socket(&self, protocol: Protocol, role: &str) -> Client {
        let port = self.server.port();
        let mut socket = Socket::open(port, "/v1/graphql", protocol).await.unwrap();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![
            header("x-hasura-role", role),
            header("x-hasura-user-id", "ada"),
        ];
        socket.init(headers).await.unwrap();
        Client { socket, protocol }
    }
}

pub(crate) fn wait_until(happened: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < end, "it did not happen");
        sleep(Duration::from_millis(30));
    }
}

/// A socket that speaks its protocol's words.
pub(crate) struct Client {
    socket: Socket,
    protocol: Protocol,
}

impl Client {
    pub(crate) async fn start(&mut self, id: &str, query: &str) {
        let word = match self.protocol {
            Protocol::GraphqlTransportWs => "subscribe",
            Protocol::GraphqlWs => "start",
        };
        self.say(json!({"id": id, "type": word, "payload": {"query": query}}))
            .await;
    }

    pub(crate) async fn stop(&mut self, id: &str) {
        let word = match self.protocol {
            Protocol::GraphqlTransportWs => "complete",
            Protocol::GraphqlWs => "stop",
        };
        self.say(json!({"id": id, "type": word})).await;
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.socket.send(&message).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.socket.receive()).await;
        next.expect("a message").unwrap()
    }

    /// The payload of the next message, which is a result of this operation.
    pub(crate) async fn result(&mut self, id: &str) -> Value {
        let mut message = self.next().await;
        let word = match self.protocol {
            Protocol::GraphqlTransportWs => "next",
            Protocol::GraphqlWs => "data",
        };
        assert_eq!(message["type"], word, "{message}");
        assert_eq!(message["id"], id, "{message}");
        message["payload"].take()
    }

    /// Waits for this result; others may come before.
    pub(crate) async fn until(&mut self, id: &str, expected: &Value) {
        while self.result(id).await != *expected {}
    }

    /// The error that refuses an operation, which is over with it.
    pub(crate) async fn refusal(&mut self, id: &str) -> Value {
        let mut message = self.next().await;
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(message["id"], id, "{message}");
        match self.protocol {
            Protocol::GraphqlTransportWs => message["payload"][0].take(),
            Protocol::GraphqlWs => {
                assert_eq!(self.next().await, json!({"type": "complete", "id": id}));
                message["payload"]["errors"][0].take()
            }
        }
    }
}
