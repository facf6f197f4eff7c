//! The JSON of `HASURA_GRAPHQL_JWT_SECRET`: every key of it, and an error for any other.
//!
//! Pure. v2 passes over keys it does not know; here a misspelt `audience` must not open the door.

use std::collections::BTreeMap;

use graphloom_outbound::Request;
use graphloom_vocab::{Json, JsonObject, RoleName, SessionVariableName};
use serde_json::json;

use super::claims::{role_name, type_name};
use super::key::Key;
use super::path::JsonPath;

const DEFAULT_NAMESPACE: &str = "https://hasura.io/jwt/claims";
const KEYS: [&str; 11] = [
    "type",
    "key",
    "jwk_url",
    "claims_namespace",
    "claims_namespace_path",
    "claims_format",
    "audience",
    "issuer",
    "claims_map",
    "allowed_skew",
    "header",
];

/// What is wrong with a configuration; never holds the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JwtConfigError(String);

/// How tokens are verified, and what is read from them.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    pub(crate) keys: KeyConfig,
    pub(crate) claims: ClaimsConfig,
    pub(crate) audience: Option<Vec<String>>,
    pub(crate) issuer: Option<String>,
    /// By how many seconds clocks may differ.
    pub(crate) allowed_skew_s: f64,
    pub(crate) place: TokenPlace,
}

/// Where keys come from.
#[derive(Clone, Debug)]
pub(crate) enum KeyConfig {
    Fixed(Key),
    Url(String),
}

/// Where session variables stand in a token.
#[derive(Clone, Debug)]
pub(crate) enum ClaimsConfig {
    Namespace(Namespace, ClaimsFormat),
    Map(ClaimsMap),
}

#[derive(Clone, Debug)]
pub(crate) enum Namespace {
    Key(String),
    Path(JsonPath),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimsFormat {
    Json,
    StringifiedJson,
}

/// Which claim is which variable.
#[derive(Clone, Debug)]
pub(crate) struct ClaimsMap {
    pub(crate) allowed_roles: Mapped<Vec<RoleName>>,
    pub(crate) default_role: Mapped<RoleName>,
    pub(crate) others: BTreeMap<SessionVariableName, Mapped<String>>,
    /// As it was given, for `/v1alpha1/config`.
    source: Json,
}

/// A value, or where it stands and what counts where it does not.
#[derive(Clone, Debug)]
pub(crate) enum Mapped<T> {
    Literal(T),
    Path(JsonPath, Option<T>),
}

/// Where a request carries its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    Authorization,
    Cookie(String),
    /// In lower case.
    CustomHeader(String),
}

impl JwtConfig {
    /// Reads one configuration.
    pub fn parse(json: &Json) -> Result<Self, JwtConfigError> {
        parse(json).map_err(JwtConfigError)
    }

    /// What `/v1alpha1/config` tells of it.
    pub fn to_json(&self) -> Json {
        match &self.claims {
            ClaimsConfig::Namespace(namespace, format) => {
                let format = match format {
                    ClaimsFormat::Json => "json",
                    ClaimsFormat::StringifiedJson => "stringified_json",
                };
                let namespace = match namespace {
                    Namespace::Key(key) => json!(key),
                    Namespace::Path(path) => json!(path.to_string()),
                };
                json!({
                    "claims_namespace": namespace,
                    "claims_format": format,
                    "claims_map": null,
                })
            }
            ClaimsConfig::Map(map) => json!({
                "claims_namespace": DEFAULT_NAMESPACE,
                "claims_format": "json",
                "claims_map": map.source,
            }),
        }
    }
}

fn parse(json: &Json) -> Result<JwtConfig, String> {
    let Json::Object(object) = json else {
        return Err(expected("a JWT secret", "Object", json));
    };
    let unknown = object.keys().find(|key| !KEYS.contains(&key.as_str()));
    if let Some(unknown) = unknown {
        let known = KEYS.join(", ");
        return Err(format!("unknown key \"{unknown}\"; known are {known}"));
    }
    let format = match text(object, "claims_format")? {
        None | Some("json") => ClaimsFormat::Json,
        Some("stringified_json") => ClaimsFormat::StringifiedJson,
        Some(_) => return Err("claims_format is json or stringified_json".to_owned()),
    };
    let namespace = namespace(object)?;
    Ok(JwtConfig {
        keys: keys(object)?,
        claims: match given(object, "claims_map") {
            Some(map) => ClaimsConfig::Map(claims_map(map)?),
            None => ClaimsConfig::Namespace(namespace, format),
        },
        audience: audience(object)?,
        issuer: text(object, "issuer")?.map(str::to_owned),
        allowed_skew_s: skew(object)?,
        place: place(object)?,
    })
}

/// `null` is the same as nothing.
fn given<'a>(object: &'a JsonObject, key: &str) -> Option<&'a Json> {
    object.get(key).filter(|value| !value.is_null())
}

fn text<'a>(object: &'a JsonObject, key: &str) -> Result<Option<&'a str>, String> {
    match given(object, key) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(other) => Err(expected(key, "String", other)),
    }
}

fn expected(key: &str, kind: &str, found: &Json) -> String {
    format!(
        "parsing {key} failed, expected {kind}, but encountered {}",
        type_name(found)
    )
}

fn keys(object: &JsonObject) -> Result<KeyConfig, String> {
    match (text(object, "key")?, text(object, "jwk_url")?) {
        (None, None) => Err("key and jwk_url both cannot be empty".to_owned()),
        (Some(_), Some(_)) => Err("key, jwk_url both cannot be present".to_owned()),
        (Some(key), None) => {
            let kind = text(object, "type")?.ok_or("key \"type\" not found")?;
            let key = Key::of_type(kind, key);
            key.map(KeyConfig::Fixed)
                .map_err(|reason| format!("Invalid JWK: {reason}"))
        }
        (None, Some(url)) => match Request::get(url) {
            Ok(_) => Ok(KeyConfig::Url(url.to_owned())),
            Err(error) => Err(format!("jwk_url: {error}")),
        },
    }
}

fn namespace(object: &JsonObject) -> Result<Namespace, String> {
    match (
        text(object, "claims_namespace")?,
        text(object, "claims_namespace_path")?,
    ) {
        (None, None) => Ok(Namespace::Key(DEFAULT_NAMESPACE.to_owned())),
        (Some(key), None) => Ok(Namespace::Key(key.to_owned())),
        (None, Some(path)) => JsonPath::parse(path)
            .map(Namespace::Path)
            .map_err(|reason| format!("invalid JSON path claims_namespace_path error: {reason}")),
        (Some(_), Some(_)) => {
            Err("claims_namespace and claims_namespace_path both cannot be set".to_owned())
        }
    }
}

fn audience(object: &JsonObject) -> Result<Option<Vec<String>>, String> {
    match given(object, "audience") {
        None => Ok(None),
        Some(Json::String(one)) => Ok(Some(vec![one.clone()])),
        Some(Json::Array(many)) => {
            let texts = many.iter().map(|one| match one {
                Json::String(text) => Ok(text.clone()),
                other => Err(expected("audience", "String", other)),
            });
            texts.collect::<Result<_, _>>().map(Some)
        }
        Some(other) => Err(expected("audience", "String or Array", other)),
    }
}

fn skew(object: &JsonObject) -> Result<f64, String> {
    let Some(skew) = given(object, "allowed_skew") else {
        return Ok(0.0);
    };
    let seconds = skew
        .as_f64()
        .filter(|seconds| (0.0..=1e9).contains(seconds));
    seconds.ok_or_else(|| "allowed_skew is a number of seconds, not negative".to_owned())
}

/// An object, or, as v2's documentation has it, a text that holds one.
fn place(object: &JsonObject) -> Result<TokenPlace, String> {
    let wrong = "expected 'type' is 'Authorization' or 'Cookie' or 'CustomHeader'";
    let header = match given(object, "header") {
        None => return Ok(TokenPlace::Authorization),
        Some(Json::String(text)) => serde_json::from_str(text).map_err(|_| wrong)?,
        Some(header) => header.clone(),
    };
    let Json::Object(header) = header else {
        return Err(wrong.to_owned());
    };
    let unknown = header.keys().find(|key| *key != "type" && *key != "name");
    if let Some(unknown) = unknown {
        return Err(format!("unknown key \"{unknown}\" in header"));
    }
    let name = || {
        let name = text(&header, "name")?.filter(|name| !name.is_empty());
        name.ok_or_else(|| "key \"name\" not found in header".to_owned())
    };
    let kind = text(&header, "type")?.ok_or(wrong)?;
    match kind.to_ascii_lowercase().as_str() {
        "authorization" => Ok(TokenPlace::Authorization),
        "cookie" => Ok(TokenPlace::Cookie(name()?.to_owned())),
        "customheader" => Ok(TokenPlace::CustomHeader(name()?.to_lowercase())),
        _ => Err(wrong.to_owned()),
    }
}

fn claims_map(json: &Json) -> Result<ClaimsMap, String> {
    let Json::Object(object) = json else {
        return Err(expected("claims_map", "Object", json));
    };
    let required = |name: &str| {
        let found = object.get(name);
        found.ok_or_else(|| format!("{name} is expected but not found"))
    };
    let role_list = |json: &Json| match json {
        Json::Array(items) => items.iter().map(role_name).collect(),
        other => Err(expected("x-hasura-allowed-roles", "Array", other)),
    };
    let allowed_roles = mapped(required("x-hasura-allowed-roles")?, role_list)?;
    let default_role = mapped(required("x-hasura-default-role")?, role_name)?;
    let mut others = BTreeMap::new();
    for (name, value) in object {
        if matches!(
            name.as_str(),
            "x-hasura-allowed-roles" | "x-hasura-default-role"
        ) {
            continue;
        }
        let Some(variable) = SessionVariableName::parse(name) else {
            return Err(format!(
                "claims_map: {name} is no session variable (x-hasura-...)"
            ));
        };
        let value = mapped(value, |json| match json {
            Json::String(text) => Ok(text.clone()),
            other => Err(expected(name, "String", other)),
        })?;
        others.insert(variable, value);
    }
    Ok(ClaimsMap {
        allowed_roles,
        default_role,
        others,
        source: json.clone(),
    })
}

fn mapped<T>(
    json: &Json,
    literal: impl Fn(&Json) -> Result<T, String>,
) -> Result<Mapped<T>, String> {
    let Json::Object(object) = json else {
        return literal(json).map(Mapped::Literal);
    };
    let unknown = object
        .keys()
        .find(|key| *key != "path" && *key != "default");
    if let Some(unknown) = unknown {
        return Err(format!("unknown key \"{unknown}\" in claims_map"));
    }
    let path = text(object, "path")?.ok_or("key \"path\" not found in claims_map")?;
    let default = given(object, "default").map(literal).transpose()?;
    Ok(Mapped::Path(JsonPath::parse(path)?, default))
}
