//! Mutations: planned as steps, run in one transaction or in one each, as the document has it.
//!
//! Read `plan.rs` (what is kept of a mutation), `rows.rs` (objects as rows), `run.rs` (transactions),
//! `told.rs` (what comes back), `insert.rs` (rows that belong to each other), `nested.rs` (rows related to updated ones).

mod expect;
mod insert;
mod nested;
mod plan;
mod rows;
mod run;
mod told;
mod validate;

pub(crate) use plan::MutationStep;
pub use rows::column_literal as text_array;
pub use run::write;
pub(crate) use run::{Request, run};
