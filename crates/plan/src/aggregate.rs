//! Aggregates over rows, and the rows themselves.
//!
//! Both come from the same rows, read once, but for one case: where the access's row limit caps `nodes`, which
//! it does alone, and the user cut out no window. Then the capped list is read by itself, for it can stop
//! early and the aggregates need neither its order nor its columns.

use graphloom_ir::{
    AggregateField, AggregateFieldValue, AggregateOp, AggregateOpField, AggregateSelect,
    AggregatedValue, Field, Rows, SelectArguments, TableSelect,
};
use graphloom_sql::{
    AggregateArguments, AggregateCall, Alias, BinaryOperator, Expr, FromItem, Function, Name,
    Select, Target, WindowCall,
};

use crate::context::{Context, ROW_NUMBER, carry, carry_on};
use crate::group;
use crate::object::{COLUMNS_MAX, Pairs, list_or_empty, object, value_name};
use crate::rows::{self, Link, Ordering, Request};
use crate::select::{Related, list, list_rows, pairs};
use crate::shape::ObjectShape;
use crate::tally::{Part, Parts, tally};

/// `SELECT json_build_object('aggregate', …, 'nodes', …) FROM …`: always one row.
pub(crate) fn aggregate(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &AggregateSelect,
) -> Select {
    let wants = Wants {
        aggregates: select
            .fields
            .iter()
            .any(|field| has_aggregates(&field.value)),
        nodes: select.fields.iter().any(|field| nodes_of(field).is_some()),
    };
    let nodes_times = select.fields.iter().filter_map(nodes_of).count();
    if !wants.aggregates && nodes_times == 1 {
        return nodes_only(context, link, select);
    }
    if !wants.aggregates && nodes_times == 0 {
        let nowhere = Source::all(context.alias());
        return Select::of(whole(context, link, &nowhere, select));
    }
    let (source, pending) = source(context, link, select, wants);
    let whole = whole(context, link, &source, select);
    Select {
        targets: vec![Target::unnamed(whole)],
        ..pending.close(context, &source)
    }
}

/// The same as values instead of JSON: `SELECT count(*) AS "f0", max(t0."views") AS "f1" FROM …`, and how JSON is made
/// of them. There may be none. Only for what [`is_tally`].
pub(crate) fn values(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &AggregateSelect,
) -> (Select, ObjectShape) {
    let wants = Wants {
        aggregates: select
            .fields
            .iter()
            .any(|field| has_aggregates(&field.value)),
        nodes: false,
    };
    let (source, pending) = match wants.aggregates {
        true => source(context, link, select, wants),
        false => {
            let nowhere = Source::all(context.alias());
            (nowhere, Pending::Direct(Select::default()))
        }
    };
    let mut parts = Parts::with_capacity(select.fields.len());
    for field in &select.fields {
        let part = match &field.value {
            AggregateFieldValue::Aggregate(fields) => {
                Part::Object(tally(context, source.row, fields))
            }
            AggregateFieldValue::Typename(name) => Part::Constant(name.clone()),
            AggregateFieldValue::Nodes(_) | AggregateFieldValue::Groups(_) => {
                unreachable!("what has rows is asked for as JSON")
            }
        };
        parts.push((field.key.clone(), part));
    }
    let (values, shape) = Part::Object(parts).values();
    let targets = values.into_iter().enumerate();
    let targets = targets.map(|(at, value)| Target::named(value, value_name(at)));
    let select = Select {
        targets: targets.collect(),
        ..pending.close(context, &source)
    };
    (select, shape)
}

/// Whether nothing but aggregates is asked for, and not too many.
pub(crate) fn is_tally(select: &AggregateSelect) -> bool {
    let is_tally = |field: &AggregateField| match field.value {
        AggregateFieldValue::Typename(_) | AggregateFieldValue::Aggregate(_) => true,
        AggregateFieldValue::Nodes(_) | AggregateFieldValue::Groups(_) => false,
    };
    select.fields.iter().all(is_tally) && values_max(select) <= COLUMNS_MAX
}

/// How many values there are at most.
pub(crate) fn values_max(select: &AggregateSelect) -> usize {
    let values = select.fields.iter().map(|field| match &field.value {
        AggregateFieldValue::Aggregate(fields) => {
            let values = fields.iter().map(|field| match &field.value {
                AggregateOp::Columns(_, columns) => columns.len(),
                AggregateOp::Count { .. } | AggregateOp::Typename(_) => 1,
            });
            values.sum()
        }
        _ => 1,
    });
    values.sum()
}

/// What the selection holds.
#[derive(Clone, Copy)]
struct Wants {
    aggregates: bool,
    nodes: bool,
}

/// The rows that are aggregated.
struct Source {
    row: Alias,
    nodes: NodeRows,
}

/// Which rows `nodes` shows.
#[derive(Clone, Copy)]
enum NodeRows {
    /// Those that are aggregated.
    Same,
    /// The first so many of them, by [`ROW_NUMBER`].
    Numbered(u64),
    /// Those of a list of its own.
    Apart,
}

impl Source {
    fn all(row: Alias) -> Self {
        let nodes = NodeRows::Same;
        Self { row, nodes }
    }
}

/// What stands in `FROM`, to be completed when the columns that are read are known.
enum Pending {
    /// The table itself.
    Direct(Select),
    /// The rows cut out by the user's window.
    Window(Alias, Select),
    /// The same, numbered in their order.
    Numbered(Alias, Select),
}

impl Pending {
    fn close(self, context: &mut Context, source: &Source) -> Select {
        match self {
            Self::Direct(select) => select,
            Self::Window(row, select) => {
                let targets = carry(row, &context.collected(source.row));
                nested(Select { targets, ..select }, source.row)
            }
            Self::Numbered(row, select) => {
                let columns = context.collected(source.row);
                let targets = carry(row, &columns);
                let cut = context.alias();
                let mut numbered = nested(Select { targets, ..select }, cut);
                numbered.targets = carry_on(cut, &columns);
                numbered.targets.push(row_number());
                nested(numbered, source.row)
            }
        }
    }
}

/// `FROM (…) alias`
pub(crate) fn nested(select: Select, alias: Alias) -> Select {
    Select::default().from(FromItem::Subselect {
        select: Box::new(select),
        alias,
    })
}

/// `row_number() OVER () AS "row_number"`: numbers rows as they come.
pub(crate) fn row_number() -> Target {
    let call = WindowCall {
        function: Function::Builtin("row_number"),
        partition_by: Vec::new(),
        order_by: Vec::new(),
    };
    Target::named(Expr::Window(Box::new(call)), Name::new(ROW_NUMBER))
}

fn source(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &AggregateSelect,
    wants: Wants,
) -> (Source, Pending) {
    let arguments = &select.arguments;
    let nodes_max = select.access.limit().filter(|_| wants.nodes);
    let apart = nodes_max.is_some() && wants.aggregates && may_read_twice(select);
    let request = Request {
        arguments,
        ordering: if wants.nodes && !apart {
            Ordering::Matters
        } else {
            Ordering::Unseen
        },
        cap: nodes_max.filter(|_| !wants.aggregates),
    };
    let (row, rows) = rows::requested(context, &select.access, link, request);
    if apart {
        let nodes = NodeRows::Apart;
        return (Source { row, nodes }, Pending::Direct(rows));
    }
    if let Some(nodes_max) = nodes_max.filter(|_| wants.aggregates) {
        let outside = Source {
            row: context.collecting_alias_of(&select.access),
            nodes: NodeRows::Numbered(nodes_max),
        };
        return (outside, Pending::Numbered(row, rows));
    }
    if !has_window(arguments) && rows.order_by.is_empty() && rows.limit.is_none() {
        return (Source::all(row), Pending::Direct(rows));
    }
    let outside = Source::all(context.collecting_alias_of(&select.access));
    (outside, Pending::Window(row, rows))
}

/// Whether reading the rows twice gives the same rows, without cutting a window out twice: those of a
/// function or a statement may differ each time.
fn may_read_twice(select: &AggregateSelect) -> bool {
    matches!(select.access.rows(), Rows::Table) && !has_window(&select.arguments)
}

/// Whether the user asked for part of the rows only.
pub(crate) fn has_window(arguments: &SelectArguments) -> bool {
    arguments.limit.is_some() || arguments.offset.is_some() || !arguments.distinct_on.is_empty()
}

fn has_aggregates(value: &AggregateFieldValue) -> bool {
    let AggregateFieldValue::Aggregate(fields) = value else {
        return false;
    };
    fields.iter().any(|field| match &field.value {
        AggregateOp::Typename(_) => false,
        AggregateOp::Count { .. } => true,
        AggregateOp::Columns(_, columns) => columns
            .iter()
            .any(|column| matches!(column.value, AggregatedValue::Column(..))),
    })
}

fn nodes_of(field: &AggregateField) -> Option<&[Field]> {
    match &field.value {
        AggregateFieldValue::Nodes(fields) => Some(fields),
        _ => None,
    }
}

/// The nodes as a list.
fn listed(select: &AggregateSelect, nodes: &[Field]) -> TableSelect {
    TableSelect {
        access: select.access.clone(),
        arguments: select.arguments.clone(),
        fields: nodes.to_vec(),
    }
}

/// Only `nodes`: a list inside an object.
fn nodes_only(context: &mut Context, link: Option<Link<'_>>, select: &AggregateSelect) -> Select {
    let nodes = select.fields.iter().find_map(nodes_of).unwrap_or_default();
    let (node, from) = list_rows(context, link, &listed(select, nodes)).read();
    let each = AggregateArguments::All(vec![node]);
    let mut list = Some(list_or_empty(Expr::aggregate("json_agg", each)));
    let mut pairs = Pairs::with_capacity(select.fields.len());
    for field in &select.fields {
        let value = match &field.value {
            AggregateFieldValue::Typename(name) => Expr::text(name),
            AggregateFieldValue::Aggregate(fields) => constants(context, fields),
            AggregateFieldValue::Groups(groups) => {
                Expr::subselect(group::groups(context, link, select, groups))
            }
            AggregateFieldValue::Nodes(_) => list.take().expect("`nodes` stands here once"),
        };
        pairs.push((field.key.clone(), value));
    }
    Select::of(object(pairs)).from(from)
}

/// An `aggregate {…}` in which nothing is aggregated: no row is read.
fn constants(context: &mut Context, fields: &[AggregateOpField]) -> Expr {
    let nowhere = context.alias();
    Part::Object(tally(context, nowhere, fields)).json()
}

/// The whole object.
fn whole(
    context: &mut Context,
    link: Option<Link<'_>>,
    source: &Source,
    select: &AggregateSelect,
) -> Expr {
    let mut pairs = Pairs::with_capacity(select.fields.len());
    for field in &select.fields {
        let value = match &field.value {
            AggregateFieldValue::Typename(name) => Expr::text(name),
            AggregateFieldValue::Aggregate(fields) => {
                Part::Object(tally(context, source.row, fields)).json()
            }
            AggregateFieldValue::Groups(groups) => {
                Expr::subselect(group::groups(context, link, select, groups))
            }
            AggregateFieldValue::Nodes(fields) => match source.nodes {
                NodeRows::Apart => Expr::subselect(list(context, link, &listed(select, fields))),
                NodeRows::Same => nodes(context, source.row, fields, None),
                NodeRows::Numbered(max) => {
                    let cap = Expr::integer(i64::try_from(max).unwrap_or(i64::MAX));
                    let number = Expr::Column(source.row, Name::new(ROW_NUMBER));
                    let filter = number.binary(BinaryOperator::LessOrEqual, cap);
                    nodes(context, source.row, fields, Some(filter))
                }
            },
        };
        pairs.push((field.key.clone(), value));
    }
    object(pairs)
}

/// `coalesce(json_agg(json_build_object(…)) FILTER (WHERE t1."row_number" <= 10), '[]')`
fn nodes(context: &mut Context, row: Alias, fields: &[Field], filter: Option<Expr>) -> Expr {
    let node = object(pairs(context, row, fields, &mut Related::InPlace));
    list_or_empty(Expr::Aggregate(Box::new(AggregateCall {
        function: Function::Builtin("json_agg"),
        arguments: AggregateArguments::All(vec![node]),
        order_by: Vec::new(),
        filter,
    })))
}
