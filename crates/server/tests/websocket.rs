//! Both websocket protocols over real sockets: words, errors, close codes.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use graphloom_vocab::Json;
use serde_json::json;
use support::{Reply, Running};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const LEGACY: &str = "graphql-ws";
const TRANSPORT: &str = "graphql-transport-ws";

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(server: &Running, path: &str, headers: &[(&'static str, &str)]) -> Self {
        let mut request = format!("ws://{}{path}", server.address)
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        Self(connect_async(request).await.unwrap().0)
    }

    /// Opened, introduced and past the first words.
    async fn ready(server: &Running, protocol: &str) -> Self {
        let mut socket = Self::open(
            server,
            "/v1/graphql",
            &[("sec-websocket-protocol", protocol)],
        )
        .await;
        socket
            .say(json!({"type": "connection_init", "payload": {}}))
            .await;
        assert_eq!(socket.next().await, json!({"type": "connection_ack"}));
        socket
    }

    async fn say(&mut self, message: Json) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    async fn start(&mut self, id: &str, query: &str) {
        self.say(json!({"type": "start", "id": id, "payload": {"query": query}}))
            .await;
    }

    /// The next message that is no keep-alive.
    async fn next(&mut self) -> Json {
        loop {
            let message = self.any().await;
            if message["type"] != "ka" && message["type"] != "ping" {
                return message;
            }
        }
    }

    async fn any(&mut self) -> Json {
        match self.frame().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("no message: {other:?}"),
        }
    }

    /// Code and reason of the close frame, which has to come next but for keep-alives.
    async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.frame().await {
                Some(Message::Close(Some(frame))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Message::Text(text))
                    if text.contains("\"ka\"") || text.contains("\"ping\"") => {}
                other => panic!("not closed: {other:?}"),
            }
        }
    }

    async fn frame(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.0.next());
        next.await
            .expect("a message within twenty seconds")
            .map(Result::unwrap)
    }
}

#[tokio::test]
async fn the_protocol_is_negotiated() {
    let server = Running::start(&[]).await;
    for (asked, expected) in [
        (Some(TRANSPORT), Some(TRANSPORT)),
        (Some(LEGACY), Some(LEGACY)),
        (Some("graphql-transport-ws, graphql-ws"), Some(LEGACY)),
        (None, None),
    ] {
        let mut request = format!("ws://{}/v1/graphql", server.address)
            .into_client_request()
            .unwrap();
        if let Some(asked) = asked {
            request
                .headers_mut()
                .insert("sec-websocket-protocol", asked.parse().unwrap());
        }
        let (_, response) = connect_async(request).await.unwrap();
        let name = response.headers().get("sec-websocket-protocol");
        assert_eq!(name.map(|name| name.to_str().unwrap()), expected);
    }
}

#[tokio::test]
async fn a_farewell_is_answered() {
    let server = Running::start(&[]).await;
    for protocol in [LEGACY, TRANSPORT] {
        let mut socket = Socket::ready(&server, protocol).await;
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "goodbye".into(),
        };
        let close = Message::Close(Some(frame));
        socket.0.send(close).await.unwrap();
        assert_eq!(socket.closed().await, (1000, "goodbye".to_owned()));
    }
}

#[tokio::test]
async fn the_first_words_are_v2s() {
    let server = Running::start(&[]).await;
    let mut socket = Socket::open(&server, "/v1/graphql", &[]).await;
    assert_eq!(socket.any().await, json!({"type": "ka"}));
    socket.say(json!({"type": "connection_init"})).await;
    assert_eq!(socket.any().await, json!({"type": "connection_ack"}));
    assert_eq!(socket.any().await, json!({"type": "ka"}));

    let ping = json!({"type": "ping", "payload": {"message": "keepalive"}});
    let mut socket = Socket::open(
        &server,
        "/v1/graphql",
        &[("sec-websocket-protocol", TRANSPORT)],
    )
    .await;
    assert_eq!(socket.any().await, ping);
    socket.say(json!({"type": "connection_init"})).await;
    assert_eq!(socket.any().await, json!({"type": "connection_ack"}));
    assert_eq!(socket.any().await, ping);
    socket
        .say(json!({"type": "ping", "payload": {"a": 1}}))
        .await;
    assert_eq!(
        socket.any().await,
        json!({"type": "pong", "payload": {"a": 1}})
    );
    socket.say(json!({"type": "pong"})).await;
}

#[tokio::test]
async fn keep_alives_go_on() {
    let server = Running::start(&["--websocket-keepalive=1"]).await;
    let mut socket = Socket::open(&server, "/v1/graphql", &[]).await;
    socket.say(json!({"type": "connection_init"})).await;
    let mut kept = 0;
    while kept < 4 {
        kept += u32::from(socket.any().await["type"] == "ka");
    }
}

#[tokio::test]
async fn queries_answer_and_complete() {
    let server = Running::start(&[]).await;
    for (protocol, word) in [(LEGACY, "data"), (TRANSPORT, "next")] {
        let mut socket = Socket::ready(&server, protocol).await;
        for start in ["start", "subscribe"] {
            let payload = json!({"query": "{variables}", "variables": {"a": [1]}});
            socket
                .say(json!({"id": "1", "type": start, "payload": payload}))
                .await;
            let data = json!({"type": word, "id": "1", "payload": {"data": {"a": [1]}}});
            assert_eq!(socket.next().await, data);
            assert_eq!(socket.next().await, json!({"type": "complete", "id": "1"}));
        }
    }
}

#[tokio::test]
async fn headers_of_the_payload_make_the_session() {
    let server = Running::start(&["--admin-secret=hush"]).await;
    let mut socket = Socket::open(
        &server,
        "/v1/graphql",
        &[("x-hasura-user-id", "from the handshake")],
    )
    .await;
    let headers =
        json!({"X-Hasura-Admin-Secret": "hush", "x-hasura-role": "user", "x-hasura-user-id": "4"});
    socket
        .say(json!({"type": "connection_init", "payload": {"headers": headers}}))
        .await;
    assert_eq!(socket.next().await["type"], "connection_ack");
    socket.start("1", "{session}").await;
    let session = json!({"x-hasura-role": "user", "x-hasura-user-id": "4"});
    assert_eq!(socket.next().await["payload"], json!({ "data": session }));

    let handshake = [("x-hasura-admin-secret", "hush")];
    let mut socket = Socket::open(&server, "/v1/graphql", &handshake).await;
    socket.say(json!({"type": "connection_init"})).await;
    assert_eq!(socket.next().await["type"], "connection_ack");
}

#[tokio::test]
async fn a_failed_introduction_closes() {
    let server = Running::start(&["--admin-secret=hush"]).await;
    let init =
        json!({"type": "connection_init", "payload": {"headers": {"x-hasura-admin-secret": "x"}}});
    let invalid = r#"invalid "x-hasura-admin-secret"/"x-hasura-access-key""#;

    let mut socket = Socket::open(&server, "/v1/graphql", &[]).await;
    socket.say(init.clone()).await;
    assert_eq!(
        socket.next().await,
        json!({"type": "connection_error", "payload": invalid})
    );
    let (code, reason) = socket.closed().await;
    assert_eq!(code, 4400);
    assert!(
        reason.starts_with(r#"{"server_error_msg":"4400: Connection initialization failed: inv"#),
        "{reason}"
    );

    let mut socket = Socket::open(
        &server,
        "/v1/graphql",
        &[("sec-websocket-protocol", TRANSPORT)],
    )
    .await;
    socket.say(init).await;
    let closed = socket.closed().await;
    assert_eq!(
        closed,
        (4403, r#"{"server_error_msg":"4403: Forbidden"}"#.to_owned())
    );
}

#[tokio::test]
async fn silence_instead_of_an_introduction_closes() {
    let server = Running::start(&["--websocket-connection-init-timeout=1"]).await;
    for (protocol, code) in [(LEGACY, 1011), (TRANSPORT, 4408)] {
        let mut socket = Socket::open(
            &server,
            "/v1/graphql",
            &[("sec-websocket-protocol", protocol)],
        )
        .await;
        let closed = socket.closed().await;
        assert_eq!(
            closed,
            (code, "Connection initialisation timed out".to_owned())
        );
    }
}

#[tokio::test]
async fn starting_too_early_is_refused() {
    let server = Running::start(&[]).await;
    let text = "start received before the connection is initialised";
    let error = json!({"message": text, "extensions": {"path": "$", "code": "start-failed"}});
    let refused = json!({"type": "error", "id": "1", "payload": error});

    let mut socket = Socket::open(&server, "/v1/graphql", &[]).await;
    socket.start("1", "{session}").await;
    assert_eq!(socket.next().await, refused);
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "1"}));
    socket.say(json!({"type": "connection_init"})).await;
    assert_eq!(socket.next().await["type"], "connection_ack");

    let mut socket = Socket::open(
        &server,
        "/v1/graphql",
        &[("sec-websocket-protocol", TRANSPORT)],
    )
    .await;
    socket.start("1", "{session}").await;
    assert_eq!(socket.next().await, refused);
    assert_eq!(
        socket.next().await,
        json!({"type": "error", "id": "1", "payload": text})
    );
    let reason = json!({"server_error_msg": format!("4400: {text}")}).to_string();
    assert_eq!(socket.closed().await, (1000, reason));

    let mut socket = Socket::open(&server, "/v1alpha1/graphql", &[]).await;
    socket.start("1", "{session}").await;
    let error = json!({"error": text, "path": "$", "code": "start-failed"});
    assert_eq!(socket.next().await["payload"], error);
}

#[tokio::test]
async fn an_id_is_one_operations_at_a_time() {
    let server = Running::start(&[]).await;
    let mut socket = Socket::ready(&server, LEGACY).await;
    socket.start("1", "{wait}").await;
    socket.start("1", "{session}").await;
    let refused = socket.next().await;
    assert_eq!(
        refused["payload"]["message"],
        "an operation already exists with this id: 1"
    );
    assert_eq!(socket.next().await["type"], "complete");
    server.fake.gate.notify_one();
    assert_eq!(
        socket.next().await["payload"],
        json!({"data": {"waited": true}})
    );
    assert_eq!(socket.next().await["type"], "complete");
    socket.start("1", "{session}").await;
    assert_eq!(socket.next().await["type"], "data");
}

#[tokio::test]
async fn errors_before_and_during_execution_are_told_apart() {
    let server = Running::start(&[]).await;
    let invalid = json!({
        "message": "field 'invalid' not found in type: 'query_root'",
        "extensions": {"path": "$.selectionSet.invalid", "code": "validation-failed"},
    });
    // `internal` is for HTTP only.
    let database = json!({"message": "division by zero", "extensions": {"path": "$", "code": "data-exception"}});

    let mut socket = Socket::ready(&server, LEGACY).await;
    socket.start("1", "{invalid}").await;
    let expected = json!({"type": "error", "id": "1", "payload": {"errors": [invalid]}});
    assert_eq!(socket.next().await, expected);
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "1"}));
    socket.start("2", "{database}").await;
    let payload = json!({"data": null, "errors": [database]});
    assert_eq!(
        socket.next().await,
        json!({"type": "data", "id": "2", "payload": payload})
    );
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "2"}));

    let mut socket = Socket::ready(&server, TRANSPORT).await;
    socket.start("1", "{invalid}").await;
    assert_eq!(
        socket.next().await,
        json!({"type": "error", "id": "1", "payload": [invalid]})
    );
    socket.start("2", "{database}").await;
    assert_eq!(
        socket.next().await,
        json!({"type": "error", "id": "2", "payload": [database]})
    );
    socket.start("3", "{panic}").await;
    assert_eq!(
        socket.next().await["payload"][0]["message"],
        "Internal Server Error"
    );
    socket.start("4", "{session}").await;
    assert_eq!(socket.next().await["type"], "next");
}

#[tokio::test]
async fn messages_nobody_can_read_are_answered() {
    let server = Running::start(&[]).await;
    let mut socket = Socket::ready(&server, LEGACY).await;
    socket.0.send(Message::text("nonsense")).await.unwrap();
    let error = socket.next().await;
    assert_eq!(error["type"], "connection_error");
    assert!(
        error["payload"]
            .as_str()
            .unwrap()
            .starts_with("parsing ClientMessage failed: ")
    );
    socket.start("1", "{session}").await;
    assert_eq!(socket.next().await["type"], "data");

    let mut socket = Socket::ready(&server, TRANSPORT).await;
    socket.say(json!({"type": "begin"})).await;
    let (code, reason) = socket.closed().await;
    assert_eq!(code, 4400);
    assert!(
        reason.starts_with(r#"{"server_error_msg":"4400: Parsing client message failed: "#),
        "{reason}"
    );
}

#[tokio::test]
async fn stopping_ends_the_operation() {
    let server = Running::start(&[]).await;
    for (protocol, word) in [(LEGACY, "stop"), (TRANSPORT, "complete")] {
        server.fake.dropped.store(false, Ordering::SeqCst);
        let mut socket = Socket::ready(&server, protocol).await;
        socket.start("1", "{wait}").await;
        socket.start("2", "{session}").await;
        assert_eq!(socket.next().await["id"], "2");
        assert_eq!(socket.next().await["type"], "complete");
        socket.say(json!({"type": word, "id": "1"})).await;
        while !server.fake.dropped.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn leaving_ends_the_operations() {
    let server = Running::start(&[]).await;
    let mut socket = Socket::ready(&server, LEGACY).await;
    socket.start("1", "{wait}").await;
    socket.start("2", "{session}").await;
    assert_eq!(socket.next().await["id"], "2");
    drop(socket);
    while !server.fake.dropped.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn more_operations_than_allowed_wait() {
    let server = Running::start(&["--websocket-operations-limit=2"]).await;
    let mut socket = Socket::ready(&server, LEGACY).await;
    for id in ["1", "2", "3"] {
        socket
            .start(id, if id == "3" { "{session}" } else { "{wait}" })
            .await;
    }
    let early = tokio::time::timeout(Duration::from_millis(200), socket.next()).await;
    assert!(early.is_err(), "the third did not wait: {early:?}");
    server.fake.gate.notify_one();
    let mut done = Vec::new();
    while done.len() < 2 {
        let message = socket.next().await;
        if message["type"] == "complete" {
            done.push(message["id"].as_str().unwrap().to_owned());
        }
    }
    assert!(done.contains(&"3".to_owned()), "{done:?}");
}

#[tokio::test]
async fn the_client_may_end_it() {
    let server = Running::start(&[]).await;
    let mut socket = Socket::ready(&server, LEGACY).await;
    socket.say(json!({"type": "connection_terminate"})).await;
    assert_eq!(
        socket.closed().await,
        (1000, "GQL_CONNECTION_TERMINATE received".to_owned())
    );
}

#[tokio::test]
async fn a_long_message_closes() {
    let server = Running::start(&["--websocket-message-limit=1000"]).await;
    let mut socket = Socket::ready(&server, LEGACY).await;
    socket.start("1", &"x".repeat(2000)).await;
    assert_eq!(socket.closed().await.0, 1009);
}

#[tokio::test]
async fn changed_metadata_and_shutdown_close_with_1012() {
    let mut server = Running::start(&[]).await;
    let mut socket = Socket::ready(&server, LEGACY).await;
    server.app.sockets().metadata_changed();
    let reason = "Server state changed, restarting the server".to_owned();
    assert_eq!(socket.closed().await, (1012, reason));

    let mut socket = Socket::ready(&server, TRANSPORT).await;
    server.stop();
    assert_eq!(
        socket.closed().await,
        (1012, "shutting server down".to_owned())
    );
    server.task.await.unwrap();

    let keeping = Running::start(&["--disable-close-websockets-on-metadata-change"]).await;
    let mut socket = Socket::ready(&keeping, LEGACY).await;
    keeping.app.sockets().metadata_changed();
    socket.start("1", "{session}").await;
    assert_eq!(socket.next().await["type"], "data");
}

/// A handshake by hand, since clients hide the body of a refusal.
async fn handshake(server: &Running, path: &str, headers: &[(&str, &str)]) -> Reply {
    let fixed = [
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n");
    for (name, value) in fixed.iter().chain(headers) {
        request.push_str(&[name, ": ", value, "\r\n"].concat());
    }
    Reply::parse(&server.raw(format!("{request}\r\n").as_bytes()).await)
}

#[tokio::test]
async fn handshakes_are_refused_over_http() {
    let server =
        Running::start(&["--cors-domain=https://a.example.com", "--server-timeout=1"]).await;
    let elsewhere = handshake(&server, "/v1/elsewhere", &[]).await;
    assert_eq!(elsewhere.status, 404);
    let message =
        "only '/v1/graphql', '/v1alpha1/graphql' and '/v1beta1/relay' are supported on websockets";
    let error = json!({"message": message, "extensions": {"path": "$", "code": "not-found"}});
    assert_eq!(elsewhere.json(), error);

    let stranger = handshake(&server, "/v1/graphql", &[("origin", "https://evil.org")]).await;
    assert_eq!(stranger.status, 400);
    let message = "received origin header does not match configured CORS domains";
    let error = json!({"message": message, "extensions": {"path": "$", "code": "access-denied"}});
    assert_eq!(stranger.json(), error);
    let no_relay = Running::start(&["--enable-relay=false", "--server-timeout=1"]).await;
    let refused = handshake(&no_relay, "/v1beta1/relay", &[]).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["extensions"]["code"], "not-supported");

    let friend = [("origin", "https://a.example.com")];
    Socket::open(&server, "/v1/graphql", &friend).await;
    let off = Running::start(&["--enabled-apis=metadata", "--server-timeout=1"]).await;
    assert_eq!(handshake(&off, "/v1/graphql", &[]).await.status, 404);
}

#[tokio::test]
async fn a_socket_leaves_its_trace_in_the_log() {
    let server = Running::start(&["--admin-secret=hush"]).await;
    let mut socket =
        Socket::open(&server, "/v1/graphql", &[("x-hasura-admin-secret", "hush")]).await;
    socket.say(json!({"type": "connection_init"})).await;
    socket.next().await;
    for (id, query) in [("1", "{session}"), ("2", "{invalid}")] {
        socket.start(id, query).await;
        while socket.next().await["type"] != "complete" {}
    }
    socket.say(json!({"type": "connection_terminate"})).await;
    socket.closed().await;
    drop(socket);
    let events = loop {
        let records = server.records();
        let socket = records
            .iter()
            .filter(|record| record["type"] == "websocket-log");
        let events: Vec<_> = socket
            .map(|record| record["detail"]["event"].clone())
            .collect();
        if events.last().is_some_and(|event| event["type"] == "closed") {
            assert!(!format!("{records:?}").contains("hush"));
            break events;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let types: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["accepted", "operation", "operation", "closed"]);
    assert_eq!(
        events[1]["detail"]["operation_type"],
        json!({"type": "completed"})
    );
    assert_eq!(events[2]["detail"]["operation_type"]["type"], "query_err");
    assert_eq!(
        events[2]["detail"]["operation_type"]["detail"]["code"],
        "validation-failed"
    );
}
