//! What a case file may say, read strictly: an unknown key is an error, and so is a step that says two
//! things at once.
//!
//! The format is described for writers in `cases/README.md`; this file is the same in types. Nothing is
//! run here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Failure;
use crate::socket::Protocol;

/// One case, ready to be run.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) setup: Setup,
    pub(super) steps: Vec<Step>,
}

/// The world a case stands in.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// Statements run in the case's own database.
    pub(super) sql: String,
    /// What the server is told afterwards.
    pub(super) metadata: MetadataSetup,
    /// Whether the metadata may have inconsistent objects.
    pub(super) inconsistency: Inconsistency,
    /// The server's environment beyond what every server gets.
    pub(super) env: BTreeMap<String, String>,
}

/// How the metadata comes to the server.
#[derive(Debug, Clone)]
pub(super) enum MetadataSetup {
    /// A document, replaced at once; sources without a `configuration` get the case's database.
    Document(Value),
    /// Commands, sent one by one after the case's database was added as source `default`.
    Commands(Vec<Value>),
}

/// Whether a document with inconsistent objects is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inconsistency {
    Refused,
    Allowed,
}

/// One thing that happens, in order.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// What the step shows; its number where nothing is said.
    pub(super) description: String,
    /// Rows of the register that it is a case of.
    pub(super) covers: Vec<String>,
    pub(super) action: Action,
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Statements run in the case's database, past the server.
    Sql(String),
    /// A request and what is expected of it.
    Exchange(Box<Exchange>),
}

/// A request, and its expected answer.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) transports: Vec<Transport>,
    pub(super) method: String,
    pub(super) url: String,
    /// `None` as a value keeps a header from being sent that would be otherwise.
    pub(super) headers: BTreeMap<String, Option<String>>,
    pub(super) body: Body,
    pub(super) expected: Expected,
}

/// Which way a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Http,
    Socket(Protocol),
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    None,
    Json(Value),
    /// As it is, also where it is not JSON.
    Text(String),
}

#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// Looked at over HTTP only.
    pub(super) status: u16,
    pub(super) answer: Answer,
    /// `None` as a value: the header must not be there.
    pub(super) headers: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Clone)]
pub(super) enum Answer {
    Json(Value),
    Text(String),
    /// Not written yet: a failure, and filled in by an update.
    Unwritten,
}

/// Reads a case file; files it names are looked for in its folder.
pub(super) fn load(path: &Path) -> Result<Case, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::while_doing("reading the case"))?;
    parse(&text, path.parent().unwrap_or(Path::new(".")))
}

/// Reads the text of a case file.
pub(super) fn parse(text: &str, folder: &Path) -> Result<Case, Failure> {
    let file: CaseFile =
        serde_norway::from_str(text).map_err(Failure::while_doing("reading the case"))?;
    if file.steps.is_empty() {
        return Err(Failure::new("the case has no steps"));
    }
    let setup = file
        .setup
        .check(folder)
        .map_err(Failure::while_doing("setup"))?;
    let steps = file.steps.into_iter().enumerate().map(|(index, step)| {
        let number = format!("step {}", index + 1);
        step.check(&number, &file.covers)
            .map_err(Failure::while_doing(number))
    });
    Ok(Case {
        setup,
        steps: steps.collect::<Result<_, _>>()?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    #[serde(default)]
    covers: Vec<String>,
    #[serde(default)]
    setup: SetupFile,
    steps: Vec<StepFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SetupFile {
    sql: String,
    sql_file: Option<String>,
    metadata: Option<Value>,
    metadata_file: Option<String>,
    allow_inconsistent: bool,
    env: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StepFile {
    description: Option<String>,
    covers: Vec<String>,
    transport: Option<OneOrMany>,
    method: Option<String>,
    url: Option<String>,
    role: Option<String>,
    session: BTreeMap<String, String>,
    headers: BTreeMap<String, Option<String>>,
    query: Option<String>,
    variables: Option<Value>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    body: Option<Value>,
    body_text: Option<String>,
    sql: Option<String>,
    status: Option<u16>,
    response: Option<String>,
    response_text: Option<String>,
    response_headers: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl SetupFile {
    fn check(self, folder: &Path) -> Result<Setup, Failure> {
        let read = |name: &str| {
            fs::read_to_string(folder.join(name))
                .map_err(Failure::while_doing(format!("file {name}")))
        };
        let shared = self
            .sql_file
            .as_deref()
            .map(read)
            .transpose()?
            .unwrap_or_default();
        let metadata = match (self.metadata, self.metadata_file) {
            (Some(_), Some(_)) => return Err(Failure::new("says metadata and metadata_file")),
            (metadata, None) => metadata,
            (None, Some(name)) => Some(
                serde_json::from_str(&read(&name)?)
                    .map_err(Failure::while_doing(format!("reading {name} as JSON")))?,
            ),
        };
        let metadata = match metadata {
            None => MetadataSetup::Commands(Vec::new()),
            Some(Value::Array(commands)) => MetadataSetup::Commands(commands),
            Some(document @ Value::Object(_)) => MetadataSetup::Document(document),
            Some(_) => return Err(Failure::new("metadata is a document or a list of commands")),
        };
        let inconsistency = if self.allow_inconsistent {
            Inconsistency::Allowed
        } else {
            Inconsistency::Refused
        };
        Ok(Setup {
            sql: shared + &self.sql,
            metadata,
            inconsistency,
            env: self.env,
        })
    }
}

impl StepFile {
    fn check(self, number: &str, of_file: &[String]) -> Result<Step, Failure> {
        let covers = [of_file, &self.covers].concat();
        let description = self
            .description
            .clone()
            .unwrap_or_else(|| number.to_owned());
        let action = match self.sql.clone() {
            Some(sql) => {
                self.is_sql_alone()?;
                Action::Sql(sql)
            }
            None => Action::Exchange(Box::new(self.exchange()?)),
        };
        Ok(Step {
            description,
            covers,
            action,
        })
    }

    fn is_sql_alone(&self) -> Result<(), Failure> {
        let request = self.url.is_some() || self.query.is_some() || self.body.is_some();
        let answer =
            self.response.is_some() || self.response_text.is_some() || self.status.is_some();
        if request || answer || self.body_text.is_some() {
            return Err(Failure::new("a step is either `sql` or a request"));
        }
        Ok(())
    }

    fn exchange(self) -> Result<Exchange, Failure> {
        let transports = self.transports()?;
        let body = self.body_to_send()?;
        let url = self.url.unwrap_or_else(|| "/v1/graphql".to_owned());
        let default_method = if matches!(body, Body::None) {
            "GET"
        } else {
            "POST"
        };
        let has_socket = ["/v1/graphql", "/v1beta1/relay"].contains(&url.as_str());
        if transports != [Transport::Http] && !has_socket {
            let message = "only /v1/graphql and /v1beta1/relay are asked over a WebSocket";
            return Err(Failure::new(message));
        }
        let mut headers: BTreeMap<String, Option<String>> = self
            .session
            .into_iter()
            .map(|(name, value)| (name, Some(value)))
            .collect();
        headers.extend(
            self.role
                .map(|role| ("x-hasura-role".to_owned(), Some(role))),
        );
        headers.extend(self.headers);
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), value));
        let answer = match (self.response, self.response_text) {
            (None, None) => Answer::Unwritten,
            (None, Some(text)) => Answer::Text(text),
            (Some(json), None) => Answer::Json(
                serde_json::from_str(&json)
                    .map_err(Failure::while_doing("reading `response` as JSON"))?,
            ),
            _ => return Err(Failure::new("says response and response_text")),
        };
        let expected = Expected {
            status: self.status.unwrap_or(200),
            answer,
            headers: self.response_headers,
        };
        Ok(Exchange {
            transports,
            method: self.method.unwrap_or_else(|| default_method.to_owned()),
            url,
            headers: headers.collect(),
            body,
            expected,
        })
    }

    fn transports(&self) -> Result<Vec<Transport>, Failure> {
        let names: Vec<&str> = match &self.transport {
            None => vec!["http"],
            Some(OneOrMany::One(name)) => vec![name],
            Some(OneOrMany::Many(names)) => names.iter().map(String::as_str).collect(),
        };
        if names.is_empty() {
            return Err(Failure::new("`transport` names none"));
        }
        let transport = |name: &str| match name {
            "http" => Ok(Transport::Http),
            "graphql-transport-ws" => Ok(Transport::Socket(Protocol::GraphqlTransportWs)),
            "graphql-ws" => Ok(Transport::Socket(Protocol::GraphqlWs)),
            _ => Err(Failure::new(format!(
                "transport `{name}` is not http, graphql-transport-ws or graphql-ws"
            ))),
        };
        names.into_iter().map(transport).collect()
    }

    fn body_to_send(&self) -> Result<Body, Failure> {
        match (&self.query, &self.body, &self.body_text) {
            (Some(query), None, None) => {
                let mut body = json!({ "query": query });
                if let Some(variables) = &self.variables {
                    body["variables"] = variables.clone();
                }
                if let Some(name) = &self.operation_name {
                    body["operationName"] = Value::from(name.as_str());
                }
                Ok(Body::Json(body))
            }
            _ if self.variables.is_some() || self.operation_name.is_some() => {
                Err(Failure::new("variables and operationName go with `query`"))
            }
            (None, Some(body), None) => Ok(Body::Json(body.clone())),
            (None, None, Some(text)) => Ok(Body::Text(text.clone())),
            (None, None, None) if self.url.is_some() => Ok(Body::None),
            (None, None, None) => Err(Failure::new("says no query, body, body_text, sql or url")),
            _ => Err(Failure::new(
                "says more than one of query, body and body_text",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn read(text: &str) -> Result<Case, Failure> {
        parse(text, Path::new("."))
    }

    fn exchange(case: &Case, index: usize) -> &Exchange {
        match &case.steps[index].action {
            Action::Exchange(exchange) => exchange,
            Action::Sql(_) => panic!("step {index} is SQL"),
        }
    }

    #[test]
    fn a_whole_case_is_read() {
        let case = read(
            "setup:\n  sql: create table t ();\n  metadata: { version: 3, sources: [] }\n  \
             env: { HASURA_GRAPHQL_ADMIN_SECRET: s }\n\
             steps:\n\
             - description: a query\n  transport: [http, graphql-ws]\n  role: user\n  \
             session: { X-Hasura-User-Id: '4' }\n  query: query { a }\n  variables: { x: 1.5 }\n  \
             response: |\n    {\"data\": {\"a\": 1.50}}\n\
             - sql: delete from t\n\
             - url: /healthz\n  response_text: OK\n  response_headers: { x-a: '1', x-b: null }\n",
        )
        .unwrap();
        assert_eq!(case.setup.sql, "create table t ();");
        assert!(matches!(case.setup.metadata, MetadataSetup::Document(_)));
        assert_eq!(case.setup.env["HASURA_GRAPHQL_ADMIN_SECRET"], "s");
        assert_eq!(case.setup.inconsistency, Inconsistency::Refused);

        let first = exchange(&case, 0);
        assert_eq!(case.steps[0].description, "a query");
        assert_eq!(
            first.transports,
            [Transport::Http, Transport::Socket(Protocol::GraphqlWs)]
        );
        assert_eq!(first.headers["x-hasura-role"].as_deref(), Some("user"));
        assert_eq!(first.headers["x-hasura-user-id"].as_deref(), Some("4"));
        assert_eq!(
            (first.method.as_str(), first.url.as_str()),
            ("POST", "/v1/graphql")
        );
        let Body::Json(body) = &first.body else {
            panic!("no JSON body")
        };
        assert_eq!(
            body.to_string(),
            r#"{"query":"query { a }","variables":{"x":1.5}}"#
        );
        let Answer::Json(answer) = &first.expected.answer else {
            panic!("no JSON answer")
        };
        assert_eq!(answer.to_string(), r#"{"data":{"a":1.50}}"#);

        assert!(matches!(&case.steps[1].action, Action::Sql(sql) if sql == "delete from t"));
        let last = exchange(&case, 2);
        assert_eq!(last.method, "GET");
        assert_eq!(last.expected.headers["x-b"], None);
        assert_eq!(case.steps[2].description, "step 3");
    }

    #[test]
    fn what_a_case_may_not_say_is_refused() {
        for (text, message) in [
            ("steps: []", "no steps"),
            ("step: []", "unknown field `step`"),
            ("steps:\n- querry: x", "unknown field `querry`"),
            ("steps:\n- {}", "step 1: says no query"),
            ("steps:\n- query: a\n  body: {}", "more than one"),
            ("steps:\n- body: {}\n  variables: {}", "go with `query`"),
            (
                "steps:\n- sql: a\n  response: '{}'",
                "either `sql` or a request",
            ),
            (
                "steps:\n- query: a\n  response: '{'",
                "reading `response` as JSON",
            ),
            (
                "steps:\n- query: a\n  response: '1'\n  response_text: b",
                "response and response_text",
            ),
            (
                "steps:\n- query: a\n  transport: ws",
                "transport `ws` is not",
            ),
            (
                "steps:\n- body: {}\n  url: /v1/metadata\n  transport: graphql-ws",
                "only /v1/graphql",
            ),
            (
                "setup: { metadata: 3 }\nsteps:\n- query: a",
                "a document or a list",
            ),
            (
                "setup: { sql_file: gone.sql }\nsteps:\n- query: a",
                "file gone.sql",
            ),
        ] {
            let failure = read(text).unwrap_err().to_string();
            assert!(failure.contains(message), "{text}: {failure}");
        }
    }
}
