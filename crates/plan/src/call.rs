//! Calls of functions, for rows and for values, and statements that an admin wrote.

use graphloom_ir::{ArgumentValue, FunctionArgument, FunctionCall, NativePart, NativeStatement};
use graphloom_sql::{self as sql, Alias, Expr, FromItem, Function, Name, Ordinality};

use crate::context::Context;
use crate::live::Statements;
use crate::value::value;

/// A function's rows: `"public"."f"($1::text) t0`. `outer` is the row a computed field is of.
pub(crate) fn rows(
    context: &mut Context,
    outer: Option<Alias>,
    call: &FunctionCall,
    alias: Alias,
) -> FromItem {
    FromItem::Function {
        function: name(call),
        arguments: arguments(context, outer, call),
        ordinality: Ordinality::Without,
        alias,
        columns: Vec::new(),
    }
}

/// A function's value.
pub(crate) fn scalar(context: &mut Context, row: Alias, call: &FunctionCall) -> Expr {
    let arguments = arguments(context, Some(row), call);
    Expr::Call(name(call), arguments)
}

/// The rows of a statement that an admin wrote.
pub(crate) fn native(context: &mut Context, statement: &NativeStatement, alias: Alias) -> FromItem {
    context.reads.statements = Statements::Some;
    let part = |part: &NativePart| match part {
        NativePart::Text(text) => sql::NativePart::Text(text.clone()),
        NativePart::Value(argument) => sql::NativePart::Expr(value(context, argument)),
    };
    FromItem::Native {
        parts: statement.parts.iter().map(part).collect(),
        alias,
    }
}

fn name(call: &FunctionCall) -> Function {
    Function::Qualified {
        schema: Name::new(call.function.schema.as_str()),
        name: Name::new(call.function.name.as_str()),
    }
}

fn arguments(context: &mut Context, row: Option<Alias>, call: &FunctionCall) -> Vec<Expr> {
    context.reads.functions.insert(call.function.clone());
    call.arguments
        .iter()
        .map(|one| argument(context, row, one))
        .collect()
}

fn argument(context: &mut Context, row: Option<Alias>, argument: &FunctionArgument) -> Expr {
    let expr = match &argument.value {
        ArgumentValue::Value(one) => value(context, one),
        ArgumentValue::Row(table) => {
            let row = row.expect("a computed field is of a row");
            context.whole_row(row, table)
        }
    };
    match &argument.name {
        None => expr,
        Some(name) => Expr::Named(Name::new(name.clone()), Box::new(expr)),
    }
}
