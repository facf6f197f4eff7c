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
//! Where the rows are those that have an element in the list, and all of those, the list itself says which: it is read
//! once for both, grouped by the columns that lead to the row, and the rows are joined to it.
//!
//! ```sql
//! SELECT t1."name" AS "name", t9."list" AS "articles" FROM "public"."author" t1
//! JOIN (SELECT t5."row_number_parent" AS "row_number_parent", … FROM (…) t5 GROUP BY …) t9
//!   ON t9."row_number_parent" = t1."id"
//! ORDER BY t1."name"
//! ```
//!
//! Must not know when a list is wanted at all: `select.rs` decides that by asking [`gathers`]. The measurements
//! are in `docs/sql-shapes.md`.

use std::sync::Arc;

use graphloom_ir::{
    BoolExp, ColumnScope, Comparison, Field, FieldValue, Join, KeyTypes, OperandValue, OrderTarget,
    Rows, SelectArguments, TableAccess, TableSelect,
};
use graphloom_sql::{
    AggregateArguments, AggregateCall, Alias, BinaryOperator, CaseBranch, CommonTable, Direction,
    Expr, FromItem, Function, JoinKind, Name, Nulls, OrderBy, Select, Statement, Target,
    WindowCall,
};

use crate::aggregate::{has_window, nested, row_number};
use crate::condition::{Scope, conjuncts};
use crate::context::{Carried, Context, Form, ROW_NUMBER, carry, carry_on};
use crate::implied;
use crate::object::{Member, RowObject, list_or_empty};
use crate::order::order_by;
use crate::partner::{self, Joined};
use crate::rows::{self, Count, Link, Ordering, Request};
use crate::select::{Objects, Related, member, members};
use crate::shape::{MemberShape, ObjectShape, PlaceValue};

/// What tells the row a list belongs to: its number; or the columns that lead there, of which further ones are
/// numbered. Like all that starts as [`ROW_NUMBER`], no carried column's name.
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
    if let Some(at) = leading(select) {
        return led_rows(context, select, at);
    }
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
                let owner = Owner::Numbered { name, outer, join };
                let (list, shape) = grouped(context, owner, inner);
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
        let condition = owner_column(alias, 0).equals(number(parent));
        join_list(&mut rows, JoinKind::Left, (list, alias), condition);
    }
    let object = RowObject::of(context.form, members);
    Objects::new(context, object, rows)
}

/// The position of the field whose list says which rows there are: the only condition on the rows is that they have
/// an element in it, and their order does not depend on how they are found.
fn leading(select: &TableSelect) -> Option<usize> {
    let fields = select.fields.iter().enumerate();
    let mut lists = fields.filter_map(|(at, field)| {
        let (join, inner) = list_of(&select.access, field)?;
        Some((at, join, inner))
    });
    let (Some((at, join, inner)), None) = (lists.next(), lists.next()) else {
        return None;
    };
    let BoolExp::Related {
        join: asked,
        condition,
    } = only(select.arguments.filter.as_ref()?)
    else {
        return None;
    };
    let limit = inner.arguments.limit.as_ref().map(Count::of);
    let is_empty = matches!(limit, Some(Count::Known(..=0))) || inner.access.limit() == Some(0);
    let is_same = asked.mapping == join.mapping
        && asked.access == inner.access
        && inner.arguments.filter.as_ref().map(only) == Some(only(condition));
    let leads = is_same
        && !is_empty
        && is_of_row(condition)
        && !join.mapping.is_empty()
        && join.facts.keys == KeyTypes::Same
        && select.access.filter().is_always()
        && is_sorted(select);
    leads.then_some(at)
}

/// Whether the rows have an order, for which nothing is counted: counts of all rows or of few are another question.
fn is_sorted(select: &TableSelect) -> bool {
    fn counts(target: &OrderTarget) -> bool {
        match target {
            OrderTarget::Column(_) | OrderTarget::Computed(_) => false,
            OrderTarget::Object(_, rest) => counts(rest),
            OrderTarget::Aggregate(..) => true,
        }
    }
    let keys = &select.arguments.order_by;
    !keys.is_empty() && !keys.iter().any(|key| counts(&key.target))
}

/// A condition without conjunctions of one around it.
fn only(exp: &BoolExp) -> &BoolExp {
    match exp {
        BoolExp::And(parts) => match parts.as_slice() {
            [part] => only(part),
            _ => exp,
        },
        _ => exp,
    }
}

/// Whether a condition says the same of a row, from wherever it was reached.
fn is_of_row(exp: &BoolExp) -> bool {
    match exp {
        BoolExp::And(parts) | BoolExp::Or(parts) => parts.iter().all(is_of_row),
        BoolExp::Not(inner) => is_of_row(inner),
        BoolExp::Column(column) => {
            let of_root = matches!(
                column.comparison,
                Comparison::Column {
                    scope: ColumnScope::Root,
                    ..
                }
            );
            matches!(column.operand.value(), OperandValue::Column(_)) && !of_root
        }
        BoolExp::Related { join, condition } => {
            matches!(join.access.rows(), Rows::Table) && is_of_row(condition)
        }
        BoolExp::Aggregate(_) | BoolExp::Exists { .. } => false,
    }
}

/// An object per row that has an element in the list at this position.
fn led_rows(context: &mut Context, select: &TableSelect, leading: usize) -> Objects {
    let arguments = SelectArguments {
        filter: None,
        ..select.arguments.clone()
    };
    let request = Request {
        arguments: &arguments,
        ordering: Ordering::Matters,
        cap: None,
    };
    let (row, mut rows) = rows::requested(context, &select.access, None, request);
    let mut related = Related::Joined(Vec::new());
    let mut members = Vec::with_capacity(select.fields.len());
    for (at, field) in select.fields.iter().enumerate() {
        let list = match at == leading {
            true => list_of(&select.access, field),
            false => None,
        };
        members.push(match list {
            Some((join, inner)) => {
                let (list, shape) = grouped(context, Owner::Keyed(join), inner);
                let alias = context.alias();
                let keys = join.mapping.iter().enumerate();
                let equal = keys.map(|(at, (ours, _))| {
                    owner_column(alias, at).equals(context.column(row, ours))
                });
                let condition = Expr::And(equal.collect());
                join_list(&mut rows, JoinKind::Inner, (list, alias), condition);
                list_member(field, Expr::Column(alias, Name::new(LIST)), shape)
            }
            None => member(context, row, field, &mut related),
        });
    }
    related.attach(&mut rows);
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

/// `LEFT JOIN (…) list ON …`
fn join_list(rows: &mut Select, kind: JoinKind, (list, alias): (Select, Alias), condition: Expr) {
    let right = FromItem::Subselect {
        select: Box::new(list),
        alias,
    };
    rows::join(rows, kind, right, condition);
}

/// Which row a list belongs to.
#[derive(Clone, Copy)]
enum Owner<'a> {
    /// The one of that number in a common table.
    Numbered {
        /// The table's name.
        name: Alias,
        /// Its rows, as the list's elements are joined to them.
        outer: Alias,
        /// How.
        join: &'a Join,
    },
    /// The ones that the elements' own columns lead to.
    Keyed(&'a Join),
}

impl Owner<'_> {
    /// How many columns tell it.
    fn width(self) -> usize {
        match self {
            Self::Numbered { .. } => 1,
            Self::Keyed(join) => join.mapping.len(),
        }
    }
}

fn owner_name(at: usize) -> Name {
    match at {
        0 => Name::new(PARENT),
        _ => Name::new(format!("{PARENT}_{at}")),
    }
}

fn owner_column(alias: Alias, at: usize) -> Expr {
    Expr::Column(alias, owner_name(at))
}

/// A list per owner that has any element: what tells the owner, and `"list"`.
fn grouped(
    context: &mut Context,
    owner: Owner<'_>,
    select: &TableSelect,
) -> (Select, Option<ObjectShape>) {
    let late = context.collecting_alias_of(&select.access);
    let mut related = Related::Joined(Vec::new());
    let form = match context.form {
        Form::Json => Form::Json,
        Form::Rows | Form::Columns => Form::Columns,
    };
    let (partners, members) = context.in_form(form, |context| {
        let mut partners = partner::find(context, select);
        if let Some(partners) = &mut partners {
            partners.read_through(context, late);
        }
        let members = members(context, late, &select.fields, &mut related);
        (partners, members)
    });
    let objects = RowObject::of(form, members);
    let limit = limit(context, select);
    let elements = elements(context, owner, (select, late, partners));
    let mut rows = nested(elements, late);
    related.attach(&mut rows);
    let mut shown = None;
    if let Some(mut limit) = limit {
        // Of a list that is to show nothing, one element stays: the row would be gone without.
        if matches!(owner, Owner::Keyed(_)) && is_symbolic(select) {
            let none = Expr::integer(0);
            shown = Some(limit.clone().binary(BinaryOperator::Greater, none));
            limit = Expr::call("greatest", vec![limit, Expr::integer(1)]);
        }
        let within = number(late).binary(BinaryOperator::LessOrEqual, limit);
        rows::restrict(&mut rows, vec![within]);
    }
    let order = match select.arguments.order_by.is_empty() {
        true => Vec::new(),
        false => vec![ascending(number(late))],
    };
    let shape = objects.shape();
    let (mut rows, element, list) = match form {
        Form::Json => json_lists(context, (rows, late), objects, order),
        Form::Rows | Form::Columns => {
            let width = owner.width();
            array_lists(context, (rows, late, width), objects, order)
        }
    };
    let list = match shown {
        None => list,
        Some(when) => Expr::Case(vec![CaseBranch { when, then: list }], None),
    };
    rows.targets = owner_targets(element, owner.width());
    rows.targets.push(Target::named(list, Name::new(LIST)));
    rows.group_by = owner_columns(element, owner.width());
    (rows, shape)
}

fn owner_columns(alias: Alias, width: usize) -> Vec<Expr> {
    (0..width).map(|at| owner_column(alias, at)).collect()
}

fn owner_targets(alias: Alias, width: usize) -> Vec<Target> {
    let target = |at| Target::named(owner_column(alias, at), owner_name(at));
    (0..width).map(target).collect()
}

/// The elements, and of each owner's a JSON list.
fn json_lists(
    context: &mut Context,
    (mut rows, late): (Select, Alias),
    objects: RowObject,
    order_by: Vec<OrderBy>,
) -> (Select, Alias, Expr) {
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
    (rows, late, Expr::Aggregate(Box::new(each)))
}

/// The elements, and of each owner's a record of arrays. They are sorted once, not for each array.
fn array_lists(
    context: &mut Context,
    (mut rows, late, width): (Select, Alias, usize),
    mut objects: RowObject,
    order: Vec<OrderBy>,
) -> (Select, Alias, Expr) {
    rows.targets = std::mem::take(&mut objects.targets);
    rows.targets.extend(owner_targets(late, width));
    if !order.is_empty() {
        let owners = owner_columns(late, width).into_iter().map(ascending);
        rows.order_by = owners.chain(order).collect();
    }
    let element = context.alias();
    (nested(rows, element), element, objects.columns(element))
}

/// The elements of all lists, each with what is read of it, what tells its owner and, where it matters, its own
/// position in the list.
fn elements(
    context: &mut Context,
    owner: Owner<'_>,
    (select, late, partners): (&TableSelect, Alias, Option<Joined<'_>>),
) -> Select {
    let link = match owner {
        Owner::Numbered { outer, join, .. } => Some(Link {
            outer,
            mapping: &join.mapping,
        }),
        Owner::Keyed(_) => None,
    };
    let read = context.collected(late);
    let (row, mut elements) = rows::source(context, &select.access, link);
    let arguments = partners.as_ref().map(|partners| &partners.arguments);
    if let Some(filter) = &arguments.unwrap_or(&select.arguments).filter {
        let further = conjuncts(context, Scope::of(row), std::slice::from_ref(filter));
        rows::restrict(&mut elements, further);
    }
    if let Some(partners) = partners {
        partners.attach(context, row, &mut elements);
    }
    let beside = std::mem::take(&mut elements.targets);
    order_by(context, row, &mut elements, &select.arguments.order_by);
    let order = std::mem::take(&mut elements.order_by);
    let owners = match owner {
        Owner::Numbered { name, outer, .. } => {
            let outer_rows = FromItem::CommonTable { name, alias: outer };
            elements.from.insert(0, outer_rows);
            vec![number(outer)]
        }
        Owner::Keyed(join) => {
            let theirs = join.mapping.iter().map(|(_, theirs)| theirs);
            theirs.map(|theirs| context.column(row, theirs)).collect()
        }
    };
    elements.targets = carry(row, &read);
    elements.targets.extend(beside);
    let named = owners.iter().cloned().enumerate();
    let named = named.map(|(at, column)| Target::named(column, owner_name(at)));
    elements.targets.extend(named);
    if !order.is_empty() || is_limited(select) {
        let position = WindowCall {
            function: Function::Builtin("row_number"),
            partition_by: owners,
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
    Some(
        match is_symbolic(select) && select.access.limit().is_none() {
            true => Expr::call("coalesce", vec![limit, Expr::integer(i64::MAX)]),
            false => limit,
        },
    )
}

/// Whether the limit is known only when the statement is run.
fn is_symbolic(select: &TableSelect) -> bool {
    let user = select.arguments.limit.as_ref();
    matches!(user.map(Count::of), Some(Count::Symbolic(_)))
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
