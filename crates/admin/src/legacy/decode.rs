//! Legacy queries as values: what their JSON may look like, before any table is known.
//!
//! Conditions stay JSON: they are read where the tables they are about are known.

use graphloom_ir::{Direction, Nulls};
use graphloom_metadata::decode::{below_index, mismatch};
use graphloom_metadata::{Decode, Fields};
use graphloom_vocab::{ColumnName, Error, Json, Result};

use crate::command::TableId;

/// `select`
#[derive(Clone, Debug)]
pub(crate) struct Select {
    pub(crate) id: TableId,
    pub(crate) query: Query,
}

/// `count`
#[derive(Clone, Debug)]
pub(crate) struct Count {
    pub(crate) id: TableId,
    /// Rows that have the same values here count once.
    pub(crate) distinct: Vec<ColumnName>,
    /// `where`
    pub(crate) filter: Option<Json>,
}

/// What is read of a table, or of one that a relationship leads to.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(super) columns: Vec<Column>,
    /// `where`
    pub(super) filter: Option<Json>,
    pub(super) order_by: Option<Vec<SortKey>>,
    pub(super) limit: Option<i64>,
    pub(super) offset: Option<i64>,
}

/// An item of `columns`.
#[derive(Clone, Debug)]
pub(super) enum Column {
    /// `"*"` has depth 1, `"*.*"` depth 2: with the relationships, and so on.
    Star(usize),
    /// A column's name.
    Named(String),
    /// A relationship, with what is read through it.
    Related {
        name: String,
        /// The response key, if it is to be another.
        alias: Option<String>,
        query: Query,
    },
}

/// An item of `order_by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SortKey {
    /// Relationships, and a column at the end.
    pub(super) path: Vec<String>,
    pub(super) direction: Direction,
    pub(super) nulls: Nulls,
}

impl Query {
    /// Reads the query's own keys out of a larger object.
    pub(crate) fn decode_fields(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self {
            columns: fields.required("columns")?,
            filter: fields.optional_with("where", condition)?,
            order_by: fields.optional_with("order_by", sort_keys)?,
            limit: fields.optional("limit")?,
            offset: fields.optional("offset")?,
        })
    }
}

/// Any object; what it says is looked at where the tables are known.
pub(crate) fn condition(json: &Json) -> Result<Json> {
    match json {
        Json::Object(_) => Ok(json.clone()),
        other => Err(mismatch("HashMap", "Object", other)),
    }
}

impl Decode for Column {
    fn decode(json: &Json) -> Result<Self> {
        match json {
            Json::String(text) => Ok(match stars(text) {
                Some(depth) => Self::Star(depth),
                None => Self::Named(text.clone()),
            }),
            Json::Object(_) => {
                let mut fields = Fields::of(json, "SelCol")?;
                Ok(Self::Related {
                    name: fields.required("name")?,
                    alias: fields.optional("alias")?,
                    query: Query::decode_fields(&mut fields)?,
                })
            }
            _ => Err(Error::parse_failed(
                "A column should either be a string or an object (relationship)",
            )),
        }
    }
}

/// How many stars `*.*` has.
fn stars(text: &str) -> Option<usize> {
    let mut parts = text.split('.');
    parts
        .all(|part| part == "*")
        .then(|| text.split('.').count())
}

/// `"-id"`, an object, or a list of either.
fn sort_keys(json: &Json) -> Result<Vec<SortKey>> {
    match json {
        Json::String(text) => Ok(vec![sort_key_text(text)]),
        Json::Object(_) => Ok(vec![sort_key_object(json)?]),
        Json::Array(items) => {
            let items = items.iter().enumerate();
            let keys = items.map(|(index, item)| {
                let key = match item {
                    Json::String(text) => Ok(sort_key_text(text)),
                    Json::Object(_) => sort_key_object(item),
                    _ => Err(Error::parse_failed(
                        "expecting an object or string for order by",
                    )),
                };
                key.map_err(|error| below_index(error, index))
            });
            keys.collect()
        }
        _ => Err(Error::parse_failed("Expecting : array/string/object")),
    }
}

/// `+column`, `-column`, `column` or `relationship.column`.
fn sort_key_text(text: &str) -> SortKey {
    let (direction, column) = match text.strip_prefix('-') {
        Some(column) => (Direction::Descending, column),
        None => (Direction::Ascending, text.strip_prefix('+').unwrap_or(text)),
    };
    SortKey {
        path: column.split('.').map(str::to_owned).collect(),
        direction,
        nulls: default_nulls(direction),
    }
}

/// `{"column", "type"?, "nulls"?}`
fn sort_key_object(json: &Json) -> Result<SortKey> {
    let mut fields = Fields::of(json, "OrderByItem")?;
    let direction = fields.optional_with("type", |json| {
        tag(
            json,
            "order type",
            [
                ("asc", Direction::Ascending),
                ("desc", Direction::Descending),
            ],
        )
    })?;
    let nulls = fields.optional_with("nulls", |json| {
        tag(
            json,
            "order of nulls",
            [("first", Nulls::First), ("last", Nulls::Last)],
        )
    })?;
    let direction = direction.unwrap_or(Direction::Ascending);
    Ok(SortKey {
        path: fields.required_with("column", column_path)?,
        direction,
        nulls: nulls.unwrap_or(default_nulls(direction)),
    })
}

/// `"a.b"`, `["a", "b"]` or `{"name": "a", "column": …}`.
fn column_path(json: &Json) -> Result<Vec<String>> {
    match json {
        Json::String(text) => Ok(text.split('.').map(str::to_owned).collect()),
        Json::Array(items) if !items.is_empty() => Vec::decode(json),
        Json::Object(_) => {
            let mut fields = Fields::of(json, "OrderByCol")?;
            let mut path = vec![fields.required("name")?];
            path.extend(fields.required_with("column", column_path)?);
            Ok(path)
        }
        _ => Err(Error::parse_failed(
            "a column of order_by is a name or a list of names",
        )),
    }
}

fn tag<T: Copy>(json: &Json, what: &str, known: [(&str, T); 2]) -> Result<T> {
    let text = String::decode(json)?;
    let found = known.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let [(first, _), (second, _)] = known;
        Error::parse_failed(format!(
            "{what} should be one of {first:?} and {second:?}, not {text:?}"
        ))
    })
}

/// Postgres' own.
fn default_nulls(direction: Direction) -> Nulls {
    match direction {
        Direction::Ascending => Nulls::Last,
        Direction::Descending => Nulls::First,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;
    use serde_json::json;

    fn key(path: &[&str], direction: Direction, nulls: Nulls) -> SortKey {
        SortKey {
            path: path.iter().map(|&step| step.to_owned()).collect(),
            direction,
            nulls,
        }
    }

    #[test]
    fn every_form_of_a_sort_key() {
        let down = key(&["id"], Direction::Descending, Nulls::First);
        let up = key(&["author", "name"], Direction::Ascending, Nulls::Last);
        let only = |json: Json| sort_keys(&json).unwrap().remove(0);
        assert_eq!(only(json!("-id")), down);
        assert_eq!(only(json!("author.name")), up);
        let list = json!(["-id", {"column": ["author", "name"], "type": "asc"}]);
        assert_eq!(sort_keys(&list).unwrap(), [down, up]);
        let nulls = json!({"column": {"name": "author", "column": "age"}, "nulls": "first"});
        let first = key(&["author", "age"], Direction::Ascending, Nulls::First);
        assert_eq!(sort_keys(&nulls).unwrap(), [first]);
    }

    #[test]
    fn what_is_no_sort_key() {
        let message = |json: Json| sort_keys(&json).unwrap_err().message().to_owned();
        assert_eq!(message(json!(7)), "Expecting : array/string/object");
        let error = sort_keys(&json!(["id", 7])).unwrap_err();
        assert_eq!(error.path().to_string(), "$[1]");
        assert_eq!(
            message(json!({"column": "id", "type": "up"})),
            "order type should be one of \"asc\" and \"desc\", not \"up\""
        );
    }

    #[test]
    fn stars_count_their_depth() {
        assert_eq!(stars("*"), Some(1));
        assert_eq!(stars("*.*.*"), Some(3));
        assert_eq!(stars("*.id"), None);
        assert_eq!(stars("id"), None);
    }
}
