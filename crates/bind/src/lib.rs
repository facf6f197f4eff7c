//! Document + role schema + variables → bound operation. The only validator: what is wrong with a
//! document is found on the way, since wording and paths of errors are observable.
//!
//! Must not know SQL. Pure: the same inputs give the same operation. Read `operation.rs`, then
//! `select.rs`; how values and variables are read is in `input.rs`.

mod aggregate;
mod binder;
mod call;
mod collect;
mod comparison;
mod condition;
mod connection;
mod directives;
mod extended;
mod fragments;
mod group;
mod input;
mod insert;
mod introspection;
mod limits;
mod mutation;
mod native;
mod node;
mod operation;
mod order;
mod predicate;
mod select;
mod stream;
mod subscription;
mod unbound;
mod variables;

pub use limits::Limits;
pub use operation::{bind, operation_kind, select_operation};
pub use variables::{VariableRules, evaluate, input_json};
