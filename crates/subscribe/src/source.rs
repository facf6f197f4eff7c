//! One source as its pollers see it: whether anything can have changed, and how many may ask at once.
//!
//! The *text* of its signal is what a statement sees of all transactions (`sql/signal.sql`). Every live statement gives
//! its own along with its results: as long as the text is the same as then, whatever lies in *steady* tables is the
//! same too, and there is no reason to ask again. Which tables are steady is asked whenever the text changes, for every
//! change of the catalog is a transaction too. Where change signals are wanted, triggers say in addition which tables
//! were written to (`signal.rs`). Read `watch.rs` for how it is found out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graphloom_pg::Pool;
use graphloom_plan::Reads;
use graphloom_vocab::SourceName;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::AbortHandle;

use crate::object::Object;
use crate::observe::Observer;
use crate::signal::Signal;
use crate::triggers;
use crate::watch::Watch;

/// How long triggers stay that nobody needs any more.
const LINGER: Duration = Duration::from_mins(1);

/// Whether triggers tell of changes in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    Off,
    On,
}

/// How a source is watched.
pub(crate) struct SourceOptions {
    pub(crate) name: SourceName,
    /// How often it is asked whether anything has changed.
    pub(crate) interval: Duration,
    pub(crate) telling: Telling,
    pub(crate) observer: Option<Observer>,
}

/// One source while somebody subscribes to it.
pub(crate) struct Source {
    shared: Arc<Shared>,
    telling: Telling,
    task: AbortHandle,
}

/// What a source's pollers and the task that watches it have in common.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) signals: watch::Sender<Arc<Signal>>,
    /// What pollers look at, and how many do.
    watched: Mutex<HashMap<Object, usize>>,
    /// Something is watched that was not before.
    pub(crate) news: Notify,
    /// Statements that may run at once: some connections stay for everybody else.
    permits: Semaphore,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.task.abort();
        if self.telling == Telling::Off {
            return;
        }
        let pool = self.shared.pool.clone();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(LINGER).await;
                // What cannot be taken away now is the next time that somebody subscribes.
                triggers::sweep(&pool).await.ok();
            });
        }
    }
}

impl Source {
    /// Starts to watch a source.
    pub(crate) fn start(pool: Pool, options: SourceOptions) -> Self {
        let permits = (pool.options().max_connections / 2).max(1);
        let shared = Arc::new(Shared {
            pool,
            signals: watch::Sender::new(Arc::default()),
            watched: Mutex::default(),
            news: Notify::new(),
            permits: Semaphore::new(permits),
        });
        let telling = options.telling;
        let task = tokio::spawn(Watch::new(Arc::clone(&shared), options).run());
        Self {
            shared,
            telling,
            task: task.abort_handle(),
        }
    }

    /// Where statements are run.
    pub(crate) fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    /// Bounds how many statements run at once.
    pub(crate) fn permits(&self) -> &Semaphore {
        &self.shared.permits
    }

    /// Whether triggers are to tell of changes.
    pub(crate) fn tells(&self) -> bool {
        self.telling == Telling::On
    }

    /// What is known now, and a notice whenever that changes.
    pub(crate) fn signals(&self) -> watch::Receiver<Arc<Signal>> {
        self.shared.signals.subscribe()
    }

    /// What is known now.
    pub(crate) fn signal(&self) -> Arc<Signal> {
        Arc::clone(&self.shared.signals.borrow())
    }

    /// Asks for steadiness of what a statement looks at, from now on.
    pub(crate) fn watch(&self, reads: &Reads) {
        let mut watched = self.shared.watched();
        for object in Object::of(reads) {
            *watched.entry(object).or_default() += 1;
        }
        drop(watched);
        self.shared.news.notify_one();
    }

    /// The opposite of [`Self::watch`].
    pub(crate) fn unwatch(&self, reads: &Reads) {
        let mut watched = self.shared.watched();
        for object in Object::of(reads) {
            if let Some(count) = watched.get_mut(&object) {
                *count -= 1;
                if *count == 0 {
                    watched.remove(&object);
                }
            }
        }
    }
}

impl Shared {
    fn watched(&self) -> MutexGuard<'_, HashMap<Object, usize>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is watched, in no particular order.
    pub(crate) fn objects(&self) -> Vec<Object> {
        self.watched().keys().cloned().collect()
    }

    /// Wakes pollers only if there is something new in it.
    pub(crate) fn publish(&self, signal: Signal) {
        self.signals.send_if_modified(|current| {
            let is_new = **current != signal;
            if is_new {
                *current = Arc::new(signal);
            }
            is_new
        });
    }
}
