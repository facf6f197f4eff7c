//! How `INSERT`, `UPDATE` and `DELETE` are printed.

use super::Printer;
use crate::{
    Assignment, Conflict, ConflictAction, ConflictTarget, Delete, Effects, Expr, Insert,
    InsertRows, InsertValue, Target, Update,
};

impl Printer<'_> {
    pub(super) fn insert(&mut self, insert: &Insert) {
        self.effects = self.effects.max(Effects::Writes);
        self.push("INSERT INTO ");
        self.qualified(&insert.schema, &insert.table);
        self.push(" AS ");
        self.alias(insert.alias);
        if insert.columns.is_empty() {
            self.clause("DEFAULT VALUES");
        } else {
            self.push(" (");
            self.list(&insert.columns, Self::name);
            self.push(")");
            match &insert.rows {
                InsertRows::Values(rows) => {
                    self.clause("VALUES ");
                    self.list(rows, |printer, row| {
                        printer.push("(");
                        printer.list(row, Self::insert_value);
                        printer.push(")");
                    });
                }
                InsertRows::Select(select) => {
                    self.clause("");
                    self.select(select);
                }
            }
        }
        if let Some(conflict) = &insert.conflict {
            self.conflict(conflict);
        }
        self.returning(&insert.returning);
    }

    pub(super) fn update(&mut self, update: &Update) {
        self.effects = self.effects.max(Effects::Writes);
        self.push("UPDATE ");
        self.qualified(&update.schema, &update.table);
        self.push(" AS ");
        self.alias(update.alias);
        self.clause("SET ");
        self.list(&update.set, Self::assignment);
        self.restriction(update.filter.as_ref());
        self.returning(&update.returning);
    }

    pub(super) fn delete(&mut self, delete: &Delete) {
        self.effects = self.effects.max(Effects::Writes);
        self.push("DELETE FROM ");
        self.qualified(&delete.schema, &delete.table);
        self.push(" AS ");
        self.alias(delete.alias);
        self.restriction(delete.filter.as_ref());
        self.returning(&delete.returning);
    }

    fn conflict(&mut self, conflict: &Conflict) {
        self.clause("ON CONFLICT ");
        match &conflict.target {
            ConflictTarget::Any => {}
            ConflictTarget::Constraint(name) => {
                self.push("ON CONSTRAINT ");
                self.name(name);
                self.push(" ");
            }
            ConflictTarget::Columns(names) => {
                self.push("(");
                self.list(names, Self::name);
                self.push(") ");
            }
        }
        match &conflict.action {
            ConflictAction::Nothing => self.push("DO NOTHING"),
            ConflictAction::Update { set, filter } => {
                self.push("DO UPDATE SET ");
                self.list(set, Self::assignment);
                self.restriction(filter.as_ref());
            }
        }
    }

    fn assignment(&mut self, assignment: &Assignment) {
        self.name(&assignment.column);
        self.push(" = ");
        self.insert_value(&assignment.value);
    }

    fn restriction(&mut self, filter: Option<&Expr>) {
        if let Some(filter) = filter {
            self.clause("WHERE ");
            self.expr(filter);
        }
    }

    fn returning(&mut self, targets: &[Target]) {
        if !targets.is_empty() {
            self.clause("RETURNING ");
            self.list(targets, Self::target);
        }
    }

    fn insert_value(&mut self, value: &InsertValue) {
        match value {
            InsertValue::Given(expr) => self.expr(expr),
            InsertValue::Default => self.push("DEFAULT"),
        }
    }
}
