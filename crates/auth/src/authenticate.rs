//! The decision: headers and configuration to a session.
//!
//! An admin secret that was sent decides alone, also where it is wrong; then the token or the webhook;
//! then the role of those who sent nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use graphloom_outbound::Client;
use graphloom_vocab::{
    BackendOnly, Error, ErrorCode, Json, Result, RoleName, Session, SessionVariableName,
};
use http::HeaderValue;

use crate::jwt::{Fetching, Jwts};
use crate::webhook::Webhook;
use crate::{AdminSecret, AuthConfig, HeaderLookup, Observer, backend_only};

const ADMIN_SECRET: &str = "x-hasura-admin-secret";
const ACCESS_KEY: &str = "x-hasura-access-key";
const ROLE: &str = "x-hasura-role";

/// Who asks, and what to tell them beside the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Authenticated {
    /// Who asks.
    pub session: Session,
    /// `Set-Cookie` headers of the webhook, for the client.
    pub set_cookies: Vec<HeaderValue>,
}

impl From<Session> for Authenticated {
    fn from(session: Session) -> Self {
        Self {
            session,
            set_cookies: Vec::new(),
        }
    }
}

/// Why requests cannot be authenticated.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A published key set.
    #[error("{0}")]
    Jwk(String),
}

/// Decides who asks. One per process: it keeps the published keys fresh.
pub struct Authenticator {
    mode: Mode,
}

enum Mode {
    Open,
    AdminSecret(Vec<AdminSecret>, Option<RoleName>),
    Jwt(Vec<AdminSecret>, Jwts, Option<RoleName>),
    Webhook(Vec<AdminSecret>, Webhook),
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// Has everything ready that the configuration needs. `jwk_window` is how long after a fetch of
    /// published keys an unknown key causes no other.
    pub async fn start(
        config: AuthConfig,
        client: Client,
        observer: Observer,
        jwk_window: Duration,
    ) -> Result<Self, StartError> {
        let mode = match config {
            AuthConfig::Open => Mode::Open,
            AuthConfig::AdminSecret {
                secrets,
                unauthorized_role,
            } => Mode::AdminSecret(secrets, unauthorized_role),
            AuthConfig::Jwt {
                secrets,
                jwts,
                unauthorized_role,
            } => {
                let fetching = Fetching {
                    client,
                    observer,
                    window: jwk_window,
                };
                let jwts = Jwts::start(&jwts, &fetching).await;
                Mode::Jwt(secrets, jwts.map_err(StartError::Jwk)?, unauthorized_role)
            }
            AuthConfig::Webhook { secrets, hook } => {
                Mode::Webhook(secrets, Webhook::new(hook, client, observer))
            }
        };
        Ok(Self { mode })
    }

    /// Whether [`Self::authenticate`] wants the GraphQL request: it then has to be read before anybody
    /// knows who sent it.
    pub fn wants_request(&self) -> bool {
        matches!(&self.mode, Mode::Webhook(_, hook) if hook.wants_request())
    }

    /// Decides who asks. `graphql` is the request's body where that is wanted and is JSON.
    ///
    /// Errors: `access-denied` with status 401 for a wrong or missing admin secret and a webhook's
    /// refusal; `bad-request` where `x-hasura-use-backend-only-permissions` is not a boolean; those of
    /// tokens and of the webhook.
    pub async fn authenticate(
        &self,
        headers: &(impl HeaderLookup + Sync + ?Sized),
        graphql: Option<&Json>,
    ) -> Result<Authenticated> {
        let sent = Sent::read(headers);
        let secrets = match &self.mode {
            Mode::Open => return sent.trusted_session().map(Authenticated::from),
            Mode::AdminSecret(secrets, _) | Mode::Jwt(secrets, ..) | Mode::Webhook(secrets, _) => {
                secrets
            }
        };
        match &sent.admin_secret {
            Some(secret) if any_matches(secrets, secret) => {
                return sent.trusted_session().map(Authenticated::from);
            }
            Some(_) => {
                return Err(denied(format!(
                    "invalid \"{ADMIN_SECRET}\"/\"{ACCESS_KEY}\""
                )));
            }
            None => {}
        }
        let unauthorized_role = match &self.mode {
            Mode::Webhook(_, hook) => return hook.session(headers, graphql).await,
            Mode::Jwt(_, jwts, unauthorized_role) => {
                if let Some(session) = jwts.session(headers, sent.role.as_deref()).await? {
                    return Ok(session.into());
                }
                unauthorized_role
            }
            Mode::AdminSecret(_, unauthorized_role) => unauthorized_role,
            Mode::Open => unreachable!("returned above"),
        };
        match unauthorized_role {
            Some(role) => Ok(Session::new(role.clone(), sent.variables).into()),
            None => Err(self.nothing_sent()),
        }
    }

    /// What those are told who sent nothing to know them by.
    fn nothing_sent(&self) -> Error {
        match self.mode {
            Mode::Jwt(..) => Error::new(
                ErrorCode::InvalidHeaders,
                "Missing 'Authorization' or 'Cookie' header in JWT authentication mode",
            ),
            _ => denied(format!(
                "\"{ADMIN_SECRET}\"/\"{ACCESS_KEY}\" required, but not found"
            )),
        }
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
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = Client::new(graphloom_outbound::ClientOptions::default()).unwrap();
            let observer = std::sync::Arc::new(|_: &crate::AuthEvent| {});
            let window = Duration::from_secs(1);
            let started = Authenticator::start(config.clone(), client, observer, window);
            let authenticator = started.await.unwrap();
            let authenticated = authenticator
                .authenticate(headers(pairs).as_slice(), None)
                .await?;
            assert!(authenticated.set_cookies.is_empty());
            Ok(authenticated.session)
        })
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
