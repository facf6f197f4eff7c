//! JSON web tokens: find the one that counts, verify it, read the session in it.
//!
//! [`Jwts::session`] is the order of things; each file below is one step. A claim is looked at only
//! after the signature over it, but for the issuer that chooses among several configurations.

mod claims;
mod config;
mod key;
mod keys;
mod path;
mod place;
mod token;

use graphloom_vocab::{Error, ErrorCode, Result, RoleName, Session};

use crate::HeaderLookup;
use crate::lifetime::now_s;
use keys::Keys;
use token::Token;

pub use config::{JwtConfig, JwtConfigError};
pub(crate) use keys::Fetching;
pub use token::TOKEN_BYTES_MAX;

/// Every configuration, with its keys.
#[derive(Debug)]
pub(crate) struct Jwts(Vec<(JwtConfig, Keys)>);

impl Jwts {
    /// Has all keys ready. Error: a key set that cannot be fetched.
    pub(crate) async fn start(configs: &[JwtConfig], fetching: &Fetching) -> Result<Self, String> {
        let mut jwts = Vec::with_capacity(configs.len());
        for config in configs {
            let keys = Keys::start(&config.keys, fetching).await?;
            jwts.push((config.clone(), keys));
        }
        Ok(Self(jwts))
    }

    /// The session of the request's token; `None` if it has none. `role` is the one that is asked for.
    ///
    /// Errors: `invalid-headers`, `invalid-jwt`, `jwt-invalid-claims`, `jwt-missing-role-claims`, and
    /// `access-denied` where the role is not among the allowed ones; all with status 400.
    pub(crate) async fn session(
        &self,
        headers: &(impl HeaderLookup + ?Sized),
        role: Option<&str>,
    ) -> Result<Option<Session>> {
        let configs = self.0.iter().map(|(config, _)| config);
        let Some((index, text)) = place::find(configs, headers)? else {
            return Ok(None);
        };
        let (config, keys) = &self.0[index];
        let token = Token::parse(&text)?;
        keys.verify(&token).await?;
        let claims = token.claims()?;
        let expires_at_s = claims::validate(&claims, config, now_s())?;
        let claims = claims::read(&claims, &config.claims)?;
        let role = match role {
            Some(role) if !role.is_empty() => RoleName::new(role),
            _ => claims.default_role,
        };
        if !claims.allowed_roles.contains(&role) {
            let message = "Your requested role is not in allowed roles";
            return Err(Error::new(ErrorCode::AccessDenied, message));
        }
        let mut session = Session::new(role, claims.variables);
        session.expires_at_s = expires_at_s;
        Ok(Some(session))
    }
}
