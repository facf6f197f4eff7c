//! An aggregate of the rows of a relationship, for every row of a table: the other table is read once and grouped.
//!
//! ```sql
//! FROM "public"."author" t0 LEFT JOIN (
//!   SELECT t1."author_id" AS "k0", count(*) AS "v" FROM "public"."article" t1 WHERE … GROUP BY t1."author_id"
//! ) t2 ON t2."k0" = t0."id"
//! ```
//!
//! A subselect per row is better where few rows are asked, and an index leads to what they need; the callers weigh
//! that. Here it is only made sure that the answer is the same: the keys' types are, and what a group that is not
//! there amounts to is what an aggregate of nothing does.
//! Read next: `order.rs` and `condition.rs`, which use it.

use graphloom_ir::{BoolExp, Join, KeyTypes, Lookup, Rows};
use graphloom_sql::{Alias, Expr, FromItem, JoinKind, Name, Select, Target};

use crate::condition::{Scope, conjuncts};
use crate::context::Context;
use crate::rows;

/// The column of the aggregate.
const VALUE: &str = "v";

/// Whether the other table is better read as a whole than once per row of `select`, which has its table in
/// `FROM` and its filter in `WHERE` by now.
pub(crate) fn is_better(select: &Select, join: &Join) -> bool {
    let may = join.facts.keys == KeyTypes::Same && matches!(join.access.rows(), Rows::Table);
    may && (join.facts.lookup == Lookup::Scan || is_whole_table(select))
}

/// Whether the rows are all those of a table.
pub(crate) fn is_whole_table(select: &Select) -> bool {
    let is_table = matches!(leftmost(select), Some(FromItem::Table { .. }));
    is_table && select.filter.is_none() && select.from.len() == 1
}

/// What stands first in `FROM`, before anything was joined to it.
fn leftmost(select: &Select) -> Option<&FromItem> {
    let mut item = select.from.first()?;
    while let FromItem::Join(join) = item {
        item = &join.left;
    }
    Some(item)
}

/// Joins the groups to `select` and returns the aggregate of a row's group.
///
/// `function` is the aggregate's name and `value` makes the call, given a row of the other table.
pub(crate) fn join(
    context: &mut Context,
    (row, select): (Alias, &mut Select),
    (join, filter): (&Join, Option<&BoolExp>),
    function: &str,
    value: impl FnOnce(&mut Context, Alias) -> Expr,
) -> Expr {
    let (other, mut groups) = rows::source(context, &join.access, None);
    if let Some(filter) = filter {
        let further = conjuncts(context, Scope::of(other), std::slice::from_ref(filter));
        rows::restrict(&mut groups, further);
    }
    let alias = context.alias();
    let mut matching = Vec::with_capacity(join.mapping.len());
    for (position, (ours, theirs)) in join.mapping.iter().enumerate() {
        let name = Name::new(format!("k{position}"));
        let key = context.column(other, theirs);
        groups.group_by.push(key.clone());
        groups.targets.push(Target::named(key, name.clone()));
        let ours = context.column(row, ours);
        matching.push(Expr::Column(alias, name).equals(ours));
    }
    let value = value(context, other);
    groups.targets.push(Target::named(value, Name::new(VALUE)));
    let groups = FromItem::Subselect {
        select: Box::new(groups),
        alias,
    };
    rows::join(select, JoinKind::Left, groups, Expr::And(matching));
    let value = Expr::Column(alias, Name::new(VALUE));
    match function {
        // Of no rows there are none, and not null.
        "count" => Expr::call("coalesce", vec![value, Expr::integer(0)]),
        _ => value,
    }
}
