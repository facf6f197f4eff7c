//! Aggregates over rows, and the rows themselves.
//!
//! Both come from the same rows, read once. The access's row limit caps `nodes` alone.

use graphloom_ir::{
    AggregateField, AggregateFieldValue, AggregateFunction, AggregateOp, AggregateOpField,
    AggregateSelect, AggregatedField, AggregatedValue, Distinct, Field, GrantedColumn, TableSelect,
};
use graphloom_sql::{
    AggregateArguments, AggregateCall, Alias, BinaryOperator, Expr, FromItem, Function, Name,
    Select, Target, WindowCall,
};

use crate::column::{granted, output};
use crate::context::{Context, ROW_NUMBER, carry, carry_on};
use crate::object::{Pairs, list_or_empty, object};
use crate::rows::{self, Link, Ordering, Request};
use crate::select::{Related, list_rows, pairs};

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
        return Select::of(object(values(context, &nowhere, select)));
    }
    let (source, pending) = source(context, link, select, wants);
    let whole = object(values(context, &source, select));
    Select {
        targets: vec![Target::unnamed(whole)],
        ..pending.close(context, &source)
    }
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
    /// How many of them are nodes too; `None`: all.
    nodes_max: Option<u64>,
}

impl Source {
    fn all(row: Alias) -> Self {
        Self {
            row,
            nodes_max: None,
        }
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
fn nested(select: Select, alias: Alias) -> Select {
    Select::default().from(FromItem::Subselect {
        select: Box::new(select),
        alias,
    })
}

/// `row_number() OVER () AS "row_number"`: numbers rows as they come.
fn row_number() -> Target {
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
    let request = Request {
        arguments,
        ordering: if wants.nodes {
            Ordering::Matters
        } else {
            Ordering::Unseen
        },
        cap: nodes_max.filter(|_| !wants.aggregates),
    };
    let (row, rows) = rows::requested(context, &select.access, link, request);
    if nodes_max.is_some() && wants.aggregates {
        let row_outside = context.collecting_alias();
        let source = Source {
            row: row_outside,
            nodes_max,
        };
        return (source, Pending::Numbered(row, rows));
    }
    let is_table = rows.order_by.is_empty()
        && rows.distinct_on.is_empty()
        && rows.limit.is_none()
        && rows.offset.is_none();
    if is_table {
        return (Source::all(row), Pending::Direct(rows));
    }
    let row_outside = context.collecting_alias();
    (Source::all(row_outside), Pending::Window(row, rows))
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

/// Only `nodes`: a list inside an object.
fn nodes_only(context: &mut Context, link: Option<Link<'_>>, select: &AggregateSelect) -> Select {
    let nodes = select.fields.iter().find_map(nodes_of).unwrap_or_default();
    let listed = TableSelect {
        access: select.access.clone(),
        arguments: select.arguments.clone(),
        fields: nodes.to_vec(),
    };
    let (node, from) = list_rows(context, link, &listed);
    let each = AggregateArguments::All(vec![node]);
    let mut list = Some(list_or_empty(Expr::aggregate("json_agg", each)));
    let mut pairs = Pairs::with_capacity(select.fields.len());
    for field in &select.fields {
        let value = match &field.value {
            AggregateFieldValue::Typename(name) => Expr::text(name),
            AggregateFieldValue::Aggregate(fields) => constants(context, fields),
            AggregateFieldValue::Nodes(_) => list.take().expect("`nodes` stands here once"),
        };
        pairs.push((field.key.clone(), value));
    }
    Select::of(object(pairs)).from(from)
}

/// An `aggregate {…}` in which nothing is aggregated: no row is read.
fn constants(context: &mut Context, fields: &[AggregateOpField]) -> Expr {
    let nowhere = context.alias();
    aggregates(context, nowhere, fields)
}

/// The pairs of the whole object.
fn values(context: &mut Context, source: &Source, select: &AggregateSelect) -> Pairs {
    let mut pairs = Pairs::with_capacity(select.fields.len());
    for field in &select.fields {
        let value = match &field.value {
            AggregateFieldValue::Typename(name) => Expr::text(name),
            AggregateFieldValue::Aggregate(fields) => aggregates(context, source.row, fields),
            AggregateFieldValue::Nodes(fields) => nodes(context, source, fields),
        };
        pairs.push((field.key.clone(), value));
    }
    pairs
}

/// `coalesce(json_agg(json_build_object(…)) FILTER (WHERE t1."row_number" <= 10), '[]')`
fn nodes(context: &mut Context, source: &Source, fields: &[Field]) -> Expr {
    let node = object(pairs(context, source.row, fields, &mut Related::InPlace));
    let filter = source.nodes_max.map(|nodes_max| {
        let nodes_max = i64::try_from(nodes_max).unwrap_or(i64::MAX);
        Expr::Column(source.row, Name::new(ROW_NUMBER))
            .binary(BinaryOperator::LessOrEqual, Expr::integer(nodes_max))
    });
    list_or_empty(Expr::Aggregate(Box::new(AggregateCall {
        function: Function::Builtin("json_agg"),
        arguments: AggregateArguments::All(vec![node]),
        order_by: Vec::new(),
        filter,
    })))
}

/// `json_build_object('count', count(*), 'max', json_build_object(…))`
fn aggregates(context: &mut Context, row: Alias, fields: &[AggregateOpField]) -> Expr {
    let mut pairs = Pairs::with_capacity(fields.len());
    for field in fields {
        let value = match &field.value {
            AggregateOp::Typename(name) => Expr::text(name),
            AggregateOp::Count { columns, distinct } => count(context, row, columns, *distinct),
            AggregateOp::Columns(function, columns) => {
                over_columns(context, row, *function, columns)
            }
        };
        pairs.push((field.key.clone(), value));
    }
    object(pairs)
}

/// `count(*)`, `count(t0."a")`, `count(DISTINCT ROW(t0."a", t0."b"))`
fn count(context: &mut Context, row: Alias, columns: &[GrantedColumn], distinct: Distinct) -> Expr {
    let mut values = Vec::with_capacity(columns.len());
    for column in columns {
        values.push(granted(context, row, column));
    }
    let counted = match values.len() {
        0 => return Expr::aggregate("count", AggregateArguments::Star),
        1 => values,
        _ => vec![Expr::RowOf(values)],
    };
    let arguments = match distinct {
        Distinct::No => AggregateArguments::All(counted),
        Distinct::Yes => AggregateArguments::Distinct(counted),
    };
    Expr::aggregate("count", arguments)
}

/// `json_build_object('views', max(t0."views"))`
fn over_columns(
    context: &mut Context,
    row: Alias,
    function: AggregateFunction,
    columns: &[AggregatedField],
) -> Expr {
    let mut pairs = Pairs::with_capacity(columns.len());
    for field in columns {
        let value = match &field.value {
            AggregatedValue::Typename(name) => Expr::text(name),
            AggregatedValue::Column(column, form) => {
                let each = AggregateArguments::All(vec![granted(context, row, column)]);
                let value = Expr::aggregate(function.name(), each);
                output(context, value, column.ty(), *form)
            }
        };
        pairs.push((field.key.clone(), value));
    }
    object(pairs)
}
