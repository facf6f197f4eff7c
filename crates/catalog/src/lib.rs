//! What Postgres says it has: tables, columns, types, keys, functions. Plain facts, no connection.
//!
//! The introspection queries that fill these values are in the `pg` crate; nothing here knows
//! metadata, roles or GraphQL.

mod types;

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_vocab::{ColumnName, ConstraintName, QualifiedFunction, QualifiedTable};

pub use types::{PgType, ScalarKind, TypeKind};

/// One database's facts at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// Such as `150018`.
    pub server_version_num: u32,
    /// Every relation of kinds r, v, m, f, p outside the system schemas.
    pub tables: HashMap<QualifiedTable, Arc<Table>>,
    /// Every plain function outside the system schemas; overloads side by side.
    pub functions: HashMap<QualifiedFunction, Arc<[Function]>>,
    /// The rows of tables that metadata calls enums, by their key.
    pub enum_rows: HashMap<QualifiedTable, Result<Arc<[EnumRow]>, String>>,
    /// Types by the names that metadata gives them (`integer`, `citext[]`); what Postgres does not know
    /// is not here.
    pub types: HashMap<String, PgType>,
    /// What Postgres says of statements that an admin wrote, by a key that metadata gives them.
    pub statements: HashMap<String, Arc<StatementFacts>>,
}

/// What Postgres says of a statement when it is asked to prepare it.
pub type StatementFacts = Result<Vec<ResultColumn>, StatementFault>;

/// A column of a statement's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultColumn {
    /// Its name.
    pub name: ColumnName,
    /// Its type's `pg_type.oid`.
    pub type_oid: u32,
    /// Its type's `pg_type.typname`.
    pub type_name: Arc<str>,
}

/// Why Postgres does not take a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementFault {
    /// The SQLSTATE.
    pub code: String,
    /// Postgres' words.
    pub message: String,
}

/// A row of an enum table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnumRow {
    /// The key's text.
    pub value: String,
    /// The other column's text, if there is one and it is not null.
    pub comment: Option<String>,
}

/// What kind of relation a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// `r` or a partition.
    Table,
    /// `p`.
    PartitionedTable,
    /// `v`.
    View,
    /// `m`.
    MaterializedView,
    /// `f`.
    ForeignTable,
}

/// A relation.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Schema and name.
    pub name: QualifiedTable,
    /// What it is.
    pub kind: TableKind,
    /// `COMMENT ON`.
    pub comment: Option<String>,
    /// By attribute number, dropped ones left out.
    pub columns: Vec<Column>,
    /// The primary key.
    pub primary_key: Option<Key>,
    /// Unique constraints other than the primary key.
    pub unique_keys: Vec<Key>,
    /// Foreign keys of this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// What may be written (views: auto-updatable or by INSTEAD OF triggers).
    pub mutability: Mutability,
    /// What writing does besides.
    pub side_effects: SideEffects,
    /// What makes reading it fast or slow.
    pub reading: TableReading,
}

/// Whether writing a row does more than that: triggers, rules, row security, and defaults and checks that may
/// look at other rows. Only without them does it not matter in which order rows of several tables are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideEffects {
    /// `INSERT`.
    pub on_insert: bool,
    /// `UPDATE`.
    pub on_update: bool,
    /// Which statements do nothing but write the row.
    pub nothing_else: NothingElse,
}

/// Which statements do so little that nobody could tell one of its own from one in a transaction that says who writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NothingElse {
    /// `INSERT` and `UPDATE`: no trigger (an event trigger's neither), no rule, no default or check that calls more
    /// than the usual functions, no key that changes other rows or is deferred, no table that inherits.
    pub on_write: bool,
    /// `DELETE`, likewise; a key may delete or empty rows of another table, if nothing happens there besides and no key
    /// reaches on from there.
    pub on_delete: bool,
}

/// What makes reading a table fast or slow. The default is that nothing is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableReading {
    /// Whether keys of it and to it hold for exactly the rows that a query sees: a table that no other inherits
    /// from, without row security.
    pub keys_hold: bool,
    /// The columns that some index starts with.
    pub lookups: Vec<ColumnName>,
    /// How many rows there are, as Postgres last counted (`pg_class.reltuples`); a rough figure that ages.
    pub rows: Option<u64>,
}

/// Which statements a relation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutability {
    /// `INSERT`.
    pub insertable: bool,
    /// `UPDATE`.
    pub updatable: bool,
    /// `DELETE`.
    pub deletable: bool,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: ColumnName,
    /// `pg_attribute.attnum`, stable under renames.
    pub number: i16,
    /// Its type.
    pub ty: PgType,
    /// Whether null may occur: no `NOT NULL` on the column or its domain.
    pub nullable: bool,
    /// Whether it has a default or an identity.
    pub has_default: bool,
    /// Whether Postgres alone writes it.
    pub generation: Generation,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

/// Who writes a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// The client, or the default (also `GENERATED BY DEFAULT AS IDENTITY`).
    Never,
    /// `GENERATED ALWAYS AS IDENTITY`.
    AlwaysIdentity,
    /// `GENERATED ALWAYS AS (…) STORED`.
    Stored,
}

/// A primary key or unique constraint.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The constraint.
    pub constraint: ConstraintName,
    /// Its columns in key order.
    pub columns: Vec<ColumnName>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignKey {
    /// The constraint.
    pub constraint: ConstraintName,
    /// Where it points.
    pub foreign_table: QualifiedTable,
    /// Ours and theirs, in key order.
    pub columns: Vec<(ColumnName, ColumnName)>,
    /// Whether it holds at any moment, for rows of any age: validated and not deferrable.
    pub always_holds: bool,
}

/// A function (one overload).
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// `pg_proc.oid`.
    pub oid: u32,
    /// Schema and name.
    pub name: QualifiedFunction,
    /// `i`, `s` or `v`.
    pub volatility: Volatility,
    /// Whether it is declared variadic.
    pub variadic: bool,
    /// Input arguments in order.
    pub arguments: Vec<FunctionArgument>,
    /// What it returns.
    pub return_type: PgType,
    /// Whether it returns a set.
    pub returns_set: bool,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

/// A function's input argument.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionArgument {
    /// Empty names are `None`.
    pub name: Option<String>,
    /// Its type.
    pub ty: PgType,
    /// Whether it may be left out.
    pub has_default: bool,
}

/// A function's volatility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    /// Same answer for ever.
    Immutable,
    /// Same answer within a statement.
    Stable,
    /// Anything.
    Volatile,
}

impl Catalog {
    /// Shares with `other` every table and function that is the same in both.
    pub fn share(&mut self, other: &Self) {
        for (name, table) in &mut self.tables {
            if let Some(same) = other.tables.get(name)
                && !Arc::ptr_eq(same, table)
                && same == table
            {
                *table = same.clone();
            }
        }
        for (name, overloads) in &mut self.functions {
            if let Some(same) = other.functions.get(name).filter(|same| *same == overloads) {
                *overloads = same.clone();
            }
        }
    }
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &ColumnName) -> Option<&Column> {
        self.columns.iter().find(|column| &column.name == name)
    }
}
