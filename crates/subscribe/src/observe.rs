//! What pollers did, for logs and people.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use graphloom_execute::LivePlan;
use graphloom_vocab::{Error, RoleName, SourceName};
use uuid::Uuid;

use crate::Polling;

/// Is told of what happens.
pub type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A poll.
    Poll(&'a PollReport<'a>),
    /// Change signals of a source came or went.
    Signals {
        /// Where they are wanted.
        source: &'a SourceName,
        /// What became of them.
        news: SignalsNews<'a>,
    },
}

/// What became of a source's change signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalsNews<'a> {
    /// They are heard.
    Heard,
    /// None are heard for the time being: the source is polled.
    Unheard {
        /// Why, for people.
        reason: &'a str,
    },
    /// A table has none, and what looks at it is polled.
    Untold {
        /// Postgres' words.
        reason: &'a str,
    },
}

/// When results are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// At every interval.
    Interval,
    /// When an interval has passed and anything in the database has changed.
    Database,
    /// As soon as one of their tables has changed.
    Tables,
}

/// What kind of subscription it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionKind {
    /// The latest result counts, and no other.
    Live,
    /// Every answer counts.
    Stream,
}

/// One poll: the statement run for those whose result may have changed.
#[derive(Debug)]
pub struct PollReport<'a> {
    /// What it serves.
    pub kind: SubscriptionKind,
    /// The same for all polls of a poller.
    pub poller_id: Uuid,
    /// What was run, and where.
    pub plan: &'a LivePlan,
    /// Whose statement it is.
    pub role: &'a RoleName,
    /// How it is polled.
    pub polling: Polling,
    /// All of the poller's subscribers and cohorts, whether they were asked for or not.
    pub subscribers: usize,
    /// All of the poller's cohorts.
    pub cohorts: usize,
    /// How long it took to find out what was to be asked for.
    pub snapshot_time: Duration,
    /// From there to the last answer.
    pub total_time: Duration,
    /// The statements that were run.
    pub batches: &'a [BatchReport],
}

/// One run of a statement.
#[derive(Clone, Debug)]
pub struct BatchReport {
    /// From 1.
    pub id: usize,
    /// How many cohorts it was for.
    pub size: NonZeroUsize,
    /// How many of the results were news.
    pub news: usize,
    /// From asking for a connection to the answer.
    pub pg_time: Duration,
    /// Why it failed.
    pub error: Option<Error>,
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) polls: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) signalled: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) batch_micros: AtomicU64,
    pub(crate) news: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, amount: usize) {
        counter.fetch_add(amount as u64, Ordering::Relaxed);
    }
}

/// Gauges and counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Statements that are kept up to date.
    pub pollers: usize,
    /// Different results among them.
    pub cohorts: usize,
    /// Subscribers.
    pub subscribers: usize,
    /// Polls that asked for something.
    pub polls: u64,
    /// Results that were not asked for because nothing had changed.
    pub skipped: u64,
    /// Results that were asked for because a signal said that their tables had changed.
    pub signalled: u64,
    /// Statements run.
    pub batches: u64,
    /// How long those took, in microseconds.
    pub batch_micros: u64,
    /// Results that had changed.
    pub news: u64,
}

/// A poller at one moment.
#[derive(Clone, Debug)]
pub struct PollerState {
    /// What it serves.
    pub kind: SubscriptionKind,
    /// The same for all of its time.
    pub id: Uuid,
    /// Where its statement is run.
    pub source: SourceName,
    /// Whose statement it is.
    pub role: RoleName,
    /// The text of its statement.
    pub statement: Arc<str>,
    /// When its results are read again; those with values that depend on the time at every interval.
    pub freshness: Freshness,
    /// Its cohorts, or a stream's subscribers, in no particular order.
    pub cohorts: Vec<CohortState>,
}

/// Subscribers with the same values, at one moment.
#[derive(Clone, Debug)]
pub struct CohortState {
    /// The values, in the plan's order.
    pub values: Vec<Option<String>>,
    /// How many there are.
    pub subscribers: usize,
    /// The hash of what they were told last.
    pub hash: Option<Arc<str>>,
}
