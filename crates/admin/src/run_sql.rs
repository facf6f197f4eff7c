//! `run_sql`: SQL of an admin's, and what it does to the document.
//!
//! Text that may change the schema runs in one transaction, after which the tables are read again that it did
//! something to; all of them, where that cannot be told. The document and the schema are made from that before
//! the transaction is committed, so that a refusal undoes the SQL too. Read next: `diff.rs`.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, LazyLock};

use graphloom_catalog::{Catalog, Column, Table, TableKind};
use graphloom_pg::{
    AccessMode, Connection, PgError, Pool, Purpose, Scope, SimpleOutcome, introspect_functions,
    introspect_tables, introspect_touched,
};
use graphloom_schema::SourceInfo;
use graphloom_vocab::{Json, QualifiedFunction, QualifiedTable, Result, SourceName};
use regex::Regex;
use serde_json::json;

use crate::check::Check;
use crate::command::{MetadataCheck, RunSql, SqlMode};
use crate::diff::{Diff, Tables};
use crate::function_diff::{FunctionDiff, Functions};
use crate::source::{Known, Named, Refresh, SourceFailure, read_catalog};
use crate::split;
use crate::work::Work;

/// Words that may mean a change of the schema; v2's list.
static CHANGES_SCHEMA: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i-u)\balter\b|\bdrop\b|\breplace\b|\bcreate function\b|\bcomment on\b")
        .expect("a valid expression")
});

impl RunSql {
    /// Whether the document is held against the database afterwards.
    pub(crate) fn may_change_schema(&self) -> bool {
        match (self.mode, self.check) {
            (SqlMode::ReadOnly, _) | (_, MetadataCheck::Never) => false,
            (_, MetadataCheck::Always) => true,
            (_, MetadataCheck::Automatic) => CHANGES_SCHEMA.is_match(&self.sql),
        }
    }
}

/// Runs the text; the result is that of its last statement.
pub(crate) async fn run(work: &mut Work, run: &RunSql) -> Result<Json> {
    let runtime = work.runtime(&run.source)?;
    let pool = runtime.pool.clone();
    let pool = pool.ok_or_else(|| crate::error::inconsistent_source(&run.source))?;
    let outcome = match (run.may_change_schema(), run.mode) {
        (true, SqlMode::NoTransaction) => {
            let mut connection = pool.get().await.map_err(internal)?;
            let before = Reading::before(work, run, &mut connection).await?;
            let outcome = run_each(&mut connection, &run.sql).await.map_err(refused)?;
            let after = before.again(&mut connection).await?;
            let after = (after, Extent::Everything);
            reconcile(work, run, (&before, after), &mut connection).await?;
            outcome
        }
        (true, SqlMode::ReadWrite | SqlMode::ReadOnly) => checked(work, run, &pool).await?,
        (false, SqlMode::NoTransaction) => {
            let mut connection = pool.get().await.map_err(internal)?;
            run_each(&mut connection, &run.sql).await.map_err(refused)?
        }
        (false, SqlMode::ReadWrite) => {
            let unchecked = in_transaction(&pool, &run.sql, AccessMode::ReadWrite);
            unchecked.await.map_err(refused)?
        }
        (false, SqlMode::ReadOnly) => {
            let unchecked = in_transaction(&pool, &run.sql, AccessMode::ReadOnly);
            unchecked.await.map_err(refused)?
        }
    };
    Ok(result_json(outcome))
}

async fn in_transaction(
    pool: &Pool,
    sql: &str,
    access: AccessMode,
) -> Result<SimpleOutcome, PgError> {
    let mut transaction = pool.begin(access).await?;
    let outcome = transaction.simple(sql).await?;
    transaction.commit().await?;
    Ok(outcome)
}

async fn run_each(connection: &mut Connection, sql: &str) -> Result<SimpleOutcome, PgError> {
    let mut outcome = SimpleOutcome::Command { rows_affected: 0 };
    for statement in split::statements(sql) {
        outcome = connection.simple(statement).await?;
    }
    Ok(outcome)
}

/// Runs the text between two readings, and commits only what the document can follow.
async fn checked(work: &mut Work, run: &RunSql, pool: &Pool) -> Result<SimpleOutcome> {
    let transaction = pool.begin(AccessMode::ReadWrite).await;
    let mut transaction = transaction.map_err(internal)?;
    let before = Reading::known(work, run, &mut transaction).await?;
    let outcome = transaction.simple(&run.sql).await.map_err(refused)?;
    let mark = work.mark();
    let after = before.again_if_touched(&mut transaction).await?;
    reconcile(work, run, (&before, after), &mut transaction).await?;
    if let Err(error) = transaction.commit().await {
        work.go_back(mark);
        return Err(refused(error));
    }
    Ok(outcome)
}

/// Which tables were read again.
enum Extent {
    Everything,
    Tables(Vec<QualifiedTable>),
}

/// What of a source is compared: everything that is served of it.
struct Reading {
    tables: Tables,
    functions: Functions,
}

impl Reading {
    async fn before(work: &Work, run: &RunSql, connection: &mut Connection) -> Result<Self> {
        let Some(source) = work.schema().sources.get(&run.source) else {
            return Ok(Self::new(Tables::new(), Functions::new()));
        };
        let tables: Vec<_> = source.tables.keys().cloned().collect();
        Ok(Self::new(
            read_tables(connection, &tables).await?,
            read_functions(connection, &functions(source)).await?,
        ))
    }

    /// The tables as they were when they were read last.
    async fn known(work: &Work, run: &RunSql, connection: &mut Connection) -> Result<Self> {
        let Some(source) = work.schema().sources.get(&run.source) else {
            return Ok(Self::new(Tables::new(), Functions::new()));
        };
        let Ok(catalog) = &work.runtime(&run.source)?.catalog else {
            return Ok(Self::new(Tables::new(), Functions::new()));
        };
        let tables = source.tables.keys();
        let tables = tables.filter_map(|name| catalog.tables.get_key_value(name));
        let tables = tables.map(|(name, table)| (name.clone(), table.clone()));
        Ok(Self::new(
            tables.collect(),
            read_functions(connection, &functions(source)).await?,
        ))
    }

    /// The same tables and functions as they are now, of which those are read that the open transaction has done
    /// something to; and which were read.
    async fn again_if_touched(&self, connection: &mut Connection) -> Result<(Self, Extent)> {
        let touched = introspect_touched(connection).await.map_err(internal)?;
        let Some(touched) = touched else {
            return Ok((self.again(connection).await?, Extent::Everything));
        };
        let mut read = Extent::Tables(Vec::new());
        let oids: HashSet<u32> = touched.iter().map(|touched| touched.oid).collect();
        let is_touched = |table: &Table| oids.contains(&table.oid);
        // What can be done to a view depends on what it is made of.
        let is_old = |table: &&Arc<Table>| is_touched(table) || table.kind == TableKind::View;
        let old: Vec<_> = self.tables.values().filter(is_old).collect();
        let mut tables = self.tables.clone();
        if self.tables.values().any(|table| is_touched(table)) {
            tables.retain(|_, table| !is_old(&&*table));
            let names = touched.into_iter().filter_map(|touched| touched.name);
            let names = names.chain(old.iter().map(|table| table.name.clone()));
            let names: HashSet<_> = names.collect();
            let names: Vec<_> = names.into_iter().collect();
            let new = read_tables(connection, &names).await?;
            if old.iter().any(|old| is_renamed(old, &new)) {
                // Others may have keys to it, which say its name.
                return Ok((self.again(connection).await?, Extent::Everything));
            }
            tables.extend(new);
            read = Extent::Tables(names);
        }
        let functions = self.functions_again(connection).await?;
        Ok((Self::new(tables, functions), read))
    }

    /// The same tables and functions as they are now, under whatever name.
    async fn again(&self, connection: &mut Connection) -> Result<Self> {
        let names: Vec<_> = self.tables.keys().cloned().collect();
        let mut tables = read_tables(connection, &names).await?;
        let is_there = |(name, old): (&QualifiedTable, &Arc<Table>)| {
            tables.get(name).is_some_and(|new| new.oid == old.oid)
        };
        if !self.tables.iter().all(is_there) {
            // Something was dropped or has another name: only a reading of everything can tell.
            let all = introspect_tables(connection, Scope::All).await;
            tables = all.map_err(internal)?;
        }
        let functions = self.functions_again(connection).await?;
        Ok(Self::new(tables, functions))
    }

    async fn functions_again(&self, connection: &mut Connection) -> Result<Functions> {
        let names: Vec<_> = self.functions.keys().cloned().collect();
        let functions = read_functions(connection, &names).await?;
        if names.iter().all(|name| functions.contains_key(name)) {
            return Ok(functions);
        }
        let all = introspect_functions(connection, Scope::All).await;
        all.map_err(internal)
    }

    fn new(tables: Tables, functions: Functions) -> Self {
        Self { tables, functions }
    }
}

/// Functions that are served, on their own or as computed fields.
fn functions(source: &SourceInfo) -> Vec<QualifiedFunction> {
    let computed = source.tables.values().flat_map(|table| {
        let fields = table.computed_fields.values();
        fields.map(|field| field.function.clone())
    });
    source.functions.keys().cloned().chain(computed).collect()
}

/// Whether a table or one of its columns has another name now.
fn is_renamed(old: &Table, new: &Tables) -> bool {
    let Some(new) = new.values().find(|new| new.oid == old.oid) else {
        return false;
    };
    let has_other_name = |column: &Column| {
        let mut now = new.columns.iter();
        now.any(|now| now.number == column.number && now.name != column.name)
    };
    new.name != old.name || old.columns.iter().any(has_other_name)
}

async fn read_tables(connection: &mut Connection, names: &[QualifiedTable]) -> Result<Tables> {
    if names.is_empty() {
        return Ok(Tables::new());
    }
    let read = introspect_tables(connection, Scope::Only(names)).await;
    read.map_err(internal)
}

async fn read_functions(
    connection: &mut Connection,
    names: &[QualifiedFunction],
) -> Result<Functions> {
    if names.is_empty() {
        return Ok(Functions::new());
    }
    let read = introspect_functions(connection, Scope::Only(names)).await;
    read.map_err(internal)
}

/// Has the document follow what the database has become.
async fn reconcile(
    work: &mut Work,
    run: &RunSql,
    (before, (after, read)): (&Reading, (Reading, Extent)),
    connection: &mut Connection,
) -> Result<()> {
    let diff = Diff::new(&before.tables, &after.tables);
    let functions = FunctionDiff::new(&before.functions, &after.functions);
    let mut metadata = (**work.metadata()).clone();
    let info = work.source(&run.source)?;
    let Some(source) = metadata.sources.get_mut(&run.source) else {
        return Err(crate::error::no_source(work.metadata(), &run.source));
    };
    if !diff.is_empty() {
        diff.apply(source, info, run.cascade)?;
    }
    functions.apply(source, info, run.cascade)?;
    let environment = work.shared.environment.clone();
    let known = Known {
        tables: after.tables,
        functions: after.functions,
    };
    let catalog = read_catalog(connection, source, known, &environment).await;
    let catalog = catalog.map_err(internal)?;
    let old = work.runtime(&run.source)?;
    let refresh = to_read_elsewhere(&run.source, read, (&old.catalog, &catalog));
    let runtime = old.with_catalog(catalog, source);
    let candidate = work.candidate_with(metadata.into(), &run.source, runtime);
    Check::Nothing.run(work.schema(), &candidate)?;
    work.keep(candidate, &refresh);
    Ok(())
}

/// What other instances have to read again: the tables that were read here, and what else has turned out to be
/// another.
fn to_read_elsewhere(
    source: &SourceName,
    read: Extent,
    (before, after): (&std::result::Result<Arc<Catalog>, SourceFailure>, &Catalog),
) -> Refresh {
    let everything = || Refresh::sources([source.as_str()]);
    let (Extent::Tables(mut tables), Ok(before)) = (read, before) else {
        return everything();
    };
    if before.types != after.types || before.statements != after.statements {
        return everything();
    }
    tables.extend(differences(&before.tables, &after.tables));
    tables.extend(differences(&before.enum_rows, &after.enum_rows));
    let functions = differences(&before.functions, &after.functions).collect();
    Refresh::only(source.as_str(), Named { tables, functions })
}

/// The names under which there is something else now, or nothing any more.
fn differences<'a, N: Hash + Eq + Clone, T: PartialEq>(
    before: &'a HashMap<N, T>,
    after: &'a HashMap<N, T>,
) -> impl Iterator<Item = N> + 'a {
    let changed = after.iter();
    let changed = changed.filter(|(name, now)| before.get(*name) != Some(*now));
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    changed.chain(gone).map(|(name, _)| name.clone())
}

fn refused(error: PgError) -> graphloom_vocab::Error {
    error.to_error(Purpose::RunSql)
}

fn internal(error: PgError) -> graphloom_vocab::Error {
    error.to_error(Purpose::Internal)
}

/// `{"result_type", "result"}`: the names of the columns, then the rows, all as text.
fn result_json(outcome: SimpleOutcome) -> Json {
    let SimpleOutcome::Rows(table) = outcome else {
        return json!({"result_type": "CommandOk", "result": null});
    };
    let columns = table.columns.into_iter().map(Json::String);
    let mut rows = vec![Json::Array(columns.collect())];
    rows.extend(table.rows.into_iter().map(|row| {
        let values = row.into_iter();
        let values = values.map(|value| Json::String(value.unwrap_or_else(|| "NULL".to_owned())));
        Json::Array(values.collect())
    }));
    json!({"result_type": "TuplesOk", "result": rows})
}
