//! What could not be resolved, in the shape that the metadata API shows.

use graphloom_vocab::Json;
use serde_json::json;

/// An object of metadata that is not served, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Inconsistency {
    /// Such as `table`, `object_relation`, `select_permission`.
    pub kind: &'static str,
    /// For people, such as `table article in source default`.
    pub name: String,
    /// For people.
    pub reason: String,
    /// The object as the API shows it.
    pub definition: Json,
}

impl Inconsistency {
    /// The reason is prefixed as v2 does for single objects.
    pub fn new(
        kind: &'static str,
        name: impl Into<String>,
        reason: impl AsRef<str>,
        definition: Json,
    ) -> Self {
        let reason = format!("Inconsistent object: {}", reason.as_ref());
        Self {
            kind,
            name: name.into(),
            reason,
            definition,
        }
    }

    /// `{"reason", "name", "type", "definition"}`.
    pub fn to_json(&self) -> Json {
        json!({
            "definition": self.definition,
            "name": self.name,
            "reason": self.reason,
            "type": self.kind,
        })
    }
}
