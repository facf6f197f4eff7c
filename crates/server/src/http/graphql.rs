//! GraphQL over HTTP: one request or a list of them, run in order.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use graphloom_execute::{Caller, Data, Executed, GraphqlRequest, SchemaKind};
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, Result, Session};
use serde_json::json;

use super::body::ReadBody;
use super::persisted::PersistedQueries;
use super::{App, Reply, RequestInfo, Shape, request_mode};
use crate::envelope::{self, Detail};
use crate::log::{LogType, request_json};

/// What a body holds.
pub(crate) enum Requests {
    One(GraphqlRequest),
    Batch(Vec<GraphqlRequest>),
}

impl Requests {
    /// The same requests, made by this client.
    pub(super) fn of_caller(self, caller: &Arc<Caller>) -> Self {
        self.map(|request| request.of_caller(caller.clone()))
    }

    /// The same requests, of another schema.
    pub(super) fn of_schema(self, schema: SchemaKind) -> Self {
        self.map(|request| request.of_schema(schema))
    }

    /// The same requests, with the id of the one they came in.
    pub(super) fn with_id(self, id: &str) -> Self {
        self.map(|request| request.with_id(id))
    }

    fn map(self, change: impl Fn(GraphqlRequest) -> GraphqlRequest) -> Self {
        match self {
            Self::One(request) => Self::One(change(request)),
            Self::Batch(requests) => Self::Batch(requests.into_iter().map(change).collect()),
        }
    }
}

/// How an endpoint reads bodies.
pub(super) struct Reader<'a> {
    pub(super) shape: Shape,
    /// Most operations in a batch.
    pub(super) batch_max: usize,
    /// Where hashes are looked up; `None` where the endpoint takes none.
    pub(super) persisted: Option<&'a PersistedQueries>,
}

impl Reader<'_> {
    /// Reads a body. Errors: `invalid-json`, `parse-failed`, `bad-request` for too long a batch, and those of
    /// persisted queries.
    pub(super) fn read(&self, body: &ReadBody) -> Result<Requests> {
        match body.json()? {
            Json::Array(items) if items.len() > self.batch_max => Err(Error::new(
                ErrorCode::BadRequest,
                format!(
                    "a batch may hold up to {} operations, and this one has {}",
                    self.batch_max,
                    items.len()
                ),
            )),
            Json::Array(items) => {
                let requests = items.into_iter().enumerate().map(|(index, item)| {
                    let at = ErrorPath::root().index(index);
                    self.one(item).map_err(|error| error.below(&at))
                });
                requests.collect::<Result<_>>().map(Requests::Batch)
            }
            item => self.one(item).map(Requests::One),
        }
    }

    fn one(&self, mut json: Json) -> Result<GraphqlRequest> {
        // v2 does not look at extensions.
        if self.shape == Shape::GraphqlResponse {
            check_extensions(&json)?;
        }
        if let Some(persisted) = self.persisted {
            persisted.resolve(&mut json)?;
        }
        GraphqlRequest::from_json(json)
    }
}

/// Refuses extensions that are no map, which the specification has them be. Error: `parse-failed`.
pub(crate) fn check_extensions(request: &Json) -> Result<()> {
    match request.get("extensions") {
        None | Some(Json::Null | Json::Object(_)) => Ok(()),
        Some(_) => {
            let message =
                "parsing extensions failed, expected Object, but encountered another type";
            Err(Error::parse_failed(message).at(ErrorPath::keys(&["extensions"])))
        }
    }
}

impl App {
    /// Runs the requests of one body and puts their answers together.
    pub(super) async fn run(
        &self,
        shape: Shape,
        info: &RequestInfo,
        session: &Session,
        requests: &Requests,
    ) -> Reply {
        let operations = match requests {
            Requests::One(_) => 1,
            Requests::Batch(requests) => requests.len(),
        };
        if let Err(error) = self.services.admit(session, info.ip, operations) {
            return self.refuse(shape, Some(session.clone()), error);
        }
        let started = Instant::now();
        let mut reply = match requests {
            Requests::One(request) => match self.run_only(info, session, request).await {
                Ok(Data::Whole(data)) => Reply::graphql(shape, envelope::graphql_data(&data)),
                Ok(Data::Parts(parts)) => {
                    let mut reply = Reply::graphql(shape, Bytes::new());
                    reply.parts = Some(parts);
                    reply
                }
                Err(error) => self.refuse(shape, Some(session.clone()), error),
            },
            Requests::Batch(requests) => self.run_batch(info, session, requests).await,
        };
        reply.operation.mode = request_mode(requests);
        reply.operation.session = Some(session.clone());
        reply.operation.execution_time = started.elapsed();
        if self.logs.settings().types.contains(&LogType::Query) {
            reply.operation.query = Some(match requests {
                Requests::One(request) => request_json(request),
                Requests::Batch(requests) => requests.iter().map(request_json).collect(),
            });
        }
        reply
    }

    /// The one request of a body, whose answer may go out in parts.
    async fn run_only(
        &self,
        info: &RequestInfo,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Data> {
        // There, the end of an answer is the end of the connection: half of one could be taken for all of it.
        if info.version == "HTTP/1.0" {
            let executed = self.run_one(info, session, request).await?;
            return Ok(Data::Whole(executed.data));
        }
        let streamed = self.services.stream(session, request).await?;
        self.logs.query(&info.id, request, &streamed.statements);
        Ok(streamed.data)
    }

    async fn run_one(
        &self,
        info: &RequestInfo,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Executed> {
        let executed = self.services.graphql(session, request).await?;
        self.logs.query(&info.id, request, &executed.statements);
        Ok(executed)
    }

    /// In order, and each with its own `data` or `errors`, whatever became of the others.
    async fn run_batch(
        &self,
        info: &RequestInfo,
        session: &Session,
        requests: &[GraphqlRequest],
    ) -> Reply {
        let detail = Detail::of(self.settings.internal_errors, Some(session));
        let mut answers: Vec<Bytes> = Vec::with_capacity(requests.len());
        let mut batch = Vec::with_capacity(requests.len());
        for request in requests {
            let started = Instant::now();
            let answer = match self.run_one(info, session, request).await {
                Ok(executed) => {
                    let answer = envelope::graphql_data(&executed.data);
                    batch.push(json!({
                        "response_size": answer.len(),
                        "query_execution_time": started.elapsed().as_secs_f64(),
                    }));
                    answer
                }
                Err(error) => {
                    batch.push(json!({ "error": envelope::api_error(&error, Detail::Shown) }));
                    let error = envelope::graphql_error(&error, detail);
                    envelope::text(&envelope::graphql_errors(error))
                }
            };
            answers.push(answer);
        }
        let mut reply = Reply::json(envelope::array(&answers));
        reply.operation.batch = batch;
        reply
    }
}
