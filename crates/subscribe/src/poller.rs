//! One shape of live queries: for which cohorts its statement is run.
//!
//! A new cohort is asked for at once. One that was asked for is *stale* when something may have changed since; all
//! that are stale are asked for together, no sooner than an interval after the last time (`keep.rs`). A poller none
//! of whose cohorts is stale sleeps until its source tells it otherwise.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::base::{Base, Polled};
use crate::cohort::{Cohort, CohortKey};
use crate::keep::{Kept, Stale, Which};
use crate::observe::CohortState;
use crate::signal::{Basis, Signal, Staleness};
use crate::steady;

/// One shape of live queries.
pub(crate) struct Poller {
    pub(crate) base: Base,
    cohorts: Mutex<Cohorts>,
}

#[derive(Default)]
struct Cohorts {
    by_values: HashMap<CohortKey, Arc<Cohort>>,
    /// Those that were never asked for.
    new: Vec<Arc<Cohort>>,
    /// Of all cohorts together: counting them takes too long where thousands join one by one.
    subscribers: usize,
}

impl Poller {
    pub(crate) fn new(base: Base) -> Self {
        Self {
            base,
            cohorts: Mutex::default(),
        }
    }

    /// The cohort with these values, made if there is none, for one more subscriber. Whoever calls subscribes to it
    /// before any other call here, or it may be taken for one that is left, and leaves it by [`Self::forget`].
    pub(crate) fn join(&self, values: Vec<Option<String>>) -> Arc<Cohort> {
        let mut cohorts = self.cohorts();
        cohorts.subscribers += 1;
        if let Some(cohort) = cohorts.by_values.get(values.as_slice()) {
            return Arc::clone(cohort);
        }
        let is_fixed = steady::are_fixed(&self.base.plan.values, &values);
        let key: CohortKey = values.into();
        let cohort = Arc::new(Cohort::new(Arc::clone(&key), is_fixed));
        cohorts.by_values.insert(key, Arc::clone(&cohort));
        cohorts.new.push(Arc::clone(&cohort));
        drop(cohorts);
        self.base.joined.notify_one();
        cohort
    }

    /// Whether a cohort with these values is there, so that they are known to be good.
    pub(crate) fn knows(&self, values: &[Option<String>]) -> bool {
        self.cohorts().by_values.contains_key(values)
    }

    /// A subscriber has left this cohort, which is forgotten if nobody else subscribes to it. Returns whether none is
    /// left.
    pub(crate) fn forget(&self, cohort: &Cohort) -> bool {
        let mut cohorts = self.cohorts();
        cohorts.subscribers -= 1;
        if cohort.subscribers() == 0 {
            cohorts.by_values.remove(&cohort.values);
        }
        cohorts.by_values.is_empty()
    }

    /// How many subscribers and cohorts there are.
    pub(crate) fn size(&self) -> (usize, usize) {
        let cohorts = self.cohorts();
        (cohorts.subscribers, cohorts.by_values.len())
    }

    /// What each cohort is like.
    pub(crate) fn states(&self) -> Vec<CohortState> {
        let cohorts = self.cohorts();
        let states = cohorts.by_values.values().map(|cohort| CohortState {
            values: cohort.values.to_vec(),
            subscribers: cohort.subscribers(),
            hash: cohort.known().hash.clone(),
        });
        states.collect()
    }

    fn cohorts(&self) -> MutexGuard<'_, Cohorts> {
        self.cohorts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn poll(&self, chosen: Vec<Arc<Cohort>>, started: Instant) {
        let (subscribers, cohorts) = self.size();
        // Those whose own values fail would take a batch of others down with them.
        let (failing, healthy): (Vec<_>, Vec<_>) = chosen
            .into_iter()
            .partition(|cohort| cohort.known().is_failing);
        let batches = healthy
            .chunks(self.base.polling.batch_size.get())
            .chain(failing.chunks(1));
        let batches = batches.map(<[_]>::to_vec).collect();
        let polled = Polled {
            subscribers,
            cohorts,
            started,
            snapshot_time: started.elapsed(),
        };
        self.base.run(batches, polled).await;
    }
}

impl Kept for Poller {
    fn base(&self) -> &Base {
        &self.base
    }

    async fn poll_new(&self, signal: &Signal) -> Stale {
        let started = Instant::now();
        let new: Vec<_> = {
            let mut cohorts = self.cohorts();
            let mut new = std::mem::take(&mut cohorts.new);
            // The others are left already, or were stale when all that are were asked for.
            new.retain(|cohort| {
                cohorts.by_values.contains_key(&cohort.values) && !cohort.known().is_polled
            });
            new
        };
        if new.is_empty() {
            return Stale::default();
        }
        self.poll(new.clone(), started).await;
        let basis = self.base.basis(signal);
        Stale::of(new.iter().map(|cohort| staleness(cohort, basis)))
    }

    fn stale(&self, signal: &Signal) -> Stale {
        let basis = self.base.basis(signal);
        let cohorts = self.cohorts();
        let cohorts = cohorts.by_values.values();
        Stale::of(cohorts.map(|cohort| staleness(cohort, basis)))
    }

    async fn poll_stale(&self, signal: &Signal, which: Which) {
        let started = Instant::now();
        let basis = self.base.basis(signal);
        let mut quick = 0;
        let (chosen, all) = {
            let cohorts = self.cohorts();
            let all = cohorts.by_values.values();
            let chosen = all.filter(|cohort| {
                let staleness = staleness(cohort, basis);
                quick += usize::from(staleness == Staleness::Quick);
                which.has(staleness)
            });
            let chosen: Vec<_> = chosen.cloned().collect();
            (chosen, cohorts.by_values.len())
        };
        self.base.signalled(quick);
        self.base.skipped(all - chosen.len());
        if !chosen.is_empty() {
            self.poll(chosen, started).await;
        }
    }
}

fn staleness(cohort: &Cohort, basis: Basis<'_>) -> Staleness {
    match cohort.is_fixed {
        true => basis.staleness(cohort.known().seen.as_ref()),
        false => Staleness::Slow,
    }
}
