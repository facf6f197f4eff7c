//! Metadata and schema commands: apply to the document, rebuild the schema, persist, swap.
//!
//! Knows no HTTP. Read `service.rs` first.

mod service;

pub use service::{Admin, AdminOptions, Health};
