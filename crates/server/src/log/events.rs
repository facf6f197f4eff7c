//! What can happen, and the record each makes: the fields of v2's logs.
//!
//! No header is ever a part of a record, and session variables come from the session, which holds no
//! admin secret. Queries are logged only where the query log is on.

use std::net::IpAddr;
use std::time::Duration;

use graphloom_execute::{GraphqlRequest, Statements};
use graphloom_vocab::{Error, Json, JsonObject, Session};
use serde_json::json;

use super::{Level, LogType, Logs};
use crate::envelope::{self, Detail};
use crate::settings::QueryLogging;

/// How a request counts in the http log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestMode {
    /// One GraphQL operation.
    Single,
    /// A list of them.
    Batched,
    /// Anything else.
    NonGraphql,
}

/// A request was answered.
pub(crate) struct HttpEvent<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) status: u16,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) version: &'static str,
    pub(crate) ip: IpAddr,
    pub(crate) content_encoding: Option<&'static str>,
    pub(crate) operation: &'a OperationEvent,
    pub(crate) response_bytes: usize,
    pub(crate) uncompressed_bytes: usize,
}

/// What a request did.
#[derive(Debug)]
pub(crate) struct OperationEvent {
    pub(crate) mode: RequestMode,
    pub(crate) session: Option<Session>,
    pub(crate) error: Option<Error>,
    /// Present only where it may be logged.
    pub(crate) query: Option<Json>,
    /// What each operation of a batch did.
    pub(crate) batch: Vec<Json>,
    pub(crate) read_time: Duration,
    pub(crate) execution_time: Duration,
}

impl Default for OperationEvent {
    fn default() -> Self {
        Self {
            mode: RequestMode::NonGraphql,
            session: None,
            error: None,
            query: None,
            batch: Vec::new(),
            read_time: Duration::ZERO,
            execution_time: Duration::ZERO,
        }
    }
}

/// Something happened on a websocket.
pub(crate) struct SocketEvent<'a> {
    pub(crate) socket_id: &'a str,
    pub(crate) session: Option<&'a Session>,
    pub(crate) message: Option<&'static str>,
    pub(crate) kind: SocketEventKind<'a>,
}

/// What happened on it.
pub(crate) enum SocketEventKind<'a> {
    Accepted,
    Rejected(&'a Error),
    ConnectionError(&'a str),
    Operation {
        id: &'a str,
        request_id: Option<&'a str>,
        request: &'a GraphqlRequest,
        outcome: OperationOutcome<'a>,
    },
    Closed,
}

/// How an operation on a websocket goes on.
#[derive(Clone, Copy)]
pub(crate) enum OperationOutcome<'a> {
    Started,
    ProtocolError(&'a str),
    QueryError(&'a Error),
    Completed,
    Stopped,
}

impl Logs {
    /// Writes an `http-log` record.
    pub(crate) fn http(&self, event: &HttpEvent<'_>) {
        let level = if event.operation.error.is_some() {
            Level::Error
        } else {
            Level::Info
        };
        if !self.wants(LogType::Http, level) {
            return;
        }
        let mut operation = operation(event.operation);
        operation.insert("request_id".to_owned(), event.request_id.into());
        operation.insert("response_size".to_owned(), event.response_bytes.into());
        operation.insert(
            "uncompressed_response_size".to_owned(),
            event.uncompressed_bytes.into(),
        );
        if let Some(query) = self.query_of(event.operation) {
            operation.insert("query".to_owned(), query);
        }
        let mut detail = JsonObject::new();
        if !event.operation.batch.is_empty() {
            detail.insert(
                "batched_operations".to_owned(),
                event.operation.batch.clone().into(),
            );
        }
        detail.insert("http_info".to_owned(), http_info(event));
        detail.insert("operation".to_owned(), Json::Object(operation));
        detail.insert("request_id".to_owned(), event.request_id.into());
        self.write(LogType::Http, level, Json::Object(detail));
    }

    fn query_of(&self, operation: &OperationEvent) -> Option<Json> {
        let settings = self.settings();
        let wanted = match settings.queries {
            QueryLogging::Always => true,
            QueryLogging::OnError => operation.error.is_some(),
        };
        let wanted = wanted && settings.types.contains(&LogType::Query);
        operation
            .query
            .as_ref()
            .filter(|_| wanted)
            .map(|query| self.mask(query.clone()))
    }

    /// Writes one `query-log` record per statement, or one for an operation without any.
    pub(crate) fn query(
        &self,
        request_id: &str,
        request: &GraphqlRequest,
        statements: &Statements,
    ) {
        if !self.wants(LogType::Query, Level::Info) {
            return;
        }
        let query = self.mask(request_json(request));
        let record = |kind: &str, generated_sql: Json| {
            let detail = json!({
                "kind": kind,
                "request_id": request_id,
                "query": query,
                "generated_sql": generated_sql,
            });
            self.write(LogType::Query, Level::Info, detail);
        };
        let statements = statements.list();
        if statements.is_empty() {
            record("introspection", Json::Null);
        }
        for (field, sql) in statements {
            // Values travel as parameters, so that the text shows none of them; nor does this record.
            let statement = json!({ "query": sql, "prepared_arguments": [] });
            record("database", json!({ field: statement }));
        }
    }

    /// Writes a `websocket-log` record.
    pub(crate) fn socket(&self, event: &SocketEvent<'_>) {
        let level = match &event.kind {
            SocketEventKind::Rejected(_) | SocketEventKind::ConnectionError(_) => Level::Error,
            SocketEventKind::Operation {
                outcome: OperationOutcome::ProtocolError(_) | OperationOutcome::QueryError(_),
                ..
            } => Level::Error,
            _ => Level::Info,
        };
        if !self.wants(LogType::Websocket, level) {
            return;
        }
        let detail = json!({
            "event": self.socket_event(&event.kind),
            "connection_info": {
                "websocket_id": event.socket_id,
                "token_expiry": null,
                "msg": event.message,
            },
            "user_vars": event.session.map(Session::variables_json),
        });
        self.write(LogType::Websocket, level, detail);
    }

    fn socket_event(&self, kind: &SocketEventKind<'_>) -> Json {
        match kind {
            SocketEventKind::Accepted => json!({ "type": "accepted" }),
            SocketEventKind::Rejected(error) => {
                json!({ "type": "rejected", "detail": envelope::api_error(error, Detail::Hidden) })
            }
            SocketEventKind::ConnectionError(text) => json!({ "type": "conn_err", "detail": text }),
            SocketEventKind::Closed => json!({ "type": "closed" }),
            SocketEventKind::Operation {
                id,
                request_id,
                request,
                outcome,
            } => {
                let failed = matches!(outcome, OperationOutcome::QueryError(_));
                let shown = failed && self.settings().types.contains(&LogType::Query);
                json!({ "type": "operation", "detail": {
                    "operation_id": id,
                    "request_id": request_id,
                    "operation_name": request.operation_name,
                    "operation_type": outcome_json(*outcome),
                    "query": shown.then(|| self.mask(request_json(request))),
                    "parameterized_query_hash": null,
                }})
            }
        }
    }

    /// Hides the values of variables whose names are listed, wherever a `variables` object is.
    fn mask(&self, mut query: Json) -> Json {
        let masked = &self.settings().masked_variables;
        if !masked.is_empty() {
            let requests: Vec<&mut Json> = match &mut query {
                Json::Array(requests) => requests.iter_mut().collect(),
                request => vec![request],
            };
            for request in requests {
                let variables = request.get_mut("variables").and_then(Json::as_object_mut);
                for (name, value) in variables.into_iter().flatten() {
                    if masked.contains(name) {
                        *value = "[MASKED]".into();
                    }
                }
            }
        }
        query
    }
}

/// A request as it came: `{"query", "operationName"?, "variables"?}`.
pub(crate) fn request_json(request: &GraphqlRequest) -> Json {
    let mut json = JsonObject::new();
    json.insert("query".to_owned(), request.query.as_str().into());
    if let Some(name) = &request.operation_name {
        json.insert("operationName".to_owned(), name.as_str().into());
    }
    if !request.variables.is_empty() {
        json.insert(
            "variables".to_owned(),
            Json::Object(request.variables.clone()),
        );
    }
    Json::Object(json)
}

fn outcome_json(outcome: OperationOutcome<'_>) -> Json {
    match outcome {
        OperationOutcome::ProtocolError(text) => json!({ "type": "proto_err", "detail": text }),
        OperationOutcome::QueryError(error) => {
            json!({ "type": "query_err", "detail": envelope::api_error(error, Detail::Shown) })
        }
        OperationOutcome::Started => json!({ "type": "started" }),
        OperationOutcome::Completed => json!({ "type": "completed" }),
        OperationOutcome::Stopped => json!({ "type": "stopped" }),
    }
}

fn operation(event: &OperationEvent) -> JsonObject {
    let mode = match event {
        OperationEvent { error: Some(_), .. } => "error",
        OperationEvent {
            mode: RequestMode::Single,
            ..
        } => "single",
        OperationEvent {
            mode: RequestMode::Batched,
            ..
        } => "batched",
        OperationEvent {
            mode: RequestMode::NonGraphql,
            ..
        } => "non-graphql",
    };
    let mut operation = JsonObject::new();
    let variables = event.session.as_ref().map(Session::variables_json);
    operation.insert("user_vars".to_owned(), variables.unwrap_or_default());
    operation.insert("request_mode".to_owned(), mode.into());
    operation.insert(
        "request_read_time".to_owned(),
        event.read_time.as_secs_f64().into(),
    );
    operation.insert(
        "query_execution_time".to_owned(),
        event.execution_time.as_secs_f64().into(),
    );
    if let Some(error) = &event.error {
        operation.insert(
            "error".to_owned(),
            envelope::api_error(error, Detail::Shown),
        );
    }
    operation
}

fn http_info(event: &HttpEvent<'_>) -> Json {
    json!({
        "status": event.status,
        "http_version": event.version,
        "method": event.method,
        "url": event.path,
        "ip": event.ip.to_string(),
        "content_encoding": event.content_encoding,
    })
}
