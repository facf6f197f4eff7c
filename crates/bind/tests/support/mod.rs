//! What the tests of this crate share: worlds, cases, and how a bound operation is shown and audited.
//!
//! Read `world.rs` for what a world file says, `case.rs` for what a case file says.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

pub(crate) mod audit;
mod case;
mod catalog;
pub(crate) mod run;
pub(crate) mod sdl;
pub(crate) mod show;
pub(crate) mod world;
