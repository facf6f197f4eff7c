//! Runs one case: builds its world, takes its steps, and says what differs.

use serde_json::{Value, json};

use super::compare::differences;
use super::format::{
    Action, Answer, Body, Case, Exchange, Expected, Inconsistency, MetadataSetup, Setup, Transport,
};
use super::pool::{self, Pool, Pooled};
use super::pretty::pretty;
use super::update::Observed;
use crate::Failure;
use crate::http::{Reply, Request};
use crate::postgres::Database;
use crate::socket;

/// Stands for the URL of the case's database, in requests and in answers.
const DATABASE_URL: &str = "${DATABASE_URL}";
/// Lines of the server's log that a failure shows.
const LOG_LINES_MAX: usize = 30;

/// What to do about an answer that is not the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is a failure.
    Check,
    /// It is the new expectation.
    Update,
}

/// Runs a case to its end. In [`Mode::Update`] returns what has to be written.
pub(super) fn run(case: &Case, pool: &Pool, mode: Mode) -> Result<Vec<Observed>, Failure> {
    let pooled = pool.take(&case.setup.env)?;
    let database = Database::create()?;
    let world = World {
        admin: pool::admin_headers(&case.setup.env),
        pooled,
        database,
    };
    let result = world
        .build(&case.setup)
        .map_err(Failure::while_doing("setup"));
    let result = result.and_then(|()| world.take_steps(case, mode));
    match result {
        Ok(observed) => {
            pool.give_back(world.pooled);
            Ok(observed)
        }
        Err(failure) => {
            let log = world.pooled.server.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(LOG_LINES_MAX)..].join("\n");
            Err(Failure::new(format!(
                "{failure}\n\nthe end of the server's log:\n{tail}"
            )))
        }
    }
}

struct World {
    admin: Vec<(String, String)>,
    pooled: Pooled,
    database: Database,
}

impl World {
    fn build(&self, setup: &Setup) -> Result<(), Failure> {
        self.command(&json!({ "type": "clear_metadata", "args": {} }))?;
        if !setup.sql.trim().is_empty() {
            self.database.run(&setup.sql)?;
        }
        match &setup.metadata {
            MetadataSetup::Document(document) => {
                let document = with_default_source(document, self.database.url());
                self.command(&json!({
                    "type": "replace_metadata",
                    "version": 2,
                    "args": {
                        "allow_inconsistent_metadata": setup.inconsistency == Inconsistency::Allowed,
                        "metadata": document,
                    },
                }))
            }
            MetadataSetup::Commands(commands) => {
                self.command(&json!({
                    "type": "pg_add_source",
                    "args": { "name": "default", "configuration": configuration(DATABASE_URL) },
                }))?;
                commands
                    .iter()
                    .try_for_each(|command| self.command(command))
            }
        }
    }

    fn command(&self, command: &Value) -> Result<(), Failure> {
        let text = command
            .to_string()
            .replace(DATABASE_URL, self.database.url());
        let command: Value =
            serde_json::from_str(&text).map_err(Failure::while_doing("naming the database"))?;
        self.pooled.server.command(&self.admin, &command).map(drop)
    }

    fn take_steps(&self, case: &Case, mode: Mode) -> Result<Vec<Observed>, Failure> {
        let mut observed = Vec::new();
        for (index, step) in case.steps.iter().enumerate() {
            let result = match &step.action {
                Action::Sql(sql) => self.database.run(sql).map(|()| None),
                Action::Exchange(exchange) => self.exchange(exchange, index, mode),
            };
            observed.extend(result.map_err(Failure::while_doing(&step.description))?);
        }
        Ok(observed)
    }

    fn exchange(
        &self,
        exchange: &Exchange,
        step: usize,
        mode: Mode,
    ) -> Result<Option<Observed>, Failure> {
        let mut observed = None;
        for transport in &exchange.transports {
            let reply = self.send(exchange, *transport)?;
            let mut wrong = judge(&exchange.expected, &reply);
            if wrong.is_empty() {
                continue;
            }
            if mode == Mode::Update
                && observed.is_none()
                && let Ok(answer) = reply.json()
            {
                observed = Some(Observed {
                    step,
                    status: reply.status,
                    answer,
                });
                continue;
            }
            wrong.push(format!("the whole answer:\n{}", shown(&reply)));
            return Err(Failure::new(format!("{transport:?}\n{}", wrong.join("\n"))));
        }
        Ok(observed)
    }

    /// Sends the request; what comes back over a WebSocket looks like a reply with the expected status.
    fn send(&self, exchange: &Exchange, transport: Transport) -> Result<Reply, Failure> {
        let headers = self.headers(exchange);
        let body = match &exchange.body {
            Body::None => String::new(),
            Body::Json(body) => body.to_string(),
            Body::Text(text) => text.clone(),
        };
        let body = body.replace(DATABASE_URL, self.database.url());
        let port = self.pooled.server.port();
        let mut reply = match transport {
            Transport::Http => {
                let method = exchange.method.clone();
                let path = exchange.url.clone();
                self.pooled.server.send(Request {
                    method,
                    path,
                    headers,
                    body: body.into_bytes(),
                })?
            }
            Transport::Socket(protocol) => {
                let operation = serde_json::from_str(&body)
                    .map_err(Failure::while_doing("only JSON goes over a WebSocket"))?;
                let payload = socket::run(port, &exchange.url, protocol, (headers, operation))?;
                let body = payload.to_string().into_bytes();
                Reply {
                    status: exchange.expected.status,
                    headers: Vec::new(),
                    body,
                }
            }
        };
        if let Ok(text) = reply.text() {
            reply.body = text.replace(self.database.url(), DATABASE_URL).into_bytes();
        }
        Ok(reply)
    }

    /// The step's headers; the secret and the content type unless it says something about them itself.
    fn headers(&self, exchange: &Exchange) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = Vec::new();
        let json = ("content-type".to_owned(), "application/json".to_owned());
        let has_body = !matches!(exchange.body, Body::None);
        let defaults = self.admin.iter().cloned().chain(has_body.then_some(json));
        headers.extend(defaults.filter(|(name, _)| !exchange.headers.contains_key(name)));
        let own = exchange.headers.iter();
        headers.extend(own.filter_map(|(name, value)| Some((name.clone(), value.clone()?))));
        headers
    }
}

/// The document with every source that says nothing about its connection on this database.
fn with_default_source(document: &Value, url: &str) -> Value {
    let text = document.to_string().replace(DATABASE_URL, url);
    // It was JSON before and the URL has no character that JSON would escape.
    let mut document: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let sources = document.get_mut("sources").and_then(Value::as_array_mut);
    for source in sources
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        source
            .entry("configuration")
            .or_insert_with(|| configuration(url));
    }
    document
}

fn configuration(url: &str) -> Value {
    json!({ "connection_info": { "database_url": url } })
}

/// What is wrong with a reply, one line each.
fn judge(expected: &Expected, reply: &Reply) -> Vec<String> {
    let mut wrong = Vec::new();
    if reply.status != expected.status {
        wrong.push(format!(
            "status: expected {}, got {}",
            expected.status, reply.status
        ));
    }
    match &expected.answer {
        Answer::Json(json) => match reply.json() {
            Ok(actual) => wrong.extend(differences(json, &actual)),
            Err(failure) => wrong.push(failure.to_string()),
        },
        Answer::Text(text) => {
            if reply.text() != Ok(text) {
                wrong.push(format!("body: expected {text:?}, got {:?}", shown(reply)));
            }
        }
        Answer::Unwritten => {
            wrong.push("no `response` is written: UPDATE_CASES=1 writes it".to_owned());
        }
    }
    for (name, value) in &expected.headers {
        let actual = reply.header(&name.to_lowercase());
        if actual != value.as_deref() {
            wrong.push(format!("header {name}: expected {value:?}, got {actual:?}"));
        }
    }
    wrong
}

fn shown(reply: &Reply) -> String {
    match (reply.json(), reply.text()) {
        (Ok(json), _) => pretty(&json),
        (Err(_), Ok(text)) => text.to_owned(),
        (Err(_), Err(_)) => format!("{} bytes that are not UTF-8", reply.body.len()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::collections::BTreeMap;

    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let headers = vec![("x-a".to_owned(), "1".to_owned())];
        Reply {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    fn expected(answer: Answer, headers: &[(&str, Option<&str>)]) -> Expected {
        let headers: BTreeMap<String, Option<String>> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
            .collect();
        Expected {
            status: 200,
            answer,
            headers,
        }
    }

    #[test]
    fn a_reply_as_expected_is_right() {
        let json = expected(
            Answer::Json(json!({ "a": 1 })),
            &[("X-A", Some("1")), ("x-b", None)],
        );
        assert!(judge(&json, &reply(200, "{\"a\": 1}")).is_empty());
        let text = expected(Answer::Text("OK".to_owned()), &[]);
        assert!(judge(&text, &reply(200, "OK")).is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        let json = expected(
            Answer::Json(json!({ "a": 1 })),
            &[("x-a", None), ("x-b", Some("2"))],
        );
        assert_eq!(
            judge(&json, &reply(400, "{\"a\": 2}")),
            [
                "status: expected 200, got 400",
                "$.a: expected 1, got 2",
                "header x-a: expected None, got Some(\"1\")",
                "header x-b: expected Some(\"2\"), got None",
            ]
        );
        assert!(judge(&json, &reply(200, "no JSON"))[0].contains("no JSON"));
        let text = expected(Answer::Text("OK".to_owned()), &[]);
        assert_eq!(judge(&text, &reply(200, "OK\n")).len(), 1);
        assert!(
            judge(&expected(Answer::Unwritten, &[]), &reply(200, "{}"))[0].contains("UPDATE_CASES")
        );
    }

    #[test]
    fn a_source_without_a_configuration_gets_the_database() {
        let document = json!({ "sources": [
            { "name": "default" },
            { "name": "other", "configuration": { "url": "${DATABASE_URL}" } },
        ] });
        let url = "postgresql://postgres@/x?host=/run&port=5432";
        assert_eq!(
            with_default_source(&document, url),
            json!({ "sources": [
                { "name": "default", "configuration": { "connection_info": { "database_url": url } } },
                { "name": "other", "configuration": { "url": url } },
            ] })
        );
    }
}
