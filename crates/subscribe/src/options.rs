//! How often pollers run, and for how many cohorts at once.

use std::num::NonZeroUsize;
use std::time::Duration;

/// The shortest interval: anything less would keep a connection busy for nothing.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// How one kind of subscription is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// At least this long passes between two polls.
    interval: Duration,
    /// The most cohorts in one statement.
    pub batch_size: NonZeroUsize,
}

impl Polling {
    /// An interval of less than 10 ms counts as 10 ms, a batch of none as one of one.
    pub fn new(interval: Duration, batch_size: usize) -> Self {
        Self {
            interval: interval.max(INTERVAL_MIN),
            batch_size: NonZeroUsize::new(batch_size).unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// At least this long passes between two polls.
    pub fn interval(self) -> Duration {
        self.interval
    }
}

impl Default for Polling {
    /// Every second, 100 cohorts at once.
    fn default() -> Self {
        Self::new(Duration::from_secs(1), 100)
    }
}

/// How subscriptions are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Live queries.
    pub live: Polling,
    /// Streaming subscriptions.
    pub streaming: Polling,
}

impl Options {
    /// How often a source is asked whether anything has changed: four times as often as it may be polled,
    /// so that a change after a quiet time is seen in a quarter of the interval.
    pub(crate) fn check_interval(self) -> Duration {
        let interval = self.live.interval().min(self.streaming.interval());
        (interval / 4).max(INTERVAL_MIN)
    }
}
