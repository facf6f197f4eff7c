//! Object and array relationships.
//!
//! The two kinds share one type; what an array relationship cannot be (`foreign_key_constraint_on` with
//! the table's own columns) is refused here, so callers decode through `object` or `array`.

use graphloom_vocab::{ColumnName, Error, Json, JsonObject, Result};
use indexmap::IndexMap;

use super::{Decode, Fields, below_key, map_entries};
use crate::types::{InsertionOrder, Relationship, RelationshipUsing};

/// An object relationship: every form of `using`.
pub struct ObjectRelationship(pub Relationship);

/// An array relationship: `using` a key of the other table, or a manual configuration.
pub struct ArrayRelationship(pub Relationship);

impl Decode for ObjectRelationship {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "RelDef")?;
        let relationship = Relationship::decode_fields(&mut fields, RelationshipUsing::object)?;
        Ok(Self(relationship.with_rest(fields)))
    }
}

impl Decode for ArrayRelationship {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "RelDef")?;
        let relationship = Relationship::decode_fields(&mut fields, RelationshipUsing::array)?;
        Ok(Self(relationship.with_rest(fields)))
    }
}

type ReadUsing = fn(&Json, &mut JsonObject) -> Result<RelationshipUsing>;

impl Relationship {
    /// Reads an object relationship's own keys out of a larger object, such as a command's arguments.
    ///
    /// Unknown keys stay in `fields`: only the caller knows which others are its own.
    pub fn decode_object(fields: &mut Fields<'_>) -> Result<Self> {
        Self::decode_fields(fields, RelationshipUsing::object)
    }

    /// Reads an array relationship's own keys out of a larger object, such as a command's arguments.
    pub fn decode_array(fields: &mut Fields<'_>) -> Result<Self> {
        Self::decode_fields(fields, RelationshipUsing::array)
    }

    fn decode_fields(fields: &mut Fields<'_>, using: ReadUsing) -> Result<Self> {
        let mut extra = JsonObject::new();
        Ok(Self {
            name: fields.required("name")?,
            using: fields.required_with("using", |json| read_using(json, using, &mut extra))?,
            comment: fields.optional("comment")?,
            extra,
        })
    }

    fn with_rest(mut self, fields: Fields<'_>) -> Self {
        self.extra.extend(fields.rest());
        self
    }
}

impl RelationshipUsing {
    /// `foreign_key_constraint_on` of an object relationship.
    fn object(json: &Json, unknown: &mut JsonObject) -> Result<Self> {
        match json {
            Json::Object(_) => remote_key(json, unknown),
            _ => column_or_columns(json).map(Self::ForeignKeyOn),
        }
    }

    /// `foreign_key_constraint_on` of an array relationship.
    fn array(json: &Json, unknown: &mut JsonObject) -> Result<Self> {
        match json {
            Json::Object(_) => remote_key(json, unknown),
            _ => Err(Error::parse_failed("Expecting object { table, columns }.")),
        }
    }
}

/// `using`; what it has beside known keys goes under `using` of `extra`.
fn read_using(
    json: &Json,
    foreign_key: ReadUsing,
    extra: &mut JsonObject,
) -> Result<RelationshipUsing> {
    if !json.is_object() {
        return Err(Error::parse_failed("using should be an object"));
    }
    let mut fields = Fields::of(json, "RelUsing")?;
    let (on, manual) = ("foreign_key_constraint_on", "manual_configuration");
    let mut below = JsonObject::new();
    // Null counts as present here, as with v2.
    let (key, using) = match (fields.raw(on), fields.raw(manual)) {
        (Some(json), None) => (on, foreign_key(json, &mut below)),
        (None, Some(json)) => (manual, read_manual(json, &mut below)),
        (None, None) => return Err(neither_nor_both("atleast")),
        (Some(_), Some(_)) => return Err(neither_nor_both("only")),
    };
    let using = using.map_err(|error| below_key(error, key))?;
    let mut unknown = fields.rest();
    if !below.is_empty() {
        unknown.insert(key.to_owned(), Json::Object(below));
    }
    if !unknown.is_empty() {
        extra.insert("using".to_owned(), Json::Object(unknown));
    }
    Ok(using)
}

fn neither_nor_both(how_many: &str) -> Error {
    Error::parse_failed(format!(
        "{how_many} one of foreign_key_constraint_on/manual_configuration should be present"
    ))
}

/// `{"table": …, "column": "c"}` or `{"table": …, "columns": ["c1", …]}`.
fn remote_key(json: &Json, unknown: &mut JsonObject) -> Result<RelationshipUsing> {
    let mut fields = Fields::of(json, "ObjRelUsingChoice")?;
    let table = fields.required("table")?;
    let column = fields.optional_with("column", Ok)?;
    let columns = fields.optional_with("columns", Ok)?;
    let columns = match (column, columns) {
        (Some(json), None) | (None, Some(json)) => column_or_columns(json)?,
        _ => {
            return Err(Error::parse_failed(
                "expected exactly one of 'column' or 'columns'",
            ));
        }
    };
    *unknown = fields.rest();
    Ok(RelationshipUsing::ForeignKeyOnRemote { table, columns })
}

/// `"c"` or a list of at least one column.
fn column_or_columns(json: &Json) -> Result<Vec<ColumnName>> {
    match json {
        Json::String(column) => Ok(vec![ColumnName::new(column.as_str())]),
        Json::Array(columns) if columns.is_empty() => Err(Error::parse_failed(
            "parsing NonEmpty failed, unexpected empty list",
        )),
        Json::Array(_) => Vec::decode(json),
        _ => Err(Error::parse_failed("Expected string or array")),
    }
}

fn read_manual(json: &Json, unknown: &mut JsonObject) -> Result<RelationshipUsing> {
    if !json.is_object() {
        return Err(Error::parse_failed(
            "manual_configuration should be an object",
        ));
    }
    let mut fields = Fields::of(json, "RelManualConfig")?;
    let using = if fields.has("remote_native_query") {
        RelationshipUsing::ManualQuery {
            remote_native_query: fields.required("remote_native_query")?,
            column_mapping: fields.required_with("column_mapping", mapping)?,
            insertion_order: fields.optional("insertion_order")?,
        }
    } else {
        RelationshipUsing::Manual {
            remote_table: fields.required("remote_table")?,
            column_mapping: fields.required_with("column_mapping", mapping)?,
            insertion_order: fields.optional("insertion_order")?,
        }
    };
    *unknown = fields.rest();
    Ok(using)
}

/// `{"ours": "theirs"}`
pub(super) fn mapping(json: &Json) -> Result<IndexMap<ColumnName, ColumnName>> {
    map_entries(json, |name| ColumnName::new(name), ColumnName::decode)
}

impl Decode for InsertionOrder {
    fn decode(json: &Json) -> Result<Self> {
        match json.as_str() {
            Some("before_parent") => Ok(Self::BeforeParent),
            Some("after_parent") => Ok(Self::AfterParent),
            _ => Err(Error::parse_failed(
                "insertion_order should be 'before_parent' or 'after_parent'",
            )),
        }
    }
}
