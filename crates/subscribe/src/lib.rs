//! Live queries: one statement for all who subscribe to the same, run only when something may have changed.
//!
//! Subscriptions of one shape (same statement, role and source) share a *poller*, those of them with equal values
//! a *cohort*, whose result is one and is handed to all of them. A poller runs its statement for many cohorts
//! at once. Whether anything can have changed since a cohort was last asked for is a question to Postgres that
//! costs next to nothing (`source.rs`); where it cannot be answered, the cohort is asked for at every interval.
//!
//! Where it is wanted, triggers tell which tables have changed (`watch.rs`): then nothing else is asked for, and that at
//! once.
//!
//! Knows no protocol and no HTTP; writes no SQL but fixed statements. Read `hub.rs`, `keep.rs`, `poller.rs`, `source.rs`,
//! `signal.rs`, then `docs/subscriptions.md` for what is promised.

mod base;
mod batch;
mod cohort;
mod hub;
mod keep;
mod object;
mod observe;
mod options;
mod poller;
mod questions;
mod signal;
mod source;
mod steady;
mod stream;
mod triggers;
mod watch;

pub use cohort::Update;
pub use hub::{Hub, Subscription};
pub use observe::{
    BatchReport, CohortState, Event, Freshness, Observer, PollReport, PollerState, SignalsNews,
    Statistics, SubscriptionKind,
};
pub use options::{ChangeSignals, Options, Polling};
pub use triggers::remove_change_signals;
