//! Writing on a real Postgres: how many statements it takes, and what is left.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod alone;
mod changes;
mod concurrent;
mod extended;
mod levels;
mod random;
#[path = "../reads/tape.rs"]
#[allow(dead_code, reason = "not all kinds of choices are made here")]
mod tape;
mod transactions;
mod webhooks;
mod world;
