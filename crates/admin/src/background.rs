//! What happens outside of requests: sources that were away come back, changes of other instances
//! arrive.
//!
//! Both ask without the writer's lock and take it only to replace the state.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use graphloom_store::Listener;
use tokio::task::{JoinHandle, JoinSet};

use crate::options::AdminEvent;
use crate::source::{Refresh, SourceFailure};
use crate::state::State;
use crate::work::{CatchUp, Shared, Work};

/// Pauses between attempts to reach a source that cannot be used: the first, and the longest.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// How long beginning to listen may take, and the longest pause before it is tried.
const LISTEN_LIMIT: Duration = Duration::from_secs(5);
const LISTEN_PAUSE: Duration = Duration::from_secs(1);

/// The running tasks; they end with this value.
pub(crate) struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Starts the tasks. They hold the shared state weakly.
pub(crate) fn start(shared: &Arc<Shared>) -> Tasks {
    let mut tasks = vec![tokio::spawn(recover(Arc::downgrade(shared)))];
    if let Some(interval) = shared.options.sync_interval {
        tasks.push(tokio::spawn(synchronize(Arc::downgrade(shared), interval)));
    }
    Tasks(tasks)
}

impl Shared {
    fn tell(&self, event: &AdminEvent) {
        if let Some(observer) = &self.options.observer {
            observer(event);
        }
    }
}

/// Tries sources that cannot be used until they can.
async fn recover(shared: Weak<Shared>) {
    let mut pause = RETRY_MIN;
    let mut told = BTreeMap::new();
    let mut away = BTreeMap::new();
    loop {
        tokio::time::sleep(pause).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        tell_of_replicas(&shared, &mut away);
        let failed = failed_sources(&shared);
        told.retain(|name, _| failed.contains_key(name));
        let behind = sources_behind(&shared);
        if failed.is_empty() && behind.is_empty() {
            pause = RETRY_MIN;
            continue;
        }
        for (name, failure) in &failed {
            if told.insert(name.clone(), failure.clone()).as_ref() != Some(failure) {
                let reason = failure.message.as_ref().unwrap_or(&failure.reason);
                shared.tell(&AdminEvent::SourceUnavailable {
                    source: name.clone(),
                    reason: reason.clone(),
                });
            }
        }
        let names = failed.keys().chain(&behind);
        let recovered = try_again(&shared, names.map(String::as_str)).await;
        pause = if recovered.is_empty() {
            (pause * 2).min(RETRY_MAX)
        } else {
            RETRY_MIN
        };
        for source in recovered {
            if told.remove(&source).is_none() {
                continue;
            }
            shared.tell(&AdminEvent::SourceRecovered { source });
        }
    }
}

/// Sources with settings that could be resolved, and whose database could not be read.
fn failed_sources(shared: &Shared) -> BTreeMap<String, SourceFailure> {
    let state = shared.state.load();
    let sources = state.candidate.sources.iter();
    let failed = sources.filter_map(|(name, source)| {
        let failure = source.catalog.as_ref().err()?;
        source.pool.as_ref()?;
        Some((name.as_str().to_owned(), failure.clone()))
    });
    failed.collect()
}

/// Sources that are served as they were, though something of them was to be read again.
fn sources_behind(shared: &Shared) -> Vec<String> {
    let state = shared.state.load();
    let sources = state.candidate.sources.iter();
    let behind = sources.filter(|(_, source)| source.is_behind());
    behind.map(|(name, _)| name.as_str().to_owned()).collect()
}

/// Says which read replicas do not answer any more, or do again. Their pools try them (`graphloom_pg`).
fn tell_of_replicas(shared: &Shared, told: &mut BTreeMap<(String, usize), String>) {
    let mut away = BTreeMap::new();
    for (name, source) in shared.state.load().candidate.sources.iter() {
        let replicas = source.routes.iter().flat_map(|routes| &routes.replicas);
        for (position, replica) in replicas.enumerate() {
            if let Some(reason) = replica.away() {
                away.insert((name.as_str().to_owned(), position), reason);
            }
        }
    }
    let before = std::mem::replace(told, away);
    for ((source, position), reason) in told.iter() {
        if !before.contains_key(&(source.clone(), *position)) {
            shared.tell(&AdminEvent::ReplicaUnavailable {
                source: source.clone(),
                position: *position,
                reason: reason.clone(),
            });
        }
    }
    let back = before.into_keys().filter(|key| !told.contains_key(key));
    for (source, position) in back {
        shared.tell(&AdminEvent::ReplicaRecovered { source, position });
    }
}

/// Those of the named sources that can be used now, and are served from here on.
async fn try_again<'a>(shared: &Arc<Shared>, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut attempts = JoinSet::new();
    {
        let state = shared.state.load();
        for name in names {
            let source = state.candidate.sources.get(name);
            if let Some(pool) = source.and_then(|source| source.pool.clone()) {
                let name = name.to_owned();
                attempts.spawn(async move { pool.get().await.is_ok().then_some(name) });
            }
        }
    }
    let reached = attempts.join_all().await;
    let mut reachable: Vec<String> = reached.into_iter().flatten().collect();
    if reachable.is_empty() {
        return reachable;
    }
    let _writer = shared.writer.lock().await;
    let work = Work::begin(shared);
    let refresh = Refresh::sources(reachable.iter().map(String::as_str)).keeping_unreachable();
    let candidate = work.candidate(work.metadata().clone(), &refresh).await;
    let version = work.version;
    shared.publish(State { version, candidate });
    let (failed, behind) = (failed_sources(shared), sources_behind(shared));
    reachable.retain(|name| !failed.contains_key(name) && !behind.contains(name));
    reachable
}

/// Asks for the stored version, and reads the document anew when another instance has changed it: when a change
/// is heard of, and at least once per interval.
async fn synchronize(shared: Weak<Shared>, interval: Duration) {
    let mut is_failing = false;
    let mut listener = None;
    loop {
        wait(&shared, &mut listener, interval).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        match sync(&shared).await {
            Ok(CatchUp::Current) => is_failing = false,
            Ok(CatchUp::Reloaded) => {
                is_failing = false;
                let resource_version = shared.state.load().version.number();
                shared.tell(&AdminEvent::Synchronized { resource_version });
            }
            Err(reason) => {
                if !is_failing {
                    shared.tell(&AdminEvent::SyncFailed { reason });
                }
                is_failing = true;
            }
        }
    }
}

/// Waits until a change is heard of, or an interval has passed. Whoever has just begun to listen may have missed
/// one, and does not wait.
async fn wait(shared: &Weak<Shared>, listener: &mut Option<Listener>, interval: Duration) {
    let Some(listening) = listener else {
        tokio::time::sleep(interval.min(LISTEN_PAUSE)).await;
        let Some(store) = shared.upgrade().map(|shared| shared.store.clone()) else {
            return;
        };
        let begun = tokio::time::timeout(LISTEN_LIMIT, store.listen()).await;
        *listener = begun.ok().and_then(Result::ok);
        return;
    };
    if let Ok(Err(_)) = tokio::time::timeout(interval, listening.heard()).await {
        *listener = None;
    }
}

async fn sync(shared: &Arc<Shared>) -> Result<CatchUp, String> {
    let known = shared.state.load().version;
    let current = shared.store.current_version().await;
    if current.map_err(|error| error.to_string())? == known {
        return Ok(CatchUp::Current);
    }
    let _writer = shared.writer.lock().await;
    let mut work = Work::begin(shared);
    let caught_up = work.catch_up().await;
    let caught_up = caught_up.map_err(|error| error.message().to_owned())?;
    if caught_up == CatchUp::Reloaded {
        shared.publish(State {
            version: work.version,
            candidate: work.candidate,
        });
    }
    Ok(caught_up)
}
