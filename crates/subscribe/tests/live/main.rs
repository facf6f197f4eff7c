//! Live queries on a real Postgres, without any transport.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod results;
mod steady;
mod streams;
mod world;
