//! GraphQL over HTTP as its specification has it: media types, statuses, and queries by GET.
//!
//! `tests/graphql-over-http/` runs the specification's own audit against the program.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use support::{Reply, Running};

const MODERN: (&str, &str) = ("accept", "application/graphql-response+json");
const JSON_BODY: (&str, &str) = ("content-type", "application/json");
const GUARD: (&str, &str) = ("graphql-require-preflight", "1");
const MODERN_TYPE: &str = "application/graphql-response+json; charset=utf-8";
const JSON_TYPE: &str = "application/json; charset=utf-8";

fn status_and_type(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.header("content-type").unwrap())
}

#[tokio::test]
async fn clients_that_name_the_media_type_get_it_with_its_statuses() {
    let server = Running::start(&["--admin-secret=hush"]).await;
    let secret = ("x-hasura-admin-secret", "hush");
    let with = async |body: &str, headers: &[(&str, &str)]| {
        let headers = [headers, &[MODERN, JSON_BODY]].concat();
        let reply = server.send("POST", "/v1/graphql", &headers, body.as_bytes());
        reply.await
    };
    for (body, status) in [
        (r#"{"query":"{number}"}"#, 200),
        (r#"{"query":"{number}","extensions":{}}"#, 200),
        (r#"{"query":"{number}","extensions":null}"#, 200),
        (r#"{"query":"{number}","extensions":[]}"#, 400),
        (r#"{"query":"{invalid}"}"#, 400),
        (r#"{"query":"{lost}"}"#, 500),
        (r#"{"query":7}"#, 400),
        ("{", 400),
        ("", 400),
    ] {
        let reply = with(body, &[secret]).await;
        assert_eq!(status_and_type(&reply), (status, MODERN_TYPE), "{body}");
        assert_eq!(reply.json().get("data").is_some(), status == 200, "{body}");
        assert_eq!(
            reply.json().get("errors").is_some(),
            status != 200,
            "{body}"
        );
    }
    let stranger = with(r#"{"query":"{number}"}"#, &[]).await;
    assert_eq!(status_and_type(&stranger), (401, MODERN_TYPE));
    // A list is no response of the specification's.
    let batch = with(r#"[{"query":"{number}"},{"query":"{invalid}"}]"#, &[secret]).await;
    assert_eq!(status_and_type(&batch), (200, JSON_TYPE));
}

#[tokio::test]
async fn everyone_else_gets_what_v2_sends() {
    let server = Running::start(&[]).await;
    for accept in ["*/*", "application/json", "text/html"] {
        let reply = server.graphql("{invalid}", &[("accept", accept)]).await;
        assert_eq!(status_and_type(&reply), (200, JSON_TYPE), "{accept}");
    }
    // v2 does not look at the content type, nor at extensions.
    let body = br#"{"query":"{number}","extensions":1}"#;
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let headers = [("content-type", content_type)];
        let reply = server.send("POST", "/v1/graphql", &headers, body).await;
        assert_eq!(reply.status, 200);
        let headers = [("content-type", content_type), MODERN];
        let reply = server.send("POST", "/v1/graphql", &headers, body).await;
        assert_eq!(status_and_type(&reply), (415, MODERN_TYPE));
    }
}

#[tokio::test]
async fn queries_come_by_get_and_nothing_else_does() {
    let server = Running::start(&[]).await;
    let get = async |parameters: &str, headers: &[(&str, &str)]| {
        let path = format!("/v1/graphql?{parameters}");
        server.send("GET", &path, headers, b"").await
    };
    let reply = get("query={variables}&variables={%22a%22:1.50}", &[GUARD]).await;
    assert_eq!(status_and_type(&reply), (200, JSON_TYPE));
    assert_eq!(reply.text(), r#"{"data":{"a":1.50}}"#);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let reply = get("query={number}", &[GUARD, MODERN]).await;
    assert_eq!(status_and_type(&reply), (200, MODERN_TYPE));

    for (parameters, status) in [
        ("query={invalid}", 400),
        ("query={number}&variables=1", 400),
        ("query={number}&variables={", 400),
        ("query=", 400),
    ] {
        let reply = get(parameters, &[GUARD, MODERN]).await;
        assert_eq!(
            status_and_type(&reply),
            (status, MODERN_TYPE),
            "{parameters}"
        );
        let reply = get(parameters, &[GUARD]).await;
        assert_eq!(status_and_type(&reply), (200, JSON_TYPE), "{parameters}");
    }
    for headers in [&[GUARD][..], &[GUARD, MODERN]] {
        let reply = get("query={change}", headers).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
        assert_eq!(
            reply.json()["errors"][0]["extensions"]["code"],
            "method-not-allowed"
        );
    }
}

#[tokio::test]
async fn a_page_of_another_site_cannot_ask_by_get() {
    let server = Running::start(&[]).await;
    let get = async |headers: &[(&str, &str)]| {
        let path = "/v1/graphql?query={number}";
        server.send("GET", path, headers, b"").await
    };
    let image = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
    ];
    let form = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
    for headers in [
        &[][..],
        &[MODERN],
        &image,
        &form,
        &[image[0], image[1], GUARD],
    ] {
        let reply = get(headers).await;
        assert_eq!(reply.status, 403, "{headers:?}");
        let error = &reply.json()["errors"][0];
        assert_eq!(error["extensions"]["code"], "access-denied");
        assert!(error["message"].as_str().unwrap().contains(GUARD.0));
    }
    for headers in [
        &[GUARD][..],
        &[JSON_BODY],
        &[("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(get(headers).await.status, 200, "{headers:?}");
    }
}

#[tokio::test]
async fn a_get_without_a_query_answers_as_v2() {
    let server = Running::start(&[]).await;
    for path in [
        "/v1/graphql",
        "/v1/graphql?extensions={%22persistedQuery%22:{%22sha256Hash%22:%22x%22}}",
    ] {
        let reply = server.get(path).await;
        assert_eq!(status_and_type(&reply), (200, JSON_TYPE));
        assert_eq!(
            reply.text(),
            r#"{"errors":[{"message":"PersistedQueryNotSupported","extensions":{"path":"$","code":"not-supported"}}]}"#
        );
    }
}
