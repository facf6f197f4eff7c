//! Lists of objects, single objects, and what stands in them.

use graphloom_ir::{Field, FieldValue, Output, TableSelect};
use graphloom_sql::{AggregateArguments, Alias, Expr, FromItem, Name, Select};

use crate::aggregate::aggregate;
use crate::column::{computed, selected};
use crate::connection::{connection, node_id};
use crate::context::{Context, carry};
use crate::gather;
use crate::object::{Pairs, RowObject, list_or_empty};
use crate::rows::{self, Link, Ordering, Request};

/// `SELECT coalesce(json_agg(…), '[]') FROM (…)`: a list of objects.
pub(crate) fn list(context: &mut Context, link: Option<Link<'_>>, select: &TableSelect) -> Select {
    gathered(list_rows(context, link, select))
}

/// The same of rows that were counted already: the most that the access allows is not taken of them again.
pub(crate) fn counted_list(context: &mut Context, select: &TableSelect) -> Select {
    let request = Request {
        arguments: &select.arguments,
        ordering: Ordering::Matters,
        cap: None,
    };
    gathered(object_rows(context, None, select, request))
}

fn gathered((object, from): (Expr, FromItem)) -> Select {
    let each = AggregateArguments::All(vec![object]);
    Select::of(list_or_empty(Expr::aggregate("json_agg", each))).from(from)
}

/// The objects of a list, one row each, and how to read one.
pub(crate) fn list_rows(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &TableSelect,
) -> (Expr, FromItem) {
    let request = Request {
        arguments: &select.arguments,
        ordering: Ordering::Matters,
        cap: select.access.limit(),
    };
    if gather::gathers(link, select, request) {
        return gather::object_rows(context, select, request);
    }
    object_rows(context, link, select, request)
}

/// `SELECT row_to_json(…) FROM (…)`: an object per row.
pub(crate) fn one(context: &mut Context, link: Option<Link<'_>>, select: &TableSelect) -> Select {
    let request = Request {
        arguments: &select.arguments,
        ordering: Ordering::Matters,
        cap: None,
    };
    let (object, from) = object_rows(context, link, select, request);
    Select::of(object).from(from)
}

fn object_rows(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &TableSelect,
    request: Request<'_>,
) -> (Expr, FromItem) {
    let mut related = Related::Joined(Vec::new());
    let (objects, mut rows) = if computes_late(select, request) {
        let late = context.collecting_alias_of(&select.access);
        let pairs = pairs(context, late, &select.fields, &mut related);
        let columns = context.collected(late);
        let (row, mut base) = rows::requested(context, &select.access, link, request);
        base.targets = carry(row, &columns);
        let from = FromItem::Subselect {
            select: Box::new(base),
            alias: late,
        };
        (RowObject::new(pairs), Select::default().from(from))
    } else {
        let (row, rows) = rows::requested(context, &select.access, link, request);
        let pairs = pairs(context, row, &select.fields, &mut related);
        (RowObject::new(pairs), rows)
    };
    related.attach(&mut rows);
    let alias = context.alias();
    let object = objects.read(alias);
    rows.targets = objects.targets;
    let from = FromItem::Subselect {
        select: Box::new(rows),
        alias,
    };
    (object, from)
}

/// Whether the fields are computed in a level of their own, after the window has been cut out.
///
/// Postgres computes output columns before `OFFSET` drops rows and before `DISTINCT ON` does, so a field
/// that costs something would be computed for rows nobody sees. A mere `LIMIT` stops in time, but not what
/// is joined.
fn computes_late(select: &TableSelect, request: Request<'_>) -> bool {
    let arguments = request.arguments;
    let limited = arguments.limit.is_some() || request.cap.is_some();
    let skips = arguments.offset.is_some() || !arguments.distinct_on.is_empty();
    let fields = &select.fields;
    (skips && fields.iter().any(costs)) || (limited && fields.iter().any(is_joined))
}

fn is_joined(field: &Field) -> bool {
    matches!(field.value, FieldValue::Object(..))
}

fn costs(field: &Field) -> bool {
    match &field.value {
        FieldValue::Constant(_) => false,
        FieldValue::Column(column) => {
            column.output == Output::GeoJson
                || column.json_path.is_some()
                || column.column.mask().is_some()
        }
        FieldValue::Computed(_)
        | FieldValue::Object(..)
        | FieldValue::Array(..)
        | FieldValue::Aggregate(..)
        | FieldValue::Connection(..)
        | FieldValue::NodeId(_) => true,
    }
}

/// Where the objects behind object relationships are put.
pub(crate) enum Related {
    /// Beside the rows, each `LEFT JOIN LATERAL (… LIMIT 1)`: what was found for a key is remembered.
    Joined(Vec<(Select, Alias)>),
    /// In place, as scalar subselects: computed only if the place is.
    InPlace,
}

/// The column of a joined object.
const OBJECT: &str = "o";

impl Related {
    fn put(&mut self, context: &mut Context, mut object: Select) -> Expr {
        object.limit = Some(Expr::integer(1));
        match self {
            Self::InPlace => Expr::subselect(object),
            Self::Joined(joined) => {
                for target in &mut object.targets {
                    target.name = Some(Name::new(OBJECT));
                }
                let alias = context.alias();
                joined.push((object, alias));
                Expr::Column(alias, Name::new(OBJECT))
            }
        }
    }

    pub(crate) fn attach(self, rows: &mut Select) {
        if let Self::Joined(joined) = self {
            for (object, alias) in joined {
                rows::join_lateral(rows, object, alias);
            }
        }
    }
}

/// Response keys and values of a row.
pub(crate) fn pairs(
    context: &mut Context,
    row: Alias,
    fields: &[Field],
    related: &mut Related,
) -> Pairs {
    let mut pairs = Pairs::with_capacity(fields.len());
    for field in fields {
        let value = field_value(context, row, &field.value, related);
        pairs.push((field.key.clone(), value));
    }
    pairs
}

pub(crate) fn field_value(
    context: &mut Context,
    row: Alias,
    value: &FieldValue,
    related: &mut Related,
) -> Expr {
    let link = |mapping| {
        Some(Link {
            outer: row,
            mapping,
        })
    };
    match value {
        FieldValue::Constant(name) => Expr::text(name),
        FieldValue::Column(column) => selected(context, row, column),
        FieldValue::Computed(field) => computed(context, row, field),
        FieldValue::Object(join, select) => {
            let object = one(context, link(&join.mapping), select);
            related.put(context, object)
        }
        FieldValue::Array(join, select) => {
            Expr::subselect(list(context, link(&join.mapping), select))
        }
        FieldValue::Aggregate(join, select) => {
            Expr::subselect(aggregate(context, link(&join.mapping), select))
        }
        FieldValue::Connection(join, select) => {
            Expr::subselect(connection(context, link(&join.mapping), select))
        }
        FieldValue::NodeId(id) => node_id(context, row, id),
    }
}
