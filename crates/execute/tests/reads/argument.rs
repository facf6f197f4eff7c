//! A value of an argument, as GraphQL and as JSON.

use serde_json::{Map, Value};

use super::world::Datum;

#[derive(Clone, Debug)]
pub(crate) enum Argument {
    Datum(Datum),
    Enum(String),
    List(Vec<Argument>),
    Object(Vec<(String, Argument)>),
}

impl Argument {
    pub(crate) fn int(value: usize) -> Self {
        Self::Datum(Datum::Int(i64::try_from(value).unwrap()))
    }

    pub(crate) fn one(key: &str, value: Self) -> Self {
        Self::Object(vec![(key.to_owned(), value)])
    }

    /// As JSON, for variables and metadata.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Datum(datum) => match datum {
                Datum::Null => Value::Null,
                Datum::Int(value) => (*value).into(),
                Datum::Number(value) => (*value).into(),
                Datum::Text(text) => text.as_str().into(),
                Datum::Bool(value) => (*value).into(),
            },
            Self::Enum(name) => name.as_str().into(),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(key, value)| (key.clone(), value.json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// As a GraphQL literal.
    pub(crate) fn graphql(&self) -> String {
        match self {
            Self::Datum(_) => self.json().to_string(),
            Self::Enum(name) => name.clone(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::graphql).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(key, value)| format!("{key}: {}", value.graphql()));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
