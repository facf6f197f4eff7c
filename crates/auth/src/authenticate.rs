//! The decision: headers and configuration to a session.
//!
//! JSON web tokens and webhooks are not built yet; a server configured for them does not start, so
//! nothing here has to fall back to something weaker.

use std::borrow::Cow;
use std::collections::BTreeMap;

use graphloom_vocab::{
    BackendOnly, Error, ErrorCode, Result, RoleName, Session, SessionVariableName,
};

use crate::{AdminSecret, HeaderLookup, backend_only};

const ADMIN_SECRET: &str = "x-hasura-admin-secret";
const ACCESS_KEY: &str = "x-hasura-access-key";
const ROLE: &str = "x-hasura-role";

/// How requests are authenticated.
#[derive(Clone, Debug)]
pub enum AuthConfig {
    /// No admin secret is configured: everyone is admin, and every `x-hasura-*` header is believed.
    Open,
    /// An admin secret is configured.
    AdminSecret {
        /// Any of these is accepted.
        secrets: Vec<AdminSecret>,
        /// The role of those who send none; without it they are refused.
        unauthorized_role: Option<RoleName>,
    },
}

impl AuthConfig {
    /// Whether an admin secret guards this server.
    pub fn is_admin_secret_set(&self) -> bool {
        matches!(self, Self::AdminSecret { .. })
    }
}

/// Decides who asks.
///
/// Errors: `access-denied` with status 401 for a wrong or missing admin secret; `bad-request` where
/// `x-hasura-use-backend-only-permissions` is not a boolean.
pub fn authenticate(
    config: &AuthConfig,
    headers: &(impl HeaderLookup + ?Sized),
) -> Result<Session> {
    let sent = Sent::read(headers);
    match config {
        AuthConfig::Open => sent.trusted_session(),
        AuthConfig::AdminSecret {
            secrets,
            unauthorized_role,
        } => match (&sent.admin_secret, unauthorized_role) {
            (Some(secret), _) if any_matches(secrets, secret) => sent.trusted_session(),
            (Some(_), _) => Err(denied(format!(
                "invalid \"{ADMIN_SECRET}\"/\"{ACCESS_KEY}\""
            ))),
            (None, Some(role)) => Ok(Session::new(role.clone(), sent.variables)),
            (None, None) => Err(denied(format!(
                "\"{ADMIN_SECRET}\"/\"{ACCESS_KEY}\" required, but not found"
            ))),
        },
    }
}

/// Every secret is tried, so that the time does not tell which one it was.
fn any_matches(secrets: &[AdminSecret], candidate: &str) -> bool {
    secrets
        .iter()
        .fold(false, |seen, secret| seen | secret.matches(candidate))
}

fn denied(message: String) -> Error {
    Error::new(ErrorCode::AccessDenied, message).with_status(401)
}

/// What the headers say, before anyone decided to believe it.
#[derive(Default)]
struct Sent {
    admin_secret: Option<String>,
    /// `x-hasura-*` without the admin secret.
    variables: BTreeMap<SessionVariableName, String>,
    role: Option<String>,
    backend_only: Option<String>,
}

impl Sent {
    fn read(headers: &(impl HeaderLookup + ?Sized)) -> Self {
        let mut sent = Self::default();
        let mut access_key = None;
        headers.visit(&mut |name, value: Cow<'_, str>| {
            // Most headers are not ours, and this runs for each of them.
            if !name.starts_with("x-hasura-") {
                return;
            }
            match name {
                ADMIN_SECRET => return sent.admin_secret = Some(value.into_owned()),
                ACCESS_KEY => return access_key = Some(value.into_owned()),
                ROLE => sent.role = Some(value.clone().into_owned()),
                backend_only::HEADER => sent.backend_only = Some(value.clone().into_owned()),
                _ => {}
            }
            if let Some(name) = SessionVariableName::parse(name) {
                sent.variables.insert(name, value.into_owned());
            }
        });
        sent.admin_secret = sent.admin_secret.or(access_key);
        sent
    }

    /// The session of a caller whose headers are believed: any role, `admin` by default.
    fn trusted_session(self) -> Result<Session> {
        let backend_only = match &self.backend_only {
            Some(value) => backend_only::parse(value)?,
            None => BackendOnly::Hidden,
        };
        let role = match self.role {
            // An empty role means none, as it always did.
            Some(role) if !role.is_empty() => RoleName::new(role),
            _ => RoleName::admin(),
        };
        let mut session = Session::new(role, self.variables);
        session.backend_only = backend_only;
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn guarded(unauthorized_role: Option<&str>) -> AuthConfig {
        AuthConfig::AdminSecret {
            secrets: vec![AdminSecret::new("one"), AdminSecret::new("two")],
            unauthorized_role: unauthorized_role.map(RoleName::new),
        }
    }

    fn session(config: &AuthConfig, pairs: &[(&str, &str)]) -> Result<Session> {
        authenticate(config, headers(pairs).as_slice())
    }

    #[test]
    fn without_a_secret_everyone_is_admin_or_the_role_they_name() {
        assert_eq!(session(&AuthConfig::Open, &[]).unwrap(), Session::admin());
        let user = session(
            &AuthConfig::Open,
            &[
                ("x-hasura-role", "user"),
                ("x-hasura-user-id", "4"),
                ("accept", "*/*"),
            ],
        );
        assert_eq!(
            user.unwrap().variables_json().to_string(),
            r#"{"x-hasura-role":"user","x-hasura-user-id":"4"}"#
        );
        let empty = session(&AuthConfig::Open, &[("x-hasura-role", "")]).unwrap();
        assert_eq!(empty.role, RoleName::admin());
    }

    #[test]
    fn the_right_secret_is_admin_and_leaves_no_trace() {
        for header in [ADMIN_SECRET, ACCESS_KEY] {
            for secret in ["one", "two"] {
                let session = session(&guarded(None), &[(header, secret)]).unwrap();
                assert_eq!(session, Session::admin());
            }
        }
        let user = session(
            &guarded(None),
            &[(ADMIN_SECRET, "one"), ("x-hasura-role", "user")],
        );
        assert_eq!(
            user.unwrap().variables_json().to_string(),
            r#"{"x-hasura-role":"user"}"#
        );
    }

    #[test]
    fn a_wrong_or_missing_secret_is_401() {
        let wrong = session(&guarded(Some("anonymous")), &[(ADMIN_SECRET, "three")]).unwrap_err();
        assert_eq!(wrong.status(), 401);
        assert_eq!(
            wrong.message(),
            r#"invalid "x-hasura-admin-secret"/"x-hasura-access-key""#
        );
        // The new name counts where both are sent.
        assert!(session(&guarded(None), &[(ADMIN_SECRET, "no"), (ACCESS_KEY, "one")]).is_err());
        let missing = session(&guarded(None), &[("x-hasura-role", "admin")]).unwrap_err();
        assert_eq!(missing.status(), 401);
        assert_eq!(missing.code().as_str(), "access-denied");
        assert_eq!(
            missing.message(),
            r#""x-hasura-admin-secret"/"x-hasura-access-key" required, but not found"#
        );
    }

    #[test]
    fn the_unauthorized_role_is_fixed_but_keeps_variables() {
        let session = session(
            &guarded(Some("anonymous")),
            &[("x-hasura-role", "admin"), ("x-hasura-user-id", "9")],
        )
        .unwrap();
        assert_eq!(session.role.as_str(), "anonymous");
        assert_eq!(
            session.variables_json().to_string(),
            r#"{"x-hasura-role":"anonymous","x-hasura-user-id":"9"}"#
        );
    }

    #[test]
    fn backend_only_is_for_those_who_proved_it() {
        let asked = ("x-hasura-use-backend-only-permissions", "true");
        let allowed = |config: &AuthConfig, pairs: &[(&str, &str)]| {
            session(config, pairs).unwrap().backend_only
        };
        assert_eq!(allowed(&AuthConfig::Open, &[asked]), BackendOnly::Allowed);
        assert_eq!(
            allowed(&guarded(None), &[asked, (ADMIN_SECRET, "one")]),
            BackendOnly::Allowed
        );
        assert_eq!(
            allowed(&guarded(Some("anonymous")), &[asked]),
            BackendOnly::Hidden
        );
        let bad = session(
            &AuthConfig::Open,
            &[("x-hasura-use-backend-only-permissions", "maybe")],
        );
        assert_eq!(bad.unwrap_err().code().as_str(), "bad-request");
    }
}
