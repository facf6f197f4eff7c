//! The administration service: one writer at a time over metadata, schema and sources.
//!
//! A request goes: decode → admin only → lock → catch up with other instances → run its commands on a
//! [`Work`] → store → serve. A request that changes nothing takes no lock and works on what is served.
//! Read next: `request.rs` (decoding), `run.rs` (commands), `work.rs` (what is kept).

use std::sync::Arc;
use std::time::Duration;

use graphloom_execute::Engine;
use graphloom_store::Store;
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, JsonObject, Result, Session, SourceName};
use tokio::sync::watch;

use crate::command::Command;
use crate::options::{AdminOptions, Changes};
use crate::request::{Endpoint, Request};
use crate::run;
use crate::source::Refresh;
use crate::work::{Shared, Work};
use crate::{background, health};

/// How long the metadata database may take for a sign of life.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// What `/healthz` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// All well.
    Ok,
    /// Serving, with inconsistent objects.
    Inconsistent,
    /// The metadata database does not answer.
    MetadataDatabaseDown,
}

/// Metadata, schema building and run_sql behind one lock.
pub struct Admin {
    shared: Arc<Shared>,
    /// Ends the background tasks when it is dropped.
    _background: background::Tasks,
}

impl Admin {
    /// Reads the stored document, opens its sources and has the engine serve them.
    ///
    /// A source that cannot be used is no error: its objects are inconsistent until it can. Errors are
    /// those of the metadata database and of a document that cannot be read.
    pub async fn start(
        options: AdminOptions,
        store: Store,
        engine: Arc<Engine>,
    ) -> Result<Arc<Self>> {
        let shared = Arc::new(Shared::new(options, store, engine));
        {
            let _writer = shared.writer.lock().await;
            begin(&shared).await?;
        }
        let background = background::start(&shared);
        Ok(Arc::new(Self {
            shared,
            _background: background,
        }))
    }

    /// `POST /v1/metadata`: `{type, version?, args, resource_version?}`. Admin only.
    pub async fn metadata(&self, session: &Session, body: Json) -> Result<Json> {
        self.serve(Endpoint::Metadata, session, body).await
    }

    /// `POST /v2/query`: `run_sql`, `bulk`, … Admin only.
    pub async fn query_v2(&self, session: &Session, body: Json) -> Result<Json> {
        self.serve(Endpoint::QueryV2, session, body).await
    }

    /// `POST /v1/query`: the deprecated combined API.
    pub async fn query_v1(&self, session: &Session, body: Json) -> Result<Json> {
        self.serve(Endpoint::QueryV1, session, body).await
    }

    /// For `/healthz`.
    pub async fn health(&self) -> Health {
        let ping = tokio::time::timeout(HEALTH_TIMEOUT, self.shared.store.ping());
        if !matches!(ping.await, Ok(Ok(()))) {
            return Health::MetadataDatabaseDown;
        }
        let state = self.shared.state.load();
        match state.candidate.schema().is_consistent() {
            true => Health::Ok,
            false => Health::Inconsistent,
        }
    }

    /// For `/healthz/sources`: `{source: {"status", "error"}}` of sources with a `health_check`.
    pub async fn source_health(&self) -> JsonObject {
        let state = self.shared.state.load_full();
        health::of_sources(&state.candidate).await
    }

    /// The pool of a source whose settings can be resolved.
    pub fn pool(&self, source: &str) -> Option<graphloom_pg::Pool> {
        let state = self.shared.state.load();
        state.candidate.sources.get(source)?.pool.clone()
    }

    /// Metadata-dependent parts of `GET /v1alpha1/config`: none yet.
    pub fn config(&self) -> JsonObject {
        JsonObject::new()
    }

    /// The version of the document that is served.
    pub fn resource_version(&self) -> i32 {
        self.shared.state.load().version.number()
    }

    /// Tells the schema generation that is served, whenever it changes.
    pub fn generations(&self) -> watch::Receiver<u64> {
        self.shared.served.subscribe()
    }

    /// One line per object that is not served, for the log: its name and why.
    pub fn inconsistencies(&self) -> Vec<String> {
        let state = self.shared.state.load();
        let found = state.candidate.schema().inconsistencies.iter();
        found.map(|i| format!("{}: {}", i.name, i.reason)).collect()
    }

    async fn serve(&self, endpoint: Endpoint, session: &Session, body: Json) -> Result<Json> {
        let request = Request::parse(endpoint, &body)?;
        if !session.role.is_admin() && !request.command.is_for_roles() {
            let message = "restricted access : admin only";
            let error = Error::new(ErrorCode::AccessDenied, message);
            return Err(error.at(ErrorPath::keys(&["args"])));
        }
        drop(body);
        // A task of its own: a client that goes away must not leave a change half-way.
        let shared = self.shared.clone();
        let session = session.clone();
        let done = tokio::spawn(async move { perform(shared, session, request).await }).await;
        done.unwrap_or_else(|_| Err(Error::unexpected("Internal Server Error")))
    }
}

async fn perform(shared: Arc<Shared>, session: Session, request: Request) -> Result<Json> {
    refuse_writing(shared.options.changes, &request.command)?;
    if !request.command.is_change() {
        let mut work = Work::begin(&shared);
        work.session = session;
        return run::run(&mut work, request.command).await;
    }
    let _writer = shared.writer.lock().await;
    let mut work = Work::begin(&shared);
    work.session = session;
    work.catch_up().await?;
    work.expect_version(request.resource_version)?;
    let result = run::run(&mut work, request.command).await?;
    work.commit().await?;
    Ok(result)
}

/// What maintenance mode and read-only mode forbid.
fn refuse_writing(changes: Changes, command: &Command) -> Result<()> {
    let not_supported = |message: &str| Err(Error::new(ErrorCode::NotSupported, message));
    match changes {
        Changes::Refused if command.is_change() => Err(Error::unexpected(
            "metadata cannot be modified in maintenance mode",
        )),
        Changes::ReadOnly if command.is_write() => {
            not_supported("Cannot run write queries when read-only mode is enabled")
        }
        Changes::ReadOnly if command.is_change() => {
            not_supported("metadata cannot be modified in read-only mode")
        }
        Changes::Allowed | Changes::Refused | Changes::ReadOnly => Ok(()),
    }
}

/// The first state: the stored document, with the `default` source if it has none at all.
async fn begin(shared: &Arc<Shared>) -> Result<()> {
    let stored = shared.store.load_text().await;
    let stored = stored.map_err(|error| error.to_error())?;
    let mut metadata = shared.read_document(&stored)?;
    drop(stored.document);
    let default = shared.options.default_source.as_ref();
    // In maintenance and read-only mode nothing is stored, not even this.
    let may_add = metadata.sources.is_empty() && shared.options.changes == Changes::Allowed;
    let added = default.filter(|_| may_add);
    if let Some(default) = added {
        let name = SourceName::new("default");
        let source = crate::apply::new_source(name.clone(), default.configuration());
        metadata.sources.insert(name, source);
    }
    let mut work = Work::begin(shared);
    work.version = stored.version;
    work.candidate = work.candidate(Arc::new(metadata), &Refresh::all()).await;
    if added.is_some() {
        return work.commit().await;
    }
    shared.publish(crate::state::State {
        version: work.version,
        candidate: work.candidate,
    });
    Ok(())
}
