//! A case file: requests to one world, each with what it changes of the file's head.
//!
//! ```text
//! # world: library
//! # role: user
//! # session: {"x-hasura-user-id": "1"}
//! # What these requests have in common.
//!
//! ### a name
//! # variables: {"id": 1}
//! query ($id: Int!) { author_by_pk(id: $id) { name } }
//!
//! ### the next one
//! { author { id } }
//! ```
//!
//! Keys: `world`, `schema` (`relay`), `role` (`admin` if not given), `session`, `variables`, `operation`, `limits`
//! (`fields=10, root_fields=2, depth=3, introspection_bytes=100`).

use std::collections::BTreeMap;

use graphloom_bind::Limits;
use graphloom_schema::SchemaKind;
use graphloom_vocab::{BackendOnly, JsonObject, RoleName, Session, SessionVariableName};

/// A case file.
pub(crate) struct CaseFile {
    pub(crate) world: String,
    pub(crate) schema: SchemaKind,
    pub(crate) requests: Vec<Request>,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) session: Session,
    pub(crate) variables: JsonObject,
    pub(crate) operation: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) document: String,
}

/// Reads a case file.
pub(crate) fn parse(text: &str) -> CaseFile {
    let (head, requests) = text.split_once("\n### ").expect("a `### name` line");
    let mut common = Keys::default();
    for line in head.lines() {
        common.read(line);
    }
    CaseFile {
        world: common.world.clone().expect("a `# world:` line"),
        schema: common.schema,
        requests: requests
            .split("\n### ")
            .map(|text| request(text, &common))
            .collect(),
    }
}

fn request(text: &str, common: &Keys) -> Request {
    let (name, body) = text.split_once('\n').expect("a document below its name");
    let mut keys = common.clone();
    let mut document = body;
    // Only the lines right below the name are ours; comments further down are the document's.
    while let Some(line) = document.lines().next() {
        if !keys.read(line) {
            break;
        }
        document = &document[(line.len() + 1).min(document.len())..];
    }
    Request {
        name: name.trim().to_owned(),
        session: keys.session(),
        variables: keys.variables,
        operation: keys.operation,
        limits: keys.limits,
        document: document.trim_end_matches('\n').to_owned(),
    }
}

#[derive(Clone, Default)]
struct Keys {
    world: Option<String>,
    schema: SchemaKind,
    role: Option<String>,
    session: BTreeMap<String, String>,
    variables: JsonObject,
    operation: Option<String>,
    limits: Limits,
}

impl Keys {
    /// Reads a line; whether it was one of ours.
    fn read(&mut self, line: &str) -> bool {
        let Some((key, value)) = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once(": "))
        else {
            return false;
        };
        match key {
            "world" => self.world = Some(value.to_owned()),
            "schema" if value == "relay" => self.schema = SchemaKind::Relay,
            "role" => self.role = Some(value.to_owned()),
            "session" => self.session = serde_json::from_str(value).expect(line),
            "variables" => self.variables = serde_json::from_str(value).expect(line),
            "operation" => self.operation = Some(value.to_owned()),
            "limits" => value.split(", ").for_each(|limit| self.limit(limit)),
            _ => return false,
        }
        true
    }

    fn limit(&mut self, limit: &str) {
        let (key, value) = limit.split_once('=').expect(limit);
        let value: usize = value.parse().expect(limit);
        match key {
            "fields" => self.limits.fields = value,
            "root_fields" => self.limits.root_fields = value,
            "depth" => self.limits.depth = value,
            "introspection_bytes" => self.limits.introspection_bytes = value,
            other => panic!("{other:?} is no limit"),
        }
    }

    fn session(&self) -> Session {
        let variables = self.session.iter().map(|(name, value)| {
            let name = SessionVariableName::parse(name).expect("an x-hasura- name");
            (name, value.clone())
        });
        let role = self.role.as_deref().unwrap_or("admin");
        let mut session = Session::new(RoleName::new(role), variables.collect());
        session.backend_only = BackendOnly::Hidden;
        session
    }
}
