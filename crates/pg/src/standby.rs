//! Pools that stand in for one whose database does not answer: a read replica's share of the reads goes to the other
//! replicas, and at last to the primary.
//!
//! Only that no session could be opened counts: nothing was sent then, so whatever was to be run may run elsewhere. A
//! database that was found away is asked no more by callers; a task of its own tries it until it answers. Who stands
//! in for whom is the caller's to say. Read next: `pool.rs`.

use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::connect;
use crate::error::{PgError, PgErrorKind};
use crate::pool::{Pool, Shared};

/// Pauses between attempts to reach a database that was away: the first, and the longest.
const PROBE_MIN: Duration = Duration::from_millis(500);
const PROBE_MAX: Duration = Duration::from_secs(5);

/// Whether a pool's database is known not to answer.
#[derive(Default)]
pub(crate) struct Absence {
    is_noted: AtomicBool,
    reason: Mutex<Option<String>>,
}

impl Absence {
    fn is_noted(&self) -> bool {
        self.is_noted.load(Ordering::Relaxed)
    }

    /// Whether it is news.
    fn note(&self, reason: Option<String>) -> bool {
        let is_away = reason.is_some();
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        self.is_noted.swap(is_away, Ordering::Relaxed) != is_away
    }
}

impl Pool {
    /// The same pool, for which others are used while its database does not answer: the first that does, and the last
    /// in any case.
    #[must_use]
    pub fn with_standbys<'a>(&self, standbys: impl IntoIterator<Item = &'a Self>) -> Self {
        let standbys = standbys.into_iter();
        let alone = |pool: &Self| Self(Arc::clone(&pool.0), None);
        Self(Arc::clone(&self.0), Some(standbys.map(alone).collect()))
    }

    /// Why the pool's database is known not to answer; `None` also where nothing stands in for it.
    pub fn away(&self) -> Option<String> {
        let reason = self.0.absence.reason.lock();
        reason.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where to begin: this pool, or what stands in for it.
    pub(crate) fn present(&self) -> &Self {
        let Some(standbys) = &self.1 else {
            return self;
        };
        let mut pools = iter::once(self).chain(standbys.iter());
        let present = pools.find(|pool| !pool.0.absence.is_noted());
        present.or_else(|| standbys.last()).unwrap_or(self)
    }

    /// Where to go on after `failed` gave `error`; `None` if nowhere.
    pub(crate) fn after(&self, failed: &Self, error: &PgError) -> Option<&Self> {
        let standbys = self.1.as_deref()?;
        let last = standbys.last()?;
        if !matches!(error.kind(), PgErrorKind::Connect(_)) || failed.id() == last.id() {
            return None;
        }
        failed.note_away(error);
        let pools = iter::once(self).chain(standbys);
        let mut behind = pools.skip_while(|pool| pool.id() != failed.id()).skip(1);
        let present = behind.find(|pool| !pool.0.absence.is_noted());
        Some(present.unwrap_or(last))
    }

    fn note_away(&self, error: &PgError) {
        if self.0.absence.note(Some(error.to_string())) {
            tokio::spawn(probe(Arc::downgrade(&self.0)));
        }
    }
}

/// Tries to reach the database of a pool until it answers, or the pool is gone or closed.
async fn probe(pool: Weak<Shared>) {
    let mut pause = PROBE_MIN;
    loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade().filter(|pool| !pool.places.is_closed()) else {
            return;
        };
        if connect::open(&pool.connect, &pool.settings()).await.is_ok() {
            pool.absence.note(None);
            return;
        }
        pause = (pause * 2).min(PROBE_MAX);
    }
}
