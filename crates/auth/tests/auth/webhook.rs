//! The webhook: what exactly it is sent, and what becomes of each answer.

use std::time::Duration;

use graphloom_auth::{
    AdminSecret, AuthConfig, AuthEvent, HookMethod, RequestContext, WebhookConfig,
};
use serde_json::{Value as Json, json};

use crate::Auth;
use crate::server::Server;
use crate::tokens::now;

async fn hook(server: &Server, method: HookMethod) -> Auth {
    let config = AuthConfig::Webhook {
        secrets: vec![AdminSecret::new("admin")],
        hook: WebhookConfig {
            url: server.url(),
            method,
        },
    };
    Auth::start(config, Duration::from_secs(1)).await.unwrap()
}

fn answering(
    status: u16,
    body: &str,
) -> impl Fn(&str) -> (u16, String, String) + Send + Sync + 'static {
    let body = body.to_owned();
    move |_| (status, String::new(), body.clone())
}

const SENT: &[(&str, &str)] = &[
    ("authorization", "Bearer x"),
    ("cookie", "a=b"),
    ("x-hasura-role", "admin"),
    ("x-custom", "one"),
    ("content-type", "application/json"),
    ("content-length", "12"),
    ("content-md5", "x"),
    ("host", "graphloom"),
    ("user-agent", "client"),
    ("origin", "http://o"),
    ("referer", "http://r"),
    ("accept", "*/*"),
    ("accept-encoding", "br"),
    ("accept-language", "de"),
    ("accept-datetime", "x"),
    ("cache-control", "no-cache"),
    ("connection", "keep-alive"),
    ("dnt", "1"),
    ("transfer-encoding", "chunked"),
    ("te", "trailers"),
    ("upgrade", "websocket"),
];

#[tokio::test]
async fn get_carries_the_clients_headers_but_some() {
    let server = Server::start(answering(
        200,
        r#"{"X-Hasura-Role":"user","X-Hasura-User-Id":"7","Other":"x"}"#,
    ))
    .await;
    let auth = hook(&server, HookMethod::Get).await;
    assert_eq!(
        auth.say(SENT).await,
        r#"{"x-hasura-role":"user","x-hasura-user-id":"7"}"#
    );
    let seen = server.seen()[0].to_lowercase();
    let head: Vec<&str> = seen.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(head[0], "get /path http/1.1");
    let mut names: Vec<&str> = head[1..]
        .iter()
        .map(|line| line.split_once(':').unwrap().0)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "accept-encoding",
            "authorization",
            "cookie",
            "host",
            "user-agent",
            "x-custom",
            "x-hasura-role"
        ]
    );
    assert!(seen.contains("\r\nuser-agent: graphloom/"), "{seen}");
    assert!(seen.contains("\r\naccept-encoding: gzip\r\n"), "{seen}");
}

#[tokio::test]
async fn post_carries_all_headers_and_the_request() {
    let server = Server::start(answering(200, r#"{"x-hasura-role":"user"}"#)).await;
    let body = |number: usize| -> Json {
        let seen = &server.seen()[number];
        assert!(seen.starts_with("POST /path HTTP/1.1\r\n"), "{seen}");
        assert!(
            seen.contains("content-type: application/json\r\n"),
            "{seen}"
        );
        serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let auth = hook(&server, HookMethod::Post(RequestContext::Sent)).await;
    let request = json!({ "query": "{a}", "variables": { "v": 1 }, "operationName": null, "extensions": { "x": 1 } });
    auth.ask(&[("x-a", "1"), ("content-type", "t")], Some(&request))
        .await
        .unwrap();
    assert_eq!(
        body(0).to_string(),
        r#"{"headers":{"x-a":"1","content-type":"t"},"request":{"query":"{a}","variables":{"v":1}}}"#
    );
    let batch = json!([{ "query": "{a}" }, { "query": "{b}", "operationName": "B" }]);
    auth.ask(&[], Some(&batch)).await.unwrap();
    assert_eq!(
        body(1).to_string(),
        r#"{"headers":{},"request":[{"query":"{a}"},{"query":"{b}","operationName":"B"}]}"#
    );
    auth.ask(&[], None).await.unwrap();
    assert_eq!(body(2).to_string(), r#"{"headers":{},"request":null}"#);
    let auth = hook(&server, HookMethod::Post(RequestContext::Omitted)).await;
    auth.ask(&[], Some(&request)).await.unwrap();
    assert_eq!(body(3).to_string(), r#"{"headers":{}}"#);
}

#[tokio::test]
async fn the_admin_secret_passes_the_webhook_by() {
    let server = Server::start(answering(401, "")).await;
    let auth = hook(&server, HookMethod::Get).await;
    assert_eq!(
        auth.say(&[("x-hasura-admin-secret", "admin")]).await,
        r#"{"x-hasura-role":"admin"}"#
    );
    let wrong = auth.say(&[("x-hasura-admin-secret", "no")]).await;
    assert_eq!(
        wrong,
        r#"401 access-denied: invalid "x-hasura-admin-secret"/"x-hasura-access-key""#
    );
    assert!(server.seen().is_empty());
    let refused = "401 access-denied: Authentication hook unauthorized this request";
    assert_eq!(auth.say(&[]).await, refused);
}

#[tokio::test]
async fn answers_that_mean_nothing_let_nobody_in() {
    let generic = "500 unexpected: Invalid response from authorization hook";
    for (status, body, expected) in [
        (
            200,
            r#"{"x-hasura-user-id":"7"}"#,
            "400 invalid-params: x-hasura-role not found in session variables",
        ),
        (
            200,
            r#"{"x-hasura-role":""}"#,
            "400 invalid-params: x-hasura-role not found in session variables",
        ),
        (
            200,
            r#"{"x-hasura-role":"user","x-hasura-id":7}"#,
            "500 unexpected: Invalid response from authorization hook: Error in $.x-hasura-id: parsing Text failed, expected String",
        ),
        (
            200,
            "[]",
            "500 unexpected: Invalid response from authorization hook: Error in $: parsing HashMap failed, expected Object",
        ),
        (201, r#"{"x-hasura-role":"user"}"#, generic),
        (204, "", generic),
        (403, r#"{"x-hasura-role":"user"}"#, generic),
        (500, "", generic),
    ] {
        let server = Server::start(answering(status, body)).await;
        let auth = hook(&server, HookMethod::Get).await;
        assert_eq!(auth.say(&[]).await, expected, "{status} {body}");
        let events = auth.events.lock().unwrap();
        assert!(
            matches!(&events[..], [AuthEvent::Webhook { status: Some(told), problem: Some(_), .. }] if *told == status)
        );
    }
    let server = Server::start(answering(200, "hush")).await;
    let auth = hook(&server, HookMethod::Get).await;
    assert!(
        auth.say(&[])
            .await
            .starts_with("500 unexpected: Invalid response from authorization hook: Error in $")
    );
    assert!(!format!("{:?}", auth.events.lock().unwrap()).contains("hush"));
}

#[tokio::test]
async fn a_webhook_that_cannot_be_reached_lets_nobody_in() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hush?key=hush", listener.local_addr().unwrap());
    drop(listener);
    let config = AuthConfig::Webhook {
        secrets: vec![AdminSecret::new("admin")],
        hook: WebhookConfig {
            url,
            method: HookMethod::Get,
        },
    };
    let auth = Auth::start(config, Duration::from_secs(1)).await.unwrap();
    assert_eq!(
        auth.say(&[]).await,
        "500 unexpected: webhook authentication request failed"
    );
}

#[tokio::test]
async fn the_answer_says_when_the_session_ends_and_which_cookies_to_set() {
    for (key, value, expected) in [
        ("Cache-Control", "max-age=600", Some(600)),
        ("Cache-Control", "no-cache", None),
        (
            "Expires",
            "Fri, 01 Jan 2100 00:00:00 GMT",
            Some(4_102_444_800 - now()),
        ),
        ("Expires", "soon", None),
        ("x-hasura-other", "x", None),
    ] {
        let body = json!({ "x-hasura-role": "user", key: value }).to_string();
        let server = Server::start(move |_| {
            (
                200,
                "set-cookie: a=1\r\nset-cookie: b=2\r\n".to_owned(),
                body.clone(),
            )
        })
        .await;
        let auth = hook(&server, HookMethod::Get).await;
        let authenticated = auth.ask(&[], None).await.unwrap();
        let left = authenticated.session.expires_at_s.map(|at| at - now());
        // The clock may tick between the two looks at it.
        assert!(
            left == expected || left == expected.map(|left| left - 1),
            "{key}: {left:?}"
        );
        assert_eq!(authenticated.set_cookies, ["a=1", "b=2"]);
    }
}
