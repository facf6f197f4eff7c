//! Statements that are run and never kept: a pool whose one connection is inside a transaction that is always
//! rolled back.
//!
//! Callers use the pool as any other. What they begin and commit is a savepoint and its release, with the checks
//! of a commit; a statement that fails takes back what was done since its connection was asked for. Knows not
//! what is rehearsed. Read next: `pool.rs`, which opens the session, and `connection.rs`, which asks it.

use std::time::Duration;

use crate::cache::Statement;
use crate::error::PgError;
use crate::pool::{Pool, PoolOptions, StatementMode};

/// How long is waited for the one connection: longer means that it is held twice.
const WAIT_LIMIT: Duration = Duration::from_mins(1);
/// No time limit of a pool ends a rehearsal.
const FOR_EVER: Duration = Duration::from_hours(24);

/// A transaction that is never committed, as a pool.
///
/// What Postgres does outside of transactions stays done: sequences go on, and a function that talks to another
/// database has talked to it. All statements see the same `now()`.
#[derive(Debug)]
#[must_use = "a rehearsal that is not ended is rolled back later"]
pub struct Rehearsal(Pool);

impl Rehearsal {
    /// A rehearsal in the database of a pool, at its isolation level. Opens nothing yet.
    pub fn of(pool: &Pool) -> Self {
        let options = PoolOptions {
            max_connections: 1,
            wait_limit: Some(WAIT_LIMIT),
            idle_timeout: FOR_EVER,
            connection_lifetime: None,
            // A prepared statement would outlive what is rolled back.
            statements: StatementMode::Unprepared,
            ..pool.options().clone()
        };
        Self(Pool::rehearsed(pool.connection_options().clone(), options))
    }

    /// What statements are run on.
    pub fn pool(&self) -> &Pool {
        &self.0
    }

    /// Runs SQL of a user's: one statement or several. What would end the transaction is refused.
    pub async fn run(&self, sql: &str) -> Result<(), PgError> {
        let mut connection = self.0.get().await?;
        let given = Statement::new(include_str!("sql/rehearsal_given.sql"));
        connection.execute(&given, &[Some(sql)]).await?;
        let run = include_str!("sql/rehearsal_run.sql");
        connection.script(run).await
    }

    /// Rolls everything back. When this returns, no lock of the rehearsal's is held any more.
    pub async fn end(self) -> Result<(), PgError> {
        let ended = match self.0.has_begun() {
            true => self.roll_back().await,
            false => Ok(()),
        };
        self.0.close();
        ended
    }

    async fn roll_back(&self) -> Result<(), PgError> {
        self.0.get().await?.end_rehearsal().await
    }
}
