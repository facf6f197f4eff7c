//! What a client can make large, slow or wrong, each with its bound. Time-outs here are set low and
//! only waited for; nothing asserts how long anything takes.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use support::{Reply, Running, until_closed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn a_body_above_the_limit_gets_the_endpoints_error() {
    let flags = ["--graphql-body-limit=1000", "--metadata-body-limit=2000"];
    let server = Running::start(&flags).await;
    let message = "the request's body is larger than the limit of 1000 bytes";
    // Large enough that it cannot all be under way before the answer.
    for bytes in [1001, 20_000_000] {
        let reply = server.post("/v1/graphql", &"x".repeat(bytes)).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["errors"][0]["message"], message);
        assert_eq!(
            reply.json()["errors"][0]["extensions"]["code"],
            "bad-request"
        );
        assert_eq!(
            server
                .post("/v1alpha1/graphql", &"x".repeat(bytes))
                .await
                .status,
            413
        );
    }
    assert_eq!(
        server
            .post("/v1/metadata", &format!("{:1999}", 1))
            .await
            .status,
        200
    );
    let reply = server.post("/v1/metadata", &"x".repeat(2001)).await;
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (413, Some("bad-request"))
    );
}

#[tokio::test]
async fn a_chunked_body_is_bounded_too() {
    let server = Running::start(&["--graphql-body-limit=1000"]).await;
    let mut request = b"POST /v1/graphql HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                        transfer-encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..50 {
        request.extend_from_slice(format!("64\r\n{}\r\n", "x".repeat(100)).as_bytes());
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let reply = Reply::parse(&server.raw(&request).await);
    assert_eq!(
        (
            reply.status,
            reply.json()["errors"][0]["extensions"]["code"].as_str()
        ),
        (200, Some("bad-request"))
    );
}

#[tokio::test]
async fn strangers_bodies_are_not_kept() {
    let server = Running::start(&["--admin-secret=hush", "--graphql-body-limit=1000"]).await;
    let reply = server.post("/v1/graphql", &"x".repeat(5_000_000)).await;
    assert_eq!(
        reply.json()["errors"][0]["extensions"]["code"],
        "access-denied"
    );
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let server = Running::start(&["--body-timeout=0.2"]).await;
    for (path, status) in [
        ("/v1/graphql", 200),
        ("/v1alpha1/graphql", 408),
        ("/v1/metadata", 408),
    ] {
        let mut stream = server.connect().await;
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{{\"query\"");
        stream.write_all(head.as_bytes()).await.unwrap();
        let reply = Reply::parse(&until_closed(&mut stream).await);
        assert_eq!(reply.status, status, "{path}");
        assert!(
            reply.text().contains(r#""code":"timeout""#),
            "{}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn connections_that_say_nothing_are_closed() {
    let server = Running::start(&["--server-timeout=0.2"]).await;
    for start in [
        "",
        "P",
        "PRI * HT",
        "POST /v1/graphql HTTP/1.1\r\nhost: a\r\nx-slow",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let answer = until_closed(&mut stream).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{start:?}: {answer}"
        );
    }
    // One that is idle between two requests goes the same way.
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /v1/version HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(Reply::parse(&until_closed(&mut stream).await).status, 200);
}

#[tokio::test]
async fn garbage_ends_its_connection_and_nothing_else() {
    let server = Running::start(&["--server-timeout=1"]).await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame at all",
        b"POST /v1/graphql HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/graphql HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        server.raw(garbage).await;
    }
    // A good request and garbage behind it: the first is answered.
    let both = b"GET /v1/version HTTP/1.1\r\nhost: a\r\n\r\n\x00\x01\x02nonsense\r\n\r\n";
    let answer = server.raw(both).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    assert_eq!(server.get("/v1/version").await.status, 200);
}

#[tokio::test]
async fn headers_are_bounded() {
    let server = Running::start(&["--max-total-header-length=16384"]).await;
    let long = "x".repeat(10_000);
    let fits = server
        .send("GET", "/v1/version", &[("x-long", &long)], b"")
        .await;
    assert_eq!(fits.status, 200);
    let long = "x".repeat(40_000);
    let refused = server
        .send("GET", "/v1/version", &[("x-long", &long)], b"")
        .await;
    assert_eq!(refused.status, 431);
    assert_eq!(server.get("/v1/version").await.status, 200);
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_a_place() {
    let server = Running::start(&["--max-connections=3", "--server-timeout=60"]).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = server.connect().await;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        idle.push(stream);
    }
    let waiting = server.get("/v1/version");
    tokio::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "a fourth connection was served");
    idle.pop();
    assert_eq!(waiting.await.status, 200);
}

#[tokio::test]
async fn hundreds_of_idle_connections_leave_room_for_work() {
    let server = Running::start(&[]).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(server.connect().await);
    }
    assert_eq!(server.graphql("{session}", &[]).await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_operation() {
    let server = Running::start(&[]).await;
    let mut stream = server.connect().await;
    let body = r#"{"query":"{wait}"}"#;
    let request = format!(
        "POST /v1/graphql HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    while !server.fake.dropped.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Running::start(&[]).await;
    let one = "GET /v1/version HTTP/1.1\r\nhost: a\r\n\r\n";
    let two = "GET /nowhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = server.raw(format!("{one}{two}").as_bytes()).await;
    let answer = String::from_utf8(answer).unwrap();
    let statuses: Vec<_> = answer
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &answer[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["200", "404"]);
}

#[tokio::test]
async fn requests_under_way_finish_at_shutdown() {
    let mut server = Running::start(&["--graceful-shutdown-timeout=30"]).await;
    let fake = server.fake.clone();
    let address = server.address;
    let waiting = tokio::spawn(async move {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let body = r#"{"query":"{wait}"}"#;
        let request = format!(
            "POST /v1/graphql HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Reply::parse(&until_closed(&mut stream).await)
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "still listening"
    );
    fake.gate.notify_one();
    assert_eq!(waiting.await.unwrap().text(), r#"{"data":{"waited":true}}"#);
    server.task.await.unwrap();
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let mut server = Running::start(&["--graceful-shutdown-timeout=0.1"]).await;
    let body = r#"{"query":"{wait}"}"#;
    let mut stream = server.connect().await;
    let request = format!(
        "POST /v1/graphql HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop();
    server.task.await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_said_with_what_to_do() {
    let taken = Running::start(&[]).await;
    let port = taken.address.port();
    let error = graphloom_server::Listener::bind("127.0.0.1", port)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    // Not half of the addresses either.
    assert!(graphloom_server::Listener::bind("*", port).await.is_err());
}
