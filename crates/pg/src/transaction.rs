//! Transactions: a connection that is inside one, until it commits or is dropped.

use std::ops::{Deref, DerefMut};

use crate::connection::Connection;
use crate::error::PgError;

/// How much a transaction sees of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what was committed before it. Postgres's default, and ours.
    #[default]
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if transactions ran one after the other; may fail with 40001.
    Serializable,
}

impl Isolation {
    /// The level of that name as configuration spells it: `read-committed`, `repeatable-read`, `serializable`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "read-committed" => Self::ReadCommitted,
            "repeatable-read" => Self::RepeatableRead,
            "serializable" => Self::Serializable,
            _ => return None,
        })
    }
}

/// Whether a transaction may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMode {
    /// Writing statements fail with 25006.
    ReadOnly,
    /// Anything goes.
    ReadWrite,
}

/// A connection inside a transaction. Dropped without [`Transaction::commit`], it is rolled back.
///
/// Statements are run as on [`Connection`], which it dereferences to.
#[must_use = "a transaction that is dropped is rolled back"]
#[derive(Debug)]
pub struct Transaction(Connection);

impl Transaction {
    pub(crate) async fn begin(
        mut connection: Connection,
        isolation: Isolation,
        access: AccessMode,
    ) -> Result<Self, PgError> {
        connection.enter_transaction(isolation, access).await?;
        Ok(Self(connection))
    }

    /// Commits. Fails without having committed if a statement before failed; if the connection is lost
    /// during the commit ([`crate::PgErrorKind::Closed`]), whether it happened is not known.
    pub async fn commit(mut self) -> Result<Connection, PgError> {
        self.0.leave_transaction().await?;
        Ok(self.0)
    }

    /// Rolls back and gives the connection back, where waiting for it matters; dropping does the same
    /// in the background.
    pub async fn rollback(mut self) -> Result<Connection, PgError> {
        self.0.roll_back().await?;
        Ok(self.0)
    }
}

/// How a transaction begins.
pub(crate) fn begin_statement(isolation: Isolation, access: AccessMode) -> &'static str {
    match (isolation, access) {
        (Isolation::ReadCommitted, AccessMode::ReadOnly) => {
            include_str!("sql/begin_read_committed_read_only.sql")
        }
        (Isolation::ReadCommitted, AccessMode::ReadWrite) => {
            include_str!("sql/begin_read_committed_read_write.sql")
        }
        (Isolation::RepeatableRead, AccessMode::ReadOnly) => {
            include_str!("sql/begin_repeatable_read_read_only.sql")
        }
        (Isolation::RepeatableRead, AccessMode::ReadWrite) => {
            include_str!("sql/begin_repeatable_read_read_write.sql")
        }
        (Isolation::Serializable, AccessMode::ReadOnly) => {
            include_str!("sql/begin_serializable_read_only.sql")
        }
        (Isolation::Serializable, AccessMode::ReadWrite) => {
            include_str!("sql/begin_serializable_read_write.sql")
        }
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
