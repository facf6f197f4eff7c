//! Expectations as files say them: who asks what, and what comes of it.
//!
//! One file is one YAML document; `docs/permission-tests.md` describes it for its readers. Keys that nobody knows
//! are refused: a misspelt expectation would hold for ever. Runs nothing. Read next: `trial.rs`.

use std::collections::BTreeMap;

use graphloom_vocab::{
    BackendOnly, Error, Json, JsonObject, Result, RoleName, Session, SessionVariableName,
    SourceName,
};
use indexmap::IndexMap;
use serde::Deserialize;

/// The expectations of one file.
#[derive(Clone, Debug)]
pub struct ExpectationFile {
    /// What each of them starts from.
    pub fixture: Vec<Fixture>,
    /// In the order of the file.
    pub expectations: Vec<Expectation>,
}

/// SQL that makes rows to look at; rolled back with the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Where it is run; `None`: in the only source there is, or in `default`.
    pub source: Option<SourceName>,
    /// One statement or several.
    pub sql: String,
}

/// One expectation.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// For people; unique in its file.
    pub name: String,
    /// What it starts from, beside what the file says.
    pub fixture: Vec<Fixture>,
    /// What is done, in order; each sees what those before it did.
    pub steps: Vec<Step>,
}

/// One operation and what comes of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Who asks.
    pub session: Session,
    /// A request as clients send it: `query`, `variables`, `operationName`.
    pub request: Json,
    /// All of these hold; never empty.
    pub wanted: Vec<Wanted>,
}

/// Something that holds of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// `data` is this, whatever the order of its keys.
    Data(Json),
    /// So many rows are at a place: a list's length, one for an object, none for null.
    Rows(String, u64),
    /// So many rows were written by the root field at a place.
    Affected(String, u64),
    /// Among the rows at a place is one with these keys and values.
    Includes(String, Json),
    /// None is.
    Excludes(String, Json),
    /// The operation is refused, for want of a permission.
    Denied {
        /// `extensions.code`
        code: Option<String>,
        /// The whole message.
        message: Option<String>,
        /// `extensions.path`
        path: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    setup: Setup,
    source: Option<String>,
    role: Option<String>,
    #[serde(default)]
    session: JsonObject,
    tests: Vec<ExpectationText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectationText {
    name: String,
    #[serde(default)]
    setup: Setup,
    role: Option<String>,
    session: Option<JsonObject>,
    #[serde(default)]
    backend_only: bool,
    operation: Option<String>,
    operation_name: Option<String>,
    #[serde(default)]
    variables: JsonObject,
    expect: Option<WantedText>,
    #[serde(default)]
    steps: Vec<StepText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepText {
    role: Option<String>,
    session: Option<JsonObject>,
    backend_only: Option<bool>,
    operation: String,
    operation_name: Option<String>,
    #[serde(default)]
    variables: JsonObject,
    expect: WantedText,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Setup {
    #[default]
    None,
    /// In the file's source.
    One(String),
    /// By source.
    BySource(IndexMap<String, String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedText {
    data: Option<Json>,
    #[serde(default)]
    rows: IndexMap<String, u64>,
    #[serde(default)]
    affected_rows: IndexMap<String, u64>,
    #[serde(default)]
    includes: IndexMap<String, Vec<Json>>,
    #[serde(default)]
    excludes: IndexMap<String, Vec<Json>>,
    denied: Option<DeniedText>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DeniedText {
    Whether(bool),
    How(HowText),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HowText {
    code: Option<String>,
    message: Option<String>,
    path: Option<String>,
}

impl ExpectationFile {
    /// Reads a file's text. Errors say what is wrong with it, and in which expectation.
    pub fn parse(text: &str) -> Result<Self> {
        let file: FileText = serde_norway::from_str(text)
            .map_err(|error| Error::validation(format!("cannot be read: {error}")))?;
        if file.tests.is_empty() {
            return Err(Error::validation("`tests` is empty"));
        }
        let source = file.source.as_deref().map(SourceName::new);
        let fixture = file.setup.fixture(source.as_ref());
        let usual = Asker {
            role: file.role,
            session: file.session,
            backend_only: false,
        };
        let mut expectations: Vec<Expectation> = Vec::with_capacity(file.tests.len());
        for text in file.tests {
            let name = text.name.clone();
            if expectations.iter().any(|other| other.name == name) {
                return Err(Error::validation(format!("\"{name}\" is there twice")));
            }
            let read = text.read(source.as_ref(), &usual);
            expectations.push(read.map_err(|error| {
                let message = error.message();
                Error::validation(format!("in \"{name}\": {message}"))
            })?);
        }
        Ok(Self {
            fixture,
            expectations,
        })
    }
}

impl Setup {
    fn fixture(self, source: Option<&SourceName>) -> Vec<Fixture> {
        match self {
            Self::None => Vec::new(),
            Self::One(sql) => vec![Fixture {
                source: source.cloned(),
                sql,
            }],
            Self::BySource(all) => all
                .into_iter()
                .map(|(source, sql)| Fixture {
                    source: Some(SourceName::new(source)),
                    sql,
                })
                .collect(),
        }
    }
}

/// Who asks, unless something closer to the operation says otherwise.
struct Asker {
    role: Option<String>,
    session: JsonObject,
    backend_only: bool,
}

impl Asker {
    fn with(
        &self,
        role: Option<String>,
        session: Option<JsonObject>,
        backend_only: Option<bool>,
    ) -> Self {
        Self {
            role: role.or_else(|| self.role.clone()),
            session: session.unwrap_or_else(|| self.session.clone()),
            backend_only: backend_only.unwrap_or(self.backend_only),
        }
    }

    fn session(&self) -> Result<Session> {
        let role = self.role.as_deref().filter(|role| !role.is_empty());
        let role = role.ok_or_else(|| Error::validation("`role` is missing"))?;
        let mut session = session(role, &self.session)?;
        if self.backend_only {
            session.backend_only = BackendOnly::Allowed;
        }
        Ok(session)
    }
}

/// A role's session with these variables. Numbers and booleans are taken for their text.
pub(crate) fn session(role: &str, variables: &JsonObject) -> Result<Session> {
    let mut named = BTreeMap::new();
    for (name, value) in variables {
        let key = SessionVariableName::parse(name).ok_or_else(|| {
            let message =
                format!("session variables begin with `x-hasura-`, and \"{name}\" does not");
            Error::validation(message)
        })?;
        let value = match value {
            Json::String(text) => text.clone(),
            Json::Number(_) | Json::Bool(_) => value.to_string(),
            _ => {
                let message = format!("the session variable \"{name}\" is no text");
                return Err(Error::validation(message));
            }
        };
        named.insert(key, value);
    }
    Ok(Session::new(RoleName::new(role), named))
}

impl ExpectationText {
    fn read(self, source: Option<&SourceName>, usual: &Asker) -> Result<Expectation> {
        let asker = usual.with(self.role, self.session, Some(self.backend_only));
        let steps = match (self.operation, self.expect) {
            (Some(operation), Some(expect)) if self.steps.is_empty() => vec![StepText {
                role: None,
                session: None,
                backend_only: None,
                operation,
                operation_name: self.operation_name,
                variables: self.variables,
                expect,
            }],
            (None, None) if !self.steps.is_empty() => self.steps,
            _ => {
                let message = "either `operation` and `expect`, or `steps`, say what is expected";
                return Err(Error::validation(message));
            }
        };
        let steps: Result<_> = steps.into_iter().map(|step| step.read(&asker)).collect();
        Ok(Expectation {
            name: self.name,
            fixture: self.setup.fixture(source),
            steps: steps?,
        })
    }
}

impl StepText {
    fn read(self, usual: &Asker) -> Result<Step> {
        let asker = usual.with(self.role, self.session, self.backend_only);
        let mut request = JsonObject::new();
        request.insert("query".to_owned(), Json::from(self.operation));
        request.insert("variables".to_owned(), Json::Object(self.variables));
        if let Some(name) = self.operation_name {
            request.insert("operationName".to_owned(), Json::from(name));
        }
        Ok(Step {
            session: asker.session()?,
            request: Json::Object(request),
            wanted: self.expect.read()?,
        })
    }
}

impl WantedText {
    fn read(self) -> Result<Vec<Wanted>> {
        let mut wanted = Vec::new();
        wanted.extend(self.data.map(Wanted::Data));
        let rows = self.rows.into_iter();
        wanted.extend(rows.map(|(at, count)| Wanted::Rows(at, count)));
        let affected = self.affected_rows.into_iter();
        wanted.extend(affected.map(|(at, count)| Wanted::Affected(at, count)));
        for (at, rows) in self.includes {
            let rows = rows.into_iter();
            wanted.extend(rows.map(|row| Wanted::Includes(at.clone(), row)));
        }
        for (at, rows) in self.excludes {
            let rows = rows.into_iter();
            wanted.extend(rows.map(|row| Wanted::Excludes(at.clone(), row)));
        }
        let denied = match self.denied {
            None => None,
            Some(DeniedText::Whether(true)) => Some((None, None, None)),
            Some(DeniedText::Whether(false)) => {
                let message =
                    "`denied: false` says nothing; say what is seen, with `rows` or `data`";
                return Err(Error::validation(message));
            }
            Some(DeniedText::How(how)) => Some((how.code, how.message, how.path)),
        };
        if let Some((code, message, path)) = denied {
            if !wanted.is_empty() {
                let message = "what is `denied` has no data to expect anything of";
                return Err(Error::validation(message));
            }
            wanted.push(Wanted::Denied {
                code,
                message,
                path,
            });
        }
        if wanted.is_empty() {
            return Err(Error::validation("`expect` is empty"));
        }
        Ok(wanted)
    }
}

/// Metadata from a file: JSON or YAML, the document alone or as `export_metadata` gives it with its version.
pub fn read_document(text: &str) -> Result<Json> {
    let document: Json = serde_norway::from_str(text)
        .map_err(|error| Error::validation(format!("cannot be read: {error}")))?;
    match document {
        Json::Object(mut object) => match object.remove("metadata") {
            Some(inner) => Ok(inner),
            None => Ok(Json::Object(object)),
        },
        _ => Err(Error::validation("is no metadata: it is not an object")),
    }
}
