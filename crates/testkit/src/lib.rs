//! What the tests of this workspace stand on: a throw-away Postgres, a server under test, and the
//! runner of the case files under `cases/`.
//!
//! A dev-dependency and nothing else; it knows the product only from the outside, as a program with a
//! command line, and as answers to requests. Everything here blocks and may be called from a plain test
//! as from one inside an async runtime. Failures are values ([`Failure`]), so that a test can say what it
//! was doing when one came.
//!
//! Read next: `postgres.rs` for one database per test, `server.rs` for the program as a child,
//! `cases.rs` for the case files.

pub mod cases;
mod failure;
pub mod http;
pub mod postgres;
mod runtime;
pub mod server;
pub mod socket;

pub use failure::Failure;
