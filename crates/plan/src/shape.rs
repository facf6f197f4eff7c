//! How JSON is made of the rows of a statement.
//!
//! A statement that gives rows instead of JSON text (`Delivery::Rows`) comes with the shape of its objects. What
//! type a value has is told by Postgres with the rows, not here: whoever writes the JSON goes by that.
//! Read next: `object.rs`, where shapes come from.

use std::sync::Arc;

use graphloom_vocab::Json;

/// An object, made of the columns of a row, of the fields of a record or of an element of each of several arrays, in
/// the order of its places. A row may have more columns, which mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectShape {
    /// The text in front of each value: what stands between it and the one before, and its key.
    pub places: Vec<Place>,
    /// The text behind the last value.
    pub end: Box<str>,
}

/// A value of an object, and the text in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Such as `{"id":` or `,"__typename":"author","name":`.
    pub before: Box<str>,
    /// What the value is.
    pub value: PlaceValue,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceValue {
    /// A scalar, or JSON that Postgres wrote; by its type.
    Scalar,
    /// An object whose values stand among those of the object around it, all of them null where there is none.
    Object(Arc<ObjectShape>, Presence),
    /// A list: an array of records; null stands for an empty one.
    List(Arc<ObjectShape>),
    /// A list: a record with an array for each value of its objects, of equal lengths; null, the record or its first
    /// array, stands for an empty one. Further arrays mean nothing.
    Columns(Arc<ObjectShape>),
}

/// How it is told whether there is an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There always is.
    Always,
    /// By a value in front of its own, which is null if there is none.
    Marked,
}

/// What stands under a response key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberShape {
    /// A text that needs no column.
    Constant(Arc<str>),
    /// A value of the row.
    Value(PlaceValue),
}

impl ObjectShape {
    /// The shape of an object with these members, spelled as `row_to_json` spells it.
    pub(crate) fn new<'m>(members: impl Iterator<Item = (&'m str, &'m MemberShape)>) -> Self {
        Self::spelled([",", ":"], members)
    }

    /// The same, spelled as `json_build_object` does.
    pub(crate) fn built<'m>(members: impl Iterator<Item = (&'m str, &'m MemberShape)>) -> Self {
        Self::spelled([", ", " : "], members)
    }

    fn spelled<'m>(
        [between, colon]: [&str; 2],
        members: impl Iterator<Item = (&'m str, &'m MemberShape)>,
    ) -> Self {
        let mut places = Vec::new();
        let mut text = String::from("{");
        for (position, (key, shape)) in members.enumerate() {
            if position > 0 {
                text.push_str(between);
            }
            text.push_str(&Json::from(key).to_string());
            text.push_str(colon);
            match shape {
                MemberShape::Constant(constant) => {
                    text.push_str(&Json::from(&**constant).to_string());
                }
                MemberShape::Value(value) => places.push(Place {
                    before: std::mem::take(&mut text).into(),
                    value: value.clone(),
                }),
            }
        }
        text.push('}');
        Self {
            places,
            end: text.into(),
        }
    }

    /// How many bytes it takes in memory, roughly.
    pub fn size(&self) -> usize {
        let places = self.places.iter().map(|place| {
            let inner = match &place.value {
                PlaceValue::Scalar => 0,
                PlaceValue::Object(inner, _)
                | PlaceValue::List(inner)
                | PlaceValue::Columns(inner) => inner.size(),
            };
            size_of::<Place>() + place.before.len() + inner
        });
        size_of::<Self>() + self.end.len() + places.sum::<usize>()
    }
}
