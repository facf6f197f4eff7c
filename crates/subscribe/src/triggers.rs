//! The triggers that tell of changes, and the session that hears them.
//!
//! Each table has one trigger of ours, which calls a function in a schema of ours (`sql/signals/create.sql`). Whoever
//! needs a table's trigger holds a lock for it on the session that listens, so that others know; triggers that nobody
//! needs are taken away.

use std::collections::HashSet;
use std::time::Duration;

use graphloom_execute::text_array;
use graphloom_pg::{Connection, Heard, PgError, Pool, PoolOptions, Statement};
use uuid::Uuid;

use crate::questions::CHECK_LIMIT;

/// What our schema says of itself, where these functions are in it.
const VERSION: &str = "Change signals of Graphloom, version 1";
/// What a table says that cannot be locked in time.
const BUSY: &str = "busy";
/// How long something said may take to be heard, when that is tried.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// A session that hears what triggers tell.
pub(crate) struct Listener {
    connection: Connection,
    /// The tables whose triggers it keeps.
    kept: HashSet<Box<str>>,
}

/// Why a table has no trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was busy.
    Busy,
    /// Postgres' words.
    Denied(String),
}

impl Listener {
    /// A session of its own on which everything is heard that is told from now on, and the functions that triggers
    /// need. Error: why nothing could be heard, for people.
    pub(crate) async fn open(pool: &Pool) -> Result<Self, String> {
        let opened = async {
            let options = PoolOptions {
                max_connections: 1,
                connect_retries: 0,
                ..pool.options().clone()
            };
            let connect = pool.connection_options().clone();
            let mut connection = Pool::new(connect, options).get().await.map_err(words)?;
            let obstacle = include_str!("sql/signals/obstacle.sql");
            if let Some(obstacle) = first(&mut connection, obstacle, &[]).await? {
                return Err(obstacle);
            }
            let listening = connection.script(include_str!("sql/signals/listen.sql"));
            listening.await.map_err(words)?;
            create(&mut connection).await?;
            Ok(Self {
                connection,
                kept: HashSet::new(),
            })
        };
        let opened = tokio::time::timeout(PROBE_LIMIT, opened).await;
        let mut listener = opened.map_err(|_| "the database does not answer".to_owned())??;
        listener.try_out(pool).await?;
        Ok(listener)
    }

    /// Says something elsewhere, to hear it here. Behind a pooler that hands sessions around it is not heard.
    async fn try_out(&mut self, pool: &Pool) -> Result<(), String> {
        let probe = Uuid::new_v4().to_string();
        let tried = async {
            let mut connection = pool.get().await.map_err(words)?;
            let statement = include_str!("sql/signals/probe.sql");
            first(&mut connection, statement, &[&probe]).await?;
            drop(connection);
            loop {
                let heard = self.connection.notified().await.map_err(words)?;
                if heard.payloads.contains(probe.as_str()) {
                    return Ok(());
                }
            }
        };
        let tried = tokio::time::timeout(PROBE_LIMIT, tried).await;
        tried.unwrap_or_else(|_| {
            Err(
                "notifications do not arrive; a pooler that keeps no sessions may be in between"
                    .to_owned(),
            )
        })
    }

    /// The session, for questions that also show whether it is still there.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Waits until something is told.
    pub(crate) async fn heard(&mut self) -> Result<Heard, PgError> {
        self.connection.notified().await
    }

    /// Keeps the triggers of these tables from being taken away, and no longer those of others.
    pub(crate) async fn keep(&mut self, tables: HashSet<Box<str>>) -> Result<(), String> {
        for (statement, changed) in [
            (
                include_str!("sql/signals/keep.sql"),
                tables.difference(&self.kept),
            ),
            (
                include_str!("sql/signals/release.sql"),
                self.kept.difference(&tables),
            ),
        ] {
            let changed: Vec<_> = changed.map(|oid| Some(&**oid)).collect();
            if !changed.is_empty() {
                let list = text_array(changed.into_iter());
                let parameters = [list.as_str()];
                let done = first(&mut self.connection, statement, &parameters);
                let done = tokio::time::timeout(CHECK_LIMIT, done).await;
                done.map_err(|_| "the database does not answer".to_owned())??;
            }
        }
        self.kept = tables;
        Ok(())
    }

    /// The tables whose triggers it keeps.
    pub(crate) fn kept(&self) -> &HashSet<Box<str>> {
        &self.kept
    }

    /// Whether it keeps a table's trigger.
    pub(crate) fn keeps(&self, table: &str) -> bool {
        self.kept.contains(table)
    }
}

/// Gives a table its trigger.
pub(crate) async fn watch(pool: &Pool, table: &str) -> Result<(), Refusal> {
    let watched = async {
        let mut connection = pool.get().await.map_err(words)?;
        first(
            &mut connection,
            include_str!("sql/signals/watch.sql"),
            &[table],
        )
        .await
    };
    match tokio::time::timeout(CHECK_LIMIT, watched).await {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(text))) if text != BUSY => Err(Refusal::Denied(text)),
        Ok(Err(text)) => Err(Refusal::Denied(text)),
        Ok(Ok(Some(_))) | Err(_) => Err(Refusal::Busy),
    }
}

/// Takes triggers away that nobody keeps. What is busy keeps its trigger until the next time.
pub(crate) async fn sweep(pool: &Pool) -> Result<(), PgError> {
    let mut connection = pool.get().await?;
    if version(&mut connection).await?.as_deref() != Some(VERSION) {
        return Ok(());
    }
    let left_over = Statement::new(include_str!("sql/signals/left_over.sql"));
    let rows = connection.query_text_rows(&left_over, &[]).await?;
    let unwatch = Statement::new(include_str!("sql/signals/unwatch.sql"));
    for table in rows.into_iter().flatten().flatten() {
        connection
            .query_text_rows(&unwatch, &[Some(&table)])
            .await?;
    }
    Ok(())
}

/// Removes from a database what change signals have left there: all triggers that no server needs at this moment and,
/// if that was all of them, the schema `graphloom_signals`. Does nothing where there is none, nor to a schema of that
/// name that is somebody else's.
pub async fn remove_change_signals(pool: &Pool) -> Result<(), PgError> {
    let mut connection = pool.get().await?;
    if version(&mut connection).await?.is_none() {
        return Ok(());
    }
    drop(connection);
    sweep(pool).await?;
    let mut connection = pool.get().await?;
    connection
        .script(include_str!("sql/signals/drop.sql"))
        .await
}

async fn version(connection: &mut Connection) -> Result<Option<String>, PgError> {
    let statement = Statement::new(include_str!("sql/signals/version.sql"));
    let rows = connection.query_text_rows(&statement, &[]).await?;
    Ok(rows.into_iter().flatten().flatten().next())
}

/// Makes our schema, unless it is there.
async fn create(connection: &mut Connection) -> Result<(), String> {
    match version(connection).await.map_err(words)?.as_deref() {
        Some(VERSION) => return Ok(()),
        Some(other) if !other.starts_with("Change signals of Graphloom") => {
            return Err("a schema graphloom_signals is there that is not ours".to_owned());
        }
        Some(_) | None => {}
    }
    let created = connection.script(include_str!("sql/signals/create.sql"));
    created.await.map_err(words)
}

/// The first column of the last row.
async fn first(
    connection: &mut Connection,
    statement: &'static str,
    parameters: &[&str],
) -> Result<Option<String>, String> {
    let parameters: Vec<_> = parameters.iter().map(|text| Some(*text)).collect();
    let statement = Statement::new(statement);
    let rows = connection.query_text_rows(&statement, &parameters).await;
    let mut rows = rows.map_err(words)?;
    Ok(rows.pop().and_then(|row| row.into_iter().next().flatten()))
}

/// What people are told of an error.
#[allow(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn words(error: PgError) -> String {
    error.to_string()
}
