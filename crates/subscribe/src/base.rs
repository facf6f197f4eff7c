//! What pollers of either kind are made of: a statement, where and how often it is run, and what is told about it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use graphloom_execute::{Live, LivePlan, TimeLimit};
use graphloom_vocab::{Error, RoleName};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::Polling;
use crate::batch::Runner;
use crate::cohort::{Cause, Member};
use crate::observe::{
    BatchReport, Counters, Event, Freshness, Observer, PollReport, SubscriptionKind,
};
use crate::signal::{Basis, Signal};
use crate::source::Source;

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

/// What pollers of either kind are made of.
pub(crate) struct Base {
    pub(crate) id: Uuid,
    pub(crate) plan: Arc<LivePlan>,
    pub(crate) role: RoleName,
    pub(crate) source: Arc<Source>,
    pub(crate) polling: Polling,
    /// Told when somebody is new.
    pub(crate) joined: Notify,
    time_limit: Option<TimeLimit>,
    surroundings: Surroundings,
}

/// Whom a poll was for, and how long it took to find out.
pub(crate) struct Polled {
    /// All of the poller's subscribers, whether they were asked for or not.
    pub(crate) subscribers: usize,
    /// All of its cohorts.
    pub(crate) cohorts: usize,
    pub(crate) started: Instant,
    pub(crate) snapshot_time: Duration,
}

impl Base {
    pub(crate) fn new(
        live: &Live,
        source: Arc<Source>,
        polling: Polling,
        surroundings: Surroundings,
    ) -> Self {
        source.watch(&live.plan.reads);
        Self {
            id: Uuid::new_v4(),
            plan: Arc::clone(&live.plan),
            role: live.role.clone(),
            source,
            polling,
            joined: Notify::new(),
            time_limit: live.time_limit,
            surroundings,
        }
    }

    pub(crate) fn kind(&self) -> SubscriptionKind {
        match self.plan.cursor {
            None => SubscriptionKind::Live,
            Some(_) => SubscriptionKind::Stream,
        }
    }

    /// What says at this signal whether its results are still those that are there.
    pub(crate) fn basis<'s>(&self, signal: &'s Signal) -> Basis<'s> {
        signal.basis(&self.plan.reads)
    }

    /// When its results are read again.
    pub(crate) fn freshness(&self) -> Freshness {
        match self.basis(&self.source.signal()) {
            Basis::Unknown => Freshness::Interval,
            Basis::Text(_) => Freshness::Database,
            Basis::Changes { .. } => Freshness::Tables,
        }
    }

    /// Counts results that are asked for because of a signal.
    pub(crate) fn signalled(&self, results: usize) {
        Counters::add(&self.surroundings.counters.signalled, results);
    }

    /// Counts results that were not asked for.
    pub(crate) fn skipped(&self, results: usize) {
        Counters::add(&self.surroundings.counters.skipped, results);
    }

    /// Runs the statement for each of these batches, some at once, and tells of it.
    pub(crate) async fn run<M: Member + Send + Sync>(&self, batches: Vec<Vec<M>>, polled: Polled) {
        Counters::add(&self.surroundings.counters.polls, 1);
        let batches: Vec<_> = stream::iter(batches.into_iter().enumerate())
            .map(|(index, members)| self.run_batch(index + 1, members))
            .buffer_unordered(BATCHES_AT_ONCE)
            .collect()
            .await;
        let Some(observer) = &self.surroundings.observer else {
            return;
        };
        observer(&Event::Poll(&PollReport {
            kind: self.kind(),
            poller_id: self.id,
            plan: &self.plan,
            role: &self.role,
            polling: self.polling,
            subscribers: polled.subscribers,
            cohorts: polled.cohorts,
            snapshot_time: polled.snapshot_time,
            total_time: polled.started.elapsed(),
            batches: &batches,
        }));
    }

    async fn run_batch<M: Member + Send + Sync>(&self, id: usize, members: Vec<M>) -> BatchReport {
        let permits = self.source.permits();
        let permit = permits.acquire().await.expect("permits are never closed");
        let started = Instant::now();
        let (news, error) = self.ask(&members).await;
        drop(permit);
        let pg_time = started.elapsed();
        let counters = &self.surroundings.counters;
        Counters::add(&counters.batches, 1);
        Counters::add(&counters.news, news);
        let micros = usize::try_from(pg_time.as_micros()).unwrap_or(usize::MAX);
        Counters::add(&counters.batch_micros, micros);
        BatchReport {
            id,
            size: NonZeroUsize::new(members.len()).unwrap_or(NonZeroUsize::MIN),
            news,
            pg_time,
            error,
        }
    }

    /// Within the role's time limit, which is told to all of a batch: nobody knows whose result took the time, and
    /// to look for it would keep a slow database busier yet.
    async fn ask<M: Member + Send + Sync>(&self, members: &[M]) -> (usize, Option<Error>) {
        let runner = Runner {
            plan: &self.plan,
            pool: self.source.pool(),
            seed: &self.surroundings.seed,
            number: self.source.signal().number,
        };
        let Some(limit) = self.time_limit else {
            return runner.run(members).await;
        };
        let ended = timeout(limit.duration(), runner.run(members)).await;
        ended.unwrap_or_else(|_| {
            let error = limit.error();
            let told = Arc::new(error.clone());
            let news = members
                .iter()
                .map(|member| member.failed(&told, Cause::Common));
            (news.filter(|news| *news).count(), Some(error))
        })
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        self.source.unwatch(&self.plan.reads);
    }
}
