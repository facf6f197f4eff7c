//! Runs a GraphQL request: document → bound operation → plan → SQL → rows → response.
//!
//! Never writes SQL text, never knows HTTP. Read `engine.rs`: its functions show every stage.

mod engine;
mod explain;
mod mutation;
mod operation;
mod plan_cache;
mod request;
mod run;

pub use engine::{Engine, EngineOptions, Snapshot};
pub use explain::Explained;
pub use mutation::write;
pub use request::{Executed, GraphqlRequest, RequestKind, SchemaKind, Transport};
