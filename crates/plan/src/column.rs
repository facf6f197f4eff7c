//! A column's value as the current role may see it, and its form in the response.

use std::sync::Arc;

use graphloom_catalog::{PgType, TypeKind};
use graphloom_ir::{BoolExp, ColumnSelect, ComputedSelect, GrantedColumn, Output};
use graphloom_sql::{
    AggregateArguments, Alias, BinaryOperator, CaseBranch, Expr, FromItem, Function, Name,
    Ordinality, Select,
};
use graphloom_vocab::ColumnName;

use crate::call;
use crate::condition::{Scope, condition};
use crate::context::Context;
use crate::object::list_or_empty;
use crate::value::{JSON, TEXT, beside, value};

/// A visible column of a row.
pub(crate) fn granted(context: &mut Context, row: Alias, column: &GrantedColumn) -> Expr {
    masked(context, row, column.name(), column.mask())
}

/// A column of a row, null where its mask is not true: `CASE WHEN mask THEN t0."c" END`.
pub(crate) fn masked(
    context: &mut Context,
    row: Alias,
    column: &ColumnName,
    mask: Option<&Arc<BoolExp>>,
) -> Expr {
    let value = context.column(row, column);
    unmasked(context, row, value, mask)
}

/// A value of a row, null where the mask is not true.
pub(crate) fn unmasked(
    context: &mut Context,
    row: Alias,
    value: Expr,
    mask: Option<&Arc<BoolExp>>,
) -> Expr {
    match mask.filter(|mask| !mask.is_always()) {
        None => value,
        Some(mask) => {
            let when = condition(context, Scope::of(row), mask);
            Expr::Case(vec![CaseBranch { when, then: value }], None)
        }
    }
}

/// A column as it stands in the response.
pub(crate) fn selected(context: &mut Context, row: Alias, select: &ColumnSelect) -> Expr {
    let mut expr = granted(context, row, &select.column);
    if let Some(path) = &select.json_path {
        let path = value(context, path);
        expr = expr.binary(BinaryOperator::HashArrow, path);
    }
    output(context, expr, select.column.ty(), select.output)
}

/// A value of a row that is read as it is, or else as the JSON that Postgres makes of it.
///
/// Only types whose binary form says all there is, on any server and under any setting, are read as they are. Inside
/// of a record a domain goes by its own name, so domains are not among them.
pub(crate) fn encoded(expr: Expr, ty: &PgType, output: Output) -> Expr {
    match is_plain(ty, output) {
        true => expr,
        false => Expr::call("to_json", vec![expr]),
    }
}

/// Whether a value is read as it is.
pub(crate) fn is_plain(ty: &PgType, output: Output) -> bool {
    match output {
        Output::Text | Output::Upper | Output::GeoJson => true,
        Output::Json => {
            matches!(ty.kind, TypeKind::Base)
                && &*ty.schema == "pg_catalog"
                && PLAIN.contains(&&*ty.name)
        }
    }
}

/// The types that are read as they are.
const PLAIN: &[&str] = &[
    "bool", "bpchar", "int2", "int4", "int8", "json", "jsonb", "name", "numeric", "text", "uuid",
    "varchar",
];

/// A computed field as it stands in the response.
pub(crate) fn computed(context: &mut Context, row: Alias, select: &ComputedSelect) -> Expr {
    let expr = call::scalar(context, row, &select.call);
    let mut expr = unmasked(context, row, expr, select.mask.as_ref());
    if let Some(path) = &select.json_path {
        let path = value(context, path);
        expr = expr.binary(BinaryOperator::HashArrow, path);
    }
    output(context, expr, &select.ty, select.output)
}

/// A value in the form the response wants.
pub(crate) fn output(context: &mut Context, expr: Expr, ty: &PgType, output: Output) -> Expr {
    match output {
        Output::Json => expr,
        Output::Text => expr.cast(TEXT),
        Output::Upper => Expr::call("upper", vec![expr.cast(TEXT)]),
        Output::GeoJson => match ty.element() {
            None => geo_json(ty, expr),
            Some(element) => geo_json_list(context, expr, element),
        },
    }
}

/// `st_asgeojson(e, 15, 4)::json`: 15 decimal digits, with the reference system in its long form, as v2.
fn geo_json(ty: &PgType, expr: Expr) -> Expr {
    let arguments = vec![expr, Expr::integer(15), Expr::integer(4)];
    Expr::Call(beside(ty, "st_asgeojson"), arguments).cast(JSON)
}

/// An array of shapes as a list, null staying null.
fn geo_json_list(context: &mut Context, expr: Expr, element: &PgType) -> Expr {
    let alias = context.alias();
    let shape = Expr::Column(alias, Name::new("shape"));
    let each = AggregateArguments::All(vec![geo_json(element, shape)]);
    let list = list_or_empty(Expr::aggregate("json_agg", each));
    let select = Select::of(list).from(FromItem::Function {
        function: Function::Builtin("unnest"),
        arguments: vec![expr.clone()],
        ordinality: Ordinality::Without,
        alias,
        columns: vec![Name::new("shape")],
    });
    let branch = CaseBranch {
        when: Expr::IsNotNull(Box::new(expr)),
        then: Expr::subselect(select),
    };
    Expr::Case(vec![branch], None)
}
