//! What could not be resolved, in the shape that the metadata API shows.

use graphloom_vocab::Json;
use serde_json::json;

/// What reasons say of things that are not built yet; nothing else says it.
const UNBUILT: [&str; 5] = [
    "not built yet",
    "is not enforced yet",
    "is not understood",
    "are not understood",
    "are not served",
];

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
    /// What the cause said, for native queries.
    pub message: Option<Json>,
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
            message: None,
        }
    }

    /// The same with the cause's words.
    pub fn with_message(self, message: Json) -> Self {
        let message = Some(message);
        Self { message, ..self }
    }

    /// Whether the object is as it should be and this build does not serve it yet.
    ///
    /// Told by the reason, which says so in one of a few words; a document is not refused for it.
    pub fn is_unbuilt(&self) -> bool {
        UNBUILT.iter().any(|words| self.reason.contains(words))
    }

    /// `{"reason", "name", "type", "definition", "message"?}`.
    pub fn to_json(&self) -> Json {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_tell_faults_from_what_is_not_built() {
        let of = |reason| Inconsistency::new("table", "table t", reason, Json::Null).is_unbuilt();
        assert!(of("enum tables are not built yet"));
        assert!(of("allowlist is not enforced yet"));
        assert!(of("the key \"hue\" is not understood"));
        assert!(of("sources of kind \"mssql\" are not served"));
        assert!(!of("table \"t\" is not tracked"));
    }
}
