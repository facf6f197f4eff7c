//! What can go wrong with the metadata database, in words that say what to do.

use graphloom_pg::{PgError, PgErrorKind, Purpose, SqlState};
use graphloom_vocab::{Error, ErrorCode};

use crate::store::ResourceVersion;

/// An error of the metadata database. No variant carries the document or a parameter of a statement:
/// both may hold passwords.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or refused a statement.
    #[error("metadata database: {0}")]
    Database(PgError),
    /// The user may not do what we must do.
    #[error("metadata database: the user {user} {action}. Let its owner run: {grant}")]
    NoPrivilege {
        /// Quoted as in SQL.
        user: String,
        /// What it may not do, as the rest of a sentence.
        action: String,
        /// The statements that allow it.
        grant: String,
    },
    /// The catalog is of an older version of the engine we replace, and stays so.
    #[error("the metadata database has catalog version {found}, which cannot be used: {reason}")]
    OlderCatalog {
        /// As the database has it.
        found: String,
        /// Why it cannot be brought up to date, and what to do.
        reason: String,
    },
    /// The database has no catalog.
    #[error("the metadata database has no metadata catalog: no server was ever started on it")]
    NoCatalog,
    /// There is no way back to the version.
    #[error("This downgrade path (from {from} to {to}) is not supported, because {reason}")]
    Downgrade {
        /// The version that is there.
        from: String,
        /// The version that was asked for.
        to: String,
        /// The end of the sentence.
        reason: String,
    },
    /// The catalog is of a newer version of the engine we replace.
    #[error(
        "Cannot use database previously used with a newer version of graphql-engine (expected a \
         catalog version <=48, but the current version is {found})."
    )]
    NewerCatalog {
        /// As the database has it.
        found: String,
    },
    /// What is there is no catalog that we know.
    #[error("the metadata database has a schema hdb_catalog that cannot be used: {0}")]
    Damaged(String),
    /// Somebody else stored a document meanwhile.
    #[error("metadata resource version referenced ({referenced}) did not match current version")]
    Conflict {
        /// The version that was to be replaced.
        referenced: ResourceVersion,
    },
}

impl StoreError {
    /// The error as clients see it.
    pub fn to_error(&self) -> Error {
        match self {
            Self::Database(error) => error.to_error(Purpose::Internal),
            Self::Conflict { .. } => Error::new(ErrorCode::Conflict, self.to_string()),
            Self::NoPrivilege { .. } => Error::new(ErrorCode::PostgresError, self.to_string()),
            Self::OlderCatalog { .. }
            | Self::NewerCatalog { .. }
            | Self::NoCatalog
            | Self::Downgrade { .. }
            | Self::Damaged(_) => Error::unexpected(self.to_string()),
        }
    }

    /// Whether the same attempt may succeed a moment later, without anybody doing anything.
    pub fn is_connection_error(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_connection_error())
    }
}

/// The statement's arguments and Postgres' own detail (*Failing row contains …*) are left behind: the
/// document is in both.
impl From<PgError> for StoreError {
    fn from(error: PgError) -> Self {
        let mut kind = error.kind().clone();
        if let PgErrorKind::Database(database) = &mut kind {
            database.detail = None;
            database.context = None;
        }
        Self::Database(PgError::new(kind))
    }
}

/// Whether Postgres refused for want of a privilege.
pub(crate) fn is_privilege_error(error: &PgError) -> bool {
    error.sqlstate() == Some(SqlState::INSUFFICIENT_PRIVILEGE)
}
