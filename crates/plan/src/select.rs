//! Lists of objects, single objects, and what stands in them.

use std::sync::Arc;

use graphloom_ir::{AggregateSelect, Field, FieldValue, Join, Output, Partners, Rows, TableSelect};
use graphloom_sql::{AggregateArguments, Alias, Expr, FromItem, Name, Select, Target};

use crate::aggregate::{self, aggregate, is_tally};
use crate::column::{computed, encoded, is_plain, selected};
use crate::connection::{connection, node_id};
use crate::context::{Context, Form, carry};
use crate::gather;
use crate::object::{
    COLUMNS_MAX, Member, Pairs, RowObject, fits_row, list_or_empty, value_name, values_of,
};
use crate::partner;
use crate::rows::{self, Count, Link, Ordering, Request};
use crate::shape::{MemberShape, ObjectShape, PlaceValue, Presence};

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
    /// The object, whose columns the rows have.
    object: RowObject,
}

impl Objects {
    /// Has rows, without any output column yet, carry the object.
    pub(crate) fn new(context: &mut Context, mut object: RowObject, mut rows: Select) -> Self {
        rows.targets = std::mem::take(&mut object.targets);
        Self {
            rows,
            alias: context.alias(),
            object,
        }
    }

    /// How JSON is made of them, where they are no JSON.
    pub(crate) fn shape(&self) -> Option<ObjectShape> {
        self.object.shape()
    }

    /// The object, and where it is read from.
    pub(crate) fn read(self) -> (Expr, FromItem) {
        (self.object.read(self.alias), self.from())
    }

    /// All objects as a record of arrays, and where they are read from.
    fn columns(self) -> (Expr, FromItem) {
        (self.object.columns(self.alias), self.from())
    }

    fn from(self) -> FromItem {
        FromItem::Subselect {
            select: Box::new(self.rows),
            alias: self.alias,
        }
    }
}

fn object_rows(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &TableSelect,
    request: Request<'_>,
) -> Objects {
    let mut related = Related::Joined(Vec::new());
    let mut partners = partner::find(context, select);
    let is_late = computes_late(context.form, select, request);
    let remaining = partners.as_ref().map(|partners| partners.arguments.clone());
    let request = Request {
        arguments: remaining.as_ref().unwrap_or(request.arguments),
        ..request
    };
    let (object, mut rows) = if is_late {
        let late = context.collecting_alias_of(&select.access);
        if let Some(partners) = &mut partners {
            partners.read_through(context, late);
        }
        let members = members(context, late, &select.fields, &mut related);
        let columns = context.collected(late);
        let (row, mut base) = rows::requested(context, &select.access, link, request);
        base.targets = carry(row, &columns);
        if let Some(partners) = partners {
            partners.attach(context, row, &mut base);
        }
        let from = FromItem::Subselect {
            select: Box::new(base),
            alias: late,
        };
        (
            RowObject::of(context.form, members),
            Select::default().from(from),
        )
    } else {
        let (row, mut rows) = rows::requested(context, &select.access, link, request);
        if let Some(partners) = partners {
            partners.attach(context, row, &mut rows);
        }
        let members = members(context, row, &select.fields, &mut related);
        (RowObject::of(context.form, members), rows)
    };
    related.attach(&mut rows);
    Objects::new(context, object, rows)
}

/// Whether these fields can be rows and records: as JSON they would be spelled no other way.
pub(crate) fn fits_rows(fields: &[Field]) -> bool {
    fits_row(fields.iter().map(|field| &field.key))
        && values_max(fields) <= COLUMNS_MAX
        && fields.iter().all(|field| match &field.value {
            FieldValue::Object(_, select) | FieldValue::Array(_, select) => {
                fits_rows(&select.fields)
            }
            _ => true,
        })
}

/// How many values a row with these fields has at most.
fn values_max(fields: &[Field]) -> usize {
    let values = fields.iter().map(|field| match &field.value {
        FieldValue::Object(_, select) => 1 + values_max(&select.fields),
        FieldValue::Aggregate(_, select) => aggregate::values_max(select),
        _ => 1,
    });
    values.sum()
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
    let converts = |field| form != Form::Json && is_converted(field);
    (skips && fields.iter().any(costs))
        || (limited && fields.iter().any(|field| is_joined(form, field)))
        || ((skips || sorts) && fields.iter().any(converts))
}

/// Whether what a field shows is joined to the rows.
fn is_joined(form: Form, field: &Field) -> bool {
    match &field.value {
        FieldValue::Object(..) => true,
        FieldValue::Aggregate(_, select) => form != Form::Json && is_tally(select),
        _ => false,
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

    /// Joins what always is one row.
    fn join(&mut self, context: &mut Context, select: Select) -> Alias {
        let alias = context.alias();
        let at = self.reserve(alias);
        if let Self::Joined(joined) = self {
            joined[at].0 = select;
        }
        alias
    }

    /// Keeps a place for what later ones refer to.
    fn reserve(&mut self, alias: Alias) -> usize {
        let Self::Joined(joined) = self else {
            unreachable!("what is put in its place is JSON");
        };
        joined.push((Select::default(), alias));
        joined.len() - 1
    }

    fn fill(&mut self, at: usize, mut object: Select) {
        // There is no other limit: objects have no arguments.
        object.limit = Some(Expr::integer(1));
        if let Self::Joined(joined) = self {
            joined[at].0 = object;
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
    members.into_iter().map(Member::pair).collect()
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
    let (values, shape) = field_values(context, row, &field.value, related);
    Member {
        key: field.key.clone(),
        values,
        shape,
    }
}

fn field_values(
    context: &mut Context,
    row: Alias,
    value: &FieldValue,
    related: &mut Related,
) -> (Vec<Expr>, MemberShape) {
    let link = |mapping| {
        Some(Link {
            outer: row,
            mapping,
        })
    };
    let is_converted = context.form != Form::Json;
    let is_joined_here = is_converted && matches!(related, Related::Joined(_));
    let expr = match value {
        FieldValue::Constant(name) => {
            let shape = MemberShape::Constant(name.clone());
            return (vec![Expr::text(name)], shape);
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
        FieldValue::Object(join, select) => match context.form {
            Form::Json => {
                let object = one(context, link(&join.mapping), select);
                related.put(context, object)
            }
            Form::Rows | Form::Columns => {
                let (values, shape) = match context.partner(row, &join.mapping, &select.access) {
                    Some(partner) => {
                        let members = members(context, partner, &select.fields, related);
                        let (values, shape) = values_of(members);
                        let shape = PlaceValue::Object(Arc::new(shape), Presence::Always);
                        (values, shape)
                    }
                    None => object_values(context, (row, join), select, related),
                };
                return (values, MemberShape::Value(shape));
            }
        },
        FieldValue::Array(join, select) => match context.form {
            Form::Json => Expr::subselect(list(context, link(&join.mapping), select)),
            Form::Rows | Form::Columns => {
                let (list, shape) = list_value(context, link(&join.mapping), select);
                return (vec![list], MemberShape::Value(shape));
            }
        },
        FieldValue::Aggregate(join, select) if is_joined_here && is_tally(select) => {
            return aggregate_values(context, link(&join.mapping), select, related);
        }
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
    (vec![expr], MemberShape::Value(PlaceValue::Scalar))
}

/// The aggregates of a row that is not JSON, joined to it.
fn aggregate_values(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &AggregateSelect,
    related: &mut Related,
) -> (Vec<Expr>, MemberShape) {
    let (rows, shape) = aggregate::values(context, link, select);
    let count = rows.targets.len();
    let shape = MemberShape::Value(PlaceValue::Object(Arc::new(shape), Presence::Always));
    if count == 0 {
        return (Vec::new(), shape);
    }
    let alias = related.join(context, rows);
    let values = (0..count).map(|at| Expr::Column(alias, value_name(at)));
    (values.collect(), shape)
}

/// The values of an object in a row that is not JSON; in front of them one that tells whether there is any object.
///
/// Objects of objects are joined beside it, not inside: so Postgres remembers each by its own key.
fn object_values(
    context: &mut Context,
    (outer, join): (Alias, &Join),
    select: &TableSelect,
    related: &mut Related,
) -> (Vec<Expr>, PlaceValue) {
    let link = Link {
        outer,
        mapping: &join.mapping,
    };
    let request = Request {
        arguments: &select.arguments,
        ordering: Ordering::Matters,
        cap: None,
    };
    let presence = presence(context, outer, join, select);
    let object = context.numbering_alias_of(&select.access);
    let at = related.reserve(object);
    let (row, mut rows) = rows::requested(context, &select.access, Some(link), request);
    let mut members = Vec::with_capacity(select.fields.len());
    for field in &select.fields {
        let is_joined = is_joined(context.form, field);
        let mut member = match is_joined {
            true => member(context, object, field, related),
            false => member(context, row, field, &mut Related::InPlace),
        };
        if !is_joined && matches!(member.shape, MemberShape::Value(_)) {
            for value in &mut member.values {
                let name = value_name(rows.targets.len());
                let outside = Expr::Column(object, name.clone());
                let inside = std::mem::replace(value, outside);
                rows.targets.push(Target::named(inside, name));
            }
        }
        members.push(member);
    }
    let keys = context.collected(object);
    rows.targets.extend(carry(row, &keys));
    let (mut values, shape) = values_of(members);
    if presence == Presence::Marked {
        let mark = Name::new(OBJECT);
        values.insert(0, Expr::Column(object, mark.clone()));
        rows.targets.push(Target::named(Expr::boolean(true), mark));
    }
    related.fill(at, rows);
    (values, PlaceValue::Object(Arc::new(shape), presence))
}

/// A list below a row that is not JSON.
///
/// Of a few elements, it is an array of records. Of more it is a record of arrays, one for each value: of records inside
/// an array Postgres keeps a kilobyte per value until the row is sent, which takes it more time than writing JSON.
fn list_value(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &TableSelect,
) -> (Expr, PlaceValue) {
    let is_array = context.form == Form::Rows && is_short(select);
    let form = match is_array {
        true => Form::Rows,
        false => Form::Columns,
    };
    let objects = context.in_form(form, |context| list_rows(context, link, select));
    let shape = Arc::new(objects.shape().expect("the form is not JSON"));
    match is_array {
        true => {
            let (object, from) = objects.read();
            let array = Expr::ArrayOf(Box::new(Select::of(object).from(from)));
            (array, PlaceValue::List(shape))
        }
        false => {
            let (columns, from) = objects.columns();
            let record = Expr::subselect(Select::of(columns).from(from));
            (record, PlaceValue::Columns(shape))
        }
    }
}

/// With so many elements an array of records takes no longer than arrays for each value.
const ROWS_FEW: u64 = 20;

/// Whether a limit that is known keeps a list short.
fn is_short(select: &TableSelect) -> bool {
    let user = match select.arguments.limit.as_ref().map(Count::of) {
        Some(Count::Known(limit)) => u64::try_from(limit).ok(),
        _ => None,
    };
    let limits = user.into_iter().chain(select.access.limit());
    limits.min().is_some_and(|limit| limit <= ROWS_FEW)
}

/// Whether it has to be told that there is an object: not if a foreign key says so, and everybody sees it.
fn presence(context: &Context, row: Alias, join: &Join, select: &TableSelect) -> Presence {
    let is_always = join.facts.partners == Partners::One
        && context.access(row).is_some()
        && select.access.filter().is_always()
        && matches!(select.access.rows(), Rows::Table);
    match is_always {
        true => Presence::Always,
        false => Presence::Marked,
    }
}
