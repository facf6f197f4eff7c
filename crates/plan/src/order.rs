//! Sort keys.
//!
//! What lies beyond an object relationship is joined to the row. Where a foreign key guarantees one row there for each
//! of ours, it is a plain join, which Postgres may begin from either end; otherwise `LEFT JOIN LATERAL (… LIMIT 1)`,
//! under which it remembers what it found for a key it meets again (Memoize), as it does not for a subselect in
//! `ORDER BY`. What an array relationship amounts to is joined as groups if all rows are sorted by it (`grouped.rs`),
//! and a subselect otherwise: rows seldom share it. `docs/sql-shapes.md` has the measurements.

use graphloom_ir as ir;
use graphloom_sql::{
    AggregateArguments, Alias, Direction, Expr, FromItem, JoinKind, Name, Nulls, OrderBy, Select,
    Target,
};

use crate::call;
use crate::column::{granted, unmasked};
use crate::context::{Context, carry};
use crate::grouped;
use crate::rows::{self, Link};

/// The sort keys of a row; what they need beyond it is joined to `select`, which has the row in `FROM`, its
/// condition in `WHERE` and its limit.
pub(crate) fn order_by(
    context: &mut Context,
    row: Alias,
    select: &mut Select,
    keys: &[ir::OrderBy],
) {
    let is_table = matches!(select.from.as_slice(), [FromItem::Table { .. }]);
    let from = match is_table {
        true => Outer::Table,
        false => Outer::Other,
    };
    let mut related = lead(context, row, select, keys);
    for key in keys {
        let expression = match &key.target {
            ir::OrderTarget::Aggregate(join, function, column) => {
                aggregate(context, (row, select), join, *function, column.as_ref())
            }
            other => target(context, (row, from), &mut related, other),
        };
        select.order_by.push(OrderBy {
            expression,
            direction: direction(key.direction),
            nulls: nulls(key.nulls),
        });
    }
    attach(context, select, related);
}

/// The columns rows are to be distinct in, each written as the sort key of the same column is.
///
/// Postgres wants the first sort keys and these to be the same expressions. Two masks of one column are not,
/// where they look into other tables under aliases of their own.
pub(crate) fn distinct_on<'a>(
    context: &mut Context,
    row: Alias,
    columns: &[ir::GrantedColumn],
    keys: impl Iterator<Item = (&'a ir::OrderTarget, &'a Expr)> + Clone,
) -> Vec<Expr> {
    let written = columns.iter().map(|column| {
        let is_it = |target: &ir::OrderTarget| match target {
            ir::OrderTarget::Column(key) => key == column,
            _ => false,
        };
        let key = keys.clone().find(|(target, _)| is_it(target));
        key.map_or_else(|| granted(context, row, column), |(_, key)| key.clone())
    });
    written.collect()
}

pub(crate) fn direction(direction: ir::Direction) -> Direction {
    match direction {
        ir::Direction::Ascending => Direction::Ascending,
        ir::Direction::Descending => Direction::Descending,
    }
}

pub(crate) fn nulls(nulls: ir::Nulls) -> Nulls {
    match nulls {
        ir::Nulls::First => Nulls::First,
        ir::Nulls::Last => Nulls::Last,
    }
}

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outer {
    /// Its table, whose keys hold for it.
    Table,
    /// A function, a statement, rows just written.
    Other,
}

/// The row an object relationship leads to, and what sort keys read of it.
struct Related<'a> {
    join: &'a ir::Join,
    /// The row inside.
    row: Alias,
    form: Form<'a>,
    further: Vec<Related<'a>>,
}

/// How it is joined.
enum Form<'a> {
    /// `LEFT JOIN LATERAL (SELECT … LIMIT 1) alias ON true`: the keys are its columns.
    Lateral(Box<Select>, Alias),
    /// `JOIN "author" t1 ON …`
    Plain(FromItem, Expr),
    /// `JOIN (SELECT … FROM "author" ORDER BY …) t1 ON …`, sorted by this key.
    Leading(&'a ir::GrantedColumn, &'a ir::OrderBy, Expr),
}

/// The one related row that the order begins with, if Postgres is to walk its table in order and look up ours,
/// until the limit is reached. It finds that plan by itself only if an index has the order.
fn lead<'a>(
    context: &mut Context,
    row: Alias,
    select: &Select,
    keys: &'a [ir::OrderBy],
) -> Vec<Related<'a>> {
    let Some(key) = keys.first() else {
        return Vec::new();
    };
    let ir::OrderTarget::Object(join, rest) = &key.target else {
        return Vec::new();
    };
    let ir::OrderTarget::Column(column) = &**rest else {
        return Vec::new();
    };
    let is_led = join.facts.sizes == ir::Sizes::ManyToFew
        && is_always_one(join)
        && select.limit.is_some()
        && grouped::is_whole_table(select);
    // A group's column would have to be joined before this one.
    let is_alone = keys
        .iter()
        .all(|key| !matches!(key.target, ir::OrderTarget::Aggregate(..)));
    if !is_led || !is_alone || !select.distinct_on.is_empty() {
        return Vec::new();
    }
    let inside = context.collecting_alias();
    let condition = matching(context, row, inside, join);
    vec![Related {
        join,
        row: inside,
        form: Form::Leading(column, key, condition),
        further: Vec::new(),
    }]
}

/// Whether there is exactly one row, seen by everybody, for each of a table's.
fn is_always_one(join: &ir::Join) -> bool {
    join.facts.partners == ir::Partners::One
        && matches!(join.access.rows(), ir::Rows::Table)
        && join.access.filter().is_always()
}

fn target<'a>(
    context: &mut Context,
    (row, from): (Alias, Outer),
    known: &mut Vec<Related<'a>>,
    target: &'a ir::OrderTarget,
) -> Expr {
    match target {
        ir::OrderTarget::Column(column) => granted(context, row, column),
        ir::OrderTarget::Computed(field) => {
            let value = call::scalar(context, row, &field.call);
            unmasked(context, row, value, field.mask.as_ref())
        }
        ir::OrderTarget::Object(join, rest) => {
            let related = find_or_add(context, (row, from), known, join);
            let inside = match join.access.rows() {
                ir::Rows::Table => Outer::Table,
                _ => Outer::Other,
            };
            let value = self::target(context, (related.row, inside), &mut related.further, rest);
            let Form::Lateral(select, alias) = &mut related.form else {
                return value;
            };
            let name = Name::new(format!("k{}", select.targets.len()));
            select.targets.push(Target::named(value, name.clone()));
            Expr::Column(*alias, name)
        }
        ir::OrderTarget::Aggregate(join, function, column) => {
            of_row(context, row, join, *function, column.as_ref())
        }
    }
}

/// An aggregate over an array relationship: of the row's group, or of the rows looked up for it.
fn aggregate(
    context: &mut Context,
    (row, select): (Alias, &mut Select),
    join: &ir::Join,
    function: ir::AggregateFunction,
    column: Option<&ir::GrantedColumn>,
) -> Expr {
    if !grouped::is_better(select, join) {
        return of_row(context, row, join, function, column);
    }
    let value = |context: &mut Context, other| call(context, other, function, column);
    let groups = (join, None);
    grouped::join(context, (row, select), groups, function.name(), value)
}

fn of_row(
    context: &mut Context,
    row: Alias,
    join: &ir::Join,
    function: ir::AggregateFunction,
    column: Option<&ir::GrantedColumn>,
) -> Expr {
    let (other, select) = rows::source(context, &join.access, Some(link(row, join)));
    let value = call(context, other, function, column);
    Expr::subselect(Select {
        targets: vec![Target::unnamed(value)],
        ..select
    })
}

/// `max(t1."views")`
fn call(
    context: &mut Context,
    row: Alias,
    function: ir::AggregateFunction,
    column: Option<&ir::GrantedColumn>,
) -> Expr {
    let arguments = match column {
        None => AggregateArguments::Star,
        Some(column) => AggregateArguments::All(vec![granted(context, row, column)]),
    };
    Expr::aggregate(function.name(), arguments)
}

/// Several keys through one relationship share one join.
fn find_or_add<'a, 'b>(
    context: &mut Context,
    (row, from): (Alias, Outer),
    known: &'b mut Vec<Related<'a>>,
    join: &'a ir::Join,
) -> &'b mut Related<'a> {
    let position = known.iter().position(|related| related.join == join);
    let position = position.unwrap_or_else(|| {
        let related = match from == Outer::Table && is_always_one(join) {
            true => plain(context, row, join),
            false => {
                let (inside, select) = rows::source(context, &join.access, Some(link(row, join)));
                let form = Form::Lateral(Box::new(select), context.alias());
                (inside, form)
            }
        };
        let (row, form) = related;
        known.push(Related {
            join,
            row,
            form,
            further: Vec::new(),
        });
        known.len() - 1
    });
    &mut known[position]
}

fn plain<'a>(context: &mut Context, row: Alias, join: &ir::Join) -> (Alias, Form<'a>) {
    let (inside, mut select) = rows::source(context, &join.access, None);
    let table = select.from.pop().expect("a table's rows come from it");
    let condition = matching(context, row, inside, join);
    (inside, Form::Plain(table, condition))
}

fn attach(context: &mut Context, select: &mut Select, related: Vec<Related<'_>>) {
    for Related {
        join,
        row,
        form,
        further,
    } in related
    {
        match form {
            Form::Lateral(mut inside, alias) => {
                attach(context, &mut inside, further);
                inside.limit = Some(Expr::integer(1));
                rows::join_lateral(select, *inside, alias);
            }
            Form::Plain(table, condition) => {
                rows::join(select, JoinKind::Inner, table, condition);
                attach(context, select, further);
            }
            Form::Leading(column, key, condition) => {
                let sorted = sorted(context, (join, row), column, key);
                rows::join(select, JoinKind::Inner, sorted, condition);
                attach(context, select, further);
            }
        }
    }
}

/// `(SELECT … FROM "author" t2 ORDER BY t2."name") t1`
fn sorted(
    context: &mut Context,
    (join, alias): (&ir::Join, Alias),
    column: &ir::GrantedColumn,
    key: &ir::OrderBy,
) -> FromItem {
    let columns = context.collected(alias);
    let (row, mut select) = rows::source(context, &join.access, None);
    select.targets = carry(row, &columns);
    select.order_by.push(OrderBy {
        expression: granted(context, row, column),
        direction: direction(key.direction),
        nulls: nulls(key.nulls),
    });
    FromItem::Subselect {
        select: Box::new(select),
        alias,
    }
}

/// `t1."id" = t0."author_id"`
fn matching(context: &mut Context, row: Alias, inside: Alias, join: &ir::Join) -> Expr {
    let mut equal = Vec::with_capacity(join.mapping.len());
    for (ours, theirs) in &join.mapping {
        let theirs = context.column(inside, theirs);
        equal.push(theirs.equals(context.column(row, ours)));
    }
    Expr::And(equal)
}

fn link(row: Alias, join: &ir::Join) -> Link<'_> {
    Link {
        outer: row,
        mapping: &join.mapping,
    }
}
