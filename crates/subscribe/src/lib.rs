//! Live queries: one statement for all who subscribe to the same, run only when something may have changed.
//!
//! Subscriptions of one shape (same statement, role and source) share a *poller*, those of them with equal values
//! a *cohort*, whose result is one and is handed to all of them. A poller runs its statement for many cohorts
//! at once. Whether anything can have changed since a cohort was last asked for is a question to Postgres that
//! costs next to nothing (`source.rs`); where it cannot be answered, the cohort is asked for at every interval.
//!
//! Knows no protocol and no HTTP; writes no SQL but its two fixed statements. Read `hub.rs`, `keep.rs`, `poller.rs`,
//! `source.rs`, then `docs/subscriptions.md` for what is promised.

mod base;
mod batch;
mod cohort;
mod hub;
mod keep;
mod observe;
mod options;
mod poller;
mod source;
mod steady;
mod stream;

pub use cohort::Update;
pub use hub::{Hub, Subscription};
pub use observe::{
    BatchReport, CohortState, Observer, PollReport, PollerState, Statistics, SubscriptionKind,
};
pub use options::{Options, Polling};
