//! Runs a GraphQL request: document → bound operation → plan → SQL → rows → response.
//!
//! Never writes SQL text, never serves HTTP. Read `engine.rs`: its functions show every stage.

mod caller;
mod encode;
mod engine;
mod explain;
mod guard;
pub mod heavy;
mod live;
mod mutation;
mod operation;
mod outside;
mod parts;
mod plan_cache;
mod rate;
mod request;
mod route;
mod run;
mod tagged;
mod written;

pub use caller::Caller;
pub use engine::{AllowListMode, Engine, EngineOptions, Hints, Mutations, Snapshot, Started};
pub use graphloom_bind::Limits as OperationLimits;
pub use graphloom_graphql::Limits as DocumentLimits;
pub use graphloom_plan::Delivery;
pub use guard::TimeLimit;
pub use live::{Live, LivePlan};
pub use mutation::{text_array, write};
pub use outside::Outside;
pub use parts::{Data, Parts, Streamed};
pub use request::{Executed, GraphqlRequest, RequestKind, SchemaKind, Statements, Transport};
pub use route::{Routes, Target};
pub use run::read;
