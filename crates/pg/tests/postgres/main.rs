//! This crate against a real Postgres: one cluster for all tests, started here and stopped at exit.
//!
//! Read next: `support.rs` for the cluster and its users; one file per area.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod connect;
mod errors;
mod introspection;
mod pool;
mod rehearsal;
mod shared;
mod standby;
mod statements;
mod support;
mod tls;
mod writes;
