//! A GraphQL request and its answer, before and after any transport.

use std::sync::Arc;

use bytes::Bytes;
pub use graphloom_schema::SchemaKind;
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, JsonObject, Result};

use crate::Caller;
use crate::operation::OperationPlan;

/// One GraphQL request: `{"query", "operationName", "variables"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphqlRequest {
    /// The document.
    pub query: String,
    /// Which of its operations.
    pub operation_name: Option<String>,
    /// Values of its variables.
    pub variables: JsonObject,
    /// How it came; it decides what is said to a subscription.
    pub transport: Transport,
    /// Which of the role's schemas it is of.
    pub schema: SchemaKind,
    /// Whose it is.
    pub caller: Arc<Caller>,
    /// The request's id, for the comments of sources that want it there.
    pub request_id: Option<String>,
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One request, one answer.
    Http,
    /// The same by a method that must change nothing: mutations are refused.
    HttpGet,
    /// A websocket, which can carry many answers.
    Socket,
}

/// What kind of operation was run, for logs and transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// `query`.
    Query,
    /// `mutation`.
    Mutation,
    /// `subscription`: refused over HTTP, later served over the websocket.
    Subscription,
}

/// A successful answer.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The JSON text of the `data` object, without the envelope.
    pub data: Bytes,
    /// What ran.
    pub kind: RequestKind,
    /// What was sent to Postgres, for the query log.
    pub statements: Statements,
}

/// The statements of an operation; made into text when somebody asks, for most requests nobody does.
#[derive(Clone, Debug)]
pub struct Statements(Source);

#[derive(Clone, Debug)]
enum Source {
    Plan(Arc<OperationPlan>),
    List(Vec<(String, String)>),
}

impl Statements {
    pub(crate) fn of(plan: Arc<OperationPlan>) -> Self {
        Self(Source::Plan(plan))
    }

    /// These, for those who stand in for the engine.
    pub fn known(statements: Vec<(String, String)>) -> Self {
        Self(Source::List(statements))
    }

    /// `(root field, SQL)` of each.
    pub fn list(&self) -> Vec<(String, String)> {
        match &self.0 {
            Source::Plan(plan) => plan.statements(),
            Source::List(statements) => statements.clone(),
        }
    }
}

impl GraphqlRequest {
    /// Reads `{"query": …, "operationName"?: …, "variables"?: …}`. Errors are `parse-failed` at the key.
    pub fn from_json(body: Json) -> Result<Self> {
        let Json::Object(mut body) = body else {
            let message =
                "parsing GraphQLRequest failed, expected Object, but encountered another type";
            return Err(Error::parse_failed(message));
        };
        let query = match body.remove("query") {
            Some(Json::String(query)) => query,
            Some(_) => return Err(wrong_type("query", "String")),
            None => return Err(Error::parse_failed("the key 'query' was not present")),
        };
        let operation_name = match body.remove("operationName") {
            None | Some(Json::Null) => None,
            Some(Json::String(name)) => Some(name),
            Some(_) => return Err(wrong_type("operationName", "String")),
        };
        let variables = match body.remove("variables") {
            None | Some(Json::Null) => JsonObject::new(),
            Some(Json::Object(variables)) => variables,
            Some(_) => return Err(wrong_type("variables", "Object")),
        };
        Ok(Self {
            query,
            operation_name,
            variables,
            transport: Transport::Http,
            schema: SchemaKind::Standard,
            caller: Arc::default(),
            request_id: None,
        })
    }

    /// The same request, with an id.
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self {
            request_id: Some(id.into()),
            ..self
        }
    }

    /// The same request, come over a websocket.
    pub fn over_socket(self) -> Self {
        Self {
            transport: Transport::Socket,
            ..self
        }
    }

    /// The same request, made by this client.
    pub fn of_caller(self, caller: Arc<Caller>) -> Self {
        Self { caller, ..self }
    }

    /// The same request, of another schema.
    pub fn of_schema(self, schema: SchemaKind) -> Self {
        Self { schema, ..self }
    }
}

fn wrong_type(key: &str, expected: &str) -> Error {
    let message =
        format!("parsing {key} failed, expected {expected}, but encountered another type");
    Error::new(ErrorCode::ParseFailed, message).at(ErrorPath::keys(&[key]))
}
