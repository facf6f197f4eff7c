//! Who subscribes to what: pollers by shape, made with their first subscriber and gone with their last.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use graphloom_execute::Live;
use graphloom_pg::{Purpose, Statement};
use graphloom_vocab::{Result, RoleName, SourceName};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::Options;
use crate::cohort::{Cohort, Update};
use crate::observe::{Observer, Statistics};
use crate::poller::{Poller, Surroundings};
use crate::source::Source;

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
    sources: HashMap<(SourceName, u64), Weak<Source>>,
}

/// What subscriptions must have in common to share a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shape {
    generation: u64,
    source: SourceName,
    role: RoleName,
    statement: Statement,
}

struct Running {
    poller: Arc<Poller>,
    task: AbortHandle,
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
    cohort: Arc<Cohort>,
    /// `None` only while it is being dropped.
    updates: Option<watch::Receiver<Option<Update>>>,
    told: Option<Update>,
}

impl Hub {
    /// A hub without subscribers. `observer` is told of every poll.
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
        };
        if !self.knows(&shape, &live.values) {
            check(&live).await?;
        }
        let mut state = self.state();
        let poller = self.poller(&mut state, &shape, &live);
        let cohort = poller.join(live.values);
        let updates = cohort.updates.subscribe();
        drop(state);
        Ok(Subscription {
            hub: self.clone(),
            shape,
            cohort,
            updates: Some(updates),
            told: None,
        })
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
            batches: read(&counters.batches),
            batch_micros: read(&counters.batch_micros),
            news: read(&counters.news),
        }
    }

    fn knows(&self, shape: &Shape, values: &[Option<String>]) -> bool {
        let state = self.state();
        let running = state.pollers.get(shape);
        running.is_some_and(|running| running.poller.knows(values))
    }

    fn poller(&self, state: &mut State, shape: &Shape, live: &Live) -> Arc<Poller> {
        if let Some(running) = state.pollers.get(shape) {
            return Arc::clone(&running.poller);
        }
        let source = self.source(state, live);
        let poller = Arc::new(Poller::new(
            Arc::clone(&live.plan),
            live.role.clone(),
            source,
            self.0.options.live,
            self.0.surroundings.clone(),
        ));
        let task = tokio::spawn(Arc::clone(&poller).run()).abort_handle();
        let running = Running {
            poller: Arc::clone(&poller),
            task,
        };
        state.pollers.insert(shape.clone(), running);
        poller
    }

    fn source(&self, state: &mut State, live: &Live) -> Arc<Source> {
        state.sources.retain(|_, source| source.strong_count() > 0);
        let start = || {
            Arc::new(Source::start(
                live.pool.clone(),
                self.0.options.check_interval(),
            ))
        };
        match state
            .sources
            .entry((live.plan.source.clone(), live.generation))
        {
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
    /// The next update that differs from the last one: the current one first, then the latest whenever there is
    /// one. Whoever asks seldom misses what came in between.
    pub async fn next(&mut self) -> Update {
        let updates = self.updates.as_mut().expect("there until it is dropped");
        loop {
            let current = updates.borrow_and_update().clone();
            if let Some(update) = current
                && !self.told.as_ref().is_some_and(|told| told.is_same(&update))
            {
                self.told = Some(update.clone());
                return update;
            }
            if updates.changed().await.is_err() {
                // The cohort is held by this subscription and keeps its sender.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Goes on where another subscription was: what its subscriber was told last is not told again.
    pub fn continue_from(&mut self, other: &Self) {
        self.told.clone_from(&other.told);
    }

    /// Which schema it was planned with.
    pub fn generation(&self) -> u64 {
        self.shape.generation
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.updates = None;
        let mut state = self.hub.state();
        let Some(running) = state.pollers.get(&self.shape) else {
            return;
        };
        if running.poller.forget(&self.cohort) {
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
    checked
        .await
        .map_err(|error| error.to_error(Purpose::Operation))
}
