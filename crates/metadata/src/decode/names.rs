//! Names: of roles, sources, relationships, columns, tables and functions.
//!
//! A table or function is `"t"` (schema `public`) or `{"schema": …, "name": …}`.

use graphloom_vocab::{
    ColumnName, Error, GraphqlName, Json, QualifiedFunction, QualifiedTable, RelationshipName,
    Result, RoleName, SourceName,
};

use super::{Decode, Fields, non_empty_text, text};

impl Decode for SourceName {
    fn decode(json: &Json) -> Result<Self> {
        non_empty_text(json).map(Self::new)
    }
}

impl Decode for RoleName {
    fn decode(json: &Json) -> Result<Self> {
        non_empty_text(json).map(Self::new)
    }
}

impl Decode for RelationshipName {
    fn decode(json: &Json) -> Result<Self> {
        non_empty_text(json).map(Self::new)
    }
}

impl Decode for ColumnName {
    fn decode(json: &Json) -> Result<Self> {
        text(json).map(Self::new)
    }
}

impl Decode for GraphqlName {
    fn decode(json: &Json) -> Result<Self> {
        let text = text(json)?;
        Self::parse(text)
            .ok_or_else(|| Error::parse_failed(format!("{text} is not a valid GraphQL name")))
    }
}

impl Decode for QualifiedTable {
    fn decode(json: &Json) -> Result<Self> {
        let (schema, name) = qualified(json)?;
        Ok(Self::new(schema, name))
    }
}

impl Decode for QualifiedFunction {
    fn decode(json: &Json) -> Result<Self> {
        let (schema, name) = qualified(json)?;
        Ok(Self::new(schema, name))
    }
}

/// A name that becomes part of the GraphQL schema, kept as text.
pub(super) fn graphql_name(json: &Json) -> Result<String> {
    GraphqlName::decode(json).map(|name| name.as_str().to_owned())
}

/// Schema and name. A key beside the two could not be kept, since a name has no place for it, and is an error.
fn qualified(json: &Json) -> Result<(&str, &str)> {
    match json {
        Json::String(name) => Ok(("public", name)),
        Json::Object(_) => {
            let mut fields = Fields::of(json, "QualifiedObject")?;
            let schema = fields.optional_with("schema", text)?.unwrap_or("public");
            let name = fields.required_with("name", text)?;
            fields.nothing_else(&["schema", "name"])?;
            Ok((schema, name))
        }
        _ => Err(Error::parse_failed(
            "expecting a string/object for QualifiedObject",
        )),
    }
}
