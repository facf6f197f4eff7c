//! Which token of a request is verified with which configuration.
//!
//! Each configuration looks in its place; where both sides name an issuer they have to agree. None left
//! is a request without a token, more than one is ambiguous. As v2 does it.

use std::borrow::Cow;

use graphloom_vocab::{Error, ErrorCode, Result};

use super::config::{JwtConfig, TokenPlace};
use super::token::{JwtError, claimed_issuer};
use crate::HeaderLookup;

/// The one token that counts, and the index of its configuration; `None` if there is none.
///
/// Errors: `invalid-headers` for a malformed `Authorization` and for more than one token, `invalid-jwt`
/// where no issuer agrees.
pub(crate) fn find<'a>(
    configs: impl Iterator<Item = &'a JwtConfig> + Clone,
    headers: &(impl HeaderLookup + ?Sized),
) -> Result<Option<(usize, String)>> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    let mut is_malformed = false;
    headers.visit(&mut |name, value: Cow<'_, str>| {
        for (index, config) in configs.clone().enumerate() {
            match &config.place {
                TokenPlace::Authorization if name == "authorization" => match bearer(&value) {
                    Some(token) => tokens.push((index, token.to_owned())),
                    None => is_malformed = true,
                },
                TokenPlace::Cookie(cookie) if name == "cookie" => {
                    let found = cookies(&value).filter(|(name, _)| name == cookie);
                    tokens.extend(found.map(|(_, token)| (index, token.to_owned())));
                }
                TokenPlace::CustomHeader(header) if name == header && name != "authorization" => {
                    tokens.push((index, value.trim().to_owned()));
                }
                _ => {}
            }
        }
    });
    if is_malformed {
        let message = "Malformed Authorization header";
        return Err(Error::new(ErrorCode::InvalidHeaders, message));
    }
    let any = !tokens.is_empty();
    tokens.retain(|(index, token)| {
        let config = configs.clone().nth(*index).expect("counted above");
        match (&config.issuer, claimed_issuer(token)) {
            (Some(ours), Some(theirs)) => *ours == theirs,
            _ => true,
        }
    });
    match (tokens.len(), any) {
        (0, false) => Ok(None),
        (0, true) => Err(JwtError::NotInIssuer.into()),
        (1, _) => Ok(tokens.pop()),
        _ => Err(Error::new(
            ErrorCode::InvalidHeaders,
            "Could not verify JWT: Multiple JWTs found",
        )),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let mut words = value.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("Bearer"), Some(token), None) => Some(token),
        _ => None,
    }
}

fn cookies(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = value.split(';').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
}
