//! A bounded pool of sessions for one database.
//!
//! Our own rather than a pool crate: the pool must know that a session whose statement was abandoned
//! keeps its place until the server has let go of it, and that one which ran a user's SQL is reset
//! first. Nothing is asked of the server on checkout; the driver notices by itself when a connection
//! ends. Read next: `connection.rs`, `shared.rs`.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connect;
use crate::connection::Connection;
use crate::error::{PgError, PgErrorKind};
use crate::options::ConnectionOptions;
use crate::session::{Session, SessionSettings};
use crate::shared::Sessions;
use crate::standby::Absence;
use crate::transaction::{AccessMode, Isolation, Transaction};

/// Pause before the first repeated attempt to connect; it doubles each time.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Bounds of the interval at which idle sessions are looked through.
const SWEEP_MIN: Duration = Duration::from_millis(100);
const SWEEP_MAX: Duration = Duration::from_secs(30);

/// Whether statements are prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementMode {
    /// Named prepared statements, at most so many per connection.
    Prepared {
        /// The bound of the cache.
        cached_max: usize,
    },
    /// Unnamed statements only, for poolers in transaction mode.
    Unprepared,
}

/// How a pool behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// The most connections it opens.
    pub max_connections: usize,
    /// How long a caller waits for a free connection; `None` is without limit.
    pub wait_limit: Option<Duration>,
    /// After how long without use a connection is closed.
    pub idle_timeout: Duration,
    /// After how long a connection is closed once it is not in use; `None` is never.
    pub connection_lifetime: Option<Duration>,
    /// How many more attempts are made if a connection cannot be opened for a passing reason.
    pub connect_retries: u32,
    /// Whether statements are prepared.
    pub statements: StatementMode,
    /// The level of [`Connection::begin`].
    pub isolation: Isolation,
    /// `statement_timeout` of every session; `None` leaves the server's.
    pub statement_timeout: Option<Duration>,
}

impl Default for PoolOptions {
    /// The defaults of a source's `pool_settings`.
    fn default() -> Self {
        Self {
            max_connections: 50,
            wait_limit: None,
            idle_timeout: Duration::from_mins(3),
            connection_lifetime: Some(Duration::from_mins(10)),
            connect_retries: 1,
            statements: StatementMode::Prepared { cached_max: 256 },
            isolation: Isolation::ReadCommitted,
            statement_timeout: None,
        }
    }
}

/// A pool's numbers at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections nobody uses.
    pub idle: usize,
    /// Connections in use, being opened or being cleaned up.
    pub in_use: usize,
    /// Callers waiting for one.
    pub waiting: usize,
}

/// Tells pools apart; clones have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolId(u64);

impl PoolId {
    fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// A pool of connections; clones share it. The second part is what stands in for it (`standby.rs`).
#[derive(Clone)]
pub struct Pool(pub(crate) Arc<Shared>, pub(crate) Option<Arc<[Self]>>);

/// How many reads at once may be sent again because they waited too long: a database that is slow as a whole must
/// not be asked everything twice.
const IMPATIENT_MAX: usize = 4;

pub(crate) struct Shared {
    id: PoolId,
    pub(crate) connect: ConnectionOptions,
    options: PoolOptions,
    pub(crate) absence: Absence,
    pub(crate) places: Arc<Semaphore>,
    sessions: Mutex<Sessions>,
    waiting: AtomicUsize,
    pub(crate) impatient: Semaphore,
    is_swept: AtomicBool,
    kind: PoolKind,
}

/// What becomes of what is done on a pool's connections.
enum PoolKind {
    Lasting,
    /// Nothing of it stays: one connection, inside a transaction that is never committed. Whether it was opened.
    Rehearsal(AtomicBool),
}

pub(crate) struct Idle {
    pub(crate) session: Arc<Session>,
    since: Instant,
}

impl Pool {
    /// A pool for those settings. Opens nothing yet.
    pub fn new(connect: ConnectionOptions, options: PoolOptions) -> Self {
        Self::of_kind(connect, options, PoolKind::Lasting)
    }

    /// A pool of one connection, which is inside a transaction that is never committed.
    pub(crate) fn rehearsed(connect: ConnectionOptions, options: PoolOptions) -> Self {
        Self::of_kind(
            connect,
            options,
            PoolKind::Rehearsal(AtomicBool::new(false)),
        )
    }

    fn of_kind(connect: ConnectionOptions, options: PoolOptions, kind: PoolKind) -> Self {
        let places = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        let shared = Shared {
            id: PoolId::next(),
            connect,
            options,
            absence: Absence::default(),
            places: Arc::new(Semaphore::new(places)),
            sessions: Mutex::default(),
            waiting: AtomicUsize::new(0),
            impatient: Semaphore::new(IMPATIENT_MAX),
            is_swept: AtomicBool::new(false),
            kind,
        };
        Self(Arc::new(shared), None)
    }

    /// Whether reads may share its connections: not those of a rehearsal, nor where a pooler may be in between.
    pub(crate) fn may_share(&self) -> bool {
        matches!(self.0.kind, PoolKind::Lasting)
            && self.0.options.statements != StatementMode::Unprepared
    }

    /// Whether a rehearsal's transaction was begun.
    pub(crate) fn has_begun(&self) -> bool {
        matches!(&self.0.kind, PoolKind::Rehearsal(begun) if begun.load(Ordering::Relaxed))
    }

    /// Which pool it is.
    pub fn id(&self) -> PoolId {
        self.0.id
    }

    /// The level that transactions are begun at.
    pub fn isolation(&self) -> Isolation {
        self.0.options.isolation
    }

    /// A connection: an idle one, or a new one if there may be more.
    ///
    /// Fails with [`PgErrorKind::PoolTimeout`] if none became free in time, [`PgErrorKind::PoolClosed`],
    /// or why none could be opened. Where other pools stand in for this one, it may be theirs.
    pub async fn get(&self) -> Result<Connection, PgError> {
        let mut pool = self.present();
        loop {
            match pool.get_own().await {
                Ok(connection) => return Ok(connection),
                Err(error) => pool = self.after(pool, &error).ok_or(error)?,
            }
        }
    }

    pub(crate) async fn get_own(&self) -> Result<Connection, PgError> {
        let permit = self.wait().await?;
        let idle = self.0.sessions().take_idle(&self.0);
        let session = match idle {
            Some(session) => session,
            None => Box::pin(self.open()).await?,
        };
        if session.is_rehearsal() {
            Box::pin(session.enter_rehearsal()).await?;
        }
        let place = Place {
            pool: Arc::downgrade(&self.0),
            _permit: permit,
        };
        Ok(Connection::pooled(session, place, self.0.options.isolation))
    }

    /// A connection inside a transaction at the pool's isolation level.
    pub async fn begin(&self, access: AccessMode) -> Result<Transaction, PgError> {
        self.get().await?.begin(access).await
    }

    /// Closes idle connections and refuses new use; connections in use are closed when given back.
    pub fn close(&self) {
        self.0.places.close();
        self.0.sessions().idle.clear();
    }

    /// The pool's numbers.
    pub fn status(&self) -> PoolStatus {
        let idle = self.0.sessions().idle.len();
        let places = self
            .0
            .options
            .max_connections
            .clamp(1, Semaphore::MAX_PERMITS);
        PoolStatus {
            idle,
            in_use: places.saturating_sub(self.0.places.available_permits()),
            waiting: self.0.waiting.load(Ordering::Relaxed),
        }
    }

    /// Where the pool connects to.
    pub fn connection_options(&self) -> &ConnectionOptions {
        &self.0.connect
    }

    /// How the pool behaves.
    pub fn options(&self) -> &PoolOptions {
        &self.0.options
    }

    pub(crate) async fn wait(&self) -> Result<OwnedSemaphorePermit, PgError> {
        // The common case: a place is free, and nobody needs a timer.
        if let Ok(permit) = Arc::clone(&self.0.places).try_acquire_owned() {
            return Ok(permit);
        }
        // On the heap, as other things that are rarely needed: all the while, a request's future has room for them.
        Box::pin(self.wait_in_line()).await
    }

    async fn wait_in_line(&self) -> Result<OwnedSemaphorePermit, PgError> {
        let closed = |_| PgError::new(PgErrorKind::PoolClosed);
        let _waiting = Waiting::enter(&self.0.waiting);
        let acquired = Arc::clone(&self.0.places).acquire_owned();
        let Some(limit) = self.0.options.wait_limit else {
            return acquired.await.map_err(closed);
        };
        match tokio::time::timeout(limit, acquired).await {
            Ok(permit) => permit.map_err(closed),
            Err(_) => Err(PgError::new(PgErrorKind::PoolTimeout {
                waited: limit,
                max_connections: self.0.options.max_connections,
            })),
        }
    }

    pub(crate) async fn open(&self) -> Result<Arc<Session>, PgError> {
        let settings = self.0.settings();
        let mut pause = RETRY_PAUSE;
        // Another database is nearer than another attempt.
        let mut retries = match self.1 {
            Some(_) => 0,
            None => self.0.options.connect_retries,
        };
        if self.has_begun() {
            // Its session was lost, and with it what was done before.
            return Err(PgError::new(PgErrorKind::Abandoned));
        }
        let session = loop {
            match connect::open(&self.0.connect, &settings).await {
                Ok(session) => break session,
                Err(error) if retries > 0 && is_transient(&error) => {
                    tokio::time::sleep(pause).await;
                    retries -= 1;
                    pause *= 2;
                }
                Err(error) => return Err(error),
            }
        };
        if let PoolKind::Rehearsal(begun) = &self.0.kind {
            session.begin_rehearsal(self.0.options.isolation).await?;
            begun.store(true, Ordering::Relaxed);
            return Ok(Arc::new(session));
        }
        if !self.0.is_swept.swap(true, Ordering::Relaxed) {
            tokio::spawn(sweep(
                Arc::downgrade(&self.0),
                sweep_interval(&self.0.options),
            ));
        }
        Ok(Arc::new(session))
    }
}

fn is_transient(error: &PgError) -> bool {
    matches!(error.kind(), PgErrorKind::Connect(failure) if failure.reason.is_transient())
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("connect", &self.0.connect.redacted())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// Counts a waiting caller for as long as it lives.
struct Waiting<'p>(&'p AtomicUsize);

impl<'p> Waiting<'p> {
    fn enter(counter: &'p AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // Nothing that could panic half-way happens under the lock.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> SessionSettings {
        SessionSettings {
            mode: self.options.statements,
            statement_timeout: self.options.statement_timeout,
        }
    }

    /// Whether somebody waits for a connection.
    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Puts a session among the idle ones, unless it is of no more use.
    pub(crate) fn keep(&self, session: Arc<Session>) {
        if !session.is_closed() && !self.places.is_closed() && !self.is_too_old(&session) {
            let since = Instant::now();
            self.sessions().idle.push(Idle { session, since });
        }
    }

    pub(crate) fn is_too_old(&self, session: &Session) -> bool {
        let lifetime = self.options.connection_lifetime;
        lifetime.is_some_and(|lifetime| session.opened.elapsed() >= lifetime)
    }

    fn sweep(&self) {
        self.sessions().idle.retain(|idle| {
            !idle.session.is_closed()
                && !self.is_too_old(&idle.session)
                && idle.since.elapsed() < self.options.idle_timeout
        });
    }
}

fn sweep_interval(options: &PoolOptions) -> Duration {
    let shortest = options
        .connection_lifetime
        .map_or(options.idle_timeout, |lifetime| {
            lifetime.min(options.idle_timeout)
        });
    (shortest / 2).clamp(SWEEP_MIN, SWEEP_MAX)
}

/// Closes idle sessions that are due, until the pool is gone or closed.
async fn sweep(pool: Weak<Shared>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(pool) = pool.upgrade() else { return };
        if pool.places.is_closed() {
            return;
        }
        pool.sweep();
    }
}

/// A session's place in its pool: free again when this is dropped.
pub(crate) struct Place {
    /// Weak, so that connections do not keep a dropped pool's idle ones alive.
    pool: Weak<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Puts the session among the idle ones, unless it is of no more use, and frees the place.
    pub(crate) fn give_back(self, session: Arc<Session>) {
        if let Some(pool) = self.pool.upgrade() {
            pool.keep(session);
        }
        // The permit goes only now: whoever gets it finds the session.
    }
}
