//! Metadata and schema commands: apply to the document, rebuild the schema, persist, swap.
//!
//! Knows no HTTP. Changes to the document are pure functions (`apply.rs`); around them stands the I/O:
//! databases are read as far as needed, the result is checked, stored and served. Read `service.rs`
//! first, then `run.rs`.

mod apply;
mod background;
mod check;
mod command;
mod dependency;
mod diff;
mod document;
mod error;
mod function_diff;
mod health;
mod legacy;
mod look;
mod many;
mod options;
mod preview;
mod rename;
mod request;
mod rule;
mod run;
mod run_sql;
mod service;
mod source;
mod split;
mod state;
mod work;

pub use options::{AdminEvent, AdminOptions, Changes, DefaultSource, NativeQueries, Observer};
pub use preview::Preview;
pub use service::{Admin, Health};
