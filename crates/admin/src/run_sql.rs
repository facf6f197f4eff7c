//! `run_sql`: SQL of an admin's, and what it does to the document.
//!
//! Text that may change the schema runs in one transaction with two readings of the tracked tables
//! around it. The document and the schema are made from them before the transaction is committed, so
//! that a refusal undoes the SQL too. Read next: `diff.rs`.

use std::collections::HashMap;
use std::sync::LazyLock;

use graphloom_pg::{
    AccessMode, Connection, PgError, Pool, Purpose, Scope, SimpleOutcome, introspect_tables,
};
use graphloom_vocab::{Json, QualifiedTable, Result, SourceName};
use regex::Regex;
use serde_json::json;

use crate::check::Check;
use crate::command::{MetadataCheck, RunSql, SqlMode};
use crate::diff::{Diff, Tables};
use crate::source::{Refresh, read_catalog};
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
            let before = read_tables(&pool, &tracked(work, &run.source)).await?;
            let outcome = run_each(&pool, &run.sql).await.map_err(refused)?;
            let mut connection = pool.get().await.map_err(internal)?;
            reconcile(work, run, &before, &mut connection).await?;
            outcome
        }
        (true, SqlMode::ReadWrite | SqlMode::ReadOnly) => checked(work, run, &pool).await?,
        (false, SqlMode::NoTransaction) => run_each(&pool, &run.sql).await.map_err(refused)?,
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

async fn run_each(pool: &Pool, sql: &str) -> Result<SimpleOutcome, PgError> {
    let mut connection = pool.get().await?;
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
    let names = tracked(work, &run.source);
    let before = read_some(&mut transaction, &names).await?;
    let outcome = transaction.simple(&run.sql).await.map_err(refused)?;
    let mark = work.mark();
    reconcile(work, run, &before, &mut transaction).await?;
    if let Err(error) = transaction.commit().await {
        work.go_back(mark);
        return Err(refused(error));
    }
    Ok(outcome)
}

/// The names of a source's tables that are served.
fn tracked(work: &Work, source: &SourceName) -> Vec<QualifiedTable> {
    let source = work.schema().sources.get(source);
    source.map_or_else(Vec::new, |source| source.tables.keys().cloned().collect())
}

async fn read_tables(pool: &Pool, names: &[QualifiedTable]) -> Result<Tables> {
    let mut connection = pool.get().await.map_err(internal)?;
    read_some(&mut connection, names).await
}

async fn read_some(connection: &mut Connection, names: &[QualifiedTable]) -> Result<Tables> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let read = introspect_tables(connection, Scope::Only(names)).await;
    read.map_err(internal)
}

/// The tables of `before` as they are now, under whatever name.
async fn read_again(connection: &mut Connection, before: &Tables) -> Result<Tables> {
    let names: Vec<_> = before.keys().cloned().collect();
    let after = read_some(connection, &names).await?;
    let is_there = |(name, old): (&QualifiedTable, &std::sync::Arc<graphloom_catalog::Table>)| {
        after.get(name).is_some_and(|new| new.oid == old.oid)
    };
    if before.iter().all(is_there) {
        return Ok(after);
    }
    // Something was dropped or has another name: only a reading of everything can tell.
    let all = introspect_tables(connection, Scope::All).await;
    all.map_err(internal)
}

/// Has the document follow what the database has become.
async fn reconcile(
    work: &mut Work,
    run: &RunSql,
    before: &Tables,
    connection: &mut Connection,
) -> Result<()> {
    let after = read_again(connection, before).await?;
    let diff = Diff::new(before, &after);
    let mut metadata = (**work.metadata()).clone();
    let info = work.source(&run.source)?;
    let Some(source) = metadata.sources.get_mut(&run.source) else {
        return Err(crate::error::no_source(work.metadata(), &run.source));
    };
    if !diff.is_empty() {
        diff.apply(source, info, run.cascade)?;
    }
    let catalog = read_catalog(connection, source).await.map_err(internal)?;
    let runtime = work.runtime(&run.source)?.with_catalog(catalog, source);
    let candidate = work.candidate_with(metadata.into(), &run.source, runtime);
    Check::Nothing.run(work.schema(), &candidate)?;
    work.keep(candidate, &Refresh::nothing());
    work.touch([run.source.as_str()]);
    Ok(())
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
