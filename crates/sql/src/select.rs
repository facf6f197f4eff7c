//! Statements: `SELECT`; those that write are in `write.rs`.

use crate::{Alias, Delete, Expr, Function, Insert, Name, Update};

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `SELECT`, with or without `WITH`.
    Select(Select),
    /// `INSERT`
    Insert(Insert),
    /// `UPDATE`
    Update(Update),
    /// `DELETE`
    Delete(Delete),
    /// `EXPLAIN (FORMAT TEXT)` of a `SELECT`.
    Explain(Box<Select>),
}

/// `WITH … SELECT …` (Postgres manual, SELECT).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Select {
    /// `WITH`
    pub with: Vec<CommonTable>,
    /// `DISTINCT ON (…)`; empty: none.
    pub distinct_on: Vec<Expr>,
    /// What is selected; empty: rows without columns.
    pub targets: Vec<Target>,
    /// `FROM`; empty: one row.
    pub from: Vec<FromItem>,
    /// `WHERE`
    pub filter: Option<Expr>,
    /// `GROUP BY`
    pub group_by: Vec<Expr>,
    /// `HAVING`
    pub having: Option<Expr>,
    /// `ORDER BY`
    pub order_by: Vec<OrderBy>,
    /// `LIMIT`
    pub limit: Option<Expr>,
    /// `OFFSET`
    pub offset: Option<Expr>,
    /// `FOR UPDATE OF t0`
    pub lock: Option<Alias>,
}

impl Select {
    /// `SELECT <expression>`, to be completed.
    pub fn of(expression: Expr) -> Self {
        Self {
            targets: vec![Target::unnamed(expression)],
            ..Self::default()
        }
    }

    /// The same with one more item in `FROM`.
    pub fn from(mut self, item: FromItem) -> Self {
        self.from.push(item);
        self
    }
}

/// A name for a statement's rows in front of another.
#[derive(Clone, Debug, PartialEq)]
pub struct CommonTable {
    /// Its name.
    pub alias: Alias,
    /// Its rows.
    pub statement: Statement,
}

/// An output column.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its value.
    pub expression: Expr,
    /// `AS "name"`
    pub name: Option<Name>,
}

impl Target {
    /// A column whose name nobody reads.
    pub fn unnamed(expression: Expr) -> Self {
        Self {
            expression,
            name: None,
        }
    }

    /// `expression AS "name"`
    pub fn named(expression: Expr, name: Name) -> Self {
        Self {
            expression,
            name: Some(name),
        }
    }
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq)]
pub enum FromItem {
    /// `"schema"."table" t0`
    Table {
        /// The schema.
        schema: Name,
        /// The table.
        table: Name,
        /// Our name for its rows.
        alias: Alias,
    },
    /// `(SELECT …) t0`
    Subselect {
        /// The rows.
        select: Box<Select>,
        /// Our name for them.
        alias: Alias,
    },
    /// `LATERAL (SELECT …) t0`
    Lateral {
        /// The rows, which may refer to earlier items.
        select: Box<Select>,
        /// Our name for them.
        alias: Alias,
    },
    /// The rows of a `WITH` item: `t0 t1`.
    CommonTable {
        /// The item.
        name: Alias,
        /// Our name for its rows here.
        alias: Alias,
    },
    /// `f(a, b) t0`, also `unnest(…) t0("a", "b")`.
    Function {
        /// The function.
        function: Function,
        /// Its arguments.
        arguments: Vec<Expr>,
        /// Whether a column `ordinality` is added.
        ordinality: Ordinality,
        /// Our name for its rows.
        alias: Alias,
        /// Names for its columns; empty: its own.
        columns: Vec<Name>,
    },
    /// `(…) t0`: a statement that an admin wrote (native queries), with expressions in marked places.
    Native {
        /// In order.
        parts: Vec<NativePart>,
        /// Our name for its rows.
        alias: Alias,
    },
    /// `(VALUES (a, b), …) t0("a", "b")`
    Values {
        /// Rows of equal length.
        rows: Vec<Vec<Expr>>,
        /// Our name for them.
        alias: Alias,
        /// Names for their columns.
        columns: Vec<Name>,
    },
    /// `a LEFT JOIN b ON c`
    Join(Box<Join>),
}

/// A piece of a statement that an admin wrote.
#[derive(Clone, Debug, PartialEq)]
pub enum NativePart {
    /// Printed as it is: the one text that is not ours, for it is the admin's own SQL.
    Text(std::sync::Arc<str>),
    /// An expression in a place the admin marked.
    Expr(Expr),
}

/// Whether a function's rows are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordinality {
    /// Plain rows.
    Without,
    /// `WITH ORDINALITY`
    With,
}

/// Two items side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// The left one.
    pub left: FromItem,
    /// How.
    pub kind: JoinKind,
    /// The right one.
    pub right: FromItem,
    /// `ON`
    pub condition: Expr,
}

/// How two items are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// `JOIN`
    Inner,
    /// `LEFT JOIN`
    Left,
}

/// A sort key.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    /// By what.
    pub expression: Expr,
    /// Up or down.
    pub direction: Direction,
    /// Where nulls go; what Postgres does anyway is not printed.
    pub nulls: Nulls,
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `ASC`
    Ascending,
    /// `DESC`
    Descending,
}

/// Where nulls go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// `NULLS FIRST`
    First,
    /// `NULLS LAST`
    Last,
}
