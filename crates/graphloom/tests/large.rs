//! Large lists go out in parts while their rows arrive, and large schemas while their types are made: nothing is held back, an answer that fails half-way has no end,
//! and a client that stops reading makes Postgres wait, or lets go of it.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::{Launch, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_graphloom");

/// Lists of 2 MB and of 2 GB, one that fails in its middle, and one that fails at once.
const VIEWS: &str = "
    CREATE VIEW large AS SELECT i AS id, repeat('x', 1000) AS body FROM generate_series(1, 2000) i;
    CREATE VIEW huge AS SELECT i AS id, repeat('x', 1000) AS body FROM generate_series(1, 2000000) i;
    CREATE VIEW half AS SELECT 1 / (1000 - i) AS id, repeat('x', 1000) AS body FROM generate_series(1, 2000) i;
    CREATE VIEW none AS SELECT 1 / (3 - i) AS id, repeat('x', 1000) AS body FROM generate_series(1, 2000) i;
";

/// What Postgres is doing about the huge list.
const HUGE: &str = "SELECT coalesce(wait_event, '') FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND query LIKE '%huge%' AND pid <> pg_backend_pid()";

struct World {
    server: Server,
    data: Database,
    _metadata: Database,
}

fn world() -> World {
    let (metadata, data) = (Database::create().unwrap(), Database::create().unwrap());
    data.run(VIEWS).unwrap();
    let launch = Launch::serve(BINARY, &metadata);
    let launch = launch.with_env("HASURA_GRAPHQL_DATABASE_URL", data.url());
    let server = launch.start().unwrap();
    for view in ["large", "huge", "half", "none"] {
        let track = json!({"type": "pg_track_table", "args": {"table": view}});
        server.command(&[], &track).unwrap();
    }
    World {
        server,
        data,
        _metadata: metadata,
    }
}

impl World {
    fn ask(&self, view: &str, headers: &str) -> TcpStream {
        self.post(
            &json!({ "query": format!("{{ {view} {{ id body }} }}") }),
            headers,
        )
    }

    fn post(&self, body: &Value, headers: &str) -> TcpStream {
        let body = body.to_string();
        let mut socket = TcpStream::connect(("127.0.0.1", self.server.port())).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        write!(
            socket,
            "POST /v1/graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             connection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        socket
    }

    /// Head and body as they came, up to the end of the connection.
    fn answer(&self, view: &str, headers: &str) -> (String, Vec<u8>) {
        read(self.ask(view, headers))
    }
}

fn read(mut socket: TcpStream) -> (String, Vec<u8>) {
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head.to_lowercase(), answer[end + 4..].to_vec())
}

/// The bytes in chunks, and whether their end was among them.
fn unchunked(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        let Some(line) = body.windows(2).position(|two| two == b"\r\n") else {
            return (bytes, false);
        };
        let size = std::str::from_utf8(&body[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (bytes, true);
        }
        let from = line + 2;
        if body.len() < from + size + 2 {
            return (bytes, false);
        }
        bytes.extend_from_slice(&body[from..from + size]);
        body = &body[from + size + 2..];
    }
}

fn is_whole(text: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(text).unwrap();
    let rows = answer["data"]["large"].as_array().unwrap();
    let ids = rows.iter().map(|row| row["id"].as_u64().unwrap());
    ids.eq(1..=2000)
}

#[test]
fn a_large_list_is_all_there_plain_and_compressed() {
    let world = world();
    let (head, body) = world.answer("large", "");
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    let (text, has_end) = unchunked(&body);
    assert!(has_end && is_whole(&text));

    let (head, body) = world.answer("large", "accept-encoding: gzip\r\n");
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let (zipped, has_end) = unchunked(&body);
    assert!(has_end && zipped.len() < text.len() / 10);
    let mut unzipped = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(&zipped[..]);
    reader.read_to_end(&mut unzipped).unwrap();
    assert_eq!(unzipped, text);

    // The line in the log has the size of all of it.
    let sizes = format!("\"response_size\":{}", text.len());
    wait_for("the line in the log", || {
        world.server.log().contains(&sizes)
    });
}

#[test]
fn what_fails_half_way_has_no_end_and_what_fails_at_once_is_an_error() {
    let world = world();
    for headers in ["", "accept-encoding: gzip\r\n"] {
        let (head, body) = world.answer("half", headers);
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let (_, has_end) = unchunked(&body);
        assert!(!has_end, "half an answer looks like a whole one");
    }
    wait_for("the error in the log", || {
        world.server.log().contains("division by zero")
    });
    let (head, body) = world.answer("none", "");
    assert!(head.contains("content-length"), "{head}");
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "data-exception");
}

#[test]
fn a_client_that_stops_reading_holds_postgres_up_and_lets_go_of_it() {
    let world = world();
    let mut socket = world.ask("huge", "");
    let mut first = [0; 1000];
    socket.read_exact(&mut first).unwrap();
    wait_for("Postgres to wait for us", || {
        world.data.query(HUGE).unwrap() == [[Some("ClientWrite".to_owned())]]
    });
    drop(socket);
    wait_for("the statement to be cancelled", || {
        world.data.query(HUGE).unwrap().is_empty()
    });
}

#[test]
fn a_large_schema_goes_out_in_parts() {
    let world = world();
    let tables: Vec<_> = (0..50).map(|at| format!("table_{at}")).collect();
    let create = tables.iter();
    let create =
        create.map(|name| format!("CREATE TABLE {name} (id int PRIMARY KEY, at timestamptz);"));
    world.data.run(&create.collect::<String>()).unwrap();
    let track: Vec<_> = tables.iter().map(|name| json!({ "table": name })).collect();
    let track = json!({"type": "pg_track_tables", "args": {"tables": track}});
    world.server.command(&[], &track).unwrap();
    let schema = "__schema { queryType { name } types { kind name description
        fields { name args { name type { kind name ofType { name } } } } inputFields { name } enumValues { name } } }";
    let query = json!({ "query": format!("{{ __typename {schema} }}") });

    let (head, body) = read(world.post(&query, ""));
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let (parts, has_end) = unchunked(&body);
    assert!(has_end);
    // All of it at once, as one request of a batch, and beside rows of a table.
    let (head, batch) = read(world.post(&json!([query]), ""));
    assert!(head.contains("content-length"), "{head}");
    let text = String::from_utf8(parts).unwrap();
    assert!(String::from_utf8(batch).unwrap() == format!("[{text}]"));
    let mixed = json!({ "query": format!("{{ table_7 {{ id }} {schema} table_8 {{ id }} }}") });
    let (_, mixed) = read(world.post(&mixed, ""));
    let shown: Value = serde_json::from_str(&text).unwrap();
    let mut expected = json!({"table_7": [], "table_8": []});
    expected["__schema"] = shown["data"]["__schema"].clone();
    let mixed: Value = serde_json::from_slice(&mixed).unwrap();
    assert!(mixed["data"] == expected);

    // What is asked wrongly is an error, not half an answer.
    let wrong = json!({ "query": "{ __schema { types { name fields { name type { nope } } } } }" });
    let (_, wrong) = read(world.post(&wrong, ""));
    let wrong: Value = serde_json::from_slice(&wrong).unwrap();
    assert_eq!(
        wrong["errors"][0]["message"],
        "field 'nope' not found in type: '__Type'"
    );
}

fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if is_there() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("waited in vain for {what}");
}
