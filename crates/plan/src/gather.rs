//! Lists inside many rows, where each list asks something of further tables: read once for all rows and grouped,
//! not once per row.
//!
//! ```sql
//! WITH t0 AS (SELECT …, row_number() OVER () AS "row_number" FROM (SELECT … FROM "public"."author" t1 WHERE …) t2)
//! SELECT t3."name" AS "name", coalesce(t9."list", '[]') AS "articles" FROM t0 t3
//! LEFT JOIN (
//!   SELECT t5."row_number_parent" AS "row_number", json_agg(row_to_json(t7.*)) AS "list" FROM (
//!     SELECT …, t4."row_number" AS "row_number_parent" FROM t0 t4, "public"."article" t6
//!     WHERE (t6."author_id" = t4."id") AND EXISTS (SELECT …)
//!   ) t5, LATERAL (SELECT …) t7 GROUP BY t5."row_number_parent"
//! ) t9 ON t9."row_number" = t3."row_number"
//! ORDER BY t3."row_number"
//! ```
//!
//! A subselect per row leaves Postgres no choice: the list's condition on further tables is looked up for every
//! candidate of every row. Joined to the rows as a whole, the condition can be turned into one join, from whichever
//! end is cheapest; with few rows the plan is still one of look-ups. Lists are put together by the number of the row
//! they belong to, never by its key, so that neither equal keys nor a loose `=` between types can change an answer.
//!
//! Must not know when a list is wanted at all: `select.rs` decides that by asking [`gathers`]. The measurements
//! are in `docs/sql-shapes.md`.

use std::sync::Arc;

use graphloom_ir::{Field, FieldValue, Join, Rows, TableAccess, TableSelect};
use graphloom_sql::{
    AggregateArguments, AggregateCall, Alias, BinaryOperator, CommonTable, Direction, Expr,
    FromItem, Function, JoinKind, Name, Nulls, OrderBy, Select, Statement, Target, WindowCall,
};

use crate::aggregate::{has_window, nested, row_number};
use crate::condition::{Scope, conjuncts};
use crate::context::{Carried, Context, Form, ROW_NUMBER, carry, carry_on};
use crate::implied;
use crate::object::{Member, RowObject, list_or_empty};
use crate::order::order_by;
use crate::rows::{self, Count, Link, Request};
use crate::select::{Objects, Related, member, members};
use crate::shape::{MemberShape, ObjectShape, PlaceValue};

/// The number of the row a list belongs to. Like all that starts as [`ROW_NUMBER`], no carried column's name.
const PARENT: &str = "row_number_parent";
/// The column of a row's list.
const LIST: &str = "list";

/// Whether these rows are many, for all we know, and have lists that are better read at once.
///
/// Rows inside a row (`link`) and those a limit keeps few have their lists looked up.
pub(crate) fn gathers(link: Option<Link<'_>>, select: &TableSelect, request: Request<'_>) -> bool {
    link.is_none()
        && request.cap.is_none()
        && !has_window(request.arguments)
        && matches!(select.access.rows(), Rows::Table)
        && select
            .fields
            .iter()
            .any(|field| list_of(&select.access, field).is_some())
}

/// A field that is a list whose conditions look at further tables.
fn list_of<'a>(outer: &TableAccess, field: &'a Field) -> Option<(&'a Join, &'a TableSelect)> {
    let FieldValue::Array(join, select) = &field.value else {
        return None;
    };
    let arguments = &select.arguments;
    let filter = arguments.filter.as_ref();
    let rule = implied::remaining(select.access.filter(), Some(outer), &join.mapping);
    let looks_further = filter
        .into_iter()
        .chain(rule)
        .any(|part| !part.is_about_row_only());
    let fits = looks_further
        && arguments.offset.is_none()
        && arguments.distinct_on.is_empty()
        && matches!(select.access.rows(), Rows::Table);
    fits.then_some((join, select))
}

/// An object per row, in the rows' order.
pub(crate) fn object_rows(
    context: &mut Context,
    select: &TableSelect,
    request: Request<'_>,
) -> Objects {
    let name = context.alias();
    let parent = context.collecting_alias_of(&select.access);
    let mut related = Related::Joined(Vec::new());
    let mut lists = Vec::new();
    let mut columns = Carried::default();
    let mut members = Vec::with_capacity(select.fields.len());
    for field in &select.fields {
        members.push(match list_of(&select.access, field) {
            Some((join, inner)) => {
                let outer = context.collecting_alias_of(&select.access);
                let place = Place { name, outer, join };
                let (list, shape) = grouped(context, place, inner);
                columns.merge(context.collected(outer));
                let alias = context.alias();
                lists.push((list, alias));
                list_member(field, Expr::Column(alias, Name::new(LIST)), shape)
            }
            None => member(context, parent, field, &mut related),
        });
    }
    columns.merge(context.collected(parent));
    let mut rows = Select {
        with: vec![CommonTable {
            alias: name,
            statement: Statement::Select(numbered(context, select, request, &columns)),
        }],
        order_by: vec![ascending(number(parent))],
        ..Select::default().from(FromItem::CommonTable {
            name,
            alias: parent,
        })
    };
    related.attach(&mut rows);
    for (list, alias) in lists {
        join_list(&mut rows, list, alias, parent);
    }
    let object = RowObject::of(context.form, members);
    Objects::new(context, object, rows)
}

/// A list in its place: of rows that have none, null was joined.
fn list_member(field: &Field, list: Expr, shape: Option<ObjectShape>) -> Member {
    let (value, shape) = match shape {
        None => (list_or_empty(list), PlaceValue::Scalar),
        Some(shape) => (list, PlaceValue::Columns(Arc::new(shape))),
    };
    Member {
        key: field.key.clone(),
        values: vec![value],
        shape: MemberShape::Value(shape),
    }
}

/// The rows with these columns, numbered in their order.
fn numbered(
    context: &mut Context,
    select: &TableSelect,
    request: Request<'_>,
    columns: &Carried,
) -> Select {
    let (row, mut base) = rows::requested(context, &select.access, None, request);
    base.targets = carry(row, columns);
    let cut = context.alias();
    let mut numbered = nested(base, cut);
    numbered.targets = carry_on(cut, columns);
    numbered.targets.push(row_number());
    numbered
}

/// `LEFT JOIN (…) list ON list."row_number" = parent."row_number"`
fn join_list(rows: &mut Select, list: Select, alias: Alias, parent: Alias) {
    let left = rows.from.pop().expect("rows come from somewhere");
    let right = FromItem::Subselect {
        select: Box::new(list),
        alias,
    };
    rows.from.push(FromItem::Join(Box::new(graphloom_sql::Join {
        left,
        kind: JoinKind::Left,
        right,
        condition: number(alias).equals(number(parent)),
    })));
}

/// Where the rows come from that a list belongs to.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The common table's name.
    name: Alias,
    /// Its rows, as the list's elements are joined to them.
    outer: Alias,
    /// How.
    join: &'a Join,
}

/// A list per row of the common table `name`, for those that have any element: `"row_number"` and `"list"`.
fn grouped(
    context: &mut Context,
    place: Place<'_>,
    select: &TableSelect,
) -> (Select, Option<ObjectShape>) {
    let late = context.collecting_alias_of(&select.access);
    let mut related = Related::Joined(Vec::new());
    let form = match context.form {
        Form::Json => Form::Json,
        Form::Rows | Form::Columns => Form::Columns,
    };
    let members = context.in_form(form, |context| {
        members(context, late, &select.fields, &mut related)
    });
    let objects = RowObject::of(form, members);
    let limit = limit(context, select);
    let elements = elements(context, place, (select, late));
    let mut rows = nested(elements, late);
    related.attach(&mut rows);
    if let Some(limit) = limit {
        let within = number(late).binary(BinaryOperator::LessOrEqual, limit);
        rows::restrict(&mut rows, vec![within]);
    }
    let order = match select.arguments.order_by.is_empty() {
        true => Vec::new(),
        false => vec![ascending(number(late))],
    };
    let shape = objects.shape();
    let rows = match form {
        Form::Json => json_lists(context, (rows, late), objects, order),
        Form::Rows | Form::Columns => array_lists(context, (rows, late), objects, order),
    };
    (rows, shape)
}

/// The elements as a JSON list per row.
fn json_lists(
    context: &mut Context,
    (mut rows, late): (Select, Alias),
    objects: RowObject,
    order_by: Vec<OrderBy>,
) -> Select {
    let object = context.alias();
    let each = AggregateCall {
        function: Function::Builtin("json_agg"),
        arguments: AggregateArguments::All(vec![objects.read(object)]),
        order_by,
        filter: None,
    };
    rows.from.push(FromItem::Lateral {
        select: Box::new(Select {
            targets: objects.targets,
            ..Select::default()
        }),
        alias: object,
    });
    let parent = Expr::Column(late, Name::new(PARENT));
    rows.targets = vec![
        Target::named(parent.clone(), Name::new(ROW_NUMBER)),
        Target::named(Expr::Aggregate(Box::new(each)), Name::new(LIST)),
    ];
    rows.group_by = vec![parent];
    rows
}

/// The elements as a record of arrays per row. They are sorted once, not for each array.
fn array_lists(
    context: &mut Context,
    (mut rows, late): (Select, Alias),
    mut objects: RowObject,
    order: Vec<OrderBy>,
) -> Select {
    let parent = |alias| Expr::Column(alias, Name::new(PARENT));
    rows.targets = std::mem::take(&mut objects.targets);
    rows.targets
        .push(Target::named(parent(late), Name::new(PARENT)));
    if !order.is_empty() {
        rows.order_by = vec![ascending(parent(late))];
        rows.order_by.extend(order);
    }
    let element = context.alias();
    let mut lists = nested(rows, element);
    lists.targets = vec![
        Target::named(parent(element), Name::new(ROW_NUMBER)),
        Target::named(objects.columns(element), Name::new(LIST)),
    ];
    lists.group_by = vec![parent(element)];
    lists
}

/// The elements of all lists, each with what is read of it, the number of its row and, where it matters, its own
/// position in the list.
fn elements(
    context: &mut Context,
    Place { name, outer, join }: Place<'_>,
    (select, late): (&TableSelect, Alias),
) -> Select {
    let link = Link {
        outer,
        mapping: &join.mapping,
    };
    let read = context.collected(late);
    let (row, mut elements) = rows::source(context, &select.access, Some(link));
    if let Some(filter) = &select.arguments.filter {
        let further = conjuncts(context, Scope::of(row), std::slice::from_ref(filter));
        rows::restrict(&mut elements, further);
    }
    order_by(context, row, &mut elements, &select.arguments.order_by);
    let order = std::mem::take(&mut elements.order_by);
    let outer_rows = FromItem::CommonTable { name, alias: outer };
    elements.from.insert(0, outer_rows);
    elements.targets = carry(row, &read);
    elements
        .targets
        .push(Target::named(number(outer), Name::new(PARENT)));
    if !order.is_empty() || is_limited(select) {
        let position = WindowCall {
            function: Function::Builtin("row_number"),
            partition_by: vec![number(outer)],
            order_by: order,
        };
        let position = Expr::Window(Box::new(position));
        elements
            .targets
            .push(Target::named(position, Name::new(ROW_NUMBER)));
    }
    elements
}

fn is_limited(select: &TableSelect) -> bool {
    select.arguments.limit.is_some() || select.access.limit().is_some()
}

/// The highest position in a list; a limit of null, which is none, is the highest there can be.
fn limit(context: &mut Context, select: &TableSelect) -> Option<Expr> {
    let user = select.arguments.limit.as_ref();
    let limit = rows::limit(context, user, select.access.limit())?;
    let is_symbolic = matches!(user.map(Count::of), Some(Count::Symbolic(_)));
    Some(match is_symbolic && select.access.limit().is_none() {
        true => Expr::call("coalesce", vec![limit, Expr::integer(i64::MAX)]),
        false => limit,
    })
}

fn number(row: Alias) -> Expr {
    Expr::Column(row, Name::new(ROW_NUMBER))
}

fn ascending(expression: Expr) -> OrderBy {
    OrderBy {
        expression,
        direction: Direction::Ascending,
        nulls: Nulls::Last,
    }
}
