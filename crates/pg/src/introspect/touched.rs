//! Which relations a transaction has done something to, so that only those are read again.

use std::sync::LazyLock;

use graphloom_vocab::QualifiedTable;

use crate::cache::Statement;
use crate::connection::Connection;
use crate::error::PgError;

static TOUCHED: LazyLock<Statement> =
    LazyLock::new(|| Statement::new(include_str!("../sql/touched.sql")));

/// A relation that a transaction has done something to, other than reading and writing its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its name now; `None` if it is gone, or is nothing that can be tracked.
    pub name: Option<QualifiedTable>,
}

/// What the open transaction of this connection has changed or may have; `None` if that cannot be told, so that
/// everything is to be read.
///
/// Only Postgres itself tells: what merely speaks like it may not know the catalogs that are asked.
pub async fn introspect_touched(
    connection: &mut Connection,
) -> Result<Option<Vec<Touched>>, PgError> {
    let json = connection.query_json(&TOUCHED, &[]).await?;
    let Some(json) = json else { return Ok(None) };
    let rows: Vec<(u32, Option<String>, Option<String>)> = serde_json::from_slice(&json)
        .map_err(|_| PgError::unexpected("the relations of a transaction are no JSON"))?;
    let touched = rows.into_iter().map(|(oid, schema, name)| Touched {
        oid,
        name: schema
            .zip(name)
            .map(|(schema, name)| QualifiedTable::new(schema, name)),
    });
    Ok(Some(touched.collect()))
}
