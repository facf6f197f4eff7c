//! A connection as callers use it: statements in, JSON or text out, and nothing left running behind.
//!
//! A future that is dropped before its statement is done cancels the statement in Postgres. Such a
//! connection, and one that ends inside a transaction or after SQL of a user's, is cleaned up in the
//! background before its place in the pool is free again. Read next: `session.rs`, `pool.rs`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graphloom_catalog::ResultColumn;
use tokio_postgres::Row;

use crate::cache::Statement;
use crate::error::{PgError, PgErrorKind, StatementContext, ends_session};
use crate::heard::Heard;
use crate::pool::Place;
use crate::rows::{self, RawRow, RowSink};
use crate::session::{Retry, Session};
use crate::simple::{self, SimpleOutcome};
use crate::transaction::{AccessMode, Isolation, Transaction, begin_statement};
use crate::values;

/// How long cleaning up after a transaction may take before the session is thrown away instead.
const RESTORE_LIMIT: Duration = Duration::from_secs(5);

/// A connection to Postgres, given back to its pool when dropped.
#[derive(Debug)]
pub struct Connection {
    /// `None` only while it is being dropped or moved.
    held: Option<Held>,
}

struct Held {
    session: Arc<Session>,
    /// Its place in a pool; `None` outside any pool.
    place: Option<Place>,
    isolation: Isolation,
    condition: Condition,
    transaction: TransactionState,
}

/// What would have to be done before somebody else may use the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// Nothing.
    Clean,
    /// SQL of a user's has run, which may have changed any setting.
    Altered,
    /// A statement is under way; if nobody is waiting for it, it was abandoned.
    Busy(Before),
    /// The protocol is out of step: of no more use.
    Broken,
}

/// The condition before the statement that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Clean,
    Altered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransactionState {
    Outside,
    Inside,
    /// Inside, and Postgres takes nothing but a rollback.
    Failed,
}

/// Whether a savepoint stands before a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Savepoint {
    Needless,
    Set,
}

impl Connection {
    pub(crate) fn single(session: Arc<Session>) -> Self {
        Self::of(session, None, Isolation::default())
    }

    pub(crate) fn pooled(session: Arc<Session>, place: Place, isolation: Isolation) -> Self {
        Self::of(session, Some(place), isolation)
    }

    fn of(session: Arc<Session>, place: Option<Place>, isolation: Isolation) -> Self {
        let (condition, transaction) = (Condition::Clean, TransactionState::Outside);
        Self {
            held: Some(Held {
                session,
                place,
                isolation,
                condition,
                transaction,
            }),
        }
    }

    /// Runs a statement that gives one row of one column (json, jsonb or text) and returns that column;
    /// `None` is SQL's null. The bytes are the driver's own: nothing is copied.
    ///
    /// Parameters travel as text; the statement casts them (`$1::text::my_enum`), so that preparing it
    /// needs no look-up of types.
    pub async fn query_json(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Option<Bytes>, PgError> {
        values::only_column(self.rows(statement, parameters).await?)
    }

    /// Runs a statement that gives any number of rows, whose columns are all of a text type or json.
    pub async fn query_text_rows(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Vec<Option<String>>>, PgError> {
        let rows = self.rows(statement, parameters).await?;
        rows.iter().map(values::text_columns).collect()
    }

    /// Runs a statement that gives any number of rows of one column (json, jsonb or text), as bytes.
    pub async fn query_json_rows(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Option<Bytes>>, PgError> {
        let rows = self.rows(statement, parameters).await?;
        rows.into_iter().map(values::first_column).collect()
    }

    /// Runs a statement that gives any number of rows, whose columns are all of a text type or json.
    pub async fn query_rows(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Vec<Option<Bytes>>>, PgError> {
        let rows = self.rows(statement, parameters).await?;
        rows.into_iter().map(values::columns).collect()
    }

    /// Runs a statement that gives any number of rows, and returns them as Postgres sent them.
    pub async fn query_raw_rows(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<RawRow>, PgError> {
        let rows = self.rows(statement, parameters).await?;
        Ok(rows.into_iter().map(RawRow).collect())
    }

    /// Runs a statement that gives any number of rows, and hands each to `sink` as it comes. A sink that fails, and one
    /// whose future is dropped, ends the statement; the connection is of no more use then.
    pub async fn query_each(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
        sink: &mut impl RowSink,
    ) -> Result<(), PgError> {
        let retry = self.retry();
        let guard = self.enter(Before::Clean)?;
        let prepared = Prepared::of(guard.session());
        let opened = guard.session().open(statement, parameters, retry).await;
        let result = match opened {
            Ok(opened) => {
                let done = rows::hand_over(guard.session(), opened.rows, sink).await;
                done.map(|()| guard.session().observe(statement, opened.sent))
            }
            Err(error) => Err(error),
        };
        let result = guard.finish(result);
        result.map_err(|error| with_context(error, statement.text(), parameters, prepared))
    }

    /// Runs a statement for its effect, and returns how many rows Postgres says it is about: those that were
    /// inserted, updated or deleted, or that it gave.
    pub async fn execute(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<u64, PgError> {
        let retry = self.retry();
        let guard = self.enter(Before::Clean)?;
        let prepared = Prepared::of(guard.session());
        let result = guard.session().written(statement, parameters, retry).await;
        let result = guard.finish(result);
        result.map_err(|error| with_context(error, statement.text(), parameters, prepared))
    }

    /// Runs SQL of a user's (several statements if need be) and returns the last one's result.
    ///
    /// The text may do anything, so the session is reset before anybody else gets it. Outside a
    /// transaction Postgres runs the text as one of its own.
    pub async fn simple(&mut self, text: &str) -> Result<SimpleOutcome, PgError> {
        let guard = self.enter(Before::Altered)?;
        let result = simple::run(guard.session(), text).await;
        let result = guard.finish(result);
        result.map_err(|error| with_context(error, text, &[], Prepared::No))
    }

    /// Runs a fixed script of ours (several statements, no values).
    pub async fn script(&mut self, text: &'static str) -> Result<(), PgError> {
        let guard = self.enter(Before::Clean)?;
        let result = guard.session().client.batch_execute(text).await;
        let result = result.map_err(|error| guard.session().explain(error));
        let result = guard.finish(result);
        result.map_err(|error| with_context(error, text, &[], Prepared::No))
    }

    /// Waits for a notification on a channel that the session listens on. Several that come in between are
    /// told together; fails when the session ends.
    pub async fn notified(&mut self) -> Result<Heard, PgError> {
        let session = &self.held().session;
        if !session.is_closed() {
            session.ear.woken().await;
        }
        match session.is_closed() {
            true => Err(PgError::new(PgErrorKind::Closed(
                "nobody can be listened to on a session that has ended".to_owned(),
            ))),
            false => Ok(session.ear.take()),
        }
    }

    /// The columns of a statement's result; it is prepared and not run. A transaction outlives a statement
    /// that cannot be prepared.
    pub async fn describe(&mut self, statement: &Statement) -> Result<Vec<ResultColumn>, PgError> {
        let savepoint = self.set_savepoint().await?;
        let guard = self.enter(Before::Clean)?;
        let result = guard.session().describe(statement).await;
        let result = guard.finish(result);
        self.leave_savepoint(savepoint).await?;
        result.map_err(|error| with_context(error, statement.text(), &[], Prepared::Yes))
    }

    /// The same as [`Self::query_text_rows`]. A transaction outlives a statement that fails.
    pub(crate) async fn try_text_rows(
        &mut self,
        statement: &Statement,
    ) -> Result<Vec<Vec<Option<String>>>, PgError> {
        let savepoint = self.set_savepoint().await?;
        let result = self.query_text_rows(statement, &[]).await;
        self.leave_savepoint(savepoint).await?;
        result
    }

    /// A point that a failing statement goes back to; outside of a transaction there is no need for one.
    async fn set_savepoint(&mut self) -> Result<Savepoint, PgError> {
        if self.held().transaction != TransactionState::Inside {
            return Ok(Savepoint::Needless);
        }
        self.script(include_str!("sql/savepoint.sql")).await?;
        Ok(Savepoint::Set)
    }

    async fn leave_savepoint(&mut self, savepoint: Savepoint) -> Result<(), PgError> {
        if savepoint == Savepoint::Needless {
            return Ok(());
        }
        let failed = self.held().transaction == TransactionState::Failed;
        self.script(match failed {
            true => include_str!("sql/rollback_to_savepoint.sql"),
            false => include_str!("sql/release_savepoint.sql"),
        })
        .await?;
        self.held_mut().transaction = TransactionState::Inside;
        Ok(())
    }

    /// Begins a transaction at the pool's isolation level.
    pub async fn begin(self, access: AccessMode) -> Result<Transaction, PgError> {
        let isolation = self.held().isolation;
        self.begin_at(isolation, access).await
    }

    /// Begins a transaction at a given isolation level.
    pub async fn begin_at(
        self,
        isolation: Isolation,
        access: AccessMode,
    ) -> Result<Transaction, PgError> {
        Transaction::begin(self, isolation, access).await
    }

    /// The server's version, such as `150018`.
    pub fn server_version_num(&self) -> u32 {
        self.held().session.server_version_num
    }

    /// How many prepared statements this connection holds.
    pub fn cached_statements(&self) -> usize {
        self.held().session.cached_statements()
    }

    /// Whether the connection cannot be used any more.
    pub fn is_closed(&self) -> bool {
        self.held().session.is_closed()
    }

    pub(crate) async fn rows(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Row>, PgError> {
        let retry = self.retry();
        let guard = self.enter(Before::Clean)?;
        let prepared = Prepared::of(guard.session());
        let result = guard.session().rows(statement, parameters, retry).await;
        let result = guard.finish(result);
        result.map_err(|error| with_context(error, statement.text(), parameters, prepared))
    }

    /// Whether a plan that went stale may be made anew.
    fn retry(&self) -> Retry {
        let held = self.held();
        match held.transaction {
            TransactionState::Outside if !held.session.is_rehearsal() => Retry::Once,
            _ => Retry::Never,
        }
    }

    /// Begins a transaction; in a rehearsal, a part of the one that is under way.
    pub(crate) async fn enter_transaction(
        &mut self,
        isolation: Isolation,
        access: AccessMode,
    ) -> Result<(), PgError> {
        let begin = match (self.held().session.is_rehearsal(), access) {
            (false, access) => begin_statement(isolation, access),
            (true, AccessMode::ReadWrite) => include_str!("sql/rehearsal_begin.sql"),
            (true, AccessMode::ReadOnly) => {
                let message = "a rehearsal has no transactions that only read";
                return Err(PgError::unexpected(message));
            }
        };
        self.script(begin).await?;
        self.held_mut().transaction = TransactionState::Inside;
        Ok(())
    }

    pub(crate) async fn leave_transaction(&mut self) -> Result<(), PgError> {
        if self.held().transaction == TransactionState::Failed {
            // Postgres would answer COMMIT with a rollback and no error.
            self.roll_back().await?;
            return Err(PgError::unexpected(
                "the transaction was not committed: a statement in it had failed",
            ));
        }
        self.script(match self.held().session.is_rehearsal() {
            false => include_str!("sql/commit.sql"),
            true => include_str!("sql/rehearsal_commit.sql"),
        })
        .await?;
        self.held_mut().transaction = TransactionState::Outside;
        Ok(())
    }

    pub(crate) async fn roll_back(&mut self) -> Result<(), PgError> {
        self.script(match self.held().session.is_rehearsal() {
            false => include_str!("sql/rollback.sql"),
            true => include_str!("sql/rehearsal_rollback.sql"),
        })
        .await?;
        self.held_mut().transaction = TransactionState::Outside;
        Ok(())
    }

    /// Takes back all that was done in a rehearsal; the connection is an ordinary one again.
    pub(crate) async fn end_rehearsal(&mut self) -> Result<(), PgError> {
        self.script(include_str!("sql/rollback.sql")).await?;
        self.held().session.leave_rehearsal();
        Ok(())
    }

    fn enter(&mut self, statement: Before) -> Result<InFlight<'_>, PgError> {
        let held = self.held_mut();
        let before = match held.condition {
            Condition::Clean => statement,
            Condition::Altered => Before::Altered,
            Condition::Busy(_) | Condition::Broken => {
                return Err(PgError::new(PgErrorKind::Abandoned));
            }
        };
        held.condition = Condition::Busy(before);
        Ok(InFlight { held, before })
    }

    fn held(&self) -> &Held {
        self.held.as_ref().expect("held until dropped")
    }

    fn held_mut(&mut self) -> &mut Held {
        self.held.as_mut().expect("held until dropped")
    }
}

/// A statement under way. Dropped unfinished (its future was dropped), it has the statement cancelled.
struct InFlight<'c> {
    held: &'c mut Held,
    before: Before,
}

impl InFlight<'_> {
    fn session(&self) -> &Session {
        &self.held.session
    }

    fn finish<T>(self, result: Result<T, PgError>) -> Result<T, PgError> {
        let held = &mut *self.held;
        let mut condition = match self.before {
            Before::Clean => Condition::Clean,
            Before::Altered => Condition::Altered,
        };
        if let Err(error) = &result {
            match error.kind() {
                PgErrorKind::Database(database) if !ends_session(database) => {
                    let inside = held.transaction == TransactionState::Inside;
                    if inside || held.session.is_rehearsal() {
                        held.transaction = TransactionState::Failed;
                    }
                }
                _ => condition = Condition::Broken,
            }
        }
        held.condition = condition;
        result
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        // `finish` has set another condition; it consumes the guard, so this runs then too.
        if matches!(self.held.condition, Condition::Busy(_))
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(self.held.session.canceller().cancel());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        if held.session.is_closed() {
            return;
        }
        let is_outside = held.transaction == TransactionState::Outside;
        match held.condition {
            Condition::Clean if is_outside && !held.session.is_rehearsal() => {
                if let Some(place) = held.place {
                    place.give_back(held.session);
                }
            }
            condition => {
                // Without a runtime (at the very end of a program) the session just ends.
                let Ok(runtime) = tokio::runtime::Handle::try_current() else {
                    return;
                };
                runtime.spawn(clean_up(held, condition));
            }
        }
    }
}

/// Does what is needed before a session's place is free again.
async fn clean_up(held: Held, condition: Condition) {
    let restored = match condition {
        Condition::Busy(_) | Condition::Broken => {
            held.session.retire().await;
            return;
        }
        // Outside a pool nobody comes after: closing the session ends its transaction too.
        _ if held.place.is_none() => return,
        _ if held.session.is_rehearsal() => {
            let leave = match held.transaction {
                TransactionState::Outside => include_str!("sql/rehearsal_leave.sql"),
                TransactionState::Inside | TransactionState::Failed => {
                    include_str!("sql/rehearsal_undo.sql")
                }
            };
            let left = held.session.client.batch_execute(leave);
            let left = tokio::time::timeout(RESTORE_LIMIT, left).await;
            left.is_ok_and(|done| done.is_ok())
        }
        Condition::Clean => {
            let rollback = held
                .session
                .client
                .batch_execute(include_str!("sql/rollback.sql"));
            tokio::time::timeout(RESTORE_LIMIT, rollback)
                .await
                .is_ok_and(|done| done.is_ok())
        }
        Condition::Altered => {
            let reset = tokio::time::timeout(RESTORE_LIMIT, held.session.reset());
            reset.await.is_ok_and(|done| done.is_ok())
        }
    };
    if !restored {
        held.session.retire().await;
    } else if let Some(place) = held.place {
        place.give_back(held.session);
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held")
            .field("condition", &self.condition)
            .field("transaction", &self.transaction)
            .finish_non_exhaustive()
    }
}

/// Whether a statement goes through a named prepared statement.
#[derive(Clone, Copy)]
pub(crate) enum Prepared {
    Yes,
    No,
}

impl Prepared {
    pub(crate) fn of(session: &Session) -> Self {
        match session.mode {
            crate::pool::StatementMode::Prepared { .. } => Self::Yes,
            crate::pool::StatementMode::Unprepared => Self::No,
        }
    }
}

pub(crate) fn with_context(
    error: PgError,
    text: &str,
    parameters: &[Option<&str>],
    prepared: Prepared,
) -> PgError {
    error.with_statement(StatementContext {
        text: text.into(),
        arguments: parameters
            .iter()
            .map(|value| value.map(str::to_owned))
            .collect(),
        prepared: matches!(prepared, Prepared::Yes),
    })
}
