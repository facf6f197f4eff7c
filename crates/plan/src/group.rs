//! Groups of rows with their aggregates: `group_by` of an aggregate selection.
//!
//! ```sql
//! SELECT coalesce(json_agg(t2."g"), '[]') FROM (
//!   SELECT json_build_object('group_key', …, 'aggregate', …) AS "g"
//!   FROM "public"."article" t1 WHERE … GROUP BY t1."author_id"
//! ) t2
//! ```

use graphloom_ir::{
    AggregateSelect, AggregatedField, AggregatedValue, GroupFieldValue, GroupSelect,
};
use graphloom_sql::{AggregateArguments, Alias, Expr, FromItem, Name, Select, Target, TypeName};

use crate::aggregate::{aggregates, has_window};
use crate::column::{granted, output};
use crate::context::{Context, carry};
use crate::object::{Pairs, list_or_empty, object};
use crate::rows::{self, Link, Ordering, Request};

/// The column of a group's object.
const GROUP: &str = "g";

/// A list of groups over the rows of an aggregate selection, which are read for it alone.
pub(crate) fn groups(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &AggregateSelect,
    groups: &GroupSelect,
) -> Select {
    let request = Request {
        arguments: &select.arguments,
        ordering: Ordering::Unseen,
        cap: None,
    };
    let (row, rows) = rows::requested(context, &select.access, link, request);
    let is_cut = has_window(&select.arguments);
    let source = match is_cut {
        true => context.collecting_alias(),
        false => row,
    };
    let mut keys = Vec::with_capacity(groups.keys.len());
    for key in &groups.keys {
        keys.push(granted(context, source, key));
    }
    if keys.is_empty() {
        // All rows are one group; a bare constant would not be taken.
        keys.push(Expr::boolean(true).cast(TypeName::Builtin("bool")));
    }
    let group = group(context, source, groups);
    let mut grouped = match is_cut {
        false => rows,
        true => {
            let mut targets = carry(row, &context.collected(source));
            if targets.is_empty() {
                // Postgres takes a select without columns, but not if it is distinct.
                targets.push(Target::unnamed(Expr::integer(1)));
            }
            Select::default().from(FromItem::Subselect {
                select: Box::new(Select { targets, ..rows }),
                alias: source,
            })
        }
    };
    grouped.targets = vec![Target::named(group, Name::new(GROUP))];
    grouped.group_by = keys;
    let alias = context.alias();
    let each = AggregateArguments::All(vec![Expr::Column(alias, Name::new(GROUP))]);
    Select::of(list_or_empty(Expr::aggregate("json_agg", each))).from(FromItem::Subselect {
        select: Box::new(grouped),
        alias,
    })
}

fn group(context: &mut Context, row: Alias, select: &GroupSelect) -> Expr {
    let mut pairs = Pairs::with_capacity(select.fields.len());
    for field in &select.fields {
        let value = match &field.value {
            GroupFieldValue::Typename(name) => Expr::text(name),
            GroupFieldValue::Key(columns) => group_key(context, row, select, columns),
            GroupFieldValue::Aggregate(fields) => aggregates(context, row, fields),
        };
        pairs.push((field.key.clone(), value));
    }
    object(pairs)
}

/// The columns of the key; one that is not grouped by is null.
fn group_key(
    context: &mut Context,
    row: Alias,
    select: &GroupSelect,
    columns: &[AggregatedField],
) -> Expr {
    let mut pairs = Pairs::with_capacity(columns.len());
    for field in columns {
        let value = match &field.value {
            AggregatedValue::Typename(name) => Expr::text(name),
            AggregatedValue::Column(column, form) if select.keys.contains(column) => {
                let value = granted(context, row, column);
                output(context, value, column.ty(), *form)
            }
            AggregatedValue::Column(..) => Expr::null(),
        };
        pairs.push((field.key.clone(), value));
    }
    object(pairs)
}
