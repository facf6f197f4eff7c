//! Tokens and webhooks through the whole server: statuses, shapes, cookies, logs, and the end of a socket
//! with its session. What each option lets in is shown in the tests of `auth`.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt as _, StreamExt as _};
use graphloom_vocab::Json;
use serde_json::json;
use support::Running;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const KEY: &str = "a key of thirty-two characters..";

fn token(expires_in_s: i64) -> String {
    let claims = json!({
        "exp": chrono::Utc::now().timestamp() + expires_in_s,
        "https://hasura.io/jwt/claims": {
            "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": "user", "x-hasura-user-id": "1",
        },
    });
    let encode = |json: Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", encode(json!({ "alg": "HS256" })), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

async fn with_jwt(flags: &[&str]) -> Running {
    let secret = format!("--jwt-secret={}", json!({ "type": "HS256", "key": KEY }));
    let all = [&["--admin-secret=k", secret.as_str()], flags].concat();
    Running::start(&all).await
}

/// A webhook with this answer, and what it was sent.
async fn webhook(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let record = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            loop {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: "));
                    body.len() >= length.map_or(0, |length| length.parse().unwrap())
                });
                if whole || stream.read_buf(&mut bytes).await.unwrap() == 0 {
                    break;
                }
            }
            record
                .lock()
                .unwrap()
                .push(String::from_utf8(bytes).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, seen)
}

#[tokio::test]
async fn tokens_over_http() {
    let server = with_jwt(&[]).await;
    let bearer = format!("Bearer {}", token(60));
    let reply = server
        .graphql("{session}", &[("authorization", &bearer)])
        .await;
    assert_eq!(
        reply.text(),
        r#"{"data":{"x-hasura-role":"user","x-hasura-user-id":"1"}}"#
    );
    let expired = format!("Bearer {}", token(-60));
    let reply = server
        .graphql("{session}", &[("authorization", &expired)])
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({ "errors": [{
            "message": "Could not verify JWT: JWTExpired",
            "extensions": { "path": "$", "code": "invalid-jwt" },
        }] })
    );
    let body = br#"{"query":"{session}"}"#;
    let reply = server
        .send(
            "POST",
            "/v1alpha1/graphql",
            &[("authorization", &expired)],
            body,
        )
        .await;
    assert_eq!(reply.status, 400);
    let reply = server
        .send("POST", "/v1/metadata", &[("authorization", &bearer)], b"{}")
        .await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (400, &json!("access-denied"))
    );
    let reply = server
        .send(
            "GET",
            "/v1alpha1/config",
            &[("x-hasura-admin-secret", "k")],
            b"",
        )
        .await;
    assert_eq!(reply.json()["is_jwt_set"], true);
    assert_eq!(
        reply.json()["jwt"],
        json!([{ "claims_namespace": "https://hasura.io/jwt/claims", "claims_format": "json", "claims_map": null }])
    );
    assert!(!format!("{:?}", server.records()).contains(KEY));
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let server = with_jwt(&[]).await;
    let (mut socket, _) = connect_async(format!("ws://{}/v1/graphql", server.address))
        .await
        .unwrap();
    let bearer = format!("Bearer {}", token(2));
    let init =
        json!({ "type": "connection_init", "payload": { "headers": { "Authorization": bearer } } });
    socket.send(Message::text(init.to_string())).await.unwrap();
    let start = json!({ "type": "start", "id": "1", "payload": { "query": "{wait}" } });
    socket.send(Message::text(start.to_string())).await.unwrap();
    let mut acknowledged = false;
    let frame = loop {
        match tokio::time::timeout(Duration::from_secs(30), socket.next())
            .await
            .unwrap()
        {
            Some(Ok(Message::Text(text))) => acknowledged |= text.contains("connection_ack"),
            Some(Ok(Message::Close(frame))) => break frame.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert!(acknowledged);
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (1008, "the session has expired")
    );
}

#[tokio::test]
async fn a_webhook_sees_the_request_and_sets_cookies() {
    let (url, seen) = webhook(
        "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 47\r\nconnection: close\r\n\r\n\
         {\"x-hasura-role\":\"user\",\"x-hasura-user-id\":\"7\"}",
    )
    .await;
    let hook = format!("--auth-hook={url}");
    let server = Running::start(&["--admin-secret=k", &hook, "--auth-hook-mode=POST"]).await;
    let session = r#"{"data":{"x-hasura-role":"user","x-hasura-user-id":"7"}}"#;
    let reply = server.graphql("{session}", &[("x-custom", "c")]).await;
    assert_eq!(reply.text(), session);
    let cookies = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let cookies: Vec<&str> = cookies.map(|(_, value)| value.as_str()).collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    let body = |number: usize| -> Json {
        let seen = seen.lock().unwrap()[number].clone();
        serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    assert_eq!(body(0)["request"], json!({ "query": "{session}" }));
    assert_eq!(body(0)["headers"]["x-custom"], "c");
    // A query in a URL does not pass by it.
    let headers = [
        ("accept", "application/json"),
        ("x-requested-with", "x"),
        ("apollo-require-preflight", "1"),
    ];
    server
        .send("GET", "/v1/graphql?query=%7Bsession%7D", &headers, b"")
        .await;
    assert_eq!(body(1)["request"]["query"], "{session}");
    // What is no JSON is not shown.
    server.post("/v1/graphql", "{").await;
    assert_eq!(body(2)["request"], Json::Null);
    // The metadata API shows nothing of its bodies, which hold secrets.
    server
        .post("/v1/metadata", r#"{"type":"export_metadata"}"#)
        .await;
    assert_eq!(body(3)["request"], Json::Null);
    let records = server.records();
    let record = records
        .iter()
        .find(|record| record["type"] == "webhook-log")
        .unwrap();
    assert_eq!(
        record["detail"],
        json!({ "status_code": 200, "url": url, "method": "POST", "http_error": null, "response": null, "message": null })
    );
}

/// Without CORS any page could open a socket with its visitor's cookie: it counts only where that is asked for, and for
/// clients that are no page.
#[tokio::test]
async fn without_cors_a_pages_cookie_opens_no_socket() {
    let page = Some("https://a.example.com");
    for (flags, origin, expected) in [
        (&["--disable-cors"][..], page, None),
        (&["--disable-cors", "--ws-read-cookie"], page, Some("c=1")),
        (&["--disable-cors"], None, Some("c=1")),
        (&[], page, Some("c=1")),
    ] {
        let (url, seen) = webhook(
            "HTTP/1.1 200 OK\r\ncontent-length: 24\r\nconnection: close\r\n\r\n{\"x-hasura-role\":\"user\"}",
        )
        .await;
        let hook = format!("--auth-hook={url}");
        let all = ["--admin-secret=k", &hook, "--auth-hook-mode=POST"];
        let server = Running::start(&[&all[..], flags].concat()).await;
        let mut request = format!("ws://{}/v1/graphql", server.address)
            .into_client_request()
            .unwrap();
        request
            .headers_mut()
            .insert("cookie", "c=1".parse().unwrap());
        if let Some(origin) = origin {
            request
                .headers_mut()
                .insert("origin", origin.parse().unwrap());
        }
        let (mut socket, _) = connect_async(request).await.unwrap();
        let init = json!({ "type": "connection_init" });
        socket.send(Message::text(init.to_string())).await.unwrap();
        loop {
            let answer = tokio::time::timeout(Duration::from_secs(30), socket.next()).await;
            let answer = answer.unwrap().unwrap().unwrap();
            match answer.to_text().unwrap() {
                r#"{"type":"ka"}"# => {}
                answer => break assert_eq!(answer, r#"{"type":"connection_ack"}"#),
            }
        }
        let seen = seen.lock().unwrap()[0].clone();
        let shown: Json = serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap();
        let cookie = shown["headers"]["cookie"].as_str();
        assert_eq!(cookie, expected, "{flags:?} {origin:?}");
    }
}

#[tokio::test]
async fn a_webhooks_refusal_is_401_where_statuses_count() {
    let (url, _) =
        webhook("HTTP/1.1 401 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    let hook = format!("--auth-hook={url}");
    for (flags, status) in [(&[][..], 200), (&["--preserve-401-errors"], 401)] {
        let all = [&["--admin-secret=k", hook.as_str()], flags].concat();
        let server = Running::start(&all).await;
        let reply = server.graphql("{session}", &[]).await;
        assert_eq!(reply.status, status);
        assert_eq!(
            reply.json()["errors"][0],
            json!({
                "message": "Authentication hook unauthorized this request",
                "extensions": { "path": "$", "code": "access-denied" },
            })
        );
        let reply = server.post("/v1/metadata", "{}").await;
        assert_eq!(reply.status, 401);
    }
}

#[tokio::test]
async fn the_egress_policy_holds_for_the_webhook() {
    let (url, seen) = webhook("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let hook = format!("--auth-hook={url}");
    let server = Running::start(&["--admin-secret=k", &hook, "--outbound-egress=public"]).await;
    let reply = server.graphql("{session}", &[]).await;
    assert_eq!(
        reply.json()["errors"][0]["message"],
        "webhook authentication request failed"
    );
    assert!(seen.lock().unwrap().is_empty());
    let records = server.records();
    let record = records
        .iter()
        .find(|record| record["type"] == "webhook-log")
        .unwrap();
    let reason = "the egress policy refuses the addresses of \"127.0.0.1\"";
    assert_eq!(record["detail"]["http_error"], reason);
}
