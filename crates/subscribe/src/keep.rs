//! The loop that keeps what a poller serves up to date: who is new is asked for at once, what is stale no sooner than
//! an interval after the last time, and in between it sleeps until something has happened.
//!
//! Knows neither cohorts nor places. Read `poller.rs` and `stream.rs` for what is asked.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::Polling;
use crate::source::{Signal, Source};

/// How long a poller rests after a panic.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// What is kept up to date.
pub(crate) trait Kept {
    /// Where it is read.
    fn source(&self) -> &Source;
    /// How often.
    fn polling(&self) -> &Polling;
    /// Told when somebody is new.
    fn joined(&self) -> &Notify;
    /// Asks for those who are new.
    fn poll_new(&self) -> impl Future<Output = ()> + Send;
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
    let mut signals = kept.source().signals();
    let mut due = Instant::now() + kept.polling().interval();
    loop {
        kept.poll_new().await;
        let signal = Arc::clone(&signals.borrow_and_update());
        let is_stale = kept.any_stale(&signal);
        tokio::select! {
            () = kept.joined().notified() => continue,
            () = sleep_until(due), if is_stale => {}
            changed = signals.changed(), if !is_stale => match changed {
                Ok(()) => continue,
                // The source goes with its last poller, which this is.
                Err(_) => return,
            },
        }
        let started = Instant::now();
        let signal = Arc::clone(&signals.borrow_and_update());
        kept.poll_stale(&signal).await;
        due = started + kept.polling().interval();
    }
}
