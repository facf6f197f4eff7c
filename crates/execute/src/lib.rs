//! Runs a GraphQL request: document → bound operation → plan → SQL → rows → response.
//!
//! Never writes SQL text, never knows HTTP. Read `engine.rs`: its one function shows every stage.

mod engine;
mod request;

pub use engine::{Engine, Snapshot};
pub use request::{Executed, GraphqlRequest, RequestKind};
