//! `INSERT`, `UPDATE` and `DELETE` (Postgres manual), as far as the engine emits them.

use crate::{Alias, Expr, Name, Select, Target};

/// `INSERT INTO "schema"."table" AS t0 ("a", "b") VALUES (…), (…) ON CONFLICT … RETURNING …`
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
    /// The rows, each with one value per column.
    pub rows: InsertRows,
    /// `ON CONFLICT`
    pub conflict: Option<Conflict>,
    /// `RETURNING`; empty: nothing comes back.
    pub returning: Vec<Target>,
}

/// Where the rows of an `INSERT` come from.
#[derive(Clone, Debug, PartialEq)]
pub enum InsertRows {
    /// `VALUES (…), (…)`: at least one row.
    Values(Vec<Vec<InsertValue>>),
    /// `SELECT …`: as many as it gives.
    Select(Box<Select>),
}

/// A value of a row to write.
#[derive(Clone, Debug, PartialEq)]
pub enum InsertValue {
    /// An expression.
    Given(Expr),
    /// `DEFAULT`
    Default,
}

/// `ON CONFLICT <target> DO …`
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Which conflicts.
    pub target: ConflictTarget,
    /// What is done about them.
    pub action: ConflictAction,
}

/// Which conflicts are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum ConflictTarget {
    /// Any.
    Any,
    /// `ON CONSTRAINT "name"`
    Constraint(Name),
    /// `("a", "b")`
    Columns(Vec<Name>),
}

/// What is done about a conflict.
#[derive(Clone, Debug, PartialEq)]
pub enum ConflictAction {
    /// `DO NOTHING`
    Nothing,
    /// `DO UPDATE SET … WHERE …`
    Update {
        /// `SET`; at least one.
        set: Vec<Assignment>,
        /// `WHERE`
        filter: Option<Expr>,
    },
}

/// `"column" = expression`
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column.
    pub column: Name,
    /// Its new value.
    pub value: InsertValue,
}

/// `UPDATE "schema"."table" AS t0 SET … WHERE … RETURNING …`
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The schema.
    pub schema: Name,
    /// The table.
    pub table: Name,
    /// Our name for its rows.
    pub alias: Alias,
    /// `SET`; at least one.
    pub set: Vec<Assignment>,
    /// `WHERE`; none: every row.
    pub filter: Option<Expr>,
    /// `RETURNING`; empty: nothing comes back.
    pub returning: Vec<Target>,
}

/// `DELETE FROM "schema"."table" AS t0 WHERE … RETURNING …`
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// The schema.
    pub schema: Name,
    /// The table.
    pub table: Name,
    /// Our name for its rows.
    pub alias: Alias,
    /// `WHERE`; none: every row.
    pub filter: Option<Expr>,
    /// `RETURNING`; empty: nothing comes back.
    pub returning: Vec<Target>,
}
