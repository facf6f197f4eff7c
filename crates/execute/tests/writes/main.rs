//! Writing on a real Postgres: how many statements it takes, and what is left.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod levels;
mod transactions;
mod webhooks;
mod world;
