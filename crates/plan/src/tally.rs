//! Aggregates of rows, as JSON or as the values it is made of: what stands in `aggregate {…}`.
//!
//! Must not know which rows are aggregated. Read next: `aggregate.rs`, which says.

use std::sync::Arc;

use graphloom_ir::{
    AggregateFunction, AggregateOp, AggregateOpField, AggregatedField, AggregatedValue, Distinct,
    GrantedColumn,
};
use graphloom_sql::{AggregateArguments, Alias, Expr};

use crate::column::{encoded, granted, output};
use crate::context::Context;
use crate::object::{Pairs, object};
use crate::shape::{MemberShape, ObjectShape, PlaceValue, Presence};

/// Response keys and what stands under them.
pub(crate) type Parts = Vec<(Arc<str>, Part)>;

/// What stands under a response key.
pub(crate) enum Part {
    /// A text.
    Constant(Arc<str>),
    /// A value.
    Value {
        /// As Postgres makes JSON of it.
        json: Expr,
        /// As it is read: the same, or JSON.
        read: Expr,
    },
    /// An object.
    Object(Parts),
}

impl Part {
    /// `json_build_object('count', count(*), 'max', json_build_object(…))`
    pub(crate) fn json(self) -> Expr {
        match self {
            Self::Constant(text) => Expr::text(&text),
            Self::Value { json, .. } => json,
            Self::Object(parts) => {
                let pairs = parts.into_iter().map(|(key, part)| (key, part.json()));
                object(pairs.collect::<Pairs>())
            }
        }
    }

    /// The values of an object, and how the same JSON is made of them.
    pub(crate) fn values(self) -> (Vec<Expr>, ObjectShape) {
        let Self::Object(parts) = self else {
            unreachable!("only objects are read value by value");
        };
        let mut values = Vec::new();
        let mut members = Vec::with_capacity(parts.len());
        for (key, part) in parts {
            let shape = match part {
                Self::Constant(text) => MemberShape::Constant(text),
                Self::Value { read, .. } => {
                    values.push(read);
                    MemberShape::Value(PlaceValue::Scalar)
                }
                inner @ Self::Object(_) => {
                    let (inside, shape) = inner.values();
                    values.extend(inside);
                    MemberShape::Value(PlaceValue::Object(Arc::new(shape), Presence::Always))
                }
            };
            members.push((key, shape));
        }
        let members = members.iter().map(|(key, shape)| (&**key, shape));
        (values, ObjectShape::built(members))
    }
}

/// The fields of an `aggregate {…}` over these rows.
pub(crate) fn tally(context: &mut Context, row: Alias, fields: &[AggregateOpField]) -> Parts {
    let mut parts = Parts::with_capacity(fields.len());
    for field in fields {
        let part = match &field.value {
            AggregateOp::Typename(name) => Part::Constant(name.clone()),
            AggregateOp::Count { columns, distinct } => {
                let count = count(context, row, columns, *distinct);
                Part::Value {
                    json: count.clone(),
                    read: count,
                }
            }
            AggregateOp::Columns(function, columns) => {
                Part::Object(over_columns(context, row, *function, columns))
            }
        };
        parts.push((field.key.clone(), part));
    }
    parts
}

/// `count(*)`, `count(t0."a")`, `count(DISTINCT ROW(t0."a", t0."b"))`
fn count(context: &mut Context, row: Alias, columns: &[GrantedColumn], distinct: Distinct) -> Expr {
    let mut values = Vec::with_capacity(columns.len());
    for column in columns {
        values.push(granted(context, row, column));
    }
    let counted = match values.len() {
        0 => return Expr::aggregate("count", AggregateArguments::Star),
        1 => values,
        _ => vec![Expr::RowOf(values)],
    };
    let arguments = match distinct {
        Distinct::No => AggregateArguments::All(counted),
        Distinct::Yes => AggregateArguments::Distinct(counted),
    };
    Expr::aggregate("count", arguments)
}

/// `max(t0."views")` under each key.
///
/// Of columns that are read as they are, so are the aggregates: integers give integers or `numeric`, `numeric` gives
/// itself, and texts have no others than `min` and `max`, which are texts.
fn over_columns(
    context: &mut Context,
    row: Alias,
    function: AggregateFunction,
    columns: &[AggregatedField],
) -> Parts {
    let mut parts = Parts::with_capacity(columns.len());
    for field in columns {
        let part = match &field.value {
            AggregatedValue::Typename(name) => Part::Constant(name.clone()),
            AggregatedValue::Column(column, form) => {
                let each = AggregateArguments::All(vec![granted(context, row, column)]);
                let value = Expr::aggregate(function.name(), each);
                let json = output(context, value, column.ty(), *form);
                Part::Value {
                    read: encoded(json.clone(), column.ty(), *form),
                    json,
                }
            }
        };
        parts.push((field.key.clone(), part));
    }
    parts
}
