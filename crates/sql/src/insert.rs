//! `INSERT` (Postgres manual, INSERT), as far as the engine emits it.

use crate::{Alias, Expr, Name, Target};

/// `INSERT INTO "schema"."table" AS t0 ("a", "b") VALUES (…), (…) RETURNING …`
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The schema.
    pub schema: Name,
    /// The table.
    pub table: Name,
    /// Our name for the rows that were written.
    pub alias: Alias,
    /// The columns that are given; none: every row is all defaults, and there is one row.
    pub columns: Vec<Name>,
    /// At least one row, each with one value per column.
    pub rows: Vec<Vec<InsertValue>>,
    /// `RETURNING`; empty: nothing comes back.
    pub returning: Vec<Target>,
}

/// A value of a row to write.
#[derive(Clone, Debug, PartialEq)]
pub enum InsertValue {
    /// An expression.
    Given(Expr),
    /// `DEFAULT`
    Default,
}
