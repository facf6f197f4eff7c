//! Subscribers with equal values: one result for all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use graphloom_vocab::Error;
use tokio::sync::watch;

use crate::signal::Seen;

/// What a subscriber is told.
#[derive(Clone, Debug)]
pub enum Update {
    /// The JSON text of the `data` object.
    Data {
        /// The text, shared by all subscribers.
        data: Bytes,
        /// Equal for equal texts.
        hash: Arc<str>,
    },
    /// It could not be read; the subscription goes on.
    Failed(Arc<Error>),
}

impl Update {
    /// Whether a subscriber who was told one need not be told the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Data { hash: a, .. }, Self::Data { hash: b, .. }) => a == b,
            (Self::Failed(a), Self::Failed(b)) => a == b,
            _ => false,
        }
    }
}

/// A cohort's values, in the plan's order.
pub(crate) type CohortKey = Arc<[Option<String>]>;

/// Subscribers with equal values.
#[derive(Debug)]
pub(crate) struct Cohort {
    pub(crate) values: CohortKey,
    /// Whether the values mean the same at any time.
    pub(crate) is_fixed: bool,
    /// Only the latest update is kept: who is slow misses what came in between.
    pub(crate) updates: watch::Sender<Option<Update>>,
    known: Mutex<Known>,
}

impl Member for Arc<Cohort> {
    fn values(&self) -> &[Option<String>] {
        &self.values
    }

    fn hash(&self) -> Option<Arc<str>> {
        self.known().hash.clone()
    }

    fn answered(&self, answer: Answer) -> bool {
        Cohort::answered(self, answer)
    }

    fn failed(&self, error: &Arc<Error>, cause: Cause) -> bool {
        Cohort::failed(self, error, cause)
    }
}

/// Something that a statement is run for, along with others.
pub(crate) trait Member {
    /// Its values, in the plan's order.
    fn values(&self) -> &[Option<String>];
    /// The hash of the result it has.
    fn hash(&self) -> Option<Arc<str>>;
    /// Takes note of an answer. Returns whether it is news.
    fn answered(&self, answer: Answer) -> bool;
    /// Takes note of a failure. Returns whether it is news.
    fn failed(&self, error: &Arc<Error>, cause: Cause) -> bool;
}

/// What is known of the result.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Whether it has been asked for at all.
    pub(crate) is_polled: bool,
    /// The hash of the result that was sent.
    pub(crate) hash: Option<Arc<str>>,
    /// What had happened in the source when it was read.
    pub(crate) seen: Option<Seen>,
    /// Whether the last attempt failed for this cohort's own values: it is asked for apart from others.
    pub(crate) is_failing: bool,
}

impl Cohort {
    pub(crate) fn new(values: CohortKey, is_fixed: bool) -> Self {
        Self {
            values,
            is_fixed,
            updates: watch::Sender::new(None),
            known: Mutex::default(),
        }
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many subscribers there are.
    pub(crate) fn subscribers(&self) -> usize {
        self.updates.receiver_count()
    }

    /// Takes note of an answer. Returns whether it is news.
    pub(crate) fn answered(&self, answer: Answer) -> bool {
        let mut known = self.known();
        known.is_polled = true;
        known.is_failing = false;
        known.seen = Some(answer.seen);
        let (Some(data), Some(hash)) = (answer.root, answer.hash) else {
            // The hash was the same.
            return false;
        };
        known.hash = Some(Arc::clone(&hash));
        drop(known);
        self.tell(Update::Data { data, hash })
    }

    /// Takes note of a failure, which is told once. `own` if it is this cohort's alone.
    pub(crate) fn failed(&self, error: &Arc<Error>, cause: Cause) -> bool {
        let mut known = self.known();
        *known = Known {
            is_polled: true,
            hash: None,
            seen: None,
            is_failing: cause == Cause::Own,
        };
        drop(known);
        self.tell(Update::Failed(Arc::clone(error)))
    }

    fn tell(&self, update: Update) -> bool {
        self.updates.send_if_modified(|current| {
            let is_news = current
                .as_ref()
                .is_none_or(|current| !current.is_same(&update));
            if is_news {
                *current = Some(update);
            }
            is_news
        })
    }
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The cohort's own values.
    Own,
    /// The statement, the source, or the connection.
    Common,
}

/// One cohort's row of a statement's answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// `None` if the hash is the one that was handed in.
    pub(crate) root: Option<Bytes>,
    pub(crate) hash: Option<Arc<str>>,
    /// What had happened in the source when it was read.
    pub(crate) seen: Seen,
    /// The place that a stream has come to; `None` if it has not moved.
    pub(crate) cursor: Option<Arc<str>>,
}
