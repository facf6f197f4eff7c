//! Rows of a table: the only place where a table gets into `FROM`, and its access filter with it.

use graphloom_ir::{Rows, SelectArguments, TableAccess, TypedValue, Value};
use graphloom_sql::{Alias, Expr, FromItem, Join, JoinKind, Name, Select};
use graphloom_vocab::ColumnName;

use crate::call;
use crate::condition::{Scope, conjuncts, joined_conjuncts};
use crate::context::Context;
use crate::implied;
use crate::order::{distinct_on, order_by};
use crate::value::value;
use crate::write;

/// How rows match a row further out.
#[derive(Clone, Copy)]
pub(crate) struct Link<'a> {
    /// The row further out.
    pub(crate) outer: Alias,
    /// Its column and ours; all must be equal.
    pub(crate) mapping: &'a [(ColumnName, ColumnName)],
}

/// What of the user's arguments makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ordering {
    /// The order shows in the response.
    Matters,
    /// Only the set of rows does; the order is kept if it decides which those are.
    Unseen,
}

/// The rows a table's access lets through, without any output column yet: `FROM … WHERE …`.
pub(crate) fn source(
    context: &mut Context,
    access: &TableAccess,
    link: Option<Link<'_>>,
) -> (Alias, Select) {
    let row = context.alias();
    let outer = link.as_ref().map(|link| link.outer);
    let item = match access.rows() {
        Rows::Table => {
            context.reads.tables.insert(access.table().clone());
            FromItem::Table {
                schema: Name::new(access.table().schema.as_str()),
                table: Name::new(access.table().name.as_str()),
                alias: row,
            }
        }
        Rows::Function(call) => call::rows(context, outer, call, row),
        Rows::Statement(statement) => call::native(context, statement, row),
        Rows::Written => write::written_rows(context, access.table(), row),
    };
    let mut select = Select::default().from(item);
    let mut filter = Vec::new();
    for (ours, theirs) in link.iter().flat_map(|link| link.mapping) {
        let outer = link.as_ref().map_or(row, |link| link.outer);
        let outer = context.column(outer, ours);
        filter.push(context.column(row, theirs).equals(outer));
    }
    let outer = outer.and_then(|outer| context.access(outer));
    let mapping = link.map_or(&[][..], |link| link.mapping);
    for part in implied::remaining(access.filter(), outer, mapping) {
        let part = std::slice::from_ref(part);
        filter.extend(conjuncts(context, Scope::of(row), part));
    }
    context.reached(row, access);
    restrict(&mut select, filter);
    (row, select)
}

/// Adds to `WHERE`.
pub(crate) fn restrict(select: &mut Select, further: Vec<Expr>) {
    if further.is_empty() {
        return;
    }
    let mut parts = match select.filter.take() {
        None => Vec::new(),
        Some(Expr::And(parts)) => parts,
        Some(other) => vec![other],
    };
    parts.extend(further);
    select.filter = Some(Expr::And(parts));
}

/// `LEFT JOIN LATERAL (…) alias ON true` after what stands in `FROM`.
pub(crate) fn join_lateral(select: &mut Select, inside: Select, alias: Alias) {
    let right = FromItem::Lateral {
        select: Box::new(inside),
        alias,
    };
    join(select, JoinKind::Left, right, Expr::boolean(true));
}

/// Joins something to what stands last in `FROM`.
pub(crate) fn join(select: &mut Select, kind: JoinKind, right: FromItem, condition: Expr) {
    let left = select.from.pop().expect("rows come from somewhere");
    select.from.push(FromItem::Join(Box::new(Join {
        left,
        kind,
        right,
        condition,
    })));
}

/// The rows a user asked for, without any output column yet; of a list no more than `cap`.
pub(crate) fn requested(
    context: &mut Context,
    access: &TableAccess,
    link: Option<Link<'_>>,
    request: Request<'_>,
) -> (Alias, Select) {
    let arguments = request.arguments;
    let (row, mut select) = source(context, access, link);
    if let Some(filter) = &arguments.filter {
        let is_all = arguments.limit.is_none() && request.cap.is_none();
        let further = match is_all {
            true => joined_conjuncts(context, row, &mut select, filter),
            false => conjuncts(context, Scope::of(row), std::slice::from_ref(filter)),
        };
        restrict(&mut select, further);
    }
    // That rows are to be distinct decides how they are sorted, and the sort keys how this is written.
    select.distinct_on = distinct_on(context, row, &arguments.distinct_on, std::iter::empty());
    select.limit = limit(context, arguments.limit.as_ref(), request.cap);
    select.offset = offset(context, arguments.offset.as_ref());
    let decides =
        select.limit.is_some() || select.offset.is_some() || !select.distinct_on.is_empty();
    if decides || request.ordering == Ordering::Matters {
        order_by(context, row, &mut select, &arguments.order_by);
    }
    if !select.distinct_on.is_empty() {
        let targets = arguments.order_by.iter().map(|key| &key.target);
        let keys = targets.zip(select.order_by.iter().map(|key| &key.expression));
        select.distinct_on = distinct_on(context, row, &arguments.distinct_on, keys);
    }
    (row, select)
}

/// What is asked of a table.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The user's filter, order and window.
    pub(crate) arguments: &'a SelectArguments,
    /// Whether the order shows.
    pub(crate) ordering: Ordering,
    /// The most rows the access allows, where it is to be applied.
    pub(crate) cap: Option<u64>,
}

/// The lesser of the user's limit and the access's.
pub(crate) fn limit(
    context: &mut Context,
    user: Option<&TypedValue>,
    cap: Option<u64>,
) -> Option<Expr> {
    let cap = cap.map(|cap| i64::try_from(cap).unwrap_or(i64::MAX));
    match (user.map_or(Count::None, Count::of), cap) {
        (Count::None, cap) => cap.map(Expr::integer),
        (Count::Known(user), cap) => Some(Expr::integer(cap.map_or(user, |cap| cap.min(user)))),
        (Count::Symbolic(user), None) => Some(value(context, user)),
        // LEAST leaves nulls out of account, so a limit of null stays under the cap.
        (Count::Symbolic(user), Some(cap)) => {
            let user = value(context, user);
            Some(Expr::call("least", vec![user, Expr::integer(cap)]))
        }
    }
}

/// Rows to leave out; none of them leave no trace.
pub(crate) fn offset(context: &mut Context, user: Option<&TypedValue>) -> Option<Expr> {
    match user.map_or(Count::None, Count::of) {
        Count::None | Count::Known(0) => None,
        Count::Known(rows) => Some(Expr::integer(rows)),
        Count::Symbolic(rows) => Some(value(context, rows)),
    }
}

/// A number of rows. One that stands in the document is printed as a constant, for Postgres plans a
/// statement with `LIMIT $1` as if a tenth of all rows were wanted, or anew each time.
pub(crate) enum Count<'a> {
    None,
    Known(i64),
    Symbolic(&'a TypedValue),
}

impl<'a> Count<'a> {
    pub(crate) fn of(count: &'a TypedValue) -> Self {
        match &count.value {
            Value::Literal(None) => Self::None,
            Value::Literal(Some(text)) => text.parse().map_or(Self::Symbolic(count), Self::Known),
            _ => Self::Symbolic(count),
        }
    }
}
