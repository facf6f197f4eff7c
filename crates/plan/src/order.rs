//! Sort keys.
//!
//! What lies beyond an object relationship is joined to the row, `LEFT JOIN LATERAL (… LIMIT 1)`: Postgres
//! remembers what it found for a key it meets again (Memoize), which it does not for a subselect in
//! `ORDER BY`. What an array relationship amounts to is such a subselect: rows seldom share it.

use graphloom_ir as ir;
use graphloom_sql::{
    AggregateArguments, Alias, Direction, Expr, Name, Nulls, OrderBy, Select, Target,
};

use crate::call;
use crate::column::granted;
use crate::context::Context;
use crate::rows::{self, Link};

/// The sort keys of a row; what they need beyond it is joined to `select`, which has the row in `FROM`.
pub(crate) fn order_by(
    context: &mut Context,
    row: Alias,
    select: &mut Select,
    keys: &[ir::OrderBy],
) {
    let mut related = Vec::new();
    for key in keys {
        let order_by = OrderBy {
            expression: target(context, row, &mut related, &key.target),
            direction: match key.direction {
                ir::Direction::Ascending => Direction::Ascending,
                ir::Direction::Descending => Direction::Descending,
            },
            nulls: match key.nulls {
                ir::Nulls::First => Nulls::First,
                ir::Nulls::Last => Nulls::Last,
            },
        };
        select.order_by.push(order_by);
    }
    attach(select, related);
}

/// The row an object relationship leads to, and what sort keys read of it.
struct Related<'a> {
    join: &'a ir::Join,
    /// The row inside.
    row: Alias,
    select: Select,
    /// What it is called outside.
    alias: Alias,
    further: Vec<Related<'a>>,
}

fn target<'a>(
    context: &mut Context,
    row: Alias,
    known: &mut Vec<Related<'a>>,
    target: &'a ir::OrderTarget,
) -> Expr {
    match target {
        ir::OrderTarget::Column(column) => granted(context, row, column),
        ir::OrderTarget::Computed(computed) => call::scalar(context, row, computed),
        ir::OrderTarget::Object(join, rest) => {
            let related = find_or_add(context, row, known, join);
            let value = self::target(context, related.row, &mut related.further, rest);
            let name = Name::new(format!("k{}", related.select.targets.len()));
            let target = Target::named(value, name.clone());
            related.select.targets.push(target);
            Expr::Column(related.alias, name)
        }
        ir::OrderTarget::Aggregate(join, function, column) => {
            let (other, select) = rows::source(context, &join.access, Some(link(row, join)));
            let arguments = match column {
                None => AggregateArguments::Star,
                Some(column) => AggregateArguments::All(vec![granted(context, other, column)]),
            };
            let value = Expr::aggregate(function.name(), arguments);
            Expr::subselect(Select {
                targets: vec![Target::unnamed(value)],
                ..select
            })
        }
    }
}

/// Several keys through one relationship share one join.
fn find_or_add<'a, 'b>(
    context: &mut Context,
    row: Alias,
    known: &'b mut Vec<Related<'a>>,
    join: &'a ir::Join,
) -> &'b mut Related<'a> {
    let position = known.iter().position(|related| related.join == join);
    let position = position.unwrap_or_else(|| {
        let (inside, select) = rows::source(context, &join.access, Some(link(row, join)));
        known.push(Related {
            join,
            row: inside,
            select,
            alias: context.alias(),
            further: Vec::new(),
        });
        known.len() - 1
    });
    &mut known[position]
}

fn attach(select: &mut Select, related: Vec<Related<'_>>) {
    for Related {
        select: mut inside,
        alias,
        further,
        ..
    } in related
    {
        attach(&mut inside, further);
        inside.limit = Some(Expr::integer(1));
        rows::join_lateral(select, inside, alias);
    }
}

fn link(row: Alias, join: &ir::Join) -> Link<'_> {
    Link {
        outer: row,
        mapping: &join.mapping,
    }
}
