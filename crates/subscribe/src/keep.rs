//! The loop that keeps what a poller serves up to date: who is new is asked for at once, what is stale no sooner than
//! an interval after the last time, and in between it sleeps until something has happened.
//!
//! Knows neither cohorts nor places. Read `poller.rs` and `stream.rs` for what is asked.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep_until};

use crate::base::Base;
use crate::source::Signal;

/// How long a poller rests after a panic.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// What is kept up to date.
pub(crate) trait Kept {
    /// Where it is read, and how often.
    fn base(&self) -> &Base;
    /// Asks for those who are new. Returns whether any of them is stale at this signal afterwards.
    fn poll_new(&self, signal: &Signal) -> impl Future<Output = bool> + Send;
    /// Whether anything is stale at this signal.
    fn any_stale(&self, signal: &Signal) -> bool;
    /// Asks for what is stale at this signal.
    fn poll_stale(&self, signal: &Signal) -> impl Future<Output = ()> + Send;
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
    let mut signals = base.source.signals();
    let mut due = Instant::now() + base.polling.interval();
    let mut signal = Arc::clone(&signals.borrow_and_update());
    // Looking at everybody takes its time: it is done when the signal is another, and not for each who is new.
    let mut is_stale = kept.any_stale(&signal);
    loop {
        is_stale |= kept.poll_new(&signal).await;
        tokio::select! {
            () = base.joined.notified() => continue,
            () = sleep_until(due), if is_stale => {
                let started = Instant::now();
                signal = Arc::clone(&signals.borrow_and_update());
                kept.poll_stale(&signal).await;
                due = started + base.polling.interval();
            }
            changed = signals.changed(), if !is_stale => match changed {
                Ok(()) => signal = Arc::clone(&signals.borrow_and_update()),
                // The source goes with its last poller, which this is.
                Err(_) => return,
            },
        }
        is_stale = kept.any_stale(&signal);
    }
}
