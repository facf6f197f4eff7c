//! Words every crate shares: identifier newtypes, the session, error codes and error paths.
//!
//! Knows nothing of GraphQL, SQL, metadata or I/O. Read `error.rs` next: its shape is what clients see.

mod error;
mod names;
mod path;
mod session;

pub use error::{Absent, Error, ErrorCode, Internal, Result};
pub use names::{
    ColumnName, ConstraintName, FunctionName, GraphqlName, QualifiedFunction, QualifiedTable,
    RelationshipName, RoleName, SchemaName, SourceName, TableName, is_graphql_name,
};
pub use path::{ErrorPath, PathSegment};
pub use session::{BackendOnly, Session, SessionVariableName};

/// Any JSON value. Numbers keep their text, objects keep their key order.
pub type Json = serde_json::Value;
/// A JSON object in key order.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;
