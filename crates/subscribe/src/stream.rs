//! One shape of streaming subscriptions: each subscriber has a place of its own, which moves with what it is handed.
//!
//! Subscribers at the same place are asked for together. Nothing is left out for a subscriber who is slow: its place
//! stays where it is until it has taken what it was handed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graphloom_execute::LivePlan;
use graphloom_vocab::Error;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::batch::Runner;
use crate::cohort::{Answer, Cause, Member, Update};
use crate::keep::Kept;
use crate::observe::Counters;
use crate::poller::Surroundings;
use crate::source::{Signal, Source};
use crate::{Polling, steady};

/// Answers that wait for one subscriber.
const QUEUE: usize = 2;

/// One shape of streaming subscriptions.
pub(crate) struct StreamPoller {
    plan: Arc<LivePlan>,
    /// Which of the values is the place.
    cursor: usize,
    source: Arc<Source>,
    polling: Polling,
    surroundings: Surroundings,
    members: Mutex<Members>,
    joined: Notify,
}

#[derive(Default)]
struct Members {
    next_id: u64,
    by_id: HashMap<u64, Arc<Follower>>,
}

/// One subscriber.
pub(crate) struct Follower {
    state: Mutex<State>,
    sender: mpsc::Sender<Update>,
}

struct State {
    /// With the place it has come to.
    values: Vec<Option<String>>,
    is_polled: bool,
    /// What had happened in the source when nothing was behind its place.
    signal: Option<Arc<str>>,
    has_failed: bool,
}

/// Subscribers at the same place, for one run of the statement.
struct Group {
    values: Vec<Option<String>>,
    cursor: usize,
    followers: Vec<Arc<Follower>>,
}

impl StreamPoller {
    pub(crate) fn new(
        (plan, cursor): (Arc<LivePlan>, usize),
        source: Arc<Source>,
        polling: Polling,
        surroundings: Surroundings,
    ) -> Self {
        source.watch(&plan.reads);
        Self {
            plan,
            cursor,
            source,
            polling,
            surroundings,
            members: Mutex::default(),
            joined: Notify::new(),
        }
    }

    /// A new subscriber, with its number and what it is handed.
    pub(crate) fn join(&self, values: Vec<Option<String>>) -> (u64, mpsc::Receiver<Update>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let follower = Follower {
            state: Mutex::new(State {
                values,
                is_polled: false,
                signal: None,
                has_failed: false,
            }),
            sender,
        };
        let mut members = self.members();
        members.next_id += 1;
        let id = members.next_id;
        members.by_id.insert(id, Arc::new(follower));
        drop(members);
        self.joined.notify_one();
        (id, receiver)
    }

    /// Forgets a subscriber. Returns whether none is left.
    pub(crate) fn leave(&self, id: u64) -> bool {
        let mut members = self.members();
        members.by_id.remove(&id);
        members.by_id.is_empty()
    }

    /// How many subscribers there are.
    pub(crate) fn size(&self) -> usize {
        self.members().by_id.len()
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stale(&self, state: &State, signal: &Signal) -> bool {
        let is_current = state.signal.is_some()
            && state.signal == signal.text
            && signal.covers(&self.plan.reads)
            && steady::are_fixed(&self.plan.values, &state.values);
        !is_current
    }

    fn wanted(&self, wanted: impl Fn(&State) -> bool) -> Vec<Arc<Follower>> {
        let members = self.members();
        let followers = members.by_id.values();
        let chosen = followers.filter(|follower| wanted(&follower.state()));
        chosen.cloned().collect()
    }

    async fn poll(&self, wanted: impl Fn(&State) -> bool) {
        let mut groups: HashMap<Vec<Option<String>>, Vec<Arc<Follower>>> = HashMap::new();
        for follower in self.wanted(wanted) {
            // Who has not taken what it was handed is not handed more.
            if follower.sender.capacity() > 0 {
                let values = follower.state().values.clone();
                groups.entry(values).or_default().push(follower);
            }
        }
        let groups = groups.into_iter().map(|(values, followers)| Group {
            values,
            cursor: self.cursor,
            followers,
        });
        let groups: Vec<_> = groups.collect();
        for batch in groups.chunks(self.polling.batch_size.get()) {
            self.run_batch(batch).await;
        }
    }

    async fn run_batch(&self, groups: &[Group]) {
        let permits = self.source.permits();
        let permit = permits.acquire().await.expect("permits are never closed");
        let started = Instant::now();
        let runner = Runner {
            plan: &self.plan,
            pool: self.source.pool(),
            seed: &self.surroundings.seed,
        };
        let (news, _) = runner.run(groups).await;
        drop(permit);
        let counters = &self.surroundings.counters;
        Counters::add(&counters.polls, 1);
        Counters::add(&counters.batches, 1);
        Counters::add(&counters.news, news);
        let micros = usize::try_from(started.elapsed().as_micros()).unwrap_or(usize::MAX);
        Counters::add(&counters.batch_micros, micros);
    }
}

impl Kept for StreamPoller {
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
        self.poll(|state| !state.is_polled).await;
    }

    fn any_stale(&self, signal: &Signal) -> bool {
        let stale = self.wanted(|state| self.is_stale(state, signal));
        !stale.is_empty()
    }

    async fn poll_stale(&self, signal: &Signal) {
        self.poll(|state| self.is_stale(state, signal)).await;
    }
}

impl Drop for StreamPoller {
    fn drop(&mut self) {
        self.source.unwatch(&self.plan.reads);
    }
}

impl Follower {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member for Group {
    fn values(&self) -> &[Option<String>] {
        &self.values
    }

    fn hash(&self) -> Option<Arc<str>> {
        None
    }

    fn answered(&self, answer: Answer) -> bool {
        let Answer {
            root,
            hash,
            signal,
            cursor,
        } = answer;
        let batch = match (root, hash, cursor) {
            (Some(data), Some(hash), Some(cursor)) => Some((Update::Data { data, hash }, cursor)),
            _ => None,
        };
        for follower in &self.followers {
            let mut state = follower.state();
            state.is_polled = true;
            state.has_failed = false;
            match &batch {
                None => state.signal.clone_from(&signal),
                Some((update, cursor)) => {
                    state.signal = None;
                    // Full, it stays where it is and is handed the same later.
                    if follower.sender.try_send(update.clone()).is_ok() {
                        state.values[self.cursor] = Some(cursor.to_string());
                    }
                }
            }
        }
        batch.is_some()
    }

    fn failed(&self, error: &Arc<Error>, _: Cause) -> bool {
        for follower in &self.followers {
            let mut state = follower.state();
            state.is_polled = true;
            state.signal = None;
            if !state.has_failed {
                let update = Update::Failed(Arc::clone(error));
                state.has_failed = follower.sender.try_send(update).is_ok();
            }
        }
        true
    }
}
