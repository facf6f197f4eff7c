//! One source as its pollers see it: whether anything can have changed, and how many may ask at once.
//!
//! The *signal* is what a statement sees of all transactions (`sql/signal.sql`). Every live statement gives its own
//! along with its results: as long as the signal is the same as then, whatever lies in *steady* tables is the
//! same too, and there is no reason to ask again. Which tables are steady is asked whenever the signal changes, for
//! every change of the catalog is a transaction too.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graphloom_execute::text_array;
use graphloom_pg::{PgError, Pool, Statement};
use graphloom_plan::{Reads, Statements};
use graphloom_vocab::{QualifiedFunction, QualifiedTable};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::AbortHandle;

/// How long the question whether anything has changed may take; then it counts as unanswered.
const CHECK_LIMIT: Duration = Duration::from_secs(5);
/// How long questions wait after one was not answered.
const CHECK_PAUSE: Duration = Duration::from_secs(1);

/// Something that a statement looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Object {
    Table(QualifiedTable),
    Function(QualifiedFunction),
}

/// What is known of a source at a moment.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    /// What has happened so far; `None` if that cannot be told.
    pub(crate) text: Option<Arc<str>>,
    steady: HashSet<Object>,
}

impl Signal {
    /// Whether a statement that looks at these gives the same as long as the signal does.
    pub(crate) fn covers(&self, reads: &Reads) -> bool {
        self.text.is_some()
            && reads.statements == Statements::None
            && objects(reads).all(|object| self.steady.contains(&object))
    }
}

fn objects(reads: &Reads) -> impl Iterator<Item = Object> + '_ {
    let tables = reads.tables.iter().cloned().map(Object::Table);
    tables.chain(reads.functions.iter().cloned().map(Object::Function))
}

/// One source while somebody subscribes to it.
pub(crate) struct Source {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    pool: Pool,
    signals: watch::Sender<Arc<Signal>>,
    /// What pollers look at, and how many do.
    watched: Mutex<HashMap<Object, usize>>,
    /// Something is watched that was not before.
    news: Notify,
    /// Statements that may run at once: some connections stay for everybody else.
    permits: Semaphore,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Source {
    /// Starts to watch a source; it is asked every `interval`.
    pub(crate) fn start(pool: Pool, interval: Duration) -> Self {
        let permits = (pool.options().max_connections / 2).max(1);
        let shared = Arc::new(Shared {
            pool,
            signals: watch::Sender::new(Arc::default()),
            watched: Mutex::default(),
            news: Notify::new(),
            permits: Semaphore::new(permits),
        });
        let task = tokio::spawn(watch_source(Arc::clone(&shared), interval));
        Self {
            shared,
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

    /// What is known now, and a notice whenever that changes.
    pub(crate) fn signals(&self) -> watch::Receiver<Arc<Signal>> {
        self.shared.signals.subscribe()
    }

    /// Asks for steadiness of what a statement looks at, from now on.
    pub(crate) fn watch(&self, reads: &Reads) {
        let mut watched = self.shared.watched();
        for object in objects(reads) {
            *watched.entry(object).or_default() += 1;
        }
        drop(watched);
        self.shared.news.notify_one();
    }

    /// The opposite of [`Self::watch`].
    pub(crate) fn unwatch(&self, reads: &Reads) {
        let mut watched = self.shared.watched();
        for object in objects(reads) {
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
    fn objects(&self) -> Vec<Object> {
        self.watched().keys().cloned().collect()
    }
}

/// Publishes a new signal whenever something happened, until it is aborted.
async fn watch_source(shared: Arc<Shared>, interval: Duration) {
    let questions = Questions::new();
    let mut asked: HashSet<Object> = HashSet::new();
    loop {
        let text = tokio::time::timeout(CHECK_LIMIT, questions.signal(&shared.pool)).await;
        let text = text.ok().and_then(Result::ok).flatten();
        let objects = shared.objects();
        let same = shared.signals.borrow().text == text;
        if !same || objects.iter().any(|object| !asked.contains(object)) {
            let steady = match text {
                Some(_) => questions.steady(&shared.pool, &objects).await,
                None => HashSet::new(),
            };
            asked = objects.into_iter().collect();
            publish(&shared, Signal { text, steady });
        }
        let pause = match shared.signals.borrow().text {
            Some(_) => interval,
            None => interval.max(CHECK_PAUSE),
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shared.news.notified() => {}
        }
    }
}

/// Wakes pollers only if there is something new in it.
fn publish(shared: &Shared, signal: Signal) {
    shared.signals.send_if_modified(|current| {
        let is_new = current.text != signal.text || current.steady != signal.steady;
        if is_new {
            *current = Arc::new(signal);
        }
        is_new
    });
}

/// The two fixed statements.
struct Questions {
    signal: Statement,
    steady: Statement,
}

impl Questions {
    fn new() -> Self {
        Self {
            signal: Statement::new(include_str!("sql/signal.sql")),
            steady: Statement::new(include_str!("sql/steady.sql")),
        }
    }

    async fn signal(&self, pool: &Pool) -> Result<Option<Arc<str>>, PgError> {
        let mut connection = pool.get().await?;
        let rows = connection.query_text_rows(&self.signal, &[]).await?;
        let text = rows.into_iter().next().and_then(|mut row| row.pop());
        Ok(text.flatten().map(Into::into))
    }

    /// Which of these are steady; none if that cannot be told.
    async fn steady(&self, pool: &Pool, objects: &[Object]) -> HashSet<Object> {
        let (tables, functions): (Vec<_>, Vec<_>) = objects
            .iter()
            .partition(|object| matches!(object, Object::Table(_)));
        let parameters = [
            text_array(tables.iter().map(|object| Some(object.schema()))),
            text_array(tables.iter().map(|object| Some(object.name()))),
            text_array(functions.iter().map(|object| Some(object.schema()))),
            text_array(functions.iter().map(|object| Some(object.name()))),
        ];
        let parameters: Vec<_> = parameters.iter().map(|text| Some(text.as_str())).collect();
        let answered = tokio::time::timeout(CHECK_LIMIT, async {
            let mut connection = pool.get().await?;
            connection.query_text_rows(&self.steady, &parameters).await
        });
        let Ok(Ok(rows)) = answered.await else {
            return HashSet::new();
        };
        let object = |row: Vec<Option<String>>| {
            let mut columns = row.into_iter().flatten();
            let list = match columns.next()?.as_str() {
                "t" => &tables,
                _ => &functions,
            };
            let position: usize = columns.next()?.parse().ok()?;
            list.get(position.checked_sub(1)?).copied().cloned()
        };
        rows.into_iter().filter_map(object).collect()
    }
}

impl Object {
    fn schema(&self) -> &str {
        match self {
            Self::Table(table) => table.schema.as_str(),
            Self::Function(function) => function.schema.as_str(),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Table(table) => table.name.as_str(),
            Self::Function(function) => function.name.as_str(),
        }
    }
}
