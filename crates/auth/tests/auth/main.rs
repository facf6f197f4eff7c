//! Tokens and webhooks through the front door: configuration and headers in, session or error out. Keys
//! and tokens are real, and so are the servers that publish keys and answer webhooks.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod algorithms;
mod bad_tokens;
mod options;
mod published;
mod server;
mod tokens;
mod webhook;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use graphloom_auth::{
    AdminSecret, AuthConfig, AuthEvent, Authenticated, Authenticator, JwtConfig, StartError,
};
use graphloom_outbound::{Client, ClientOptions};
use graphloom_vocab::{Json, Result, RoleName};

/// An authenticator, and what it told its observer.
pub(crate) struct Auth {
    authenticator: Authenticator,
    pub(crate) events: Arc<Mutex<Vec<AuthEvent>>>,
}

impl Auth {
    pub(crate) async fn start(config: AuthConfig, window: Duration) -> Result<Self, StartError> {
        let events: Arc<Mutex<Vec<AuthEvent>>> = Arc::default();
        let told = Arc::clone(&events);
        let observer = Arc::new(move |event: &AuthEvent| told.lock().unwrap().push(event.clone()));
        let client = Client::new(ClientOptions::default()).unwrap();
        let authenticator = Authenticator::start(config, client, observer, window).await?;
        Ok(Self {
            authenticator,
            events,
        })
    }

    /// With these JWT secrets and the admin secret `admin`.
    pub(crate) async fn jwts(configs: &[Json]) -> Self {
        Self::start(jwt_config(configs, None), Duration::from_mins(1))
            .await
            .unwrap()
    }

    pub(crate) async fn ask(
        &self,
        headers: &[(&str, &str)],
        graphql: Option<&Json>,
    ) -> Result<Authenticated> {
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.authenticator
            .authenticate(headers.as_slice(), graphql)
            .await
    }

    /// The session's variables of a request with these headers, or the error, as text.
    pub(crate) async fn say(&self, headers: &[(&str, &str)]) -> String {
        match self.ask(headers, None).await {
            Ok(authenticated) => authenticated.session.variables_json().to_string(),
            Err(error) => {
                format!(
                    "{} {}: {}",
                    error.status(),
                    error.code().as_str(),
                    error.message()
                )
            }
        }
    }

    /// The same of a token.
    pub(crate) async fn bear(&self, token: &str) -> String {
        self.say(&[("authorization", &format!("Bearer {token}"))])
            .await
    }
}

pub(crate) const USER: &str = r#"{"x-hasura-role":"user","x-hasura-user-id":"1"}"#;

pub(crate) fn jwt_config(configs: &[Json], unauthorized_role: Option<&str>) -> AuthConfig {
    AuthConfig::Jwt {
        secrets: vec![AdminSecret::new("admin")],
        jwts: configs
            .iter()
            .map(|config| JwtConfig::parse(config).unwrap())
            .collect(),
        unauthorized_role: unauthorized_role.map(RoleName::new),
    }
}

pub(crate) fn refused(config: &Json) -> String {
    JwtConfig::parse(config).unwrap_err().to_string()
}
