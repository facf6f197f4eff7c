//! Who subscribes to what: pollers by shape, made with their first subscriber and gone with their last.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use graphloom_execute::Live;
use graphloom_pg::{PoolId, Purpose, Statement};
use graphloom_vocab::{Result, RoleName, SourceName};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::Options;
use crate::base::{Base, Surroundings};
use crate::cohort::{Cohort, Update};
use crate::keep;
use crate::observe::{Observer, PollerState, Statistics, SubscriptionKind};
use crate::poller::Poller;
use crate::source::{Source, SourceOptions, Telling};
use crate::stream::StreamPoller;

/// All subscriptions of a server. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    options: Options,
    surroundings: Surroundings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pollers: HashMap<Shape, Running>,
    sources: HashMap<(SourceName, u64, PoolId), Weak<Source>>,
}

/// What subscriptions must have in common to share a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shape {
    generation: u64,
    source: SourceName,
    role: RoleName,
    statement: Statement,
    /// Of the pool: a source may have several databases.
    database: PoolId,
}

struct Running {
    poller: AnyPoller,
    task: AbortHandle,
}

#[derive(Clone)]
enum AnyPoller {
    Live(Arc<Poller>),
    Stream(Arc<StreamPoller>),
}

impl AnyPoller {
    fn state(&self) -> PollerState {
        let (base, cohorts) = match self {
            Self::Live(poller) => (&poller.base, poller.states()),
            Self::Stream(poller) => (&poller.base, poller.states()),
        };
        PollerState {
            kind: base.kind(),
            id: base.id,
            source: base.plan.source.clone(),
            role: base.role.clone(),
            statement: base.plan.statement.text().clone(),
            freshness: base.freshness(),
            cohorts,
        }
    }

    /// How many subscribers and different results there are.
    fn size(&self) -> (usize, usize) {
        match self {
            Self::Live(poller) => poller.size(),
            Self::Stream(poller) => (poller.size(), poller.size()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One subscriber's part in a cohort; leaves it when dropped.
pub struct Subscription {
    hub: Hub,
    shape: Shape,
    part: Part,
}

/// What a subscriber has a part in.
enum Part {
    Cohort {
        cohort: Arc<Cohort>,
        /// `None` only while it is being dropped.
        updates: Option<watch::Receiver<Option<Update>>>,
        told: Option<Update>,
    },
    Stream {
        id: u64,
        batches: mpsc::Receiver<Update>,
    },
}

impl Hub {
    /// A hub without subscribers. `observer` is told of what happens.
    pub fn new(options: Options, observer: Option<Observer>) -> Self {
        let (seed, _) = Uuid::new_v4().as_u64_pair();
        Self(Arc::new(Shared {
            options,
            surroundings: Surroundings {
                seed: seed.cast_signed().to_string().into(),
                counters: Arc::default(),
                observer,
            },
            state: Mutex::default(),
        }))
    }

    /// Follows a live query. Values that are none of their types are this subscriber's error alone.
    pub async fn subscribe(&self, live: Live) -> Result<Subscription> {
        let shape = Shape {
            generation: live.generation,
            source: live.plan.source.clone(),
            role: live.role.clone(),
            statement: live.plan.statement.clone(),
            database: live.pool.id(),
        };
        if !self.knows(&shape, &live.values) {
            check(&live).await?;
        }
        let mut state = self.state();
        let part = match self.poller(&mut state, &shape, &live) {
            AnyPoller::Live(poller) => {
                let cohort = poller.join(live.values);
                Part::Cohort {
                    updates: Some(cohort.updates.subscribe()),
                    cohort,
                    told: None,
                }
            }
            AnyPoller::Stream(poller) => {
                let (id, batches) = poller.join(live.values);
                Part::Stream { id, batches }
            }
        };
        drop(state);
        let hub = self.clone();
        Ok(Subscription { hub, shape, part })
    }

    /// Gauges and counters.
    pub fn statistics(&self) -> Statistics {
        let counters = &self.0.surroundings.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| {
            counter.load(std::sync::atomic::Ordering::Relaxed)
        };
        let state = self.state();
        let sizes = state.pollers.values().map(|running| running.poller.size());
        let (subscribers, cohorts) =
            sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
        Statistics {
            pollers: state.pollers.len(),
            cohorts,
            subscribers,
            polls: read(&counters.polls),
            skipped: read(&counters.skipped),
            signalled: read(&counters.signalled),
            batches: read(&counters.batches),
            batch_micros: read(&counters.batch_micros),
            news: read(&counters.news),
        }
    }

    /// The pollers at this moment, in no particular order.
    pub fn pollers(&self) -> Vec<PollerState> {
        let state = self.state();
        let pollers = state.pollers.values();
        pollers.map(|running| running.poller.state()).collect()
    }

    fn knows(&self, shape: &Shape, values: &[Option<String>]) -> bool {
        let state = self.state();
        match state.pollers.get(shape).map(|running| &running.poller) {
            Some(AnyPoller::Live(poller)) => poller.knows(values),
            Some(AnyPoller::Stream(_)) | None => false,
        }
    }

    fn poller(&self, state: &mut State, shape: &Shape, live: &Live) -> AnyPoller {
        if let Some(running) = state.pollers.get(shape) {
            return running.poller.clone();
        }
        let source = self.source(state, live);
        let base = |polling| Base::new(live, source, polling, self.0.surroundings.clone());
        let (poller, task) = match live.plan.cursor {
            None => {
                let poller = Arc::new(Poller::new(base(self.0.options.live)));
                let task = tokio::spawn(keep::run(Arc::clone(&poller)));
                (AnyPoller::Live(poller), task)
            }
            Some(cursor) => {
                let poller = StreamPoller::new(base(self.0.options.streaming), cursor);
                let poller = Arc::new(poller);
                let task = tokio::spawn(keep::run(Arc::clone(&poller)));
                (AnyPoller::Stream(poller), task)
            }
        };
        let running = Running {
            poller: poller.clone(),
            task: task.abort_handle(),
        };
        state.pollers.insert(shape.clone(), running);
        poller
    }

    fn source(&self, state: &mut State, live: &Live) -> Arc<Source> {
        state.sources.retain(|_, source| source.strong_count() > 0);
        let options = &self.0.options;
        let start = || {
            let telling = match options.change_signals.are_in(&live.plan.source) {
                true => Telling::On,
                false => Telling::Off,
            };
            let options = SourceOptions {
                name: live.plan.source.clone(),
                interval: options.check_interval(),
                telling,
                observer: self.0.surroundings.observer.clone(),
            };
            Arc::new(Source::start(live.pool.clone(), options))
        };
        let key = (live.plan.source.clone(), live.generation, live.pool.id());
        match state.sources.entry(key) {
            Entry::Occupied(mut known) => known.get().upgrade().unwrap_or_else(|| {
                let source = start();
                known.insert(Arc::downgrade(&source));
                source
            }),
            Entry::Vacant(place) => {
                let source = start();
                place.insert(Arc::downgrade(&source));
                source
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// Of a live query: the next update that differs from the last one, the current one first, then the latest
    /// whenever there is one; whoever asks seldom misses what came in between. Of a stream: the next answer.
    pub async fn next(&mut self) -> Update {
        match &mut self.part {
            Part::Cohort { updates, told, .. } => {
                let updates = updates.as_mut().expect("there until it is dropped");
                next_of_cohort(updates, told).await
            }
            Part::Stream { batches, .. } => match batches.recv().await {
                Some(update) => update,
                // Its poller is there as long as it is.
                None => std::future::pending().await,
            },
        }
    }

    /// Goes on where another subscription was: what its subscriber was told last is not told again.
    pub fn continue_from(&mut self, other: &Self) {
        if let (Part::Cohort { told, .. }, Part::Cohort { told: last, .. }) =
            (&mut self.part, &other.part)
        {
            told.clone_from(last);
        }
    }

    /// What kind of subscription it is.
    pub fn kind(&self) -> SubscriptionKind {
        match self.part {
            Part::Cohort { .. } => SubscriptionKind::Live,
            Part::Stream { .. } => SubscriptionKind::Stream,
        }
    }

    /// Which schema it was planned with.
    pub fn generation(&self) -> u64 {
        self.shape.generation
    }
}

async fn next_of_cohort(
    updates: &mut watch::Receiver<Option<Update>>,
    told: &mut Option<Update>,
) -> Update {
    loop {
        let current = updates.borrow_and_update().clone();
        if let Some(update) = current
            && !told.as_ref().is_some_and(|told| told.is_same(&update))
        {
            *told = Some(update.clone());
            return update;
        }
        if updates.changed().await.is_err() {
            // The cohort is held by its subscriptions and keeps its sender.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        let Some(running) = state.pollers.get(&self.shape) else {
            return;
        };
        let is_last = match (&running.poller, &mut self.part) {
            (
                AnyPoller::Live(poller),
                Part::Cohort {
                    cohort, updates, ..
                },
            ) => {
                *updates = None;
                poller.forget(cohort)
            }
            (AnyPoller::Stream(poller), Part::Stream { id, .. }) => poller.leave(*id),
            _ => false,
        };
        if is_last {
            state.pollers.remove(&self.shape);
        }
    }
}

async fn check(live: &Live) -> Result<()> {
    let Some((statement, order)) = &live.plan.check else {
        return Ok(());
    };
    let parameters: Vec<_> = order
        .iter()
        .map(|index| live.values[*index].as_deref())
        .collect();
    let checked = async {
        let mut connection = live.pool.get().await?;
        connection.execute(statement, &parameters).await
    };
    let checked = checked.await.map(drop);
    checked.map_err(|error| error.to_error(Purpose::Operation))
}
