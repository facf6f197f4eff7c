//! How `INSERT` is printed: columns, rows and the rest, in the order of the Postgres manual.

use super::Printer;
use crate::{Insert, InsertValue};

impl Printer {
    pub(super) fn insert(&mut self, insert: &Insert) {
        self.push("INSERT INTO ");
        self.name(&insert.schema);
        self.push(".");
        self.name(&insert.table);
        self.push(" AS ");
        self.alias(insert.alias);
        if insert.columns.is_empty() {
            self.clause("DEFAULT VALUES");
        } else {
            self.push(" (");
            self.list(&insert.columns, Self::name);
            self.push(")");
            self.clause("VALUES ");
            self.list(&insert.rows, |printer, row| {
                printer.push("(");
                printer.list(row, Self::insert_value);
                printer.push(")");
            });
        }
        if !insert.returning.is_empty() {
            self.clause("RETURNING ");
            self.list(&insert.returning, Self::target);
        }
    }

    fn insert_value(&mut self, value: &InsertValue) {
        match value {
            InsertValue::Given(expr) => self.expr(expr),
            InsertValue::Default => self.push("DEFAULT"),
        }
    }
}
