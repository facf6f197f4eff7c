//! Groups of rows with their aggregates: `group_by` of an aggregate selection.
//!
//! ```sql
//! SELECT coalesce(json_agg(t2."g"), '[]') FROM (
//!   SELECT json_build_object('group_key', …, 'aggregate', …) AS "g"
//!   FROM "public"."article" t1 WHERE … GROUP BY t1."author_id"
//!   HAVING count(*) > 1 ORDER BY sum(t1."views") DESC LIMIT 10
//! ) t2
//! ```

use graphloom_catalog::PgType;
use graphloom_ir::{
    AggregateSelect, AggregatedField, AggregatedValue, GrantedColumn, GroupCondition,
    GroupFieldValue, GroupOrder, GroupSelect, GroupValue,
};
use graphloom_sql::{
    AggregateArguments, Alias, Expr, FromItem, Name, OrderBy, Select, Target, TypeName,
};

use crate::aggregate::has_window;
use crate::column::{granted, output};
use crate::condition::{Scope, compared};
use crate::context::{Context, carry};
use crate::object::{Pairs, list_or_empty, object};
use crate::order::{direction, nulls};
use crate::rows::{self, Link, Ordering, Request};
use crate::tally::{Part, tally};

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
    let made = Made {
        row: source,
        select: groups,
        keys: &keys,
    };
    let group = made.group(context);
    let having = groups.condition.as_ref();
    let having = having.map(|exp| made.condition(context, exp));
    let order_by = groups.order_by.iter();
    let order_by = order_by.map(|key| made.sort_key(context, key)).collect();
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
    grouped.having = having;
    grouped.order_by = order_by;
    grouped.limit = rows::limit(context, groups.limit.as_ref(), None);
    grouped.offset = rows::offset(context, groups.offset.as_ref());
    let alias = context.alias();
    let each = AggregateArguments::All(vec![Expr::Column(alias, Name::new(GROUP))]);
    Select::of(list_or_empty(Expr::aggregate("json_agg", each))).from(FromItem::Subselect {
        select: Box::new(grouped),
        alias,
    })
}

/// Groups as they are made.
#[derive(Clone, Copy)]
struct Made<'a> {
    /// Each of the rows they are made of.
    row: Alias,
    select: &'a GroupSelect,
    /// The keys as they are written: Postgres wants the same expressions wherever it meets them, and two masks of
    /// one column need not be.
    keys: &'a [Expr],
}

impl Made<'_> {
    fn condition(self, context: &mut Context, exp: &GroupCondition) -> Expr {
        let all = |context: &mut Context, parts: &[GroupCondition]| {
            let parts = parts.iter();
            parts.map(|part| self.condition(context, part)).collect()
        };
        match exp {
            GroupCondition::And(parts) => Expr::And(all(context, parts)),
            GroupCondition::Or(parts) => Expr::Or(all(context, parts)),
            GroupCondition::Not(inner) => Expr::Not(Box::new(self.condition(context, inner))),
            GroupCondition::Test(test) => {
                let (value, comparison) = &**test;
                let ty = match value {
                    GroupValue::Key(column) => column.ty().base().clone(),
                    GroupValue::Count => PgType::builtin("int8"),
                    GroupValue::Aggregate(_, _, ty) => ty.clone(),
                };
                let left = self.value(context, value);
                compared(context, Scope::of(self.row), (left, &ty), comparison)
            }
        }
    }

    fn value(self, context: &mut Context, value: &GroupValue) -> Expr {
        match value {
            GroupValue::Key(column) => self.key(column).unwrap_or_else(Expr::null),
            GroupValue::Count => Expr::aggregate("count", AggregateArguments::Star),
            GroupValue::Aggregate(function, column, _) => {
                let each = AggregateArguments::All(vec![granted(context, self.row, column)]);
                Expr::aggregate(function.name(), each)
            }
        }
    }

    /// A column of the key; `None` for one that is not grouped by.
    fn key(self, column: &GrantedColumn) -> Option<Expr> {
        let at = self.select.keys.iter().position(|key| key == column)?;
        self.keys.get(at).cloned()
    }

    fn sort_key(self, context: &mut Context, key: &GroupOrder) -> OrderBy {
        OrderBy {
            expression: self.value(context, &key.value),
            direction: direction(key.direction),
            nulls: nulls(key.nulls),
        }
    }

    fn group(self, context: &mut Context) -> Expr {
        let mut pairs = Pairs::with_capacity(self.select.fields.len());
        for field in &self.select.fields {
            let value = match &field.value {
                GroupFieldValue::Typename(name) => Expr::text(name),
                GroupFieldValue::Key(columns) => self.group_key(context, columns),
                GroupFieldValue::Aggregate(fields) => {
                    Part::Object(tally(context, self.row, fields)).json()
                }
            };
            pairs.push((field.key.clone(), value));
        }
        object(pairs)
    }

    /// The columns of the key; one that is not grouped by is null.
    fn group_key(self, context: &mut Context, columns: &[AggregatedField]) -> Expr {
        let mut pairs = Pairs::with_capacity(columns.len());
        for field in columns {
            let value = match &field.value {
                AggregatedValue::Typename(name) => Expr::text(name),
                AggregatedValue::Column(column, form) => match self.key(column) {
                    Some(value) => output(context, value, column.ty(), *form),
                    None => Expr::null(),
                },
            };
            pairs.push((field.key.clone(), value));
        }
        object(pairs)
    }
}
