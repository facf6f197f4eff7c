//! GraphQL over server-sent events, in distinct connections mode.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use graphloom_testkit::http::{Reply, Request};
use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::Launch;
use serde_json::{Value, json};

use crate::world::{PATIENCE, PROTOCOLS, World};

const OWN: &str = "subscription { notes(order_by: {id: asc}) { id text } }";

/// A response that goes on. HTTP/1.0, so that the body comes as it is.
struct Events {
    reader: BufReader<TcpStream>,
    head: String,
}

impl Events {
    fn post(world: &World, role: &str, query: &str) -> Self {
        let body = json!({ "query": query }).to_string();
        let length = body.len();
        Self::open(
            world,
            &format!(
                "POST /v1/graphql HTTP/1.0\r\nhost: localhost\r\naccept: text/event-stream\r\n\
                 content-type: application/json\r\nx-hasura-role: {role}\r\nx-hasura-user-id: ada\r\n\
                 content-length: {length}\r\n\r\n{body}"
            ),
        )
    }

    fn open(world: &World, request: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", world.server.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut events = Self {
            reader: BufReader::new(stream),
            head: String::new(),
        };
        loop {
            let line = events.line().expect("a head");
            if line.is_empty() {
                return events;
            }
            events.head.push_str(&line);
            events.head.push('\n');
        }
    }

    /// `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.reader.read_line(&mut line).unwrap();
        (count > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next event and its data, comments left out; `None` at the end.
    fn next(&mut self) -> Option<(String, Value)> {
        let (mut event, mut data) = (String::new(), String::new());
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some(("event", name)) => name.trim().clone_into(&mut event),
                Some(("data", text)) => data.push_str(text),
                Some(("", _)) => {}
                None if line.is_empty() && !event.is_empty() => {
                    return Some((event, serde_json::from_str(&data).unwrap_or(Value::Null)));
                }
                None if line.is_empty() => {}
                _ => panic!("no line of an event: {line}"),
            }
        }
    }

    fn result(&mut self) -> Value {
        let (event, data) = self.next().expect("an event");
        assert_eq!(event, "next", "{data}");
        data
    }

    fn completed(&mut self) {
        assert_eq!(self.next(), Some(("complete".to_owned(), Value::Null)));
        assert_eq!(self.next(), None);
    }
}

fn notes(text: &str) -> Value {
    json!({"data": {"notes": [{"id": 1, "text": text}]}})
}

fn post(world: &World, accept: &str, body: &Value) -> Reply {
    let request = Request::post_json("/v1/graphql", body).with_header("accept", accept);
    world.server.send(request).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_query_goes_on_until_its_client_leaves() {
    let world = World::new(&["--websocket-keepalive=1"]);
    let mut events = Events::post(&world, "user", OWN);
    assert!(
        events.head.starts_with("HTTP/1.0 200 OK\n"),
        "{}",
        events.head
    );
    for header in [
        "content-type: text/event-stream; charset=utf-8\n",
        "cache-control: no-store\n",
        "x-accel-buffering: no\n",
    ] {
        assert!(events.head.contains(header), "{}", events.head);
    }
    assert_eq!(events.result(), notes("one"));
    world.run("UPDATE notes SET text = 'new' WHERE id = 1");
    assert_eq!(events.result(), notes("new"));
    // By GET too, and in the same cohort as a websocket.
    let query =
        "subscription%20%7B%20notes(order_by%3A%20%7Bid%3A%20asc%7D)%20%7B%20id%20text%20%7D%20%7D";
    let mut by_get = Events::open(
        &world,
        &format!(
            "GET /v1/graphql?query={query} HTTP/1.0\r\nhost: localhost\r\naccept: text/event-stream\r\n\
             x-hasura-role: user\r\nx-hasura-user-id: ada\r\n\r\n"
        ),
    );
    assert_eq!(by_get.result(), notes("new"));
    let mut socket = world.socket(PROTOCOLS[0], "user").await;
    socket.start("a", OWN).await;
    assert_eq!(socket.result("a").await, notes("new"));
    assert_eq!(world.pollers(), (1, 0, 3));
    // Comments keep the connection while nothing happens.
    let mut comments = 0;
    while comments < 2 {
        comments += usize::from(events.line().unwrap() == ":");
    }
    drop((events, by_get));
    world.wait_for_pollers((1, 0, 1));
    drop(socket);
    world.wait_for_pollers((0, 0, 0));
}

#[test]
fn queries_mutations_and_their_errors_are_events() {
    let world = World::new(&[]);
    let mut events = Events::post(&world, "user", "{ notes { id } }");
    assert_eq!(events.result(), json!({"data": {"notes": [{"id": 1}]}}));
    events.completed();
    let change = "mutation { delete_notes_by_pk(id: 2) { id } }";
    let mut events = Events::post(&world, "admin", change);
    let deleted = json!({"data": {"delete_notes_by_pk": {"id": 2}}});
    assert_eq!(events.result(), deleted);
    events.completed();
    let mut events = Events::post(&world, "user", "subscription { nothing { id } }");
    assert!(
        events.head.starts_with("HTTP/1.0 200 OK\n"),
        "{}",
        events.head
    );
    assert_eq!(
        events.result(),
        json!({"errors": [{
            "message": "field 'nothing' not found in type: 'subscription_root'",
            "extensions": {"path": "$.selectionSet.nothing", "code": "validation-failed"},
        }]})
    );
    events.completed();
}

#[test]
fn what_comes_before_the_operation_has_a_status() {
    let metadata = Database::create().unwrap();
    let launch = Launch::serve(env!("CARGO_BIN_EXE_graphloom"), &metadata);
    let launch = launch.with_option("--admin-secret=hush");
    let server = launch.start().unwrap();
    let request = Request::post_json("/v1/graphql", &json!({ "query": OWN }));
    let request = request.with_header("accept", "text/event-stream");
    let refused = server.send(request.clone()).unwrap();
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.json().unwrap()["errors"][0]["message"],
        "\"x-hasura-admin-secret\"/\"x-hasura-access-key\" required, but not found"
    );
    let mut garbled = request.with_header("x-hasura-admin-secret", "hush");
    garbled.body = b"{".to_vec();
    let refused = server.send(garbled).unwrap();
    assert_eq!(refused.status, 400);
    let error = &refused.json().unwrap()["errors"][0];
    assert_eq!(error["extensions"]["code"], "invalid-json");
}

#[test]
fn one_operation_is_what_an_event_stream_carries() {
    let world = World::new(&[]);
    let query = json!({"query": OWN});
    let batch = post(&world, "text/event-stream", &json!([query, query]));
    assert_eq!(batch.status, 400);
    assert_eq!(
        batch.json().unwrap()["errors"][0]["message"],
        "server-sent events carry one operation, not a batch of them"
    );
    // Who takes JSON first gets JSON.
    let json = post(&world, "application/json, text/event-stream", &query);
    assert_eq!(
        json.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(
        json.json().unwrap()["errors"][0]["message"],
        "subscriptions are not supported over HTTP, use websockets instead"
    );
    // A mutation by GET, and a page of another site.
    let get = |query: &str| {
        let path = format!("/v1/graphql?query={query}");
        Request::get(&path).with_header("accept", "text/event-stream")
    };
    let mutation = get("mutation%7Bdelete_notes_by_pk(id%3A2)%7Bid%7D%7D");
    let mutation = mutation.with_header("x-hasura-role", "admin");
    assert_eq!(world.server.send(mutation).unwrap().status, 405);
    let foreign =
        get("subscription%7Bnotes%7Bid%7D%7D").with_header("sec-fetch-site", "cross-site");
    assert_eq!(world.server.send(foreign).unwrap().status, 403);
    assert_eq!(world.pollers(), (0, 0, 0));
}

#[test]
fn a_change_of_metadata_is_followed() {
    let world = World::new(&[]);
    let mut events = Events::post(&world, "user", OWN);
    assert_eq!(events.result(), notes("one"));
    // In one command: between two the role would see nothing, which ends it.
    let change = |columns: Value| {
        let permission = json!({"columns": columns, "filter": {"id": {"_eq": 2}}});
        let args = json!({"table": "notes", "role": "user", "permission": permission});
        let bulk = json!([
            {"type": "pg_drop_select_permission", "args": {"table": "notes", "role": "user"}},
            {"type": "pg_create_select_permission", "args": args},
        ]);
        world.command("bulk", bulk);
    };
    change(json!(["id", "text"]));
    let others = json!({"data": {"notes": [{"id": 2, "text": "two"}]}});
    assert_eq!(events.result(), others);
    change(json!(["id"]));
    let ended = events.result();
    assert_eq!(
        ended["errors"][0]["message"],
        "field 'text' not found in type: 'notes'"
    );
    events.completed();
}

#[test]
fn streams_end_with_the_server() {
    let mut world = World::new(&[]);
    let mut events = Events::post(&world, "user", OWN);
    assert_eq!(events.result(), notes("one"));
    world.server.signal("TERM").unwrap();
    // Without a farewell: the client comes back.
    assert_eq!(events.next(), None);
    assert!(world.server.wait().unwrap().success());
}
