//! What is logged, and what never is.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use graphloom_vocab::Json;
use serde_json::json;
use support::Running;

fn of_type<'r>(records: &'r [Json], kind: &str) -> Vec<&'r Json> {
    records
        .iter()
        .filter(|record| record["type"] == kind)
        .collect()
}

#[tokio::test]
async fn a_request_is_one_http_log_record() {
    let server = Running::start(&[]).await;
    let headers = [
        ("x-request-id", "r1"),
        ("x-hasura-role", "user"),
        ("x-forwarded-for", "10.1.2.3, 10.0.0.1"),
    ];
    server.graphql("{invalid}", &headers).await;
    server.send("GET", "/v1/version?a=b", &[], b"").await;
    let records = server.records();
    let http = of_type(&records, "http-log");
    let failed = http[0];
    assert_eq!(failed["level"], "error");
    assert_eq!(failed["detail"]["request_id"], "r1");
    assert_eq!(
        failed["detail"]["http_info"],
        json!({
            "status": 200, "http_version": "HTTP/1.1", "method": "POST", "url": "/v1/graphql",
            "ip": "10.1.2.3", "content_encoding": null,
        })
    );
    let operation = &failed["detail"]["operation"];
    assert_eq!(operation["user_vars"], json!({"x-hasura-role": "user"}));
    assert_eq!(operation["error"]["code"], "validation-failed");
    assert_eq!(operation["request_mode"], "error");
    assert!(operation["query"].is_null(), "the query log is off");
    let version = http[1];
    assert_eq!(
        (&version["level"], &version["detail"]["http_info"]["url"]),
        (&json!("info"), &json!("/v1/version"))
    );
    assert_eq!(
        version["detail"]["operation"]["request_mode"],
        "non-graphql"
    );
}

#[tokio::test]
async fn the_query_log_shows_queries_and_masks_variables() {
    let flags = [
        "--enabled-log-types=query-log,http-log",
        "--log-masked-variables=password",
    ];
    let server = Running::start(&flags).await;
    let body = r#"{"query":"{variables}","variables":{"password":"hunter2","name":"a"}}"#;
    server.post("/v1/graphql", body).await;
    server
        .post(
            "/v1/metadata",
            r#"{"type":"x","args":{"url":"postgres://u:hunter2@h"}}"#,
        )
        .await;
    server.post("/v2/query", r#"{"type":"run_sql"}"#).await;
    let records = server.records();
    let query = of_type(&records, "query-log")[0];
    assert_eq!(query["detail"]["kind"], "database");
    assert_eq!(
        query["detail"]["generated_sql"]["root"]["query"],
        "SELECT 1"
    );
    let masked = json!({"password": "[MASKED]", "name": "a"});
    assert_eq!(query["detail"]["query"]["variables"], masked);
    let http = of_type(&records, "http-log");
    assert_eq!(http[0]["detail"]["operation"]["query"]["variables"], masked);
    assert!(
        http[1]["detail"]["operation"]["query"].is_null(),
        "metadata may hold secrets"
    );
    assert_eq!(http[2]["detail"]["operation"]["query"]["type"], "run_sql");
    assert!(!format!("{records:?}").contains("hunter2"));
}

#[tokio::test]
async fn the_admin_secret_is_nowhere() {
    let flags = [
        "--admin-secret=hush-hush",
        "--enabled-log-types=startup,query-log,http-log,websocket-log",
        "--log-level=debug",
    ];
    let server = Running::start(&flags).await;
    for header in ["x-hasura-admin-secret", "x-hasura-access-key"] {
        server.graphql("{session}", &[(header, "hush-hush")]).await;
        server.graphql("{session}", &[(header, "hush-hush2")]).await;
    }
    let records = server.records();
    assert!(records.len() >= 4);
    assert!(!format!("{records:?}").contains("hush-hush"));
}

#[tokio::test]
async fn a_batch_logs_what_became_of_each() {
    let server = Running::start(&[]).await;
    server
        .post(
            "/v1/graphql",
            r#"[{"query":"{number}"},{"query":"{invalid}"}]"#,
        )
        .await;
    let records = server.records();
    let detail = &of_type(&records, "http-log")[0]["detail"];
    assert_eq!(detail["operation"]["request_mode"], "batched");
    assert!(detail["batched_operations"][0]["response_size"].is_u64());
    assert_eq!(
        detail["batched_operations"][1]["error"]["code"],
        "validation-failed"
    );
}
