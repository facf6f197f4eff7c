//! A token's three parts, and the words v2 has for a bad one.
//!
//! Nothing here is believed yet: `keys.rs` verifies the signature, `claims.rs` reads what it covers.
//! Source: RFC 7515, compact serialization.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use graphloom_vocab::{Error, ErrorCode, Json, JsonObject};

use super::key::Algorithm;

/// Most bytes of a token. Real ones have a few thousand.
pub const TOKEN_BYTES_MAX: usize = 64 << 10;

/// Why a token is refused, in v2's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwtError {
    #[error("JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got {0})")]
    Parts(usize),
    #[error("JWSError (JSONDecodeError {0:?})")]
    Header(&'static str),
    #[error("JWSError JWSNoSignatures")]
    NoSignatures,
    #[error("JWSError JWSInvalidSignature")]
    InvalidSignature,
    #[error("JWTClaimsSetDecodeError {0:?}")]
    Claims(String),
    #[error("JWTExpired")]
    Expired,
    #[error("JWTNotYetValid")]
    NotYetValid,
    #[error("JWTIssuedAtFuture")]
    IssuedAtFuture,
    #[error("JWTNotInIssuer")]
    NotInIssuer,
    #[error("JWTNotInAudience")]
    NotInAudience,
    #[error("the token has more than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
}

impl From<JwtError> for Error {
    fn from(error: JwtError) -> Self {
        Self::new(
            ErrorCode::InvalidJwt,
            format!("Could not verify JWT: {error}"),
        )
    }
}

/// A token, taken apart.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    /// Header and payload as they were signed.
    pub(crate) signed: &'a [u8],
    pub(crate) signature: Vec<u8>,
    payload: &'a str,
}

impl<'a> Token<'a> {
    /// Takes a token apart. Errors: anything but three parts with a header we understand whole.
    pub(crate) fn parse(text: &'a str) -> Result<Self, JwtError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(JwtError::TooLong);
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(JwtError::Parts(parts.len()));
        };
        let bytes = URL_SAFE_NO_PAD.decode(header);
        let bytes = bytes.map_err(|_| JwtError::Header("the header is not base64url"))?;
        let json: JsonObject = serde_json::from_slice(&bytes)
            .map_err(|_| JwtError::Header("the header is not a JSON object"))?;
        // RFC 7515, section 4.1.11: extensions we do not know must be refused, and we know none.
        if json.contains_key("crit") {
            return Err(JwtError::Header("the header has critical extensions"));
        }
        let algorithm = match json.get("alg").and_then(Json::as_str) {
            Some("none") => return Err(JwtError::NoSignatures),
            Some(name) => Algorithm::parse(name),
            None => return Err(JwtError::Header("key \"alg\" not found")),
        };
        let key_id = match json.get("kid") {
            None | Some(Json::Null) => None,
            Some(Json::String(id)) => Some(id.clone()),
            Some(_) => return Err(JwtError::Header("\"kid\" is not a text")),
        };
        let signature = URL_SAFE_NO_PAD.decode(signature);
        let signed = &text.as_bytes()[..header.len() + 1 + payload.len()];
        Ok(Self {
            algorithm: algorithm.ok_or(JwtError::Header("the algorithm is not known"))?,
            key_id,
            signed,
            signature: signature.map_err(|_| JwtError::InvalidSignature)?,
            payload,
        })
    }

    /// The claims. Believe them only after the signature.
    pub(crate) fn claims(&self) -> Result<JsonObject, JwtError> {
        claims(self.payload)
    }
}

fn claims(payload: &str) -> Result<JsonObject, JwtError> {
    let wrong = |reason: String| JwtError::Claims(reason);
    let bytes = URL_SAFE_NO_PAD.decode(payload);
    let bytes = bytes.map_err(|_| wrong("the payload is not base64url".to_owned()))?;
    serde_json::from_slice(&bytes).map_err(|error| wrong(format!("Error in $: {error}")))
}

/// Who issued a token, by its own word: good for choosing what to verify it with, and for nothing else.
pub(crate) fn claimed_issuer(text: &str) -> Option<String> {
    if text.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let payload = text.split('.').nth(1)?;
    let issuer = claims(payload).ok()?.get("iss")?.as_str()?.to_owned();
    Some(issuer)
}
