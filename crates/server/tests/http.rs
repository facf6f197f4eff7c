//! The endpoints over real connections: shapes, statuses, headers.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use std::io::Read as _;

use serde_json::json;
use support::Running;

const SECRET: (&str, &str) = ("x-hasura-admin-secret", "hush");

#[tokio::test]
async fn open_endpoints_answer_anyone() {
    let server = Running::start(&["--admin-secret=hush"]).await;
    let version = server.get("/v1/version").await;
    assert_eq!(version.status, 200);
    assert!(
        version.json()["version"]
            .as_str()
            .unwrap()
            .starts_with("v2.48.")
    );
    assert_eq!(
        version.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    for path in ["/healthz", "/hasura/healthz"] {
        let health = server.get(path).await;
        assert_eq!(
            (health.status, health.text()),
            (200, "WARN: inconsistent objects in schema")
        );
        let strict = server.get(&format!("{path}?strict=true")).await;
        assert_eq!(
            (strict.status, strict.text()),
            (500, "ERROR: inconsistent objects in schema")
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_not_found() {
    let server = Running::start(&[]).await;
    for (method, path) in [
        ("GET", "/nowhere"),
        ("POST", "/v3/graphql"),
        ("PUT", "/v1/graphql"),
        ("GET", "/v1/metadata"),
        ("GET", "/console"),
        ("OPTIONS", "/v1/graphql"),
    ] {
        let reply = server.send(method, path, &[], b"").await;
        assert_eq!(reply.status, 404, "{method} {path}");
        assert_eq!(
            reply.text(),
            r#"{"error":"resource does not exist","path":"$","code":"not-found"}"#
        );
    }
}

#[tokio::test]
async fn data_is_handed_on_as_it_is() {
    let server = Running::start(&[]).await;
    let reply = server.graphql("{number}", &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.text(),
        r#"{"data":{"n":1.10, "big":12345678901234567890123}}"#
    );
    assert_eq!(
        reply.header("content-length"),
        Some(reply.body.len().to_string().as_str())
    );
    let variables = server
        .post(
            "/v1/graphql",
            r#"{"query":"{variables}","variables":{"b":1.50,"a":"ü"}}"#,
        )
        .await;
    assert_eq!(variables.text(), r#"{"data":{"b":1.50,"a":"ü"}}"#);
}

#[tokio::test]
async fn errors_have_the_endpoints_status_and_shape() {
    let server = Running::start(&["--admin-secret=hush"]).await;
    let post = async |path: &str, body: &str, headers: &[(&str, &str)]| {
        let reply = server.send("POST", path, headers, body.as_bytes()).await;
        (reply.status, reply.text().to_owned())
    };
    let query = r#"{"query":"{lost}"}"#;
    let errors = r#"{"errors":[{"message":"connection error","extensions":{"path":"$","code":"postgres-error"}}]}"#;
    assert_eq!(
        post("/v1/graphql", query, &[SECRET]).await,
        (200, errors.to_owned())
    );
    assert_eq!(
        post("/v1alpha1/graphql", query, &[SECRET]).await,
        (500, errors.to_owned())
    );

    let denied = r#""x-hasura-admin-secret"/"x-hasura-access-key" required, but not found"#;
    let (status, body) = post("/v1/graphql", query, &[]).await;
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["errors"][0]["message"], denied);
    assert_eq!(
        body["errors"][0]["extensions"],
        json!({"path": "$", "code": "access-denied"})
    );
    assert_eq!(post("/v1alpha1/graphql", query, &[]).await.0, 401);
    for path in [
        "/v1/metadata",
        "/v2/query",
        "/v1/query",
        "/v1/graphql/explain",
    ] {
        let (status, body) = post(path, "{}", &[("x-hasura-admin-secret", "wrong")]).await;
        assert_eq!(status, 401, "{path}");
        assert_eq!(
            body,
            r#"{"error":"invalid \"x-hasura-admin-secret\"/\"x-hasura-access-key\"","path":"$","code":"access-denied"}"#
        );
    }
    let (status, body) = post("/v1/metadata", r#"{"type":"conflict"}"#, &[SECRET]).await;
    assert_eq!(status, 409);
    assert_eq!(
        body,
        r#"{"error":"changed meanwhile","path":"$","code":"conflict"}"#
    );
    let user = [SECRET, ("x-hasura-role", "user")];
    let (status, body) = post("/v1/metadata", "{}", &user).await;
    assert_eq!(status, 400);
    assert!(
        body.contains(r#""path":"$.args","code":"access-denied""#),
        "{body}"
    );
}

#[tokio::test]
async fn failed_authentication_keeps_its_status_where_asked() {
    let flags = ["--admin-secret=hush", "--preserve-401-errors"];
    let server = Running::start(&flags).await;
    assert_eq!(server.graphql("{session}", &[]).await.status, 401);
    assert_eq!(server.graphql("{invalid}", &[SECRET]).await.status, 200);
}

#[tokio::test]
async fn internal_is_shown_to_those_who_may_see_it() {
    for (flags, role, shown) in [
        (&[][..], "admin", true),
        (&[], "user", false),
        (&["--admin-internal-errors=false"], "admin", false),
        (&["--dev-mode"], "user", true),
    ] {
        let server = Running::start(flags).await;
        let reply = server
            .graphql("{database}", &[("x-hasura-role", role)])
            .await;
        let internal = &reply.json()["errors"][0]["extensions"]["internal"];
        assert_eq!(
            *internal == json!({"statement": "SELECT 1/0"}),
            shown,
            "{flags:?} {role}"
        );
        assert_eq!(internal.is_null(), !shown);
    }
}

#[tokio::test]
async fn a_session_is_what_the_headers_say() {
    let flags = ["--admin-secret=hush", "--unauthorized-role=anonymous"];
    let server = Running::start(&flags).await;
    let session =
        async |headers: &[(&str, &str)]| server.graphql("{session}", headers).await.json();
    let user = [SECRET, ("X-Hasura-Role", "user"), ("X-Hasura-User-Id", "4")];
    assert_eq!(
        session(&user).await,
        json!({"data": {"x-hasura-role": "user", "x-hasura-user-id": "4"}})
    );
    assert_eq!(
        session(&[("x-hasura-role", "admin")]).await,
        json!({"data": {"x-hasura-role": "anonymous"}})
    );
}

#[tokio::test]
async fn batches_answer_each_by_itself() {
    let server = Running::start(&["--batch-limit=3"]).await;
    let batch = r#"[{"query":"{number}"},{"query":"{invalid}"},{"query":"{session}"}]"#;
    let reply = server.post("/v1/graphql", batch).await;
    assert_eq!(
        reply.text(),
        "[{\"data\":{\"n\":1.10, \"big\":12345678901234567890123}},\
         {\"errors\":[{\"message\":\"field 'invalid' not found in type: 'query_root'\",\"extensions\":\
         {\"path\":\"$.selectionSet.invalid\",\"code\":\"validation-failed\"}}]},\
         {\"data\":{\"x-hasura-role\":\"admin\"}}]"
    );
    assert_eq!(server.post("/v1/graphql", "[]").await.text(), "[]");
    let long = server
        .post("/v1/graphql", &format!("[{}]", ["1"; 4].join(",")))
        .await
        .json();
    assert_eq!(long["errors"][0]["extensions"]["code"], "bad-request");
    let wrong = server
        .post("/v1/graphql", r#"[{"query":"{number}"},{}]"#)
        .await
        .json();
    assert_eq!(wrong["errors"][0]["extensions"]["path"], "$[1]");
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused() {
    let server = Running::start(&[]).await;
    let code = async |path: &str, body: &[u8]| {
        let reply = server.send("POST", path, &[], body).await;
        let json = reply.json();
        let code = json
            .pointer("/errors/0/extensions/code")
            .or_else(|| json.get("code"));
        (reply.status, code.unwrap().as_str().unwrap().to_owned())
    };
    let nested = vec![b'['; 100_000];
    let invalid_utf8 = b"{\"query\":\"\xff\"}";
    for body in [&b""[..], b"{", b"nonsense", invalid_utf8, &nested] {
        assert_eq!(
            code("/v1/graphql", body).await,
            (200, "invalid-json".to_owned())
        );
        assert_eq!(
            code("/v1alpha1/graphql", body).await,
            (400, "invalid-json".to_owned())
        );
        assert_eq!(
            code("/v1/metadata", body).await,
            (400, "invalid-json".to_owned())
        );
    }
    for body in [
        &b"1"[..],
        b"{}",
        br#"{"query":1}"#,
        br#"{"query":"{a}","variables":[]}"#,
    ] {
        assert_eq!(
            code("/v1/graphql", body).await,
            (200, "parse-failed".to_owned())
        );
    }
}

#[tokio::test]
async fn persisted_queries_are_told_to_send_the_query() {
    let server = Running::start(&[]).await;
    let hash = r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#;
    for reply in [
        server.post("/v1/graphql", hash).await,
        server.get("/v1/graphql?a=b").await,
    ] {
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.text(),
            r#"{"errors":[{"message":"PersistedQueryNotSupported","extensions":{"path":"$","code":"not-supported"}}]}"#
        );
    }
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let server = Running::start(&[]).await;
    let reply = server.get("/api/swagger/json").await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("not-supported"), "{}", reply.text());
}

#[tokio::test]
async fn explain_is_for_admins_who_may_name_a_user() {
    let server = Running::start(&["--admin-secret=hush"]).await;
    let body = br#"{"query":{"query":"{a}"},"user":{"x-hasura-role":"reader"}}"#;
    for path in ["/v1/graphql/explain", "/v1alpha1/graphql/explain"] {
        let reply = server.send("POST", path, &[SECRET], body).await;
        assert_eq!(reply.json(), json!([{"role": "reader", "query": "{a}"}]));
    }
    let user = [SECRET, ("x-hasura-role", "user")];
    let refused = server
        .send("POST", "/v1/graphql/explain", &user, body)
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["code"], "access-denied");
    let off = Running::start(&["--enabled-apis=graphql"]).await;
    assert_eq!(off.post("/v1/graphql/explain", "{}").await.status, 404);
}

#[tokio::test]
async fn the_path_says_which_schema_a_request_is_of() {
    let server = Running::start(&[]).await;
    for (path, body, schema) in [
        ("/v1/graphql", r#"{"query":"{schema}"}"#, "Standard"),
        ("/v1alpha1/graphql", r#"{"query":"{schema}"}"#, "Standard"),
        ("/v1beta1/relay", r#"{"query":"{schema}"}"#, "Relay"),
        ("/v1beta1/relay", r#"[{"query":"{schema}"}]"#, "Relay"),
    ] {
        let reply = server.post(path, body).await;
        assert!(reply.text().contains(schema), "{path}: {}", reply.text());
    }
    let server = Running::start(&["--enable-relay=false"]).await;
    let disabled = server
        .post("/v1beta1/relay", r#"{"query":"{a}"}"#)
        .await
        .json();
    let message = disabled["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("The Relay API is disabled."));
}

#[tokio::test]
async fn configuration_is_for_admins() {
    let server = Running::start(&["--admin-secret=hush"]).await;
    let config = server.send("GET", "/v1alpha1/config", &[SECRET], b"").await;
    assert_eq!(config.json()["is_admin_secret_set"], true);
    let user = [SECRET, ("x-hasura-role", "user")];
    let refused = server.send("GET", "/v1alpha1/config", &user, b"").await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.text(),
        r#"{"error":"You have to be an admin to access this endpoint","path":"$","code":"access-denied"}"#
    );
}

#[tokio::test]
async fn a_request_id_is_repeated_or_made() {
    let server = Running::start(&[]).await;
    let given = server
        .graphql("{session}", &[("x-request-id", "mine")])
        .await;
    assert_eq!(given.header("x-request-id"), Some("mine"));
    let made = server.graphql("{session}", &[]).await;
    assert_eq!(made.header("x-request-id").unwrap().len(), 36);
}

#[tokio::test]
async fn compression_is_for_those_who_ask() {
    let server = Running::start(&[]).await;
    let plain = server.graphql("{large}", &[]).await;
    assert_eq!(plain.header("content-encoding"), None);
    let zipped = server
        .graphql("{large}", &[("accept-encoding", "gzip, deflate")])
        .await;
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert_eq!(
        zipped.header("content-length"),
        Some(zipped.body.len().to_string().as_str())
    );
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&zipped.body[..])
        .read_to_end(&mut text)
        .unwrap();
    assert_eq!(text, plain.body);
    let small = server
        .graphql("{session}", &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(small.header("content-encoding"), None);
}

#[tokio::test]
async fn cross_origin_rules_hold_on_every_answer() {
    let server = Running::start(&["--cors-domain=https://a.example.com"]).await;
    let friend = ("origin", "https://a.example.com");
    let preflight = server
        .send(
            "OPTIONS",
            "/v1/graphql",
            &[friend, ("access-control-request-headers", "x-a")],
            b"",
        )
        .await;
    assert_eq!((preflight.status, preflight.body.len()), (204, 0));
    assert_eq!(preflight.header("access-control-max-age"), Some("1728000"));
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        Some("x-a")
    );
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        Some("https://a.example.com")
    );
    for query in ["{session}", "{invalid}"] {
        let reply = server.graphql(query, &[friend]).await;
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some("https://a.example.com")
        );
        assert_eq!(
            reply.header("access-control-allow-credentials"),
            Some("true")
        );
    }
    let stranger = ("origin", "https://evil.org");
    let reply = server.graphql("{session}", &[stranger]).await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, None)
    );
    assert_eq!(
        server
            .send("OPTIONS", "/v1/graphql", &[stranger], b"")
            .await
            .status,
        404
    );

    let silent = Running::start(&["--disable-cors"]).await;
    let reply = silent.graphql("{session}", &[friend]).await;
    assert_eq!(
        (
            reply.header("access-control-allow-origin"),
            reply.header("vary")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn a_panic_is_one_requests_affair() {
    let server = Running::start(&[]).await;
    let reply = server.graphql("{panic}", &[]).await;
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.text(),
        r#"{"error":"Internal Server Error","path":"$","code":"unexpected"}"#
    );
    assert_eq!(server.graphql("{session}", &[]).await.status, 200);
}

#[tokio::test]
async fn the_console_is_served_where_enabled() {
    let server = Running::start(&["--enable-console"]).await;
    let root = server.get("/").await;
    assert_eq!(
        (root.status, root.header("location")),
        (302, Some("console"))
    );
    let page = server.get("/console/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    assert!(page.text().contains("<html"));
    assert_eq!(server.get("/console/assets/none.js").await.status, 404);
}
