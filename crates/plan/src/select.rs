//! Lists of objects, single objects, and what stands in them.

use std::sync::Arc;

use graphloom_ir::{Field, FieldValue, Output, TableSelect};
use graphloom_sql::{AggregateArguments, Alias, Expr, FromItem, Name, Select};

use crate::aggregate::aggregate;
use crate::column::{computed, encoded, is_plain, selected};
use crate::connection::{connection, node_id};
use crate::context::{Context, Form, carry};
use crate::gather;
use crate::object::{Member, Pairs, RowObject, fits_row, list_or_empty};
use crate::rows::{self, Link, Ordering, Request};
use crate::shape::{MemberShape, ObjectShape, PlaceValue};

/// `SELECT coalesce(json_agg(…), '[]') FROM (…)`: a list of objects, as JSON.
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

fn gathered(objects: Objects) -> Select {
    let (object, from) = objects.read();
    let each = AggregateArguments::All(vec![object]);
    Select::of(list_or_empty(Expr::aggregate("json_agg", each))).from(from)
}

/// The objects of a list, one row each.
pub(crate) fn list_rows(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &TableSelect,
) -> Objects {
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
    let (object, from) = one_row(context, link, select).read();
    Select::of(object).from(from)
}

/// The same, as a row.
pub(crate) fn one_row(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &TableSelect,
) -> Objects {
    let request = Request {
        arguments: &select.arguments,
        ordering: Ordering::Matters,
        cap: None,
    };
    object_rows(context, link, select, request)
}

/// Rows that carry an object each.
pub(crate) struct Objects {
    pub(crate) rows: Select,
    /// A name for the rows further out.
    alias: Alias,
    /// The object, further out.
    object: Expr,
    /// How JSON is made of them, where they are no JSON.
    pub(crate) shape: Option<ObjectShape>,
}

impl Objects {
    /// Has rows, without any output column yet, carry the object.
    pub(crate) fn new(context: &mut Context, object: RowObject, mut rows: Select) -> Self {
        let alias = context.alias();
        let read = object.read(alias);
        let shape = object.shape();
        rows.targets = object.targets;
        Self {
            rows,
            alias,
            object: read,
            shape,
        }
    }

    /// The object, and where it is read from.
    pub(crate) fn read(self) -> (Expr, FromItem) {
        let from = FromItem::Subselect {
            select: Box::new(self.rows),
            alias: self.alias,
        };
        (self.object, from)
    }
}

fn object_rows(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &TableSelect,
    request: Request<'_>,
) -> Objects {
    let mut related = Related::Joined(Vec::new());
    let (object, mut rows) = if computes_late(context.form, select, request) {
        let late = context.collecting_alias_of(&select.access);
        let members = members(context, late, &select.fields, &mut related);
        let columns = context.collected(late);
        let (row, mut base) = rows::requested(context, &select.access, link, request);
        base.targets = carry(row, &columns);
        let from = FromItem::Subselect {
            select: Box::new(base),
            alias: late,
        };
        (
            RowObject::of(context.form, members),
            Select::default().from(from),
        )
    } else {
        let (row, rows) = rows::requested(context, &select.access, link, request);
        let members = members(context, row, &select.fields, &mut related);
        (RowObject::of(context.form, members), rows)
    };
    related.attach(&mut rows);
    Objects::new(context, object, rows)
}

/// Whether these fields can be rows and records: as JSON they would be spelled no other way.
pub(crate) fn fits_rows(fields: &[Field]) -> bool {
    fits_row(fields.iter().map(|field| &field.key))
        && fields.iter().all(|field| match &field.value {
            FieldValue::Object(_, select) | FieldValue::Array(_, select) => {
                fits_rows(&select.fields)
            }
            _ => true,
        })
}

/// Whether the fields are computed in a level of their own, after the window has been cut out.
///
/// Postgres computes output columns before `OFFSET` drops rows and before `DISTINCT ON` does, so a field
/// that costs something would be computed for rows nobody sees. A mere `LIMIT` stops in time, but not what
/// is joined; nor, where rows have to be sorted, what costs so little that Postgres does not wait with it.
fn computes_late(form: Form, select: &TableSelect, request: Request<'_>) -> bool {
    let arguments = request.arguments;
    let limited = arguments.limit.is_some() || request.cap.is_some();
    let skips = arguments.offset.is_some() || !arguments.distinct_on.is_empty();
    let sorts = limited && !arguments.order_by.is_empty();
    let fields = &select.fields;
    let converts = |field| form == Form::Rows && is_converted(field);
    (skips && fields.iter().any(costs))
        || (limited && fields.iter().any(is_joined))
        || ((skips || sorts) && fields.iter().any(converts))
}

fn is_joined(field: &Field) -> bool {
    matches!(field.value, FieldValue::Object(..))
}

/// Whether it is neither an object nor a list, nor has either inside.
fn is_scalar(field: &Field) -> bool {
    match &field.value {
        FieldValue::Constant(_)
        | FieldValue::Column(_)
        | FieldValue::Computed(_)
        | FieldValue::NodeId(_) => true,
        FieldValue::Object(..)
        | FieldValue::Array(..)
        | FieldValue::Aggregate(..)
        | FieldValue::Connection(..) => false,
    }
}

/// Whether something is made of a value that would be read as it is in JSON.
fn is_converted(field: &Field) -> bool {
    match &field.value {
        FieldValue::Column(column) => !is_plain(column.column.ty(), column.output),
        _ => false,
    }
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

/// Response keys and values of a row, as JSON.
pub(crate) fn pairs(
    context: &mut Context,
    row: Alias,
    fields: &[Field],
    related: &mut Related,
) -> Pairs {
    let members = context.in_json(|context| members(context, row, fields, related));
    let pair = |member: Member| (member.key, member.value);
    members.into_iter().map(pair).collect()
}

/// Response keys and values of a row.
pub(crate) fn members(
    context: &mut Context,
    row: Alias,
    fields: &[Field],
    related: &mut Related,
) -> Vec<Member> {
    let mut members = Vec::with_capacity(fields.len());
    for field in fields {
        members.push(member(context, row, field, related));
    }
    members
}

/// A response key and its value.
pub(crate) fn member(
    context: &mut Context,
    row: Alias,
    field: &Field,
    related: &mut Related,
) -> Member {
    let (value, shape) = field_value(context, row, &field.value, related);
    Member {
        key: field.key.clone(),
        value,
        shape,
    }
}

fn field_value(
    context: &mut Context,
    row: Alias,
    value: &FieldValue,
    related: &mut Related,
) -> (Expr, MemberShape) {
    let link = |mapping| {
        Some(Link {
            outer: row,
            mapping,
        })
    };
    let mut shape = PlaceValue::Scalar;
    let is_converted = context.form == Form::Rows;
    let expr = match value {
        FieldValue::Constant(name) => {
            return (Expr::text(name), MemberShape::Constant(name.clone()));
        }
        FieldValue::Column(column) => {
            let value = selected(context, row, column);
            match is_converted {
                true => encoded(value, column.column.ty(), column.output),
                false => value,
            }
        }
        FieldValue::Computed(field) => {
            let value = computed(context, row, field);
            match is_converted {
                true => encoded(value, &field.ty, field.output),
                false => value,
            }
        }
        FieldValue::Object(join, select) if select.fields.iter().all(is_scalar) => {
            let objects = one_row(context, link(&join.mapping), select);
            if let Some(object) = &objects.shape {
                shape = PlaceValue::Object(Arc::new(object.clone()));
            }
            let (object, from) = objects.read();
            related.put(context, Select::of(object).from(from))
        }
        // What is remembered of one that holds further ones is better remembered as text.
        FieldValue::Object(join, select) => {
            let link = link(&join.mapping);
            let object = context.in_json(|context| one(context, link, select));
            related.put(context, object)
        }
        FieldValue::Array(join, select) => match context.form {
            Form::Json => Expr::subselect(list(context, link(&join.mapping), select)),
            Form::Rows => {
                let objects = list_rows(context, link(&join.mapping), select);
                if let Some(object) = &objects.shape {
                    shape = PlaceValue::List(Arc::new(object.clone()));
                }
                let (object, from) = objects.read();
                Expr::ArrayOf(Box::new(Select::of(object).from(from)))
            }
        },
        FieldValue::Aggregate(join, select) => {
            let link = link(&join.mapping);
            Expr::subselect(context.in_json(|context| aggregate(context, link, select)))
        }
        FieldValue::Connection(join, select) => {
            let link = link(&join.mapping);
            Expr::subselect(context.in_json(|context| connection(context, link, select)))
        }
        FieldValue::NodeId(id) => node_id(context, row, id),
    };
    (expr, MemberShape::Value(shape))
}
