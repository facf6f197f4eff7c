//! How often pollers run, and for how many cohorts at once.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use graphloom_vocab::SourceName;

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

/// In which sources triggers tell of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChangeSignals {
    /// In none.
    #[default]
    Nowhere,
    /// In all.
    Everywhere,
    /// In these.
    In(HashSet<SourceName>),
}

impl ChangeSignals {
    /// `*` is all sources; else their names, separated by commas. No name at all is no source.
    pub fn parse(text: &str) -> Self {
        let names = text.split(',').map(str::trim);
        let names: HashSet<_> = names.filter(|name| !name.is_empty()).collect();
        match (names.contains("*"), names.is_empty()) {
            (true, _) => Self::Everywhere,
            (false, true) => Self::Nowhere,
            (false, false) => Self::In(names.into_iter().map(SourceName::new).collect()),
        }
    }

    /// Whether triggers tell of changes in this source.
    pub fn are_in(&self, source: &SourceName) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Everywhere => true,
            Self::In(names) => names.contains(source),
        }
    }
}

/// How subscriptions are served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Live queries.
    pub live: Polling,
    /// Streaming subscriptions.
    pub streaming: Polling,
    /// Where results are read again as soon as their tables have changed.
    pub change_signals: ChangeSignals,
}

impl Options {
    /// How often a source is asked whether anything has changed: four times as often as it may be polled,
    /// so that a change after a quiet time is seen in a quarter of the interval.
    pub(crate) fn check_interval(&self) -> Duration {
        let interval = self.live.interval().min(self.streaming.interval());
        (interval / 4).max(INTERVAL_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_signals_are_where_they_are_wanted() {
        let are = |text: &str| {
            let signals = ChangeSignals::parse(text);
            ["a", "b"].map(|name| signals.are_in(&SourceName::new(name)))
        };
        assert_eq!(are(""), [false, false]);
        assert_eq!(are(" , "), [false, false]);
        assert_eq!(are("*"), [true, true]);
        assert_eq!(are("c, *"), [true, true]);
        assert_eq!(are(" b ,c"), [false, true]);
    }
}
