//! Every shape of a statement: its SQL as a snapshot, its answer from a real Postgres.
//!
//! `support` has the words to write a bound selection with and the one function that checks it; the
//! tables are in `world.sql`. Accept changed SQL with `INSTA_UPDATE=always` and read the difference.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_imports,
    reason = "tests fail loudly, and a test's vocabulary is imported whole"
)]

mod aggregates;
mod conditions;
mod facts;
mod ordering;
mod permissions;
mod reading;
mod support;
mod workloads;
mod writes;
