//! One shape of live queries: when its statement is run, and for which cohorts.
//!
//! A new cohort is asked for at once. One that was asked for is *stale* when something may have changed since; all
//! that are stale are asked for together, no sooner than an interval after the last time. A poller none of whose
//! cohorts is stale sleeps until its source tells it otherwise.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use graphloom_execute::LivePlan;
use graphloom_pg::Purpose;
use graphloom_vocab::RoleName;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::batch::Runner;
use crate::cohort::{Cohort, CohortKey};
use crate::keep::Kept;
use crate::observe::{BatchReport, Counters, Observer, PollReport};
use crate::source::{Signal, Source};
use crate::{Polling, steady};

/// Statements of one poller that run at once.
const BATCHES_AT_ONCE: usize = 4;

/// What pollers have from their hub.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// The seed of the hashes.
    pub(crate) seed: Arc<str>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) observer: Option<Observer>,
}

/// One shape of live queries.
pub(crate) struct Poller {
    pub(crate) id: Uuid,
    pub(crate) plan: Arc<LivePlan>,
    pub(crate) role: RoleName,
    source: Arc<Source>,
    polling: Polling,
    surroundings: Surroundings,
    cohorts: Mutex<HashMap<CohortKey, Arc<Cohort>>>,
    joined: Notify,
}

impl Poller {
    pub(crate) fn new(
        plan: Arc<LivePlan>,
        role: RoleName,
        source: Arc<Source>,
        polling: Polling,
        surroundings: Surroundings,
    ) -> Self {
        source.watch(&plan.reads);
        Self {
            id: Uuid::new_v4(),
            plan,
            role,
            source,
            polling,
            surroundings,
            cohorts: Mutex::default(),
            joined: Notify::new(),
        }
    }

    /// The cohort with these values, made if there is none. Whoever calls subscribes to it before any other
    /// call here, or it may be taken for one that is left.
    pub(crate) fn join(&self, values: Vec<Option<String>>) -> Arc<Cohort> {
        let mut cohorts = self.cohorts();
        if let Some(cohort) = cohorts.get(values.as_slice()) {
            return Arc::clone(cohort);
        }
        let is_fixed = steady::are_fixed(&self.plan.values, &values);
        let key: CohortKey = values.into();
        let cohort = Arc::new(Cohort::new(Arc::clone(&key), is_fixed));
        cohorts.insert(key, Arc::clone(&cohort));
        drop(cohorts);
        self.joined.notify_one();
        cohort
    }

    /// Whether a cohort with these values is there, so that they are known to be good.
    pub(crate) fn knows(&self, values: &[Option<String>]) -> bool {
        self.cohorts().contains_key(values)
    }

    /// Forgets a cohort that nobody subscribes to. Returns whether none is left.
    pub(crate) fn forget(&self, cohort: &Cohort) -> bool {
        let mut cohorts = self.cohorts();
        if cohort.subscribers() == 0 {
            cohorts.remove(&cohort.values);
        }
        cohorts.is_empty()
    }

    /// How many subscribers and cohorts there are.
    pub(crate) fn size(&self) -> (usize, usize) {
        let cohorts = self.cohorts();
        let subscribers = cohorts.values().map(|cohort| cohort.subscribers()).sum();
        (subscribers, cohorts.len())
    }

    pub(crate) fn cohorts(&self) -> MutexGuard<'_, HashMap<CohortKey, Arc<Cohort>>> {
        self.cohorts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn poll(&self, wanted: impl Fn(&Cohort) -> bool) {
        let started = Instant::now();
        let (chosen, all) = {
            let cohorts = self.cohorts();
            let chosen = cohorts.values().filter(|cohort| wanted(cohort));
            (chosen.cloned().collect::<Vec<_>>(), cohorts.len())
        };
        let counters = &self.surroundings.counters;
        Counters::add(&counters.skipped, all - chosen.len());
        if chosen.is_empty() {
            return;
        }
        Counters::add(&counters.polls, 1);
        // Those whose own values fail would take a batch of others down with them.
        let (failing, healthy): (Vec<_>, Vec<_>) = chosen
            .into_iter()
            .partition(|cohort| cohort.known().is_failing);
        let batches = healthy
            .chunks(self.polling.batch_size.get())
            .chain(failing.chunks(1));
        let batches: Vec<_> = batches.map(<[_]>::to_vec).collect();
        let snapshot_time = started.elapsed();
        let batches: Vec<_> = stream::iter(batches.into_iter().enumerate())
            .map(|(index, cohorts)| self.run_batch(index + 1, cohorts))
            .buffer_unordered(BATCHES_AT_ONCE)
            .collect()
            .await;
        self.report(snapshot_time, started.elapsed(), &batches);
    }

    async fn run_batch(&self, id: usize, cohorts: Vec<Arc<Cohort>>) -> BatchReport {
        let permits = self.source.permits();
        let permit = permits.acquire().await.expect("permits are never closed");
        let started = Instant::now();
        let runner = Runner {
            plan: &self.plan,
            pool: self.source.pool(),
            seed: &self.surroundings.seed,
        };
        let (news, error) = runner.run(&cohorts).await;
        drop(permit);
        let pg_time = started.elapsed();
        let counters = &self.surroundings.counters;
        Counters::add(&counters.batches, 1);
        Counters::add(&counters.news, news);
        let micros = usize::try_from(pg_time.as_micros()).unwrap_or(usize::MAX);
        Counters::add(&counters.batch_micros, micros);
        BatchReport {
            id,
            size: NonZeroUsize::new(cohorts.len()).unwrap_or(NonZeroUsize::MIN),
            news,
            pg_time,
            error: error.map(|error| error.to_error(Purpose::Operation)),
        }
    }

    fn report(&self, snapshot_time: Duration, total_time: Duration, batches: &[BatchReport]) {
        let Some(observer) = &self.surroundings.observer else {
            return;
        };
        let (subscribers, cohorts) = self.size();
        observer(&PollReport {
            poller_id: self.id,
            plan: &self.plan,
            role: &self.role,
            polling: self.polling,
            subscribers,
            cohorts,
            snapshot_time,
            total_time,
            batches,
        });
    }
}

impl Kept for Poller {
    fn source(&self) -> &Source {
        &self.source
    }

    fn polling(&self) -> &Polling {
        &self.polling
    }

    fn joined(&self) -> &Notify {
        &self.joined
    }

    async fn poll_new(&self) {
        self.poll(|cohort| !cohort.known().is_polled).await;
    }

    fn any_stale(&self, signal: &Signal) -> bool {
        let covered = signal.covers(&self.plan.reads);
        let cohorts = self.cohorts();
        cohorts
            .values()
            .any(|cohort| is_stale(cohort, signal, covered))
    }

    async fn poll_stale(&self, signal: &Signal) {
        let covered = signal.covers(&self.plan.reads);
        self.poll(|cohort| is_stale(cohort, signal, covered)).await;
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.source.unwatch(&self.plan.reads);
    }
}

fn is_stale(cohort: &Cohort, signal: &Signal, covered: bool) -> bool {
    let known = cohort.known();
    let is_current =
        covered && cohort.is_fixed && known.signal.is_some() && known.signal == signal.text;
    !is_current
}
