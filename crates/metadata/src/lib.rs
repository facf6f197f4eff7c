//! The metadata document as typed values; the only crate that reads and writes its JSON shapes.
//!
//! Must not know Postgres' catalog, GraphQL or I/O. Read `types.rs` first.

pub mod types;

pub use types::Metadata;
