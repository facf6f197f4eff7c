//! Rows as they come, one after the other, as the bytes Postgres sent.
//!
//! For results that are too many or too large to be kept: whoever takes them says when there is room for more, and
//! until then nothing more is read from the socket, so that Postgres waits as well. Knows nothing of what the bytes
//! mean. Read next: `connection.rs`.

use std::future::Future;
use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::{Row, RowStream};

use crate::error::PgError;
use crate::session::Session;
use crate::values::raw;

/// Somebody who takes rows.
pub trait RowSink: Send {
    /// Takes a row. An error ends the statement, which is then cancelled.
    fn row(&mut self, row: &RawRow) -> Result<(), PgError>;

    /// Whether [`Self::room`] is to be waited for before the next row.
    fn is_full(&self) -> bool;

    /// Waits until there is room for more.
    fn room(&mut self) -> impl Future<Output = ()> + Send;
}

/// A row as Postgres sent it: each column in the binary format of its type.
#[derive(Debug)]
pub struct RawRow(pub(crate) Row);

impl RawRow {
    /// The types of the columns (`pg_type.oid`; of a domain, its base type) in their order.
    pub fn types(&self) -> impl ExactSizeIterator<Item = u32> {
        self.0.columns().iter().map(|column| column.type_().oid())
    }

    /// A column's bytes; `None` is SQL's null. Error: there is no such column.
    pub fn bytes(&self, column: usize) -> Result<Option<&[u8]>, PgError> {
        raw(&self.0, column)
    }
}

/// Hands over all rows. The error of a row not taken comes as it is.
pub(crate) async fn hand_over(
    session: &Session,
    rows: RowStream,
    sink: &mut impl RowSink,
) -> Result<(), PgError> {
    let mut rows = pin!(rows);
    loop {
        let next = rows.try_next().await;
        let Some(row) = next.map_err(|error| session.explain(error))? else {
            return Ok(());
        };
        sink.row(&RawRow(row))?;
        if sink.is_full() {
            sink.room().await;
        }
    }
}
