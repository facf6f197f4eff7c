//! Postgres: connection settings, pools, transactions, execution, introspection and SQLSTATE.
//!
//! The only crate that names the driver; none of its types appear outside. Knows nothing of GraphQL,
//! metadata or roles, and reads no environment: what libpq takes from variables is handed in as a
//! lookup. Fixed statements are the files under `sql/`; every other statement comes from outside as
//! text with its parameters beside it.
//!
//! Read next: `options.rs` (where to connect), `connect.rs` (one session), `pool.rs` (many),
//! `connection.rs` (statements), `shared.rs` (reads that share connections), `rehearsal.rs` (what is never kept),
//! `error.rs` and `translate.rs` (what clients see), `introspect.rs`.

mod cache;
mod connect;
mod connection;
mod error;
mod heard;
mod introspect;
mod lanes;
mod options;
mod pace;
mod pool;
mod rehearsal;
mod rows;
mod session;
mod shared;
mod simple;
mod sqlstate;
mod standby;
mod tls;
mod transaction;
mod translate;
mod values;

pub use cache::Statement;
pub use connect::connect_once;
pub use connection::Connection;
pub use error::{
    ConnectFailure, ConnectReason, DatabaseError, PgError, PgErrorKind, StatementContext,
};
pub use heard::Heard;
pub use introspect::{
    EnumRows, Scope, Touched, introspect, introspect_enum_rows, introspect_functions,
    introspect_named_types, introspect_table_names, introspect_tables, introspect_touched,
};
pub use options::{
    ConnectionOptions, LibpqVariables, OptionsError, PemSource, SslMode, SslOverrides,
};
pub use pool::{Pool, PoolId, PoolOptions, PoolStatus, StatementMode};
pub use rehearsal::Rehearsal;
pub use rows::{RawRow, RowSink};
pub use simple::{SimpleOutcome, TextTable};
pub use sqlstate::SqlState;
pub use transaction::{AccessMode, Isolation, Transaction};
pub use translate::Purpose;
