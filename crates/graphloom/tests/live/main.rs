//! Subscriptions of the whole program, on a real Postgres and real sockets: what each transport carries, and what is
//! left of a client that is slow, greedy or gone.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod events;
mod inside;
mod sockets;
mod world;
