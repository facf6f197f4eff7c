//! The rows of `sql/tables.sql`, `sql/functions.sql` and `sql/types.sql` as they are sent.
//!
//! Lists are arrays, not objects, where there are many of them: a large database has a hundred thousand
//! columns.

use serde::Deserialize;

/// A row: one of four kinds, told apart by its only key.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Row {
    Type(TypeRow),
    Table(TableRow),
    Function(FunctionRow),
    /// A name and the type it means.
    Named(String, u32),
}

/// `[oid, schema, name, typtype, base, element, not null]`; base is 0 and element null where there is none.
#[derive(Deserialize)]
pub(super) struct TypeRow(
    pub(super) u32,
    pub(super) String,
    pub(super) String,
    pub(super) char,
    pub(super) u32,
    pub(super) Option<u32>,
    pub(super) bool,
);

/// What a relation has none of is not there.
#[derive(Deserialize)]
pub(super) struct TableRow {
    pub(super) facts: FactsRow,
    #[serde(default)]
    pub(super) columns: Vec<ColumnRow>,
    #[serde(default)]
    pub(super) keys: Vec<KeyRow>,
    /// Columns that an index starts with.
    #[serde(default)]
    pub(super) lookups: Vec<String>,
    #[serde(default)]
    pub(super) foreign_keys: Vec<ForeignKeyRow>,
}

/// What is said of a relation as a whole.
#[derive(Deserialize)]
pub(super) struct FactsRow {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) kind: char,
    pub(super) comment: Option<String>,
    /// Bits of `pg_relation_is_updatable`; null for what is not a view.
    pub(super) updatable: Option<u32>,
    /// `[on insert, on update, nothing else, nothing else on delete]`: whether writing does more than write the row,
    /// and whether there is nothing at all besides.
    pub(super) effects: (bool, bool, bool, bool),
    /// Whether its keys hold for exactly the rows that a query sees.
    pub(super) whole: bool,
    /// Roughly; -1 if nobody has counted.
    pub(super) rows: i64,
}

/// `[name, number, type, not null, has default, identity, generated, comment]`
#[derive(Deserialize)]
pub(super) struct ColumnRow(
    pub(super) String,
    pub(super) i16,
    pub(super) u32,
    pub(super) bool,
    pub(super) bool,
    /// `a`, `d` or nothing.
    pub(super) String,
    /// `s`, `v` or nothing.
    pub(super) String,
    pub(super) Option<String>,
);

/// `[is primary, name, columns]`
#[derive(Deserialize)]
pub(super) struct KeyRow(pub(super) bool, pub(super) String, pub(super) Vec<String>);

/// `[name, their schema, their table, [[our column, their column]], always holds]`
#[derive(Deserialize)]
pub(super) struct ForeignKeyRow(
    pub(super) String,
    pub(super) String,
    pub(super) String,
    pub(super) Vec<(String, String)>,
    pub(super) bool,
);

#[derive(Deserialize)]
pub(super) struct FunctionRow {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) volatility: char,
    pub(super) variadic: bool,
    pub(super) return_type: u32,
    pub(super) returns_set: bool,
    /// How many of the last input arguments have a default.
    pub(super) defaults: usize,
    /// Of input arguments only.
    pub(super) argument_types: Vec<u32>,
    /// Of all arguments (`i`, `o`, `b`, `v`, `t`); null if all are input.
    pub(super) argument_modes: Option<Vec<char>>,
    /// Of all arguments; null if none has a name.
    pub(super) argument_names: Option<Vec<String>>,
    pub(super) comment: Option<String>,
}
