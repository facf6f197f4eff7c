//! One session with Postgres: the driver's client, its statement cache, and how to interrupt it.
//!
//! Knows nothing of pools. Read next: `connect.rs` (how one is opened), `connection.rs` (what callers
//! see of it).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt};
use graphloom_catalog::ResultColumn;
use graphloom_vocab::ColumnName;
use postgres_types::Type;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Row, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::cache::{Statement, StatementCache};
use crate::error::{PgError, PgErrorKind, chain};
use crate::heard::Ear;
use crate::pool::StatementMode;
use crate::sqlstate::SqlState;
use crate::transaction::{AccessMode, Isolation, begin_statement};
use crate::values::TextParameter;

/// How long an abandoned statement is given to end after the first request to cancel it.
const CANCEL_ROUNDS: u32 = 10;
/// After how long the request is repeated: the first may have come before the statement.
const CANCEL_ROUND: Duration = Duration::from_secs(1);

/// The server function that refuses a cached plan whose result type has changed. Its name is not
/// translated, the message is.
const STALE_PLAN_ROUTINE: &str = "RevalidateCachedQuery";

/// An open session.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) server_version_num: u32,
    pub(crate) opened: Instant,
    pub(crate) mode: StatementMode,
    pub(crate) statement_timeout: Option<Duration>,
    /// Whether all of it is inside a transaction that is never committed.
    is_rehearsal: AtomicBool,
    statements: Mutex<StatementCache<tokio_postgres::Statement>>,
    /// When the last statement's result was here, or the session taken into shared use, in nanoseconds after `opened`.
    last_result_ns: AtomicU64,
    /// Its process in Postgres, where a statement may be cancelled at any time.
    process: OnceLock<i32>,
    canceller: Canceller,
    /// Why the driver stopped, once it did.
    ended: Arc<OnceLock<String>>,
    driver: AbortHandle,
    /// What others say.
    pub(crate) ear: Arc<Ear>,
}

/// What is needed to cancel a session's statement from elsewhere.
#[derive(Clone)]
pub(crate) struct Canceller {
    token: CancelToken,
    tls: Option<MakeRustlsConnect>,
}

impl Canceller {
    /// Asks the server to cancel what the session is doing; best effort, like the protocol's.
    pub(crate) async fn cancel(self) {
        let request = async {
            match self.tls {
                Some(tls) => self.token.cancel_query(tls).await,
                None => self.token.cancel_query(tokio_postgres::NoTls).await,
            }
        };
        // Nobody is left to tell, and `Session::retire` tries again.
        drop(tokio::time::timeout(CANCEL_ROUND, request).await);
    }
}

/// How a session is to be used.
#[derive(Clone, Debug)]
pub(crate) struct SessionSettings {
    pub(crate) mode: StatementMode,
    pub(crate) statement_timeout: Option<Duration>,
}

impl Session {
    /// Takes over a fresh connection of the driver's and starts the task that moves its bytes.
    pub(crate) fn start<S, T>(
        (client, connection): (Client, tokio_postgres::Connection<S, T>),
        tls: Option<MakeRustlsConnect>,
        settings: &SessionSettings,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let version = connection.parameter("server_version").unwrap_or_default();
        let server_version_num = version_num(version);
        let ended = Arc::new(OnceLock::new());
        let ear = Arc::new(Ear::default());
        let driver = drive(connection, (Arc::clone(&ended), Arc::clone(&ear)));
        let driver = tokio::spawn(driver).abort_handle();
        let capacity = match settings.mode {
            StatementMode::Prepared { cached_max } => cached_max,
            StatementMode::Unprepared => 1,
        };
        Self {
            canceller: Canceller {
                token: client.cancel_token(),
                tls,
            },
            client,
            server_version_num,
            opened: Instant::now(),
            mode: settings.mode,
            statement_timeout: settings.statement_timeout,
            is_rehearsal: AtomicBool::new(false),
            statements: Mutex::new(StatementCache::new(capacity)),
            last_result_ns: AtomicU64::new(0),
            process: OnceLock::new(),
            ended,
            driver,
            ear,
        }
    }

    /// The settings every session has, in one round trip.
    pub(crate) async fn set_up(&self) -> Result<(), PgError> {
        let timeout_ms = self
            .statement_timeout
            .map(|timeout| timeout.as_millis().to_string());
        let statement = include_str!("sql/session.sql");
        let parameters = [timeout_ms.as_deref()];
        let rows = self.open_unprepared(statement, &parameters).await?;
        let rows = self.all(rows).await?;
        if let Some(process) = rows.first().and_then(|row| row.try_get("process").ok()) {
            self.process.get_or_init(|| process);
        }
        Ok(())
    }

    /// Its process in Postgres. `None`: it is not known, or commits wait for other servers, which a request to cancel
    /// that comes late would cut short.
    pub(crate) fn process(&self) -> Option<i32> {
        self.process.get().copied()
    }

    /// Begins the transaction that everything on this session is inside of.
    pub(crate) async fn begin_rehearsal(&self, isolation: Isolation) -> Result<(), PgError> {
        let begin = begin_statement(isolation, AccessMode::ReadWrite);
        let begun = self.client.batch_execute(begin).await;
        begun.map_err(|error| self.explain(error))?;
        self.is_rehearsal.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// From now on it is an ordinary session again.
    pub(crate) fn leave_rehearsal(&self) {
        self.is_rehearsal.store(false, Ordering::Relaxed);
    }

    /// Whether all of it is inside a transaction that is never committed.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.is_rehearsal.load(Ordering::Relaxed)
    }

    /// Sets the point that a failing statement goes back to.
    pub(crate) async fn enter_rehearsal(&self) -> Result<(), PgError> {
        let enter = include_str!("sql/rehearsal_enter.sql");
        let entered = self.client.batch_execute(enter).await;
        entered.map_err(|error| self.explain(error))
    }

    /// Brings the session back to what it was when it was opened, after SQL of a user's.
    pub(crate) async fn reset(&self) -> Result<(), PgError> {
        self.statements().clear();
        // Two requests: DISCARD ALL does not run inside a transaction, nor in a list of statements.
        self.client
            .batch_execute(include_str!("sql/rollback.sql"))
            .await?;
        self.client
            .batch_execute(include_str!("sql/discard_all.sql"))
            .await?;
        self.client.clear_type_cache();
        self.set_up().await
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed() || self.ended.get().is_some()
    }

    pub(crate) fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    pub(crate) fn cached_statements(&self) -> usize {
        self.statements().len()
    }

    fn statements(&self) -> MutexGuard<'_, StatementCache<tokio_postgres::Statement>> {
        // Nothing that could panic half-way happens under the lock.
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// An error of the driver's, with the reason the session ended if it did.
    pub(crate) fn explain(&self, error: tokio_postgres::Error) -> PgError {
        let error = PgError::from(error);
        match (error.kind(), self.ended.get()) {
            (PgErrorKind::Closed(_), Some(reason)) => {
                PgError::new(PgErrorKind::Closed(reason.clone()))
            }
            _ => error,
        }
    }

    /// All rows of a statement. `retry` says whether a plan that went stale may be made anew.
    ///
    /// May be called again before it is done: statements then follow each other down the connection, and
    /// each is a transaction of its own.
    pub(crate) async fn rows(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
        retry: Retry,
    ) -> Result<Vec<Row>, PgError> {
        let opened = self.open(statement, parameters, retry).await?;
        let rows = self.all(opened.rows).await?;
        self.observe(statement, opened.sent);
        Ok(rows)
    }

    /// How many rows a statement says it wrote; what it gives is dropped. See [`Self::rows`].
    pub(crate) async fn written(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
        retry: Retry,
    ) -> Result<u64, PgError> {
        let opened = self.open(statement, parameters, retry).await?;
        let mut rows = pin!(opened.rows);
        while let Some(row) = rows.next().await {
            row.map_err(|error| self.explain(error))?;
        }
        self.observe(statement, opened.sent);
        Ok(rows.rows_affected().unwrap_or_default())
    }

    /// Has a statement begun, which gives its rows one by one. A plan that went stale is told of here, before any row.
    pub(crate) async fn open(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
        retry: Retry,
    ) -> Result<Opened, PgError> {
        if matches!(self.mode, StatementMode::Unprepared) || statement.is_once() {
            let rows = Box::pin(self.open_unprepared(statement.text(), parameters)).await?;
            return Ok(Opened { rows, sent: None });
        }
        let (known, age) = {
            let mut statements = self.statements();
            (statements.get(statement), statements.age())
        };
        let Some(prepared) = known else {
            return Box::pin(self.open_freshly_prepared(statement, parameters)).await;
        };
        let error = match self.open_prepared(&prepared, parameters).await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        if !is_stale(&error) {
            return Err(error);
        }
        // DDL, or somebody's DEALLOCATE: whatever else is cached is as old.
        // Those behind this one on the same connection find that out too, and must not undo what we do now.
        self.statements().clear_of(age);
        match retry {
            Retry::Once => Box::pin(self.open_freshly_prepared(statement, parameters)).await,
            Retry::Never => Err(error),
        }
    }

    /// The columns of a statement's result.
    pub(crate) async fn describe(
        &self,
        statement: &Statement,
    ) -> Result<Vec<ResultColumn>, PgError> {
        let prepared = self.client.prepare(statement.text()).await;
        let prepared = prepared.map_err(|error| self.explain(error))?;
        let columns = prepared.columns().iter();
        Ok(columns
            .map(|column| ResultColumn {
                name: ColumnName::new(column.name()),
                type_oid: column.type_().oid(),
                type_name: column.type_().name().into(),
            })
            .collect())
    }

    async fn open_freshly_prepared(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Opened, PgError> {
        // No parameter types are given: Postgres infers them from the casts in the text.
        let prepared = self.client.prepare(statement.text()).await;
        let prepared = prepared.map_err(|error| self.explain(error))?;
        self.statements()
            .insert(statement.clone(), prepared.clone());
        self.open_prepared(&prepared, parameters).await
    }

    async fn open_prepared(
        &self,
        prepared: &tokio_postgres::Statement,
        parameters: &[Option<&str>],
    ) -> Result<Opened, PgError> {
        let sent = Some(self.opened.elapsed());
        let parameters = parameters.iter().map(|value| TextParameter(*value));
        let rows = self.client.query_raw(prepared, parameters).await;
        let rows = rows.map_err(|error| self.explain(error))?;
        Ok(Opened { rows, sent })
    }

    /// Takes note of how long a statement took whose rows are all here.
    pub(crate) fn observe(&self, statement: &Statement, sent: Option<Duration>) {
        if let Some(sent) = sent {
            statement.pace().observe(self.time_since(sent));
        }
    }

    /// Takes note that the session got on: a statement has ended, or it is taken into use.
    pub(crate) fn moved(&self) {
        let now_ns = u64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last_result_ns.store(now_ns, Ordering::Relaxed);
    }

    /// How long ago it last got on.
    pub(crate) fn stood_still(&self) -> Duration {
        let last = Duration::from_nanos(self.last_result_ns.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(last)
    }

    /// How long Postgres took for a statement that was sent then and whose result is here now: it began when
    /// the one before it had ended.
    fn time_since(&self, sent: Duration) -> Duration {
        let now = self.opened.elapsed();
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let before = self.last_result_ns.swap(now_ns, Ordering::Relaxed);
        now.saturating_sub(sent.max(Duration::from_nanos(before)))
    }

    async fn open_unprepared(
        &self,
        text: &str,
        parameters: &[Option<&str>],
    ) -> Result<RowStream, PgError> {
        // `unknown` is what Postgres takes for "infer it", as it does for a prepared statement.
        let parameters = parameters
            .iter()
            .map(|value| (TextParameter(*value), Type::UNKNOWN));
        let rows = self.client.query_typed_raw(text, parameters).await;
        rows.map_err(|error| self.explain(error))
    }

    async fn all(&self, rows: RowStream) -> Result<Vec<Row>, PgError> {
        let rows = pin!(rows).try_collect().await;
        rows.map_err(|error| self.explain(error))
    }

    /// Ends a session whose statement was abandoned: cancels it, waits until the server is done with it
    /// (so that the pool's bound holds on the server's side too), and closes the connection. It is not
    /// used again, because a late cancel request would hit an innocent statement.
    pub(crate) async fn retire(&self) {
        {
            let mut idle = pin!(self.client.batch_execute(""));
            for _ in 0..CANCEL_ROUNDS {
                if tokio::time::timeout(CANCEL_ROUND, &mut idle).await.is_ok() {
                    return;
                }
                self.canceller.clone().cancel().await;
            }
        }
        // The server does not answer: the task would wait for it, and the socket with it.
        self.driver.abort();
    }
}

/// A statement under way.
pub(crate) struct Opened {
    pub(crate) rows: RowStream,
    /// When it was sent, if how long it takes is kept.
    pub(crate) sent: Option<Duration>,
}

/// Whether a stale plan may be prepared and run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Once,
    /// Inside a transaction, which the error has aborted.
    Never,
}

fn is_stale(error: &PgError) -> bool {
    error.database().is_some_and(|error| {
        let changed = error.sqlstate == SqlState::FEATURE_NOT_SUPPORTED
            && error.routine.as_deref() == Some(STALE_PLAN_ROUTINE);
        changed || error.sqlstate == SqlState::INVALID_SQL_STATEMENT_NAME
    })
}

/// Moves bytes until the session ends. Notices are dropped (`client_min_messages` keeps them to
/// warnings); of notifications the payloads are kept.
///
/// It lets the tasks that are ready go first, each time it is woken: what they send goes out together, in one system
/// call that wakes Postgres once. The runtime would have it run right behind the first of them.
async fn drive<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    (ended, ear): (Arc<OnceLock<String>>, Arc<Ear>),
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut has_let_others_go = false;
    loop {
        let message = poll_fn(|cx| {
            has_let_others_go = !has_let_others_go;
            if has_let_others_go {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            connection.poll_message(cx)
        });
        match message.await {
            Some(Ok(AsyncMessage::Notification(said))) => ear.hear(said.payload()),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                // The first reason stays.
                ended.get_or_init(|| chain(&error));
                break;
            }
            None => break,
        }
    }
    // The client is closed with the connection, before whoever listens looks.
    drop(connection);
    ear.wake();
}

/// `15.18 (Debian 15.18-1)` → `150018`, `9.6.24` → `90624`, `17beta1` → `170000`.
fn version_num(text: &str) -> u32 {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()
        .unwrap_or_default()
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0).min(9_999));
    let mut next = || numbers.next().unwrap_or(0);
    let (major, minor, patch) = (next(), next(), next());
    if major >= 10 {
        major * 10_000 + minor
    } else {
        major * 10_000 + minor * 100 + patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, expected) in [
            ("15.18 (Debian 15.18-1.pgdg120+1)", 150_018),
            ("9.6.24", 90_624),
            ("17beta1", 170_000),
            ("", 0),
        ] {
            assert_eq!(version_num(text), expected, "{text}");
        }
    }
}
