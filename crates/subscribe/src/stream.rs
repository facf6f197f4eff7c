//! One shape of streaming subscriptions: each subscriber has a place of its own, which moves with what it is handed.
//!
//! Subscribers at the same place are asked for together. Nothing is left out for a subscriber who is slow: its place
//! stays where it is until it has taken what it was handed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graphloom_vocab::Error;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::base::{Base, Polled};
use crate::cohort::{Answer, Cause, Member, Update};
use crate::keep::{Kept, Stale, Which};
use crate::observe::CohortState;
use crate::signal::{Basis, Seen, Signal, Staleness};
use crate::steady;

/// Answers that wait for one subscriber.
const QUEUE: usize = 2;

/// One shape of streaming subscriptions.
pub(crate) struct StreamPoller {
    pub(crate) base: Base,
    /// Which of the values is the place.
    cursor: usize,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    next_id: u64,
    by_id: HashMap<u64, Arc<Follower>>,
    /// Those that were never asked for.
    new: Vec<Arc<Follower>>,
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
    seen: Option<Seen>,
    has_failed: bool,
}

/// Subscribers at the same place, for one run of the statement.
struct Group {
    values: Vec<Option<String>>,
    cursor: usize,
    followers: Vec<Arc<Follower>>,
}

impl StreamPoller {
    pub(crate) fn new(base: Base, cursor: usize) -> Self {
        Self {
            base,
            cursor,
            members: Mutex::default(),
        }
    }

    /// A new subscriber, with its number and what it is handed.
    pub(crate) fn join(&self, values: Vec<Option<String>>) -> (u64, mpsc::Receiver<Update>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let follower = Arc::new(Follower {
            state: Mutex::new(State {
                values,
                is_polled: false,
                seen: None,
                has_failed: false,
            }),
            sender,
        });
        let mut members = self.members();
        members.next_id += 1;
        let id = members.next_id;
        members.by_id.insert(id, Arc::clone(&follower));
        members.new.push(follower);
        drop(members);
        self.base.joined.notify_one();
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

    /// What each subscriber is like.
    pub(crate) fn states(&self) -> Vec<CohortState> {
        let members = self.members();
        let states = members.by_id.values().map(|follower| CohortState {
            values: follower.state().values.clone(),
            subscribers: 1,
            hash: None,
        });
        states.collect()
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn staleness(&self, state: &State, basis: Basis<'_>) -> Staleness {
        let staleness = basis.staleness(state.seen.as_ref());
        match staleness {
            Staleness::Slow => Staleness::Slow,
            _ if steady::are_fixed(&self.base.plan.values, &state.values) => staleness,
            _ => Staleness::Slow,
        }
    }

    async fn poll(&self, followers: Vec<Arc<Follower>>, started: Instant) {
        let mut groups: HashMap<Vec<Option<String>>, Vec<Arc<Follower>>> = HashMap::new();
        for follower in followers {
            // Who has not taken what it was handed is not handed more, and who has left takes nothing.
            if follower.sender.capacity() > 0 && !follower.sender.is_closed() {
                let values = follower.state().values.clone();
                groups.entry(values).or_default().push(follower);
            }
        }
        if groups.is_empty() {
            return;
        }
        let mut groups = groups.into_iter().map(|(values, followers)| Group {
            values,
            cursor: self.cursor,
            followers,
        });
        let mut batches = Vec::new();
        loop {
            let size = self.base.polling.batch_size.get();
            let batch: Vec<_> = groups.by_ref().take(size).collect();
            if batch.is_empty() {
                break;
            }
            batches.push(batch);
        }
        let subscribers = self.size();
        let polled = Polled {
            subscribers,
            cohorts: subscribers,
            started,
            snapshot_time: started.elapsed(),
        };
        self.base.run(batches, polled).await;
    }
}

impl Kept for StreamPoller {
    fn base(&self) -> &Base {
        &self.base
    }

    async fn poll_new(&self, signal: &Signal) -> Stale {
        let started = Instant::now();
        let mut new = std::mem::take(&mut self.members().new);
        new.retain(|follower| !follower.state().is_polled);
        if new.is_empty() {
            return Stale::default();
        }
        self.poll(new.clone(), started).await;
        let basis = self.base.basis(signal);
        let new = new.iter();
        Stale::of(new.map(|follower| self.staleness(&follower.state(), basis)))
    }

    fn stale(&self, signal: &Signal) -> Stale {
        let basis = self.base.basis(signal);
        let members = self.members();
        let followers = members.by_id.values();
        Stale::of(followers.map(|follower| self.staleness(&follower.state(), basis)))
    }

    async fn poll_stale(&self, signal: &Signal, which: Which) {
        let started = Instant::now();
        let basis = self.base.basis(signal);
        let mut quick = 0;
        let stale: Vec<_> = {
            let members = self.members();
            let followers = members.by_id.values();
            let stale = followers.filter(|follower| {
                let staleness = self.staleness(&follower.state(), basis);
                quick += usize::from(staleness == Staleness::Quick);
                which.has(staleness)
            });
            stale.cloned().collect()
        };
        self.base.signalled(quick);
        self.poll(stale, started).await;
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
            seen,
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
                None => state.seen = Some(seen.clone()),
                Some((update, cursor)) => {
                    // There may be more.
                    state.seen = Some(Seen::behind());
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
            state.seen = None;
            if !state.has_failed {
                let update = Update::Failed(Arc::clone(error));
                state.has_failed = follower.sender.try_send(update).is_ok();
            }
        }
        true
    }
}
