//! How long a statement takes in Postgres, learnt from its runs: whether others may wait behind it.
//!
//! Two figures, since they answer two questions. The *usual* time follows the quick runs and hardly moves
//! when the machine is busy; it says how long a queue is. The *mean* follows all runs, so that a statement
//! that is slow now and then (other parameters, a lock) is found out. Read next: `lanes.rs`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::lanes::QUEUE_MAX_US;

/// A statement whose runs take longer than this on average is nothing to wait behind.
const MEAN_MAX_US: u32 = 5_000;

/// The figures of one statement, in microseconds; 0 is "never run". Races between runs lose one of them.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    usual_us: AtomicU32,
    mean_us: AtomicU32,
}

impl Pace {
    /// Takes note of one run.
    pub(crate) fn observe(&self, time: Duration) {
        let time_us = u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(1);
        let (usual, mean) = (
            self.usual_us.load(Ordering::Relaxed),
            self.mean_us.load(Ordering::Relaxed),
        );
        if usual == 0 {
            self.usual_us.store(time_us, Ordering::Relaxed);
            self.mean_us.store(time_us, Ordering::Relaxed);
            return;
        }
        // Down fast and up slowly: about one run in eight is quicker than this.
        let usual = if time_us < usual {
            usual - (usual - time_us) / 4
        } else {
            usual.saturating_add((usual / 32).max(1)).min(time_us)
        };
        let mean = if time_us < mean {
            mean - (mean - time_us) / 8
        } else {
            mean + (time_us - mean) / 8
        };
        self.usual_us.store(usual.max(1), Ordering::Relaxed);
        self.mean_us.store(mean.max(1), Ordering::Relaxed);
    }

    /// What it adds to the queue of those behind it, in microseconds; `None`: nobody should be behind it.
    pub(crate) fn cost_us(&self) -> Option<u32> {
        let usual = self.usual_us.load(Ordering::Relaxed);
        let mean = self.mean_us.load(Ordering::Relaxed);
        let is_quick = u64::from(usual) <= QUEUE_MAX_US && mean <= MEAN_MAX_US;
        (usual > 0 && is_quick).then_some(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(runs_us: impl IntoIterator<Item = u64>) -> Option<u32> {
        let pace = Pace::default();
        for run in runs_us {
            pace.observe(Duration::from_micros(run));
        }
        pace.cost_us()
    }

    #[test]
    fn what_was_never_run_is_nothing_to_wait_behind() {
        assert_eq!(after([]), None);
        assert_eq!(after([60]), Some(60));
    }

    #[test]
    fn a_busy_machine_does_not_make_a_statement_slow() {
        // Four in five runs are held up by something else.
        let runs = (0..400).map(|run| if run % 5 == 0 { 60 } else { 3_000 });
        let cost = after(runs);
        assert!(cost.is_some_and(|cost| cost < 300), "{cost:?}");
    }

    #[test]
    fn a_statement_that_is_slow_now_and_then_is_found_out_and_forgiven() {
        assert_eq!(after((0..10).map(|_| 60).chain([100_000])), None);
        let forgiven = (0..10)
            .map(|_| 60)
            .chain([100_000])
            .chain((0..40).map(|_| 60));
        let cost = after(forgiven);
        assert!(cost.is_some_and(|cost| cost < 70), "{cost:?}");
        assert_eq!((after([100_000]), after([2_000])), (None, None));
    }
}
