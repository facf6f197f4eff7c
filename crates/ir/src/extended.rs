//! What writes can do beyond v2: picking rows, expecting a count, and writing to related rows of updated ones.

use graphloom_vocab::{ColumnName, ErrorPath};

use crate::{
    BoolExp, Comparison, Delete, Input, InsertNode, InsertTarget, OrderBy, TableAccess, TypedValue,
    Update,
};

/// Which of the rows that satisfy the filter are written: the first so many in an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Pick {
    /// The primary key.
    pub key: Vec<ColumnName>,
    /// In which order.
    pub order_by: Vec<OrderBy>,
    /// How many; `None`: all.
    pub limit: Option<TypedValue>,
}

/// How many rows a mutation must affect to stay.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// All must hold of the count.
    pub tests: Vec<Comparison>,
    /// `$.selectionSet.<field>.args.expect`
    pub path: ErrorPath,
}

/// Writes to rows that are related to rows that were updated.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedWrite {
    /// Our columns, which the updated rows give back; the writes take them as [`crate::RunValue::Column`]s.
    pub columns: Vec<ColumnName>,
    /// Where errors are reported.
    pub path: ErrorPath,
    /// What is written.
    pub work: NestedWork,
}

/// One way to write to related rows.
#[derive(Clone, Debug, PartialEq)]
pub enum NestedWork {
    /// New rows for each updated row.
    Insert {
        /// Into which table, and what below it.
        node: Box<InsertNode>,
        /// The rows: a list of objects, or one object.
        rows: Input,
        /// The columns of `node` that take the updated row's, in the order of `columns`.
        determined: Vec<ColumnName>,
    },
    /// Updates the related rows; the filter says which those are.
    Update(Box<Update>),
    /// Deletes them, likewise.
    Delete(Box<Delete>),
    /// New rows of a table in between.
    Link(Box<Link>),
}

/// Rows of a table in between, one for each updated row and each row of a third table that satisfies a condition.
/// Those that are there already stay.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The table in between.
    pub target: InsertTarget,
    /// Its columns that lead to the updated row, in the order of the write's columns.
    pub ours: Vec<(ColumnName, graphloom_catalog::PgType)>,
    /// Its columns that lead to the third table, and that table's.
    pub theirs: Vec<(ColumnName, ColumnName)>,
    /// The third table, as the role sees it.
    pub access: TableAccess,
    /// Which of its rows.
    pub filter: BoolExp,
}
