//! Who asks: a role and its session variables.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Json, JsonObject, RoleName};

/// A session variable's name, such as `x-hasura-user-id`; always lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionVariableName(Arc<str>);

impl SessionVariableName {
    /// The name, if the text starts with `x-hasura-` in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let prefix = text.get(..9)?;
        prefix
            .eq_ignore_ascii_case("x-hasura-")
            .then(|| Self(text.to_lowercase().into()))
    }

    /// The lower-case text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionVariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for SessionVariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether permissions marked `backend_only` apply to this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackendOnly {
    /// The caller proved to be a backend and asked for them.
    Allowed,
    /// Everyone else.
    Hidden,
}

/// Who asks. Made by authentication only; everything below it trusts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The effective role.
    pub role: RoleName,
    /// `x-hasura-*` variables without the admin secret; `x-hasura-role` is always the effective role.
    pub variables: BTreeMap<SessionVariableName, String>,
    /// Whether backend-only permissions apply.
    pub backend_only: BackendOnly,
    /// When it ends, in seconds since 1970; `None` for never. A websocket is closed then.
    pub expires_at_s: Option<i64>,
}

impl Session {
    /// A session of a role, with `x-hasura-role` set to it.
    pub fn new(role: RoleName, variables: BTreeMap<SessionVariableName, String>) -> Self {
        let mut session = Self {
            role,
            variables,
            backend_only: BackendOnly::Hidden,
            expires_at_s: None,
        };
        let role_key = SessionVariableName::parse("x-hasura-role").expect("a valid name");
        session
            .variables
            .insert(role_key, session.role.as_str().to_owned());
        session
    }

    /// The admin's session without further variables.
    pub fn admin() -> Self {
        Self::new(RoleName::admin(), BTreeMap::new())
    }

    /// A variable's value.
    pub fn variable(&self, name: &SessionVariableName) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// All variables as `{"x-hasura-role": "user", …}`.
    pub fn variables_json(&self) -> Json {
        let entries = self.variables.iter();
        Json::Object(
            entries
                .map(|(name, value)| (name.as_str().to_owned(), Json::from(value.as_str())))
                .collect::<JsonObject>(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_names_fold_case_and_need_the_prefix() {
        let name = SessionVariableName::parse("X-Hasura-User-Id").map(|n| n.to_string());
        assert_eq!(name.as_deref(), Some("x-hasura-user-id"));
        assert!(SessionVariableName::parse("user-id").is_none());
        assert!(SessionVariableName::parse("x-hasurä").is_none());
    }

    #[test]
    fn the_role_is_always_a_variable() {
        let session = Session::new(RoleName::new("user"), BTreeMap::new());
        assert_eq!(
            session.variables_json().to_string(),
            r#"{"x-hasura-role":"user"}"#
        );
    }
}
