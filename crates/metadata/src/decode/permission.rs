//! Permissions of the four kinds: `{"role": …, "permission": {…}, "comment": …}`.
//!
//! Filters and checks stay JSON here; what their columns and operators mean is for whoever has a
//! table's columns.

use graphloom_vocab::{ColumnName, Error, Json, JsonObject, Result};
use indexmap::IndexMap;

use super::{Decode, Fields, below_index, map_entries, mismatch, text};
use crate::types::{
    Columns, DeletePermission, InsertPermission, Permission, SelectPermission, UpdatePermission,
};

impl<T: Decode> Decode for Permission<T> {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "PermDef")?;
        let mut permission = Self::decode_fields(&mut fields)?;
        permission.extra = fields.rest();
        Ok(permission)
    }
}

impl<T: Decode> Permission<T> {
    /// Reads a permission's own keys out of a larger object, such as a command's arguments.
    ///
    /// Unknown keys stay in `fields`: only the caller knows which others are its own.
    pub fn decode_fields(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self {
            role: fields.required("role")?,
            permission: fields.required("permission")?,
            comment: fields.optional("comment")?,
            extra: JsonObject::new(),
        })
    }
}

impl Decode for Columns {
    fn decode(json: &Json) -> Result<Self> {
        match json.as_str() {
            Some("*") => Ok(Self::All),
            _ => Vec::decode(json).map(Self::List),
        }
    }
}

impl Decode for SelectPermission {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "SelPerm")?;
        let root_fields = |json| one_of_each(json, &SUBSCRIPTION_ROOT_FIELDS[..3]);
        let subscription_root_fields = |json| one_of_each(json, &SUBSCRIPTION_ROOT_FIELDS);
        Ok(Self {
            query_root_fields: fields.optional_with("query_root_fields", root_fields)?,
            subscription_root_fields: fields
                .optional_with("subscription_root_fields", subscription_root_fields)?,
            columns: fields.required("columns")?,
            filter: fields.required_with("filter", rule)?,
            limit: fields.optional("limit")?,
            allow_aggregations: fields.or_default("allow_aggregations")?,
            computed_fields: fields.or_default("computed_fields")?,
            extra: fields.rest(),
        })
    }
}

impl Decode for InsertPermission {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "InsPerm")?;
        Ok(Self {
            check: fields.required_with("check", rule)?,
            set: presets(&mut fields)?,
            columns: fields.optional("columns")?.unwrap_or(Columns::All),
            backend_only: fields.or_default("backend_only")?,
            validate_input: fields.optional_with("validate_input", validation)?,
            extra: fields.rest(),
        })
    }
}

impl Decode for UpdatePermission {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "UpdPerm")?;
        Ok(Self {
            columns: fields.required("columns")?,
            set: presets(&mut fields)?,
            filter: fields.required_with("filter", rule)?,
            check: fields.optional_with("check", rule)?,
            backend_only: fields.or_default("backend_only")?,
            validate_input: fields.optional_with("validate_input", validation)?,
            extra: fields.rest(),
        })
    }
}

impl Decode for DeletePermission {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "DelPerm")?;
        Ok(Self {
            filter: fields.required_with("filter", rule)?,
            backend_only: fields.or_default("backend_only")?,
            validate_input: fields.optional_with("validate_input", validation)?,
            extra: fields.rest(),
        })
    }
}

const SUBSCRIPTION_ROOT_FIELDS: [&str; 4] = [
    "select",
    "select_by_pk",
    "select_aggregate",
    "select_stream",
];

/// A filter or check: an object of the rule language.
fn rule(json: &Json) -> Result<Json> {
    match json {
        Json::Object(_) => Ok(json.clone()),
        _ => Err(mismatch("GBoolExp", "Object", json)),
    }
}

fn presets(fields: &mut Fields<'_>) -> Result<IndexMap<ColumnName, Json>> {
    let presets = fields.optional_with("set", |json| {
        map_entries(json, |name| ColumnName::new(name), Json::decode)
    })?;
    Ok(presets.unwrap_or_default())
}

/// `{"type": "http", "definition": {"url": …}}`, checked that far and kept as given.
fn validation(json: &Json) -> Result<Json> {
    let mut fields = Fields::of(json, "ValidateInput")?;
    match fields.required_with("type", text)? {
        "http" => (),
        other => {
            let message = format!("expecting only 'http' for 'type' but got {other}");
            return Err(Error::parse_failed(message));
        }
    }
    fields.required_with("definition", |definition| {
        let mut fields = Fields::of(definition, "ValidateInputHttpDefinition")?;
        fields.required_with("url", text)
    })?;
    Ok(json.clone())
}

/// A list of words, each out of `known`.
fn one_of_each(json: &Json, known: &[&str]) -> Result<Vec<String>> {
    let words = Vec::<String>::decode(json)?;
    for (index, word) in words.iter().enumerate() {
        if !known.contains(&word.as_str()) {
            let expected = known.join(", ");
            let message = format!("expected one of {expected}, but encountered {word}");
            return Err(below_index(Error::parse_failed(message), index));
        }
    }
    Ok(words)
}
