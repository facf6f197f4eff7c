//! The loop that keeps what a poller serves up to date: who is new is asked for at once, what may be stale no sooner
//! than an interval after the last time, what is known to have changed almost at once, and in between it sleeps until
//! something has happened.
//!
//! Knows neither cohorts nor places. Read `poller.rs` and `stream.rs` for what is asked.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep_until};

use crate::base::Base;
use crate::signal::{Basis, Signal, Staleness};

/// How long a poller rests after a panic.
const PANIC_PAUSE: Duration = Duration::from_secs(1);
/// After a poll because of a change it rests so many times as long as that took: a table that is written to all the
/// time is not asked for all the time.
const REST: u32 = 10;
/// It rests at least this part of an interval, within these bounds, and at most a whole one.
const REST_PART: u32 = 10;
const REST_BOUNDS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// What is kept up to date.
pub(crate) trait Kept {
    /// Where it is read, and how often.
    fn base(&self) -> &Base;
    /// Asks for those who are new. Returns whether any of them is stale at this signal afterwards.
    fn poll_new(&self, signal: &Signal) -> impl Future<Output = Stale> + Send;
    /// Whether anything is stale at this signal.
    fn stale(&self, signal: &Signal) -> Stale;
    /// Asks for what is stale at this signal.
    fn poll_stale(&self, signal: &Signal, which: Which) -> impl Future<Output = ()> + Send;
}

/// Whether anything is stale, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stale {
    slow: bool,
    quick: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// What is known to have changed.
    Quick,
    /// All that is stale.
    All,
}

impl Stale {
    /// Of all of these.
    pub(crate) fn of(all: impl Iterator<Item = Staleness>) -> Self {
        let mut stale = Self::default();
        for staleness in all {
            match staleness {
                Staleness::Current => {}
                Staleness::Slow => stale.slow = true,
                Staleness::Quick => stale.quick = true,
            }
            if stale.slow && stale.quick {
                break;
            }
        }
        stale
    }

    fn or(self, other: Self) -> Self {
        Self {
            slow: self.slow || other.slow,
            quick: self.quick || other.quick,
        }
    }
}

impl Which {
    /// Whether it is among them.
    pub(crate) fn has(self, staleness: Staleness) -> bool {
        match self {
            Self::Quick => staleness == Staleness::Quick,
            Self::All => staleness != Staleness::Current,
        }
    }
}

/// Keeps it up to date, until it is aborted. A panic costs a pause, not the subscriptions.
pub(crate) async fn run<K: Kept>(kept: Arc<K>) {
    while AssertUnwindSafe(keep_up(&*kept))
        .catch_unwind()
        .await
        .is_err()
    {
        tokio::time::sleep(PANIC_PAUSE).await;
    }
}

async fn keep_up<K: Kept>(kept: &K) {
    let base = kept.base();
    let interval = base.polling.interval();
    let mut signals = base.source.signals();
    let mut quick_due = Instant::now();
    let mut slow_due = quick_due + interval;
    let mut signal = Arc::clone(&signals.borrow_and_update());
    // Looking at everybody takes its time: it is done when the signal is another, and not for each who is new.
    let mut stale = kept.stale(&signal);
    loop {
        stale = stale.or(kept.poll_new(&signal).await);
        let due = match stale {
            Stale { quick: true, .. } => quick_due.min(slow_due),
            _ => slow_due,
        };
        tokio::select! {
            () = base.joined.notified() => continue,
            () = sleep_until(due), if stale != Stale::default() => {
                let started = Instant::now();
                signal = Arc::clone(&signals.borrow_and_update());
                if started >= slow_due {
                    kept.poll_stale(&signal, Which::All).await;
                    slow_due = started + interval;
                } else {
                    kept.poll_stale(&signal, Which::Quick).await;
                }
                quick_due = started + rest(started.elapsed(), interval);
            }
            // What is slow waits for its time whatever happens, unless changes are told.
            changed = signals.changed(), if !stale.quick && (!stale.slow || base.source.tells()) => {
                if changed.is_err() {
                    // The source goes with its last poller, which this is.
                    return;
                }
                signal = Arc::clone(&signals.borrow_and_update());
                if stale.slow && !matches!(base.basis(&signal), Basis::Changes { .. }) {
                    continue;
                }
            }
        }
        stale = kept.stale(&signal);
    }
}

/// How long after the begin of a poll that took so long the next one may begin because of a change.
fn rest(took: Duration, interval: Duration) -> Duration {
    let (shortest, longest) = REST_BOUNDS;
    let least = (interval / REST_PART).clamp(shortest, longest);
    (took * REST).clamp(least, interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_statement_is_run_less_often() {
        let second = Duration::from_secs(1);
        let ms = Duration::from_millis;
        assert_eq!(rest(ms(1), second), ms(100));
        assert_eq!(rest(ms(30), second), ms(300));
        assert_eq!(rest(ms(900), second), second);
        assert_eq!(rest(ms(1), ms(10)), ms(10));
        assert_eq!(rest(ms(1), second * 3600), ms(100));
    }
}
