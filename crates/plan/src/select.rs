//! Lists of objects, single objects, and what stands in them.

use graphloom_ir::{Field, FieldValue, Output, SelectArguments, TableSelect};
use graphloom_sql::{AggregateArguments, Alias, Expr, FromItem, Select};

use crate::aggregate::aggregate;
use crate::column::selected;
use crate::context::{Context, carry};
use crate::object::{Pairs, RowObject, list_or_empty};
use crate::rows::{self, Link, Ordering, Request};

/// `SELECT coalesce(json_agg(…), '[]') FROM (…)`: a list of objects.
pub(crate) fn list(context: &mut Context, link: Option<Link<'_>>, select: &TableSelect) -> Select {
    let (object, from) = list_rows(context, link, select);
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
    object_rows(context, link, select, request)
}

/// `SELECT row_to_json(…) FROM (…) LIMIT 1`: an object, or no row.
pub(crate) fn one(context: &mut Context, link: Option<Link<'_>>, select: &TableSelect) -> Select {
    let request = Request {
        arguments: &select.arguments,
        ordering: Ordering::Matters,
        cap: None,
    };
    let (object, from) = object_rows(context, link, select, request);
    Select {
        limit: Some(Expr::integer(1)),
        ..Select::of(object).from(from)
    }
}

fn object_rows(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &TableSelect,
    request: Request<'_>,
) -> (Expr, FromItem) {
    let (objects, rows) = if computes_late(select) {
        let late = context.collecting_alias();
        let objects = RowObject::new(pairs(context, late, &select.fields));
        let columns = context.collected(late);
        let (row, mut base) = rows::requested(context, &select.access, link, request);
        base.targets = carry(row, &columns);
        let from = FromItem::Subselect {
            select: Box::new(base),
            alias: late,
        };
        (objects, Select::default().from(from))
    } else {
        let (row, rows) = rows::requested(context, &select.access, link, request);
        let objects = RowObject::new(pairs(context, row, &select.fields));
        (objects, rows)
    };
    let alias = context.alias();
    let object = objects.read(alias);
    let select = Select {
        targets: objects.targets,
        ..rows
    };
    let from = FromItem::Subselect {
        select: Box::new(select),
        alias,
    };
    (object, from)
}

/// Whether the fields are computed in a level of their own, after the window has been cut out.
///
/// Postgres computes output columns before `OFFSET` drops rows and before `DISTINCT ON` does, so a field
/// that costs something would be computed for rows nobody sees. A mere `LIMIT` stops in time.
fn computes_late(select: &TableSelect) -> bool {
    drops_rows(&select.arguments) && select.fields.iter().any(costs)
}

fn drops_rows(arguments: &SelectArguments) -> bool {
    arguments.offset.is_some() || !arguments.distinct_on.is_empty()
}

fn costs(field: &Field) -> bool {
    match &field.value {
        FieldValue::Typename(_) => false,
        FieldValue::Column(column) => {
            column.output == Output::GeoJson
                || column.json_path.is_some()
                || column.column.mask().is_some()
        }
        FieldValue::Object(..) | FieldValue::Array(..) | FieldValue::Aggregate(..) => true,
    }
}

/// Response keys and values of a row.
pub(crate) fn pairs(context: &mut Context, row: Alias, fields: &[Field]) -> Pairs {
    let pair = |field: &Field| (field.key.clone(), field_value(context, row, &field.value));
    fields.iter().map(pair).collect()
}

fn field_value(context: &mut Context, row: Alias, value: &FieldValue) -> Expr {
    let link = |mapping| {
        Some(Link {
            outer: row,
            mapping,
        })
    };
    match value {
        FieldValue::Typename(name) => Expr::text(name),
        FieldValue::Column(column) => selected(context, row, column),
        FieldValue::Object(join, select) => {
            Expr::subselect(one(context, link(&join.mapping), select))
        }
        FieldValue::Array(join, select) => {
            Expr::subselect(list(context, link(&join.mapping), select))
        }
        FieldValue::Aggregate(join, select) => {
            Expr::subselect(aggregate(context, link(&join.mapping), select))
        }
    }
}
