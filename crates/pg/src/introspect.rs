//! Reads a database's tables and functions into a [`Catalog`].

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_catalog::{Catalog, Function, Table};
use graphloom_vocab::{QualifiedFunction, QualifiedTable};

use crate::connection::Connection;
use crate::error::PgError;

/// Which objects to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'n, N> {
    /// All of them.
    All,
    /// Those of these names, as far as they exist.
    Only(&'n [N]),
}

/// Reads everything outside the system schemas.
pub async fn introspect(connection: &mut Connection) -> Result<Catalog, PgError> {
    Ok(Catalog {
        server_version_num: connection.server_version_num(),
        tables: introspect_tables(connection, Scope::All).await?,
        functions: introspect_functions(connection, Scope::All).await?,
    })
}

/// Reads tables, views and other relations.
pub async fn introspect_tables(
    _connection: &mut Connection,
    _scope: Scope<'_, QualifiedTable>,
) -> Result<HashMap<QualifiedTable, Arc<Table>>, PgError> {
    Ok(HashMap::new())
}

/// Reads functions, overloads side by side.
pub async fn introspect_functions(
    _connection: &mut Connection,
    _scope: Scope<'_, QualifiedFunction>,
) -> Result<HashMap<QualifiedFunction, Arc<[Function]>>, PgError> {
    Ok(HashMap::new())
}
