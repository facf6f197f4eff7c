//! Results of the simple query protocol: several statements in one text, the last one's result.
//!
//! What `run_sql` is made of. Postgres answers every value as text here.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::error::PgError;
use crate::session::Session;

/// The most bytes of values that one text's last result may have: it is held in memory whole.
const RESULT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What the last statement of a text gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimpleOutcome {
    /// It returned rows (maybe none), as `SELECT` and `RETURNING` do.
    Rows(TextTable),
    /// It returned none.
    Command {
        /// How many rows it says it changed; 0 for statements that do not count.
        rows_affected: u64,
    },
}

/// Rows as text, in the server's output format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextTable {
    /// Column names, possibly several alike.
    pub columns: Vec<String>,
    /// One value per column in each row.
    pub rows: Vec<Vec<Option<String>>>,
}

pub(crate) async fn run(session: &Session, text: &str) -> Result<SimpleOutcome, PgError> {
    let explain = |error| session.explain(error);
    let mut messages = pin!(
        session
            .client
            .simple_query_raw(text)
            .await
            .map_err(explain)?
    );
    let mut outcome = SimpleOutcome::Command { rows_affected: 0 };
    let mut table: Option<TextTable> = None;
    let mut bytes = 0;
    while let Some(message) = messages.try_next().await.map_err(explain)? {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                // The result before was not the last one.
                outcome = SimpleOutcome::Command { rows_affected: 0 };
                bytes = 0;
                let columns = columns
                    .iter()
                    .map(|column| column.name().to_owned())
                    .collect();
                table = Some(TextTable {
                    columns,
                    rows: Vec::new(),
                });
            }
            SimpleQueryMessage::Row(row) => {
                let row = values(&row, &mut bytes)?;
                table.get_or_insert_default().rows.push(row);
            }
            SimpleQueryMessage::CommandComplete(rows_affected) => {
                outcome = match table.take() {
                    Some(table) => SimpleOutcome::Rows(table),
                    None => SimpleOutcome::Command { rows_affected },
                };
            }
            _ => {}
        }
    }
    Ok(outcome)
}

fn values(row: &SimpleQueryRow, bytes: &mut usize) -> Result<Vec<Option<String>>, PgError> {
    let mut values = Vec::with_capacity(row.len());
    for index in 0..row.len() {
        let value = row.try_get(index)?.map(str::to_owned);
        *bytes += value.as_ref().map_or(0, String::len);
        values.push(value);
    }
    if *bytes > RESULT_BYTES_MAX {
        let limit = RESULT_BYTES_MAX / (1024 * 1024);
        return Err(PgError::unexpected(format!(
            "the result is larger than {limit} MB; ask for fewer rows (LIMIT)"
        )));
    }
    Ok(values)
}
