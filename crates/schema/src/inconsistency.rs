//! What could not be resolved: in the shape that the metadata API shows, and by its cause.
//!
//! Words are for people. Whoever treats inconsistencies differently looks at [`Cause`], never at a reason's
//! text.

use std::fmt;

use graphloom_vocab::{GraphqlName, Json, QualifiedFunction, QualifiedTable, RoleName, SourceName};
use serde_json::json;

/// Stands before every reason, as v2 has it.
const PREFIX: &str = "Inconsistent object: ";

/// The kind of conflicts between an inherited role's parents.
const INHERITED: &str = "inherited role permission inconsistency";

/// An object of metadata that is not served, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Inconsistency {
    /// Such as `table`, `object_relation`, `select_permission`.
    pub kind: &'static str,
    /// For people, such as `table article in source default`.
    pub name: String,
    /// For people.
    pub reason: String,
    /// Why, for whoever decides about it.
    pub cause: Cause,
    /// The source it is in.
    pub source: Option<SourceName>,
    /// What it is to others of its source; `None` if nothing is made of it.
    pub part: Option<Part>,
    /// The object as the API shows it.
    pub definition: Json,
    /// What the cause said, for native queries.
    pub message: Option<Json>,
}

/// Why an object is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It cannot be: the document or the database is to be changed.
    Fault,
    /// It is as it should be and this build does not serve it yet; a document is not refused for it.
    Unbuilt,
    /// It uses a part of its source that is not there.
    Needs(Box<Part>),
    /// It would have a name in schemas that something else has: v2 refuses such a document whole.
    Conflict,
    /// It is as the document has it and is told so; no change is refused for it.
    Informational,
}

/// A part of a source that other objects are made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// A table or view.
    Table(QualifiedTable),
    /// A relationship or computed field of a table.
    Field(QualifiedTable, String),
    /// A function.
    Function(QualifiedFunction),
    /// A logical model.
    LogicalModel(GraphqlName),
    /// A native query.
    NativeQuery(GraphqlName),
}

/// Why something cannot be resolved: the text of a reason with its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For people.
    pub text: String,
    /// For whoever decides about it.
    pub cause: Cause,
}

impl Reason {
    /// Something that this build does not do yet.
    pub fn unbuilt(text: impl Into<String>) -> Self {
        Self::with(Cause::Unbuilt, text)
    }

    /// Something that is used and not there.
    pub fn needs(part: Part, text: impl Into<String>) -> Self {
        Self::with(Cause::Needs(Box::new(part)), text)
    }

    pub(crate) fn conflict(text: impl Into<String>) -> Self {
        Self::with(Cause::Conflict, text)
    }

    fn with(cause: Cause, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { text, cause }
    }

    /// The same cause in other words.
    pub(crate) fn told(self, tell: impl FnOnce(String) -> String) -> Self {
        Self {
            text: tell(self.text),
            cause: self.cause,
        }
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self::with(Cause::Fault, text)
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Inconsistency {
    /// The reason is prefixed as v2 does for single objects.
    pub fn new(
        kind: &'static str,
        name: impl Into<String>,
        reason: impl Into<Reason>,
        definition: Json,
    ) -> Self {
        let Reason { text, cause } = reason.into();
        Self {
            kind,
            name: name.into(),
            reason: format!("{PREFIX}{text}"),
            cause,
            source: None,
            part: None,
            definition,
            message: None,
        }
    }

    /// The same in a source.
    #[must_use]
    pub fn within(self, source: &SourceName) -> Self {
        let source = Some(source.clone());
        Self { source, ..self }
    }

    /// The same, about a part that others may need.
    #[must_use]
    pub fn about(self, part: Part) -> Self {
        let part = Some(part);
        Self { part, ..self }
    }

    /// The reason without what stands before it in lists.
    pub fn bare_reason(&self) -> &str {
        self.reason.strip_prefix(PREFIX).unwrap_or(&self.reason)
    }

    /// The same with the cause's words.
    #[must_use]
    pub fn with_message(self, message: Json) -> Self {
        let message = Some(message);
        Self { message, ..self }
    }

    /// A right to write that an inherited role's parents do not agree on, so that the role does not have it.
    /// It refuses no change: the rest of the role is served.
    pub(crate) fn inherited(role: &RoleName, kind: &str, table: &str, source: &SourceName) -> Self {
        let reason = format!(
            "Could not inherit permission for the role '{role}' for the entity: '{kind} permission, table: \
             {table}, source: '{source}''"
        );
        Self {
            kind: INHERITED,
            name: role.as_str().to_owned(),
            reason,
            cause: Cause::Informational,
            source: Some(source.clone()),
            part: None,
            definition: json!({"permission_type": kind, "source": source.as_str(), "table": table}),
            message: None,
        }
    }

    /// `{"reason", "name", "type", "definition", "message"?}`; of a conflict between an inherited role's
    /// parents `{"reason", "name", "type", "entity"}`.
    pub fn to_json(&self) -> Json {
        if self.kind == INHERITED {
            return json!({
                "entity": self.definition,
                "name": self.name,
                "reason": self.reason,
                "type": self.kind,
            });
        }
        let mut json = json!({
            "definition": self.definition,
            "name": self.name,
            "reason": self.reason,
            "type": self.kind,
        });
        if let Some(message) = &self.message {
            json["message"] = message.clone();
        }
        json
    }
}
