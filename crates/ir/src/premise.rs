//! What a bound operation took for granted about the request's variables.
//!
//! Binding looks into some variables (`where: $w`, `order_by: $o`, `@include(if: $b)`) because they
//! change the SQL. Each look is an assumption; a cached plan serves another request only if all hold
//! for its variables too. Values that only become parameters are not looked at.

use graphloom_vocab::{GraphqlName, Json, JsonObject, PathSegment, QualifiedTable};

use crate::CursorPath;
use crate::opaque::{self, NodeId};

/// Everything assumed, in the order it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Premise(pub Vec<Assumption>);

/// One look into a variable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Assumption {
    /// The variable.
    pub variable: GraphqlName,
    /// Into its value.
    pub path: Vec<PathSegment>,
    /// What was there.
    pub observed: Observed,
}

/// What was there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Observed {
    /// No value, and no default.
    Absent,
    /// Any value, null too.
    Present,
    /// Null.
    Null,
    /// Anything but null.
    NotNull,
    /// An object with exactly these keys in this order.
    Keys(Vec<String>),
    /// A list of this length.
    Length(usize),
    /// Neither object nor list nor null (coerced as a list of one, say).
    Single,
    /// Exactly this value.
    Exact(Json),
    /// A list of objects of this shape, at least one of them, or one such object.
    Rows(RowsShape),
    /// Something that is not worth comparing: no other request is served.
    Unrepeatable,
    /// A cursor with a value in each of these places; whether each is null.
    Cursor(Vec<(CursorPath, bool)>),
    /// A global id of this table with so many values.
    NodeId(QualifiedTable, usize),
}

/// The shape of objects to insert: all have exactly these keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowsShape(pub Vec<(String, CellShape)>);

/// What stands under a key of an object to insert.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CellShape {
    /// A column's value.
    Value,
    /// Related objects: `{data: …, on_conflict: …}`.
    Related {
        /// `on_conflict`, exactly.
        conflict: Option<Json>,
        /// `data`.
        rows: RowsShape,
    },
}

impl RowsShape {
    /// Whether a list of objects, or one object, is of this shape.
    pub fn fits(&self, value: &Json) -> bool {
        match value {
            Json::Array(items) => !items.is_empty() && items.iter().all(|item| self.fits_one(item)),
            one => self.fits_one(one),
        }
    }

    fn fits_one(&self, value: &Json) -> bool {
        let Json::Object(object) = value else {
            return false;
        };
        let fits = |(key, cell): &(String, CellShape)| {
            object.get(key).is_some_and(|value| cell.fits(value))
        };
        object.len() == self.0.len() && self.0.iter().all(fits)
    }
}

impl CellShape {
    fn fits(&self, value: &Json) -> bool {
        let Self::Related { conflict, rows } = self else {
            return true;
        };
        let Json::Object(object) = value else {
            return false;
        };
        let keys = 1 + usize::from(conflict.is_some());
        object.len() == keys
            && object.get("data").is_some_and(|data| rows.fits(data))
            && conflict
                .as_ref()
                .is_none_or(|conflict| object.values().any(|value| value == conflict))
    }
}

impl Premise {
    /// Whether it can hold for any other request.
    pub fn is_repeatable(&self) -> bool {
        !self
            .0
            .iter()
            .any(|assumption| assumption.observed == Observed::Unrepeatable)
    }

    /// Whether every assumption holds for these variables (defaults filled in).
    pub fn holds(&self, variables: &JsonObject) -> bool {
        self.0.iter().all(|assumption| assumption.holds(variables))
    }
}

impl Assumption {
    fn holds(&self, variables: &JsonObject) -> bool {
        let value = variables
            .get(self.variable.as_str())
            .and_then(|value| lookup(value, &self.path));
        match (&self.observed, value) {
            (Observed::Absent, value) => value.is_none(),
            (_, None) => false,
            (Observed::Present, Some(_)) => true,
            (Observed::Null, Some(value)) => value.is_null(),
            (Observed::NotNull, Some(value)) => !value.is_null(),
            (Observed::Keys(keys), Some(Json::Object(object))) => {
                object.len() == keys.len() && object.keys().zip(keys).all(|(a, b)| a == b)
            }
            (Observed::Length(length), Some(Json::Array(items))) => items.len() == *length,
            (Observed::Single, Some(value)) => {
                !value.is_null() && !value.is_array() && !value.is_object()
            }
            (Observed::Exact(expected), Some(value)) => value == expected,
            (Observed::Rows(shape), Some(value)) => shape.fits(value),
            (Observed::Unrepeatable, Some(_)) => false,
            (Observed::Cursor(parts), Some(Json::String(text))) => opaque::decode_cursor(text)
                .is_some_and(|cursor| {
                    parts.iter().all(|(path, null)| {
                        opaque::cursor_part(&cursor, path)
                            .is_some_and(|part| part.is_null() == *null)
                    })
                }),
            (Observed::NodeId(table, values), Some(Json::String(text))) => {
                NodeId::decode(text).is_ok_and(|id| id.table == *table && id.key.len() == *values)
            }
            (
                Observed::Keys(_)
                | Observed::Length(_)
                | Observed::Cursor(_)
                | Observed::NodeId(..),
                Some(_),
            ) => false,
        }
    }
}

/// The part of a JSON value at a path.
pub fn lookup<'a>(value: &'a Json, path: &[PathSegment]) -> Option<&'a Json> {
    path.iter().try_fold(value, |value, segment| match segment {
        PathSegment::Key(key) => value.get(key),
        PathSegment::Index(index) => value.get(index),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn premise(path: Vec<PathSegment>, observed: Observed) -> Premise {
        Premise(vec![Assumption {
            variable: GraphqlName::new("w"),
            path,
            observed,
        }])
    }

    #[test]
    fn holds_only_for_the_same_shape() {
        let variables = json!({"w": {"id": {"_eq": 1}, "tags": [1, 2]}});
        let variables = variables.as_object().expect("an object");
        let keys = Observed::Keys(vec!["id".into(), "tags".into()]);
        assert!(premise(vec![], keys).holds(variables));
        let swapped = Observed::Keys(vec!["tags".into(), "id".into()]);
        assert!(!premise(vec![], swapped).holds(variables));
        let tags = vec![PathSegment::Key("tags".into())];
        assert!(premise(tags.clone(), Observed::Length(2)).holds(variables));
        assert!(!premise(tags.clone(), Observed::Length(3)).holds(variables));
        assert!(!premise(tags, Observed::Absent).holds(variables));
        assert!(premise(vec![PathSegment::Key("x".into())], Observed::Absent).holds(variables));
    }
}
