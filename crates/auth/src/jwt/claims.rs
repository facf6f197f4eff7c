//! A verified token's claims: whether it counts now and here, and the session variables in it.
//!
//! Pure: the time is passed in. Codes, wording and the order of the checks are v2's.

use std::collections::BTreeMap;

use graphloom_vocab::{Error, ErrorCode, Json, JsonObject, Result, RoleName, SessionVariableName};

use super::config::{ClaimsConfig, ClaimsFormat, ClaimsMap, JwtConfig, Mapped, Namespace};
use super::token::JwtError;

/// Claims a namespace path does not see.
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
const ALLOWED_ROLES: &str = "x-hasura-allowed-roles";
const DEFAULT_ROLE: &str = "x-hasura-default-role";
/// No clock is further away; also keeps the arithmetic exact.
const DATE_MAX_S: f64 = 1e12;

/// Checks the registered claims. Returns when the token expires, in seconds since 1970.
///
/// Errors: out of time, another issuer or audience, or a claim of the wrong type. Where an audience is
/// configured, a token without one is refused: it was not issued for us.
pub(crate) fn validate(
    claims: &JsonObject,
    config: &JwtConfig,
    now_s: i64,
) -> Result<Option<i64>, JwtError> {
    let text = |name: &str| match claims.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.as_str())),
        Some(other) => Err(wrong_type(name, "String", other)),
    };
    let (expires, issued) = (date(claims, "exp")?, date(claims, "iat")?);
    let begins = date(claims, "nbf")?;
    let issuer = text("iss")?;
    text("sub")?;
    text("jti")?;
    let audience = audience(claims)?;
    #[allow(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
    let now = now_s as f64;
    let skew = config.allowed_skew_s;
    if expires.is_some_and(|expires| now >= expires + skew) {
        return Err(JwtError::Expired);
    }
    if issued.is_some_and(|issued| issued > now + skew) {
        return Err(JwtError::IssuedAtFuture);
    }
    if begins.is_some_and(|begins| begins > now + skew) {
        return Err(JwtError::NotYetValid);
    }
    if let (Some(expected), Some(issuer)) = (&config.issuer, issuer)
        && expected != issuer
    {
        return Err(JwtError::NotInIssuer);
    }
    if let Some(expected) = &config.audience {
        let audience = audience.unwrap_or_default();
        if !audience
            .iter()
            .any(|one| expected.iter().any(|ours| ours == one))
        {
            return Err(JwtError::NotInAudience);
        }
    }
    #[allow(clippy::cast_possible_truncation, reason = "below DATE_MAX_S")]
    Ok(expires.map(|expires| expires.floor() as i64))
}

fn date(claims: &JsonObject, name: &str) -> Result<Option<f64>, JwtError> {
    match claims.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Number(number)) => {
            let seconds = number
                .as_f64()
                .filter(|seconds| seconds.abs() <= DATE_MAX_S);
            let absurd = || JwtError::Claims(format!("Error in $.{name}: not a time"));
            seconds.map(Some).ok_or_else(absurd)
        }
        Some(other) => Err(wrong_type(name, "Number", other)),
    }
}

fn audience(claims: &JsonObject) -> Result<Option<Vec<&str>>, JwtError> {
    match claims.get("aud") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(one)) => Ok(Some(vec![one])),
        Some(Json::Array(many)) => {
            let texts = many.iter().map(|one| {
                let text = one.as_str();
                text.ok_or_else(|| wrong_type("aud", "String", one))
            });
            texts.collect::<Result<_, _>>().map(Some)
        }
        Some(other) => Err(wrong_type("aud", "Array", other)),
    }
}

fn wrong_type(name: &str, expected: &str, found: &Json) -> JwtError {
    let found = type_name(found);
    JwtError::Claims(format!(
        "Error in $.{name}: parsing {name} failed, expected {expected}, but encountered {found}"
    ))
}

/// The session variables of a token, the two about roles apart.
#[derive(Debug)]
pub(crate) struct HasuraClaims {
    pub(crate) allowed_roles: Vec<RoleName>,
    pub(crate) default_role: RoleName,
    pub(crate) variables: BTreeMap<SessionVariableName, String>,
}

/// Finds the session variables. Errors: `jwt-invalid-claims`, `jwt-missing-role-claims`.
pub(crate) fn read(claims: &JsonObject, config: &ClaimsConfig) -> Result<HasuraClaims> {
    match config {
        ClaimsConfig::Namespace(namespace, format) => {
            let claims = unregistered(claims);
            of_namespace(in_namespace(&claims, namespace, *format)?)
        }
        ClaimsConfig::Map(map) => of_map(&Json::Object(claims.clone()), map),
    }
}

fn unregistered(claims: &JsonObject) -> Json {
    let own = claims
        .iter()
        .filter(|(name, _)| !REGISTERED.contains(&name.as_str()));
    Json::Object(
        own.map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

fn in_namespace(claims: &Json, namespace: &Namespace, format: ClaimsFormat) -> Result<JsonObject> {
    let (found, missing, place) = match namespace {
        Namespace::Key(key) => (
            claims.get(key),
            format!("claims key: '{key}' not found"),
            format!("claims_namespace {key}"),
        ),
        Namespace::Path(path) => (
            path.find(claims),
            format!("claims not found at claims_namespace_path: '{path}'"),
            format!("claims_namespace_path {path}"),
        ),
    };
    let found = found.ok_or_else(|| invalid(missing))?;
    match (format, found) {
        (ClaimsFormat::Json, Json::Object(object)) => Ok(object.clone()),
        (ClaimsFormat::Json, _) => Err(invalid(
            "expecting a json object when claims_format is json",
        )),
        (ClaimsFormat::StringifiedJson, Json::String(text)) => {
            serde_json::from_str(text).map_err(|_| {
                invalid(format!(
                    "expecting stringified json at: '{place}', but found: {text}"
                ))
            })
        }
        (ClaimsFormat::StringifiedJson, _) => Err(invalid(
            "expecting a string when claims_format is stringified_json",
        )),
    }
}

fn of_namespace(claims: JsonObject) -> Result<HasuraClaims> {
    let named = claims.into_iter().filter_map(|(name, value)| {
        let name = SessionVariableName::parse(&name)?;
        Some((name, value))
    });
    let mut named: BTreeMap<SessionVariableName, Json> = named.collect();
    let mut take = |name: &str| {
        let key = SessionVariableName::parse(name).expect("has the prefix");
        named.remove(&key).ok_or_else(|| missing_role(name))
    };
    let allowed_roles = take(ALLOWED_ROLES)?;
    let default_role = take(DEFAULT_ROLE);
    let allowed_roles = roles(&allowed_roles)?;
    let default_role = role(&default_role?, "should be a single role name")?;
    let variables = named.into_iter().map(|(name, value)| match value {
        Json::String(text) => Ok((name, text)),
        other => Err(invalid(format!(
            "x-hasura-* claims: parsing Text failed, expected String, but encountered {}",
            type_name(&other)
        ))),
    });
    Ok(HasuraClaims {
        allowed_roles,
        default_role,
        variables: variables.collect::<Result<_>>()?,
    })
}

fn of_map(claims: &Json, map: &ClaimsMap) -> Result<HasuraClaims> {
    let allowed_roles = match &map.allowed_roles {
        Mapped::Literal(roles) => roles.clone(),
        Mapped::Path(path, default) => match (path.find(claims), default) {
            (Some(found), _) => roles(found)?,
            (None, Some(default)) => default.clone(),
            (None, None) => return Err(missing_role(ALLOWED_ROLES)),
        },
    };
    let default_role = match &map.default_role {
        Mapped::Literal(role) => role.clone(),
        Mapped::Path(path, default) => match (path.find(claims), default) {
            (Some(found), _) => role(found, "should be a role")?,
            (None, Some(default)) => default.clone(),
            (None, None) => return Err(missing_role(DEFAULT_ROLE)),
        },
    };
    let variables = map.others.iter().map(|(name, mapped)| {
        let value = match mapped {
            Mapped::Literal(text) => text.clone(),
            Mapped::Path(path, default) => match (path.find(claims), default) {
                (Some(found), _) => scalar_text(found)?,
                (None, Some(default)) => default.clone(),
                (None, None) => {
                    return Err(invalid(format!(
                        "JWT claim from claims_map, {name} not found"
                    )));
                }
            },
        };
        Ok((name.clone(), value))
    });
    Ok(HasuraClaims {
        allowed_roles,
        default_role,
        variables: variables.collect::<Result<_>>()?,
    })
}

/// A claim that a map points to need not have been made for us, so numbers and booleans count as text.
fn scalar_text(json: &Json) -> Result<String> {
    match json {
        Json::String(text) => Ok(text.clone()),
        Json::Number(_) | Json::Bool(_) => Ok(json.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => Err(invalid(format!(
            "x-hasura-* claims: parsing Text failed, expected String, but encountered {}",
            type_name(json)
        ))),
    }
}

fn roles(json: &Json) -> Result<Vec<RoleName>> {
    let wrong = |reason: String| {
        invalid(format!(
            "invalid {ALLOWED_ROLES}; should be a list of roles: {reason}"
        ))
    };
    let Json::Array(items) = json else {
        let found = type_name(json);
        return Err(wrong(format!(
            "parsing [] failed, expected Array, but encountered {found}"
        )));
    };
    items
        .iter()
        .map(|item| role_name(item).map_err(wrong))
        .collect()
}

fn role(json: &Json, hint: &str) -> Result<RoleName> {
    role_name(json).map_err(|reason| invalid(format!("invalid {DEFAULT_ROLE}; {hint}: {reason}")))
}

pub(crate) fn role_name(json: &Json) -> Result<RoleName, String> {
    match json {
        Json::String(name) if name.is_empty() => Err("empty string not allowed".to_owned()),
        Json::String(name) => Ok(RoleName::new(name.as_str())),
        other => Err(format!(
            "parsing Text failed, expected String, but encountered {}",
            type_name(other)
        )),
    }
}

fn missing_role(name: &str) -> Error {
    let message = format!("JWT claim does not contain {name}");
    Error::new(ErrorCode::JwtMissingRoleClaims, message)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::JwtInvalidClaims, message)
}

pub(crate) fn type_name(json: &Json) -> &'static str {
    match json {
        Json::Null => "Null",
        Json::Bool(_) => "Boolean",
        Json::Number(_) => "Number",
        Json::String(_) => "String",
        Json::Array(_) => "Array",
        Json::Object(_) => "Object",
    }
}
