//! What holds of every document, sound or not: binding ends without a panic, a role reaches nothing it was
//! not granted, and a premise says everything that the SQL depends on.
//!
//! `generate.rs` makes documents along a role's schema, `hostile.rs` has those made to hurt.

#[path = "../support/mod.rs"]
mod support;

mod choices;
mod generate;
mod hostile;
mod laws;
mod mutated;
mod parts;
