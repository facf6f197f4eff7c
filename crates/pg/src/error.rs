//! What can go wrong between us and Postgres, as one type.
//!
//! Nothing here holds a password, and nothing here knows what a client may see: that is
//! `translate.rs`. Values of a failed statement are kept (in [`StatementContext`]) because operators
//! and admins may see them; `Display` leaves them out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::options::OptionsError;
use crate::sqlstate::SqlState;

/// An error of this crate. Boxed inside, so that results stay small.
#[derive(Clone)]
pub struct PgError(Box<Parts>);

#[derive(Clone)]
struct Parts {
    kind: PgErrorKind,
    context: Option<StatementContext>,
}

/// The kinds of error.
#[derive(Clone, Debug)]
pub enum PgErrorKind {
    /// The connection settings cannot be used: a bad URL, a certificate that cannot be read.
    Options(OptionsError),
    /// No session could be opened.
    Connect(ConnectFailure),
    /// No connection of the pool became free in time.
    PoolTimeout {
        /// How long was waited.
        waited: Duration,
        /// The most connections the pool may have.
        max_connections: usize,
    },
    /// The pool was closed (its source was dropped or replaced).
    PoolClosed,
    /// Postgres answered with an error.
    Database(Box<DatabaseError>),
    /// The session ended while it was in use; whether the statement ran is not known.
    Closed(String),
    /// An earlier statement on this connection was abandoned half-way; the connection is of no more use.
    Abandoned,
    /// The answer is not of the shape the caller asked for.
    Unexpected(String),
}

/// Why no session could be opened, in words that say what to do.
#[derive(Clone, Debug)]
pub struct ConnectFailure {
    /// The reason, as far as it can be told.
    pub reason: ConnectReason,
    /// Where to, without any secret: `db.example:5432`, `/var/run/postgresql:5432`.
    pub address: String,
    /// What happened; the server's own words where it had any.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The server's code, if it was the server that refused.
    pub sqlstate: Option<SqlState>,
}

/// Reasons for which no session could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectReason {
    /// The host's name has no address.
    UnknownHost,
    /// Nothing listens there.
    Refused,
    /// There is no such socket file.
    NoSocket,
    /// We may not open the socket file.
    SocketPermission,
    /// No answer within `connect_timeout`.
    Timeout,
    /// Wrong or missing password.
    Password,
    /// The server does not let this user in from here (`pg_hba.conf`, unknown role).
    Authorization,
    /// The server wants TLS and we came without.
    TlsRequired,
    /// We want TLS and the server has none.
    TlsUnsupported,
    /// The handshake failed, or the certificate is not trusted.
    Tls,
    /// There is no such database.
    NoDatabase,
    /// The user may not connect to this database.
    Privilege,
    /// The server has no connection left.
    TooManyConnections,
    /// The server is starting up or shutting down.
    NotReady,
    /// The server is not a Postgres, or of an unsupported version.
    Protocol,
    /// Anything else.
    Other,
}

impl ConnectReason {
    /// Whether the same attempt may succeed a moment later.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::NoSocket
                | Self::Timeout
                | Self::TooManyConnections
                | Self::NotReady
        )
    }
}

/// An error as Postgres reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseError {
    /// `C`: the code.
    pub sqlstate: SqlState,
    /// `S`: `ERROR`, `FATAL` or `PANIC`, in the server's language.
    pub severity: String,
    /// `M`: one line.
    pub message: String,
    /// `D`: more about it.
    pub detail: Option<String>,
    /// `H`: what to do about it.
    pub hint: Option<String>,
    /// `P`: where in the statement, counted in characters from 1.
    pub position: Option<u32>,
    /// `W`: the call stack of functions.
    pub context: Option<String>,
    /// `s`
    pub schema: Option<String>,
    /// `t`
    pub table: Option<String>,
    /// `c`
    pub column: Option<String>,
    /// `n`
    pub constraint: Option<String>,
    /// `R`: the server's own function that raised it; not translated, unlike the message.
    pub routine: Option<String>,
}

/// The statement an error belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementContext {
    /// Its text.
    pub text: Arc<str>,
    /// Its parameters as sent.
    pub arguments: Vec<Option<String>>,
    /// Whether it went through a named prepared statement.
    pub prepared: bool,
}

impl PgError {
    /// An error without a statement.
    pub fn new(kind: PgErrorKind) -> Self {
        Self(Box::new(Parts {
            kind,
            context: None,
        }))
    }

    /// A failure that is a bug of ours or of a peer's.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(PgErrorKind::Unexpected(message.into()))
    }

    /// The same error, of that statement.
    pub fn with_statement(mut self, context: StatementContext) -> Self {
        self.0.context = Some(context);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> &PgErrorKind {
        &self.0.kind
    }

    /// The statement it belongs to.
    pub fn statement(&self) -> Option<&StatementContext> {
        self.0.context.as_ref()
    }

    /// What Postgres said, if it was Postgres.
    pub fn database(&self) -> Option<&DatabaseError> {
        match &self.0.kind {
            PgErrorKind::Database(error) => Some(error),
            _ => None,
        }
    }

    /// Postgres's code, if it was Postgres.
    pub fn sqlstate(&self) -> Option<SqlState> {
        match &self.0.kind {
            PgErrorKind::Database(error) => Some(error.sqlstate),
            PgErrorKind::Connect(failure) => failure.sqlstate,
            _ => None,
        }
    }

    /// Whether the database could not be reached or was lost, as opposed to having refused a statement.
    pub fn is_connection_error(&self) -> bool {
        match &self.0.kind {
            PgErrorKind::Connect(_)
            | PgErrorKind::Closed(_)
            | PgErrorKind::PoolTimeout { .. }
            | PgErrorKind::Options(_) => true,
            PgErrorKind::Database(error) => ends_session(error),
            _ => false,
        }
    }
}

/// Whether Postgres closes the session after this error: shutdowns and crashes, class 57P.
pub(crate) fn ends_session(error: &DatabaseError) -> bool {
    error.sqlstate.as_str().starts_with("57P")
        || error.sqlstate.class() == "08"
        || error.severity == "FATAL"
}

impl From<OptionsError> for PgError {
    fn from(error: OptionsError) -> Self {
        Self::new(PgErrorKind::Options(error))
    }
}

impl From<tokio_postgres::Error> for PgError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(database) = error.as_db_error() {
            return Self::new(PgErrorKind::Database(Box::new(DatabaseError::of(database))));
        }
        let text = chain(&error);
        if error.is_closed() || find_io(&error).is_some() {
            return Self::new(PgErrorKind::Closed(text));
        }
        Self::unexpected(text)
    }
}

impl DatabaseError {
    pub(crate) fn of(error: &tokio_postgres::error::DbError) -> Self {
        use tokio_postgres::error::ErrorPosition;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            sqlstate: SqlState::new(error.code().code()),
            severity: error.severity().to_owned(),
            message: error.message().to_owned(),
            detail: owned(error.detail()),
            hint: owned(error.hint()),
            position: match error.position() {
                Some(ErrorPosition::Original(position)) => Some(*position),
                Some(ErrorPosition::Internal { .. }) | None => None,
            },
            context: owned(error.where_()),
            schema: owned(error.schema()),
            table: owned(error.table()),
            column: owned(error.column()),
            constraint: owned(error.constraint()),
            routine: owned(error.routine()),
        }
    }
}

/// An error with its causes, `a: b: c`.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The first I/O error among the causes.
pub(crate) fn find_io<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e std::io::Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io);
        }
        current = error.source();
    }
    None
}

impl fmt::Display for PgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            PgErrorKind::Options(error) => error.fmt(f),
            PgErrorKind::Connect(failure) => failure.fmt(f),
            PgErrorKind::PoolTimeout { waited, max_connections } => write!(
                f,
                "no connection became free within {} ms: all {max_connections} of the pool are in use",
                waited.as_millis()
            ),
            PgErrorKind::PoolClosed => f.write_str("the connection pool is closed"),
            PgErrorKind::Database(error) => error.fmt(f),
            PgErrorKind::Closed(reason) => write!(f, "the connection to Postgres was lost: {reason}"),
            PgErrorKind::Abandoned => f.write_str(
                "this connection was abandoned in the middle of a statement and cannot be used again",
            ),
            PgErrorKind::Unexpected(message) => f.write_str(message),
        }
    }
}

impl fmt::Debug for PgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the statement's arguments: `Debug` ends up in logs.
        let text = self.0.context.as_ref().map(|context| &context.text);
        f.debug_struct("PgError")
            .field("kind", &self.0.kind)
            .field("statement", &text)
            .finish()
    }
}

impl std::error::Error for PgError {}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot connect to Postgres at {}: {}",
            self.address, self.message
        )?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.sqlstate)
    }
}
