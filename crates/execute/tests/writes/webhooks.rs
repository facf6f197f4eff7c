//! Webhooks that look at input: what they are asked, and what becomes of their answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use graphloom_execute::Outside;
use graphloom_outbound::{Client, ClientOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::world::{World, array, object, table, user};

const TABLES: &str = "
    CREATE TABLE author (id serial PRIMARY KEY, full_name text, secret text);
    CREATE TABLE article (id serial PRIMARY KEY, title text, author_id int REFERENCES author (id));
    INSERT INTO author (full_name) VALUES ('Ada');
";

/// What was asked: the head in lower case and the JSON of the body.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A webhook that answers by the path it is asked at: `/400/…` with status 400, and so on.
async fn webhook() -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let seen = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut text = Vec::new();
            let (head, body) = loop {
                socket.read_buf(&mut text).await.unwrap();
                let all = String::from_utf8_lossy(&text).into_owned();
                let Some((head, body)) = all.split_once("\r\n\r\n") else {
                    continue;
                };
                let head = head.to_ascii_lowercase();
                let length = head.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
                if body.len() >= length.unwrap_or(0_usize) {
                    break (head, body.to_owned());
                }
            };
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            seen.lock()
                .unwrap()
                .push((head, serde_json::from_str(&body).unwrap()));
            let (status, body) = match path.as_str() {
                "/ok" => ("200 OK", String::new()),
                "/created" => ("201 Created", "anything".to_owned()),
                "/no" => ("400 Bad Request", json!({"message": "not so"}).to_string()),
                "/mute" => ("400 Bad Request", "[]".to_owned()),
                "/broken" => ("503 Service Unavailable", String::new()),
                "/endless" => ("400 Bad Request", "x".repeat(2 << 20)),
                "/away" => (
                    "307 Temporary Redirect\r\nlocation: http://localhost:1/",
                    String::new(),
                ),
                _ => {
                    // No answer at all.
                    tokio::spawn(async move {
                        tokio::time::sleep(std::time::Duration::from_mins(1)).await;
                        drop(socket);
                    });
                    continue;
                }
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            // A client that has read enough hangs up.
            drop(socket.write_all(answer.as_bytes()).await);
        }
    });
    (address, asked)
}

fn validation(path: &str) -> Value {
    json!({"type": "http", "definition": {
        "url": format!("{{{{HOOKS}}}}{path}"), "timeout": 1,
        "headers": [{"name": "x-key", "value_from_env": "KEY"}, {"name": "accept-language", "value": "de"}],
        "forward_client_headers": true,
    }})
}

fn tables(author: &str, article: &str) -> Value {
    let permission = |body: Value| json!([{"role": "user", "permission": body}]);
    let select = || permission(json!({"columns": "*", "filter": {}}));
    json!([
        {"table": table("author"),
         "configuration": {"column_config": {"full_name": {"custom_name": "name"}}},
         "array_relationships": [array("articles", "article", "author_id")],
         "select_permissions": select(),
         "insert_permissions": permission(json!({
             "columns": ["full_name"], "set": {"secret": "x-hasura-user-id"}, "check": {},
             "validate_input": validation(author)})),
         "update_permissions": permission(json!({
             "columns": ["full_name"], "filter": {}, "validate_input": validation(author)})),
         "delete_permissions": permission(json!({"filter": {}, "validate_input": validation(author)}))},
        {"table": table("article"),
         "object_relationships": [object("author", "author_id")],
         "select_permissions": select(),
         "insert_permissions": permission(json!({
             "columns": ["title"], "check": {}, "validate_input": validation(article)}))},
    ])
}

async fn world(author: &str, article: &str) -> (World, Asked) {
    let (address, asked) = webhook().await;
    let environment = [("HOOKS", address.as_str()), ("KEY", "k1")];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let outside = Outside {
        client: Client::new(ClientOptions::default()).unwrap(),
        environment: environment
            .into_iter()
            .map(owned)
            .collect::<HashMap<_, _>>(),
    };
    let world = World::with_outside(TABLES, tables(author, article), Some(outside)).await;
    (world, asked)
}

const INSERT: &str = "mutation ($rows: [author_insert_input!]!) {
    insert_author(objects: $rows) { affected_rows } }";

#[tokio::test]
async fn an_insert_asks_for_each_table() {
    let (world, asked) = world("/ok", "/created").await;
    let rows = json!([
        {"name": "a", "articles": {"data": [{"title": "1"}, {"title": "2"}]}},
        {"articles": {"data": {"title": "3"}}}]);
    let headers = [
        ("user-agent", "tests"),
        ("authorization", "Bearer t"),
        ("x-hasura-admin-secret", "s"),
    ];
    let answer = world
        .ask_with_headers(&user("7"), INSERT, json!({"rows": rows}), &headers)
        .await;
    assert_eq!(answer, json!({"insert_author": {"affected_rows": 5}}));
    let asked = asked.lock().unwrap();
    let payload = |input: Value| {
        json!({"version": 1, "role": "user", "data": {"input": input},
            "session_variables": {"x-hasura-role": "user", "x-hasura-user-id": "7"}})
    };
    assert_eq!(
        asked[0].1,
        payload(json!([
            {"full_name": "a", "articles": {"data": [{"title": "1"}, {"title": "2"}]}},
            {"articles": {"data": {"title": "3"}}}]))
    );
    let titles = json!([{"title": "1"}, {"title": "2"}, {"title": "3"}]);
    assert_eq!(asked[1].1, payload(titles));
    let head = &asked[0].0;
    assert!(head.starts_with("post /ok http/1.1"), "{head}");
    for line in [
        "x-key: k1",
        "accept-language: de",
        "authorization: bearer t",
        "x-forwarded-user-agent: tests",
        "content-type: application/json",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(!head.contains("x-hasura-admin-secret"), "{head}");
}

#[tokio::test]
async fn an_update_and_a_delete_send_their_arguments() {
    let (world, asked) = world("/ok", "/ok").await;
    let query = "mutation ($name: String) {
        update_author(where: {id: {_gt: 9}}, _set: {name: $name}) { affected_rows }
        update_author_by_pk(pk_columns: {id: 1}, _set: {name: $name}) { name }
        update_author_many(updates: [{where: {}, _set: {name: \"x\"}}]) { affected_rows }
        delete_author(where: {name: {_eq: $name}}) { affected_rows }
        delete_author_by_pk(id: 1) { id }
    }";
    let answer = world.ask(&user("7"), query, json!({"name": "n"})).await;
    assert_eq!(answer["delete_author_by_pk"], json!({"id": 1}), "{answer}");
    let asked = asked.lock().unwrap();
    let inputs: Vec<_> = asked
        .iter()
        .map(|(_, body)| &body["data"]["input"])
        .collect();
    let expected = [
        json!([{"where": {"id": {"_gt": 9}}, "_set": {"name": "n"}}]),
        json!([{"pk_columns": {"id": 1}, "_set": {"name": "n"}}]),
        json!([{"where": {}, "_set": {"name": "x"}}]),
        json!([{"where": {"name": {"_eq": "n"}}}]),
        json!([{"pk_columns": {"id": 1}}]),
    ];
    assert_eq!(inputs, expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn whoever_is_against_it_stops_everything() {
    let row = json!({"name": "a", "articles": {"data": [{"title": "1"}]}});
    for (path, code, message) in [
        ("/no", "validation-failed", "not so"),
        (
            "/mute",
            "unexpected",
            "received invalid response from input validation webhook",
        ),
        (
            "/broken",
            "unexpected",
            "internal error when validating input data",
        ),
        (
            "/endless",
            "unexpected",
            "http exception when validating input data",
        ),
        (
            "/away",
            "unexpected",
            "http exception when validating input data",
        ),
        (
            "/silent",
            "unexpected",
            "http exception when validating input data",
        ),
    ] {
        let (world, _) = world("/ok", path).await;
        let answer = world.ask(&user("7"), INSERT, json!({"rows": row})).await;
        let expected = json!({"code": code, "path": "$", "message": message});
        assert_eq!(answer, expected, "{path}");
        assert_eq!(world.written("author").await.0, 1, "{path}");
        // An admin is not asked.
        let answer = world.admin(INSERT, json!({"rows": row})).await;
        assert_eq!(answer["insert_author"]["affected_rows"], 2, "{path}");
    }
}

#[tokio::test]
async fn without_a_way_out_nothing_is_written() {
    let world = World::new(TABLES, tables("/ok", "/ok")).await;
    let answer = world
        .ask(&user("7"), INSERT, json!({"rows": {"name": "a"}}))
        .await;
    assert_eq!(answer["code"], "not-supported");
    assert_eq!(world.written("author").await.0, 1);
}

#[tokio::test]
async fn what_the_environment_does_not_have_is_named() {
    let outside = Outside {
        client: Client::new(ClientOptions::default()).unwrap(),
        environment: HashMap::new(),
    };
    let world = World::with_outside(TABLES, tables("/ok", "/ok"), Some(outside)).await;
    let answer = world
        .ask(&user("7"), INSERT, json!({"rows": {"name": "a"}}))
        .await;
    assert_eq!(
        answer,
        json!({"code": "unexpected", "path": "$",
            "message": "Value for environment variables not found: HOOKS"})
    );
}
