//! The metadata document as typed values; the only crate that reads and writes its JSON shapes.
//!
//! Must not know Postgres' catalog, GraphQL or I/O. Read `types.rs` first, then `decode.rs`: metadata
//! commands decode their arguments with the same pieces. `support.rs` says of every key of the format what becomes of it.

pub mod decode;
mod encode;
mod shape;
pub mod support;
pub mod types;

pub use decode::{Decode, Document, Fields, ReadTables};
pub use encode::{Encode, TableTexts};
pub use types::Metadata;
