//! Live queries on a real Postgres, without any transport.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod many;
mod oracle;
mod restart;
mod results;
mod signals;
mod signals_lost;
mod steady;
mod streams;
mod world;
