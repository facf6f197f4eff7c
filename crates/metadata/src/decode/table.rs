//! A tracked table: its configuration, relationships, computed fields and permissions.

use graphloom_vocab::{ColumnName, Error, Json, JsonObject, Result};
use indexmap::IndexMap;

use super::names::graphql_name;
use super::relationship::{ArrayRelationship, ObjectRelationship};
use super::{Decode, Fields, Kept, below_key, map_entries, mismatch, non_empty_text, text};
use crate::types::{
    ColumnConfiguration, Comment, ComputedField, Permission, RootFieldConfiguration, Table,
    TableConfiguration,
};

/// Keys of a table that are kept as they are, in the order of an export.
pub(crate) const KEPT: [Kept; 4] = [
    Kept::list("remote_relationships", "name"),
    Kept::list("event_triggers", "name"),
    Kept::value("apollo_federation_config"),
    Kept::value("logical_model"),
];

impl Decode for Table {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "TableMetadata")?;
        let mut table = Self {
            table: fields.required("table")?,
            is_enum: fields.or_default("is_enum")?,
            configuration: fields.or_default("configuration")?,
            object_relationships: fields
                .map_of(
                    "object_relationships",
                    "object relationships",
                    |r: &ObjectRelationship| r.0.name.clone(),
                )?
                .into_iter()
                .map(|(name, relationship)| (name, relationship.0))
                .collect(),
            array_relationships: fields
                .map_of(
                    "array_relationships",
                    "array relationships",
                    |r: &ArrayRelationship| r.0.name.clone(),
                )?
                .into_iter()
                .map(|(name, relationship)| (name, relationship.0))
                .collect(),
            computed_fields: fields.map_of(
                "computed_fields",
                "computed fields",
                |field: &ComputedField| field.name.clone(),
            )?,
            insert_permissions: permissions(&mut fields, "insert_permissions")?,
            select_permissions: permissions(&mut fields, "select_permissions")?,
            update_permissions: permissions(&mut fields, "update_permissions")?,
            delete_permissions: permissions(&mut fields, "delete_permissions")?,
            extra: JsonObject::new(),
        };
        for kept in &KEPT {
            fields.keep(kept, &mut table.extra);
        }
        table.extra.extend(fields.rest());
        Ok(table)
    }
}

fn permissions<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
) -> Result<IndexMap<graphloom_vocab::RoleName, Permission<T>>>
where
    Permission<T>: Decode,
{
    let things = key.replace('_', " ");
    fields.map_of(key, &things, |permission: &Permission<T>| {
        permission.role.clone()
    })
}

/// The root fields that `custom_root_fields` of a table can name.
pub(crate) const ROOT_FIELDS: [&str; 11] = [
    "select",
    "select_by_pk",
    "select_aggregate",
    "select_stream",
    "insert",
    "insert_one",
    "update",
    "update_by_pk",
    "update_many",
    "delete",
    "delete_by_pk",
];

impl Decode for TableConfiguration {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "TableConfig")?;
        let mut extra = JsonObject::new();
        let custom_root_fields = fields
            .optional_with("custom_root_fields", |json| root_fields(json, &mut extra))?
            .unwrap_or_default();
        let column_config = column_config(&mut fields)?;
        let custom_name = fields.optional_with("custom_name", graphql_name)?;
        let comment = fields.or_default("comment")?;
        extra.extend(fields.rest());
        Ok(Self {
            custom_name,
            custom_root_fields,
            column_config,
            comment,
            extra,
        })
    }
}

fn root_fields(
    json: &Json,
    extra: &mut JsonObject,
) -> Result<IndexMap<String, RootFieldConfiguration>> {
    let mut fields = Fields::of(json, "Object")?;
    let mut map = IndexMap::new();
    for key in ROOT_FIELDS {
        let field: RootFieldConfiguration = fields.or_default(key)?;
        if field != RootFieldConfiguration::default() {
            map.insert(key.to_owned(), field);
        }
    }
    refuse_duplicate_names(map.values().filter_map(|field| field.name.as_deref()))?;
    fields.rest_under("custom_root_fields", extra);
    Ok(map)
}

/// An error if two root fields are given the same name.
pub(super) fn refuse_duplicate_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = Vec::new();
    let mut duplicates = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        } else if !duplicates.contains(&name) {
            duplicates.push(name);
        }
    }
    let listed = match duplicates.as_slice() {
        [] => return Ok(()),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    Err(Error::parse_failed(format!(
        "the following custom root field names are duplicated: {listed}"
    )))
}

/// `column_config`, with the older `custom_column_names` merged into it; the newer one wins.
fn column_config(fields: &mut Fields<'_>) -> Result<IndexMap<ColumnName, ColumnConfiguration>> {
    let config = fields.optional_with("column_config", |json| {
        map_entries(
            json,
            |name| ColumnName::new(name),
            ColumnConfiguration::decode,
        )
    })?;
    let legacy = fields.optional_with("custom_column_names", |json| {
        map_entries(json, |name| ColumnName::new(name), graphql_name)
    })?;
    let mut config = config.unwrap_or_default();
    for (column, name) in legacy.unwrap_or_default() {
        let entry = config.entry(column).or_default();
        entry.custom_name.get_or_insert(name);
    }
    config.retain(|_, column| *column != ColumnConfiguration::default());
    Ok(config)
}

/// `"name"`, `{"name": …, "comment": …}` or null.
impl Decode for RootFieldConfiguration {
    fn decode(json: &Json) -> Result<Self> {
        match json {
            Json::Null => Ok(Self::default()),
            // A plain string that is no GraphQL name customises nothing and is no error, as with v2.
            Json::String(name) => Ok(Self {
                name: graphloom_vocab::is_graphql_name(name).then(|| name.clone()),
                ..Self::default()
            }),
            Json::Object(_) => {
                let mut fields = Fields::of(json, "CustomRootField")?;
                Ok(Self {
                    name: fields.optional_with("name", graphql_name)?,
                    comment: fields.or_default("comment")?,
                    extra: fields.rest(),
                })
            }
            _ => Err(mismatch("CustomRootField", "Object, String or Null", json)),
        }
    }
}

impl Decode for ColumnConfiguration {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "ColumnConfig")?;
        Ok(Self {
            custom_name: fields.optional_with("custom_name", graphql_name)?,
            comment: fields.or_default("comment")?,
            extra: fields.rest(),
        })
    }
}

impl Decode for Comment {
    fn decode(json: &Json) -> Result<Self> {
        match json {
            Json::Null => Ok(Self::Automatic),
            Json::String(comment) => Ok(Self::Explicit(comment.clone())),
            _ => Err(mismatch("Comment", "String or Null", json)),
        }
    }
}

impl Decode for ComputedField {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "ComputedFieldMetadata")?;
        let mut field = Self::decode_fields(&mut fields)?;
        field.extra.extend(fields.rest());
        Ok(field)
    }
}

impl ComputedField {
    /// Reads a computed field's own keys out of a larger object, such as a command's arguments.
    ///
    /// Unknown keys stay in `fields`: only the caller knows which others are its own.
    pub fn decode_fields(fields: &mut Fields<'_>) -> Result<Self> {
        let name = fields.required_with("name", non_empty_text)?.to_owned();
        let definition = fields.required_with("definition", Ok)?;
        let mut field = Self::from_definition(name, definition)
            .map_err(|error| below_key(error, "definition"))?;
        field.comment = fields.or_default("comment")?;
        Ok(field)
    }

    fn from_definition(name: String, json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "ComputedFieldDefinition")?;
        let mut field = Self {
            name,
            function: fields.required("function")?,
            table_argument: fields
                .optional_with("table_argument", text)?
                .map(ToOwned::to_owned),
            session_argument: fields
                .optional_with("session_argument", text)?
                .map(ToOwned::to_owned),
            comment: Comment::Automatic,
            extra: JsonObject::new(),
        };
        fields.rest_under("definition", &mut field.extra);
        Ok(field)
    }
}
