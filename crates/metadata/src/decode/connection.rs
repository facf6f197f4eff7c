//! How to connect to a source, and how what it adds to the schema is named.

use graphloom_vocab::{Error, Json, JsonObject, Result};

use super::names::graphql_name;
use super::{Decode, Fields, Kept, mismatch, text};
use crate::types::{ConnectionInfo, DatabaseUrl, SourceConfiguration, SourceCustomization};

/// Keys of a source's configuration that are kept as they are.
const KEPT: [Kept; 3] = [
    Kept::value("read_replicas"),
    Kept::value("connection_template"),
    Kept::value("connection_set"),
];

impl Decode for SourceConfiguration {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "PostgresConnConfiguration")?;
        let connection_info = fields.required("connection_info")?;
        let mut extra = JsonObject::new();
        for kept in &KEPT {
            fields.keep(kept, &mut extra);
        }
        let extensions_schema = fields.optional_with("extensions_schema", text)?;
        if let Some(schema) = extensions_schema.filter(|schema| *schema != "public") {
            extra.insert("extensions_schema".to_owned(), Json::from(schema));
        }
        extra.extend(fields.rest());
        Ok(Self {
            connection_info,
            extra,
        })
    }
}

/// A missing `use_prepared_statements` or `isolation_level` reads as v2's default, which an export
/// then spells out.
impl Decode for ConnectionInfo {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "PostgresSourceConnInfo")?;
        let mut extra = JsonObject::new();
        let database_url =
            fields.required_with("database_url", |json| database_url(json, &mut extra))?;
        let pool_settings = fields.optional_with("pool_settings", pool_settings)?;
        let use_prepared_statements = fields.optional("use_prepared_statements")?.unwrap_or(false);
        let isolation_level = fields
            .optional_with("isolation_level", isolation_level)?
            .unwrap_or(READ_COMMITTED);
        let ssl_configuration = fields.optional_with("ssl_configuration", without_nulls)?;
        extra.extend(fields.rest());
        Ok(Self {
            database_url: Some(database_url),
            pool_settings,
            use_prepared_statements: Some(use_prepared_statements),
            isolation_level: Some(isolation_level.to_owned()),
            ssl_configuration,
            extra,
        })
    }
}

pub(crate) const READ_COMMITTED: &str = "read-committed";

fn isolation_level(json: &Json) -> Result<&str> {
    match text(json)? {
        level @ (READ_COMMITTED | "repeatable-read" | "serializable") => Ok(level),
        _ => Err(Error::parse_failed(
            "Only expecting 'read-committed', 'repeatable-read' or 'serializable'",
        )),
    }
}

/// Integers and durations in seconds; the values themselves are for whoever opens the pool.
fn pool_settings(json: &Json) -> Result<JsonObject> {
    let mut fields = Fields::of(json, "PostgresPoolSettings")?;
    for key in [
        "max_connections",
        "total_max_connections",
        "idle_timeout",
        "retries",
    ] {
        fields.optional::<i64>(key)?;
    }
    for key in ["pool_timeout", "connection_lifetime"] {
        fields.optional_with(key, |json| match json {
            Json::Number(_) => Ok(()),
            _ => Err(mismatch("NominalDiffTime", "Number", json)),
        })?;
    }
    without_nulls(json)
}

fn without_nulls(json: &Json) -> Result<JsonObject> {
    let mut object = JsonObject::decode(json)?;
    object.retain(|_, value| !value.is_null());
    Ok(object)
}

impl Decode for DatabaseUrl {
    fn decode(json: &Json) -> Result<Self> {
        database_url(json, &mut JsonObject::new())
    }
}

/// Unknown keys go under `database_url` of `extra`.
fn database_url(json: &Json, extra: &mut JsonObject) -> Result<DatabaseUrl> {
    match json {
        Json::String(url) => return Ok(DatabaseUrl::Url(url.clone())),
        Json::Object(_) => (),
        _ => {
            return Err(Error::parse_failed(
                "one of string or object must be provided for url/webhook",
            ));
        }
    }
    let mut fields = Fields::of(json, "UrlConf")?;
    let from_env = fields.optional("from_env")?.map(DatabaseUrl::FromEnv);
    let from_file = fields
        .optional("dynamic_from_file")?
        .map(DatabaseUrl::FromFile);
    let parameters = fields
        .optional_with("connection_parameters", connection_parameters)?
        .map(DatabaseUrl::Parameters);
    let mut given = [from_env, from_file, parameters].into_iter().flatten();
    let url = match (given.next(), given.next()) {
        (Some(url), None) => url,
        (None, _) => return Err(one_of_three("Either")),
        (Some(_), Some(_)) => return Err(one_of_three("Only one of")),
    };
    fields.rest_under("database_url", extra);
    Ok(url)
}

fn one_of_three(how_many: &str) -> Error {
    Error::parse_failed(format!(
        "{how_many} \"from_env\", \"connection_parameters\" or \"dynamic_from_file\" should be provided"
    ))
}

fn connection_parameters(json: &Json) -> Result<JsonObject> {
    let mut fields = Fields::of(json, "PGConnectionParams")?;
    fields.required_with("host", text)?;
    fields.required_with("username", text)?;
    fields.required::<i64>("port")?;
    fields.required_with("database", text)?;
    without_nulls(json)
}

impl Decode for SourceCustomization {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "SourceCustomization")?;
        let mut customization = Self::default();
        fields.optional_with("root_fields", |json| {
            let mut fields = Fields::of(json, "RootFieldsCustomization")?;
            customization.namespace = fields.optional_with("namespace", graphql_name)?;
            customization.root_fields_prefix = fields.optional_with("prefix", graphql_name)?;
            customization.root_fields_suffix = fields.optional_with("suffix", graphql_name)?;
            fields.rest_under("root_fields", &mut customization.extra);
            Ok(())
        })?;
        fields.optional_with("type_names", |json| {
            let mut fields = Fields::of(json, "SourceTypeCustomization")?;
            customization.type_names_prefix = fields.optional_with("prefix", graphql_name)?;
            customization.type_names_suffix = fields.optional_with("suffix", graphql_name)?;
            fields.rest_under("type_names", &mut customization.extra);
            Ok(())
        })?;
        customization.naming_convention =
            fields.optional_with("naming_convention", naming_convention)?;
        customization.extra.extend(fields.rest());
        Ok(customization)
    }
}

fn naming_convention(json: &Json) -> Result<String> {
    match text(json)? {
        convention @ ("hasura-default" | "graphql-default") => Ok(convention.to_owned()),
        _ => Err(Error::parse_failed(
            "naming_convention can only be 'hasura-default' or 'graphql-default'",
        )),
    }
}
