//! Reads a database's tables and functions into a [`Catalog`].
//!
//! One statement for tables and one for functions, whatever their number. Facts only: which of them are
//! tracked, and what that makes of them, is decided elsewhere. Needs Postgres 12. Read next:
//! `sql/tables.sql` for what is read and left out.

mod enum_rows;
mod named_types;
mod rows;
mod touched;
mod types;

pub use enum_rows::{EnumRows, introspect_enum_rows};
pub use named_types::introspect_named_types;
pub use touched::{Touched, introspect_touched};

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use graphloom_catalog::{
    Catalog, Column, ForeignKey, Function, FunctionArgument, Generation, Key, Mutability,
    NothingElse, SideEffects, Table, TableKind, TableReading, Volatility,
};
use graphloom_vocab::{ColumnName, ConstraintName, QualifiedFunction, QualifiedTable};
use serde_json::json;

use crate::cache::Statement;
use crate::connection::Connection;
use crate::error::PgError;
use rows::{ColumnRow, ForeignKeyRow, FunctionRow, KeyRow, Row, TableRow};
use types::Types;

/// The oldest server whose catalogs have every column that is read.
const SERVER_VERSION_MIN: u32 = 120_000;

/// Bits of `pg_relation_is_updatable`: one more than the command's number, as a power of two.
const UPDATE: u32 = 1 << 2;
const INSERT: u32 = 1 << 3;
const DELETE: u32 = 1 << 4;

static TABLES: LazyLock<Statement> =
    LazyLock::new(|| Statement::new(include_str!("sql/tables.sql")));
static FUNCTIONS: LazyLock<Statement> =
    LazyLock::new(|| Statement::new(include_str!("sql/functions.sql")));

/// Which objects to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'n, N> {
    /// All of them.
    All,
    /// Those of these names, as far as they exist.
    Only(&'n [N]),
}

/// Reads everything outside the system schemas.
pub async fn introspect(connection: &mut Connection) -> Result<Catalog, PgError> {
    Ok(Catalog {
        server_version_num: connection.server_version_num(),
        tables: introspect_tables(connection, Scope::All).await?,
        functions: introspect_functions(connection, Scope::All).await?,
        ..Catalog::default()
    })
}

/// Reads tables, views, materialized views, foreign and partitioned tables.
///
/// Unique keys are all unique indexes other than the primary key's, by name; an index on expressions
/// has only its plain columns listed.
pub async fn introspect_tables(
    connection: &mut Connection,
    scope: Scope<'_, QualifiedTable>,
) -> Result<HashMap<QualifiedTable, Arc<Table>>, PgError> {
    let names = wanted(scope, |table| (table.schema.as_str(), table.name.as_str()));
    let mut types = Types::default();
    let mut tables = Vec::new();
    for row in read(connection, &TABLES, names).await? {
        match row {
            Row::Type(row) => types.add(row),
            Row::Table(row) => tables.push(row),
            Row::Function(_) | Row::Named(..) => {}
        }
    }
    tables
        .into_iter()
        .map(|row| {
            let table = table(row, &mut types)?;
            Ok((table.name.clone(), Arc::new(table)))
        })
        .collect()
}

/// Reads the names of everything that could be tracked as a table, by schema and name.
pub async fn introspect_table_names(
    connection: &mut Connection,
) -> Result<Vec<QualifiedTable>, PgError> {
    let statement = Statement::new(include_str!("sql/table_names.sql"));
    let json = connection.query_json(&statement, &[]).await?;
    let names: Vec<(String, String)> = serde_json::from_slice(&json.unwrap_or_default())
        .map_err(|_| PgError::unexpected("the names of tables are no JSON"))?;
    let names = names.into_iter();
    let names = names.map(|(schema, name)| QualifiedTable::new(schema, name));
    Ok(names.collect())
}

/// Reads functions, overloads side by side in the order of their creation.
pub async fn introspect_functions(
    connection: &mut Connection,
    scope: Scope<'_, QualifiedFunction>,
) -> Result<HashMap<QualifiedFunction, Arc<[Function]>>, PgError> {
    let names = wanted(scope, |function| {
        (function.schema.as_str(), function.name.as_str())
    });
    let mut types = Types::default();
    let mut rows = Vec::new();
    for row in read(connection, &FUNCTIONS, names).await? {
        match row {
            Row::Type(row) => types.add(row),
            Row::Function(row) => rows.push(row),
            Row::Table(_) | Row::Named(..) => {}
        }
    }
    rows.sort_by_key(|row| row.oid);
    let mut functions: HashMap<QualifiedFunction, Vec<Function>> = HashMap::new();
    for row in rows {
        let function = function(row, &mut types)?;
        functions
            .entry(function.name.clone())
            .or_default()
            .push(function);
    }
    Ok(functions
        .into_iter()
        .map(|(name, overloads)| (name, overloads.into()))
        .collect())
}

/// The statements' parameter: null, or `[{"schema", "name"}]`.
fn wanted<N>(scope: Scope<'_, N>, parts: fn(&N) -> (&str, &str)) -> Option<String> {
    match scope {
        Scope::All => None,
        Scope::Only(names) => {
            let object = |name| {
                let (schema, name) = parts(name);
                json!({ "schema": schema, "name": name })
            };
            Some(
                names
                    .iter()
                    .map(object)
                    .collect::<serde_json::Value>()
                    .to_string(),
            )
        }
    }
}

async fn read(
    connection: &mut Connection,
    statement: &Statement,
    names: Option<String>,
) -> Result<Vec<Row>, PgError> {
    let version = connection.server_version_num();
    if version < SERVER_VERSION_MIN {
        return Err(PgError::unexpected(format!(
            "Postgres {} or newer is needed; this server is of version {}",
            SERVER_VERSION_MIN / 10_000,
            version / 10_000
        )));
    }
    let rows = connection
        .query_json_rows(statement, &[names.as_deref()])
        .await?;
    rows.iter()
        .flatten()
        .map(|bytes| serde_json::from_slice(bytes))
        .collect::<Result<_, _>>()
        .map_err(|error| PgError::unexpected(format!("introspection: {error}")))
}

fn table(row: TableRow, types: &mut Types) -> Result<Table, PgError> {
    let (mut primary, unique): (Vec<KeyRow>, Vec<KeyRow>) = row
        .keys
        .into_iter()
        .partition(|KeyRow(is_primary, _, _)| *is_primary);
    let facts = row.facts;
    let can = |bit: u32| facts.updatable.is_none_or(|bits| bits & bit != 0);
    Ok(Table {
        oid: facts.oid,
        name: QualifiedTable::new(facts.schema, facts.name),
        kind: match facts.kind {
            'p' => TableKind::PartitionedTable,
            'v' => TableKind::View,
            'm' => TableKind::MaterializedView,
            'f' => TableKind::ForeignTable,
            _ => TableKind::Table,
        },
        comment: facts.comment,
        columns: row
            .columns
            .into_iter()
            .map(|row| column(row, types))
            .collect::<Result<_, _>>()?,
        primary_key: primary.pop().map(key),
        unique_keys: unique.into_iter().map(key).collect(),
        foreign_keys: row.foreign_keys.into_iter().map(foreign_key).collect(),
        mutability: Mutability {
            insertable: can(INSERT),
            updatable: can(UPDATE),
            deletable: can(DELETE),
        },
        side_effects: SideEffects {
            on_insert: facts.effects.0,
            on_update: facts.effects.1,
            nothing_else: NothingElse {
                on_write: facts.effects.2,
                on_delete: facts.effects.3,
            },
        },
        reading: TableReading {
            keys_hold: facts.whole,
            lookups: row.lookups.into_iter().map(ColumnName::new).collect(),
            rows: u64::try_from(facts.rows).ok(),
        },
    })
}

fn column(row: ColumnRow, types: &mut Types) -> Result<Column, PgError> {
    let ColumnRow(name, number, ty, not_null, has_default, identity, generated, comment) = row;
    let generation = match (&*identity, &*generated) {
        ("a", _) => Generation::AlwaysIdentity,
        (_, "") => Generation::Never,
        // Stored, or computed when read (from version 18 on): nobody writes it either way.
        _ => Generation::Stored,
    };
    Ok(Column {
        name: ColumnName::new(name),
        number,
        nullable: !not_null && !types.is_not_null(ty)?,
        ty: types.get(ty)?,
        // Postgres keeps a generated column's expression where it keeps defaults.
        has_default: !identity.is_empty() || (has_default && generation != Generation::Stored),
        generation,
        comment,
    })
}

fn key(KeyRow(_, name, columns): KeyRow) -> Key {
    let columns = columns.into_iter().map(ColumnName::new).collect();
    Key {
        constraint: ConstraintName::new(name),
        columns,
    }
}

fn foreign_key(row: ForeignKeyRow) -> ForeignKey {
    let ForeignKeyRow(name, schema, table, columns, always_holds) = row;
    let pair = |(ours, theirs): (String, String)| (ColumnName::new(ours), ColumnName::new(theirs));
    ForeignKey {
        constraint: ConstraintName::new(name),
        foreign_table: QualifiedTable::new(schema, table),
        columns: columns.into_iter().map(pair).collect(),
        always_holds,
    }
}

fn function(row: FunctionRow, types: &mut Types) -> Result<Function, PgError> {
    let names = input_names(&row);
    let first_default = row.argument_types.len().saturating_sub(row.defaults);
    let arguments = row
        .argument_types
        .iter()
        .zip(names)
        .enumerate()
        .map(|(index, (ty, name))| {
            Ok(FunctionArgument {
                name,
                ty: types.get(*ty)?,
                has_default: index >= first_default,
            })
        });
    Ok(Function {
        oid: row.oid,
        arguments: arguments.collect::<Result<_, PgError>>()?,
        name: QualifiedFunction::new(row.schema, row.name),
        volatility: match row.volatility {
            'i' => Volatility::Immutable,
            's' => Volatility::Stable,
            _ => Volatility::Volatile,
        },
        variadic: row.variadic,
        return_type: types.get(row.return_type)?,
        returns_set: row.returns_set,
        comment: row.comment,
    })
}

/// The names of the input arguments, out of a list of all arguments' names.
fn input_names(row: &FunctionRow) -> Vec<Option<String>> {
    let count = row.argument_types.len();
    let inputs: Vec<usize> = match &row.argument_modes {
        None => (0..count).collect(),
        Some(modes) => {
            let is_input = |mode: &char| matches!(mode, 'i' | 'b' | 'v');
            modes
                .iter()
                .enumerate()
                .filter(|(_, mode)| is_input(mode))
                .map(|(at, _)| at)
                .collect()
        }
    };
    let name = |at: &usize| {
        row.argument_names
            .as_ref()?
            .get(*at)
            .filter(|name| !name.is_empty())
            .cloned()
    };
    inputs.iter().map(name).collect()
}
