//! From tree to text: the only maker of SQL text in the engine.
//!
//! Parameters are numbered in order of appearance, equal ids share a number. Operands are put in
//! parentheses unless they are atoms, so no table of precedences can be wrong.

mod write;

use std::fmt::Write;

use crate::quote::{write_identifier, write_literal};
use crate::select::Ordinality;
use crate::text::{Effects, SqlText};
use crate::{
    AggregateArguments, AggregateCall, Alias, CaseBranch, CommonTable, Direction, Expr, FromItem,
    Function, Join, JoinKind, Literal, Name, NativePart, Nulls, OrderBy, ParameterId, Quantifier,
    Select, Statement, Target, TypeName, WindowCall,
};

/// How a statement is laid out. The tokens are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// On one line: for Postgres.
    Line,
    /// A line per clause, subselects indented: for people.
    Indented,
}

/// Prints a statement.
pub fn print(statement: &Statement, layout: Layout) -> SqlText {
    let mut printer = Printer::new(layout);
    printer.statement(statement);
    SqlText {
        text: printer.out,
        parameters: printer.parameters,
        effects: printer.effects,
    }
}

/// A statement on one line with values in the places of parameters, for people to look at and to try
/// elsewhere: it is never run. `values` stand at the index of each id; `None` is `NULL`.
pub fn show(statement: &Statement, values: &[Option<String>]) -> String {
    let mut printer = Printer::new(Layout::Line);
    printer.shown = Some(values);
    printer.statement(statement);
    printer.out
}

struct Printer<'a> {
    out: String,
    /// Values that are written in the places of parameters.
    shown: Option<&'a [Option<String>]>,
    parameters: Vec<ParameterId>,
    /// The number of each id seen so far, at its index; 0 for the others.
    numbers: Vec<usize>,
    layout: Layout,
    depth: usize,
    effects: Effects,
}

impl Printer<'_> {
    fn new(layout: Layout) -> Self {
        Self {
            out: String::with_capacity(512),
            shown: None,
            parameters: Vec::new(),
            numbers: Vec::new(),
            layout,
            depth: 0,
            effects: Effects::None,
        }
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// A space, or a new line at the current depth.
    fn clause(&mut self, keyword: &str) {
        match self.layout {
            Layout::Line => self.out.push(' '),
            Layout::Indented => self.line(),
        }
        self.push(keyword);
    }

    fn line(&mut self) {
        self.out.push('\n');
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
    }

    fn list<T>(&mut self, items: &[T], mut print: impl FnMut(&mut Self, &T)) {
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.push(", ");
            }
            print(self, item);
        }
    }

    fn name(&mut self, name: &Name) {
        write_identifier(&mut self.out, name.as_str());
    }

    fn alias(&mut self, alias: Alias) {
        write!(self.out, "{alias}").expect("a string takes everything");
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Select(select) => self.select(select),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Explain(select) => {
                self.push("EXPLAIN (FORMAT TEXT) ");
                self.select(select);
            }
        }
    }

    /// `(…)` around a select, one level deeper.
    fn parenthesised(&mut self, select: &Select) {
        self.nested(|printer| printer.select(select));
    }

    fn nested(&mut self, print: impl FnOnce(&mut Self)) {
        self.push("(");
        self.depth += 1;
        if self.layout == Layout::Indented {
            self.line();
        }
        print(self);
        self.depth -= 1;
        if self.layout == Layout::Indented {
            self.line();
        }
        self.push(")");
    }

    fn select(&mut self, select: &Select) {
        self.with(&select.with);
        self.push("SELECT");
        if !select.distinct_on.is_empty() {
            self.push(" DISTINCT ON (");
            self.list(&select.distinct_on, Self::expr);
            self.push(")");
            if select.targets.is_empty() {
                // Postgres takes a select without columns, but not if it is distinct.
                self.push(" 1");
            }
        }
        for (position, target) in select.targets.iter().enumerate() {
            self.push(if position > 0 { ", " } else { " " });
            self.target(target);
        }
        if !select.from.is_empty() {
            self.clause("FROM ");
            self.list(&select.from, Self::source_item);
        }
        if let Some(filter) = &select.filter {
            self.clause("WHERE ");
            self.expr(filter);
        }
        if !select.group_by.is_empty() {
            self.clause("GROUP BY ");
            self.list(&select.group_by, Self::expr);
        }
        if let Some(having) = &select.having {
            self.clause("HAVING ");
            self.expr(having);
        }
        if !select.order_by.is_empty() {
            self.clause("ORDER BY ");
            self.list(&select.order_by, Self::order_by);
        }
        if let Some(limit) = &select.limit {
            self.clause("LIMIT ");
            self.operand(limit);
        }
        if let Some(offset) = &select.offset {
            self.clause("OFFSET ");
            self.operand(offset);
        }
        if let Some(alias) = select.lock {
            self.clause("FOR UPDATE OF ");
            self.alias(alias);
        }
    }

    fn with(&mut self, tables: &[CommonTable]) {
        if tables.is_empty() {
            return;
        }
        self.push("WITH ");
        self.list(tables, |printer, table| {
            printer.alias(table.alias);
            printer.push(" AS ");
            printer.nested(|printer| printer.statement(&table.statement));
        });
        match self.layout {
            Layout::Line => self.push(" "),
            Layout::Indented => self.line(),
        }
    }

    fn target(&mut self, target: &Target) {
        self.expr(&target.expression);
        if let Some(name) = &target.name {
            self.push(" AS ");
            self.name(name);
        }
    }

    fn source_item(&mut self, item: &FromItem) {
        match item {
            FromItem::Table {
                schema,
                table,
                alias,
            } => {
                self.name(schema);
                self.push(".");
                self.name(table);
                self.push(" ");
                self.alias(*alias);
            }
            FromItem::Subselect { select, alias } => {
                self.parenthesised(select);
                self.push(" ");
                self.alias(*alias);
            }
            FromItem::Lateral { select, alias } => {
                self.push("LATERAL ");
                self.parenthesised(select);
                self.push(" ");
                self.alias(*alias);
            }
            FromItem::CommonTable { name, alias } => {
                self.alias(*name);
                self.push(" ");
                self.alias(*alias);
            }
            FromItem::Function {
                function,
                arguments,
                ordinality,
                alias,
                columns,
            } => {
                self.call(function, arguments);
                if *ordinality == Ordinality::With {
                    self.push(" WITH ORDINALITY");
                }
                self.push(" ");
                self.alias(*alias);
                self.column_names(columns);
            }
            FromItem::Values {
                rows,
                alias,
                columns,
            } => {
                self.push("(VALUES ");
                self.list(rows, |printer, row| {
                    printer.push("(");
                    printer.list(row, Self::expr);
                    printer.push(")");
                });
                self.push(") ");
                self.alias(*alias);
                self.column_names(columns);
            }
            FromItem::Native { parts, alias } => {
                self.effects = Effects::Possible;
                self.push("(");
                for part in parts {
                    match part {
                        NativePart::Text(text) => self.push(text),
                        NativePart::Expr(expr) => self.operand(expr),
                    }
                }
                // A line of its own: the admin's text may end in a comment.
                self.push("\n) ");
                self.alias(*alias);
            }
            FromItem::Join(join) => self.join(join),
        }
    }

    fn column_names(&mut self, columns: &[Name]) {
        if !columns.is_empty() {
            self.push("(");
            self.list(columns, Self::name);
            self.push(")");
        }
    }

    fn join(&mut self, join: &Join) {
        self.source_item(&join.left);
        self.clause(match join.kind {
            JoinKind::Inner => "JOIN ",
            JoinKind::Left => "LEFT JOIN ",
        });
        let nested = matches!(join.right, FromItem::Join(_));
        if nested {
            self.push("(");
        }
        self.source_item(&join.right);
        if nested {
            self.push(")");
        }
        self.push(" ON ");
        self.expr(&join.condition);
    }

    fn order_by(&mut self, key: &OrderBy) {
        self.operand(&key.expression);
        match (key.direction, key.nulls) {
            (Direction::Ascending, Nulls::Last) => {}
            (Direction::Ascending, Nulls::First) => self.push(" NULLS FIRST"),
            (Direction::Descending, Nulls::First) => self.push(" DESC"),
            (Direction::Descending, Nulls::Last) => self.push(" DESC NULLS LAST"),
        }
    }

    /// An expression as part of another: in parentheses unless it is an atom.
    fn operand(&mut self, expr: &Expr) {
        if is_atom(expr) {
            self.expr(expr);
        } else {
            self.push("(");
            self.expr(expr);
            self.push(")");
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Column(alias, name) => {
                self.alias(*alias);
                self.push(".");
                self.name(name);
            }
            Expr::Excluded(name) => {
                self.push("EXCLUDED.");
                self.name(name);
            }
            Expr::Row(alias) => {
                self.alias(*alias);
                self.push(".*");
            }
            Expr::Parameter(id) => self.parameter(*id),
            Expr::Literal(literal) => self.literal(literal),
            Expr::Cast(inner, ty) => {
                self.operand(inner);
                self.push("::");
                self.type_name(ty);
            }
            Expr::Element(array, position) => {
                self.push("(");
                self.expr(array);
                write!(self.out, ")[{position}]").expect("a string takes everything");
            }
            Expr::Call(function, arguments) => self.call(function, arguments),
            Expr::Named(name, value) => {
                self.name(name);
                self.push(" => ");
                self.expr(value);
            }
            Expr::Aggregate(call) => self.aggregate(call),
            Expr::Window(call) => self.window(call),
            Expr::Binary(left, operator, right) => {
                self.operand(left);
                self.push(" ");
                self.push(operator.as_str());
                self.push(" ");
                self.operand(right);
            }
            Expr::Quantified(left, operator, quantifier, array) => {
                self.operand(left);
                self.push(" ");
                self.push(operator.as_str());
                self.push(match quantifier {
                    Quantifier::Any => " ANY ",
                    Quantifier::All => " ALL ",
                });
                match &**array {
                    Expr::Subselect(rows) => self.parenthesised(rows),
                    array => self.bracketed("(", std::slice::from_ref(array), ")"),
                }
            }
            Expr::And(parts) => self.junction(parts, " AND ", "true"),
            Expr::Or(parts) => self.junction(parts, " OR ", "false"),
            Expr::Not(inner) => {
                self.push("NOT ");
                self.operand(inner);
            }
            Expr::IsNull(inner) => {
                self.operand(inner);
                self.push(" IS NULL");
            }
            Expr::IsNotNull(inner) => {
                self.operand(inner);
                self.push(" IS NOT NULL");
            }
            Expr::Case(branches, otherwise) => self.case(branches, otherwise.as_deref()),
            Expr::RowOf(parts) => self.bracketed("ROW(", parts, ")"),
            Expr::Array(parts) => self.bracketed("ARRAY[", parts, "]"),
            Expr::ArrayOf(select) => {
                self.push("ARRAY");
                self.parenthesised(select);
            }
            Expr::Exists(select) => {
                self.push("EXISTS ");
                self.parenthesised(select);
            }
            Expr::Subselect(select) => self.parenthesised(select),
        }
    }

    fn parameter(&mut self, id: ParameterId) {
        if let Some(values) = self.shown {
            match values.get(id.index()).and_then(Option::as_deref) {
                Some(text) => write_literal(&mut self.out, text),
                None => self.push("NULL"),
            }
            return;
        }
        if self.numbers.len() <= id.index() {
            self.numbers.resize(id.index() + 1, 0);
        }
        if self.numbers[id.index()] == 0 {
            self.parameters.push(id);
            self.numbers[id.index()] = self.parameters.len();
        }
        write!(self.out, "${}", self.numbers[id.index()]).expect("a string takes everything");
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Null => self.push("NULL"),
            Literal::Boolean(true) => self.push("true"),
            Literal::Boolean(false) => self.push("false"),
            Literal::Integer(value) => {
                write!(self.out, "{value}").expect("a string takes everything");
            }
            Literal::Text(text) => write_literal(&mut self.out, text),
        }
    }

    fn qualified(&mut self, schema: &Name, name: &Name) {
        self.name(schema);
        self.push(".");
        self.name(name);
    }

    fn type_name(&mut self, ty: &TypeName) {
        match ty {
            TypeName::Builtin(name) => self.push(name),
            TypeName::Qualified { schema, name } => self.qualified(schema, name),
            TypeName::Array(element) => {
                self.type_name(element);
                self.push("[]");
            }
        }
    }

    fn function(&mut self, function: &Function) {
        match function {
            Function::Builtin(name) => self.push(name),
            Function::Qualified { schema, name } => {
                self.effects = Effects::Possible;
                self.qualified(schema, name);
            }
        }
    }

    fn bracketed(&mut self, open: &str, parts: &[Expr], close: &str) {
        self.push(open);
        self.list(parts, Self::expr);
        self.push(close);
    }

    fn call(&mut self, function: &Function, arguments: &[Expr]) {
        self.function(function);
        self.bracketed("(", arguments, ")");
    }

    fn aggregate(&mut self, call: &AggregateCall) {
        self.function(&call.function);
        match &call.arguments {
            AggregateArguments::Star => self.push("(*"),
            AggregateArguments::All(arguments) => self.bracketed("(", arguments, ""),
            AggregateArguments::Distinct(arguments) => self.bracketed("(DISTINCT ", arguments, ""),
        }
        if !call.order_by.is_empty() {
            self.push(" ORDER BY ");
            self.list(&call.order_by, Self::order_by);
        }
        self.push(")");
        if let Some(filter) = &call.filter {
            self.push(" FILTER (WHERE ");
            self.expr(filter);
            self.push(")");
        }
    }

    fn window(&mut self, call: &WindowCall) {
        self.function(&call.function);
        self.push("() OVER (");
        if !call.partition_by.is_empty() {
            self.push("PARTITION BY ");
            self.list(&call.partition_by, Self::expr);
        }
        if !call.order_by.is_empty() {
            self.push(if call.partition_by.is_empty() {
                "ORDER BY "
            } else {
                " ORDER BY "
            });
            self.list(&call.order_by, Self::order_by);
        }
        self.push(")");
    }

    fn junction(&mut self, parts: &[Expr], between: &str, of_none: &str) {
        match parts {
            [] => self.push(of_none),
            [only] => self.expr(only),
            parts => {
                for (position, part) in parts.iter().enumerate() {
                    if position > 0 {
                        self.push(between);
                    }
                    self.operand(part);
                }
            }
        }
    }

    fn case(&mut self, branches: &[CaseBranch], otherwise: Option<&Expr>) {
        self.push("CASE");
        for branch in branches {
            self.push(" WHEN ");
            self.expr(&branch.when);
            self.push(" THEN ");
            self.expr(&branch.then);
        }
        if let Some(otherwise) = otherwise {
            self.push(" ELSE ");
            self.expr(otherwise);
        }
        self.push(" END");
    }
}

/// Whether an expression stands by itself next to any operator.
fn is_atom(expr: &Expr) -> bool {
    match expr {
        Expr::Column(..)
        | Expr::Row(_)
        | Expr::Excluded(_)
        | Expr::Element(..)
        | Expr::Parameter(_)
        | Expr::Call(..)
        | Expr::Aggregate(_)
        | Expr::Window(_)
        | Expr::Cast(..)
        | Expr::Case(..)
        | Expr::RowOf(_)
        | Expr::Array(_)
        | Expr::ArrayOf(_)
        | Expr::Exists(_)
        | Expr::Subselect(_) => true,
        // `-1::int4` is `-(1::int4)`.
        Expr::Literal(Literal::Integer(value)) => *value >= 0,
        Expr::Literal(_) => true,
        Expr::And(parts) | Expr::Or(parts) => match parts.as_slice() {
            [] => true,
            [only] => is_atom(only),
            _ => false,
        },
        Expr::Binary(..)
        | Expr::Named(..)
        | Expr::Quantified(..)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_) => false,
    }
}

#[cfg(test)]
mod tests;
