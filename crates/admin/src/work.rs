//! One request's work: what it has made of the state so far, and whether that is kept.
//!
//! A request sees its own changes; nobody else does until [`Work::commit`]. What fails leaves nothing
//! behind in the document or the served schema.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use graphloom_execute::{Engine, heavy};
use graphloom_metadata::{Metadata, ReadTables, TableTexts};
use graphloom_schema::{SchemaCache, SourceInfo};
use graphloom_store::{ResourceVersion, Store, StoredText};
use graphloom_vocab::{Error, ErrorCode, Json, Result, Session, SourceName};
use tokio::sync::{Mutex, watch};

use crate::check::Check;
use crate::error;
use crate::options::AdminOptions;
use crate::source::{Environment, Refresh, SourceRuntime};
use crate::state::{Candidate, State, Workshop};

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) options: AdminOptions,
    pub(crate) environment: Arc<Environment>,
    pub(crate) store: Store,
    pub(crate) engine: Arc<Engine>,
    pub(crate) state: ArcSwap<State>,
    /// Held by whoever may replace the state.
    pub(crate) writer: Mutex<()>,
    /// Tells the generation that is served.
    pub(crate) served: watch::Sender<u64>,
    generations: AtomicU64,
    /// Of the document that was stored last.
    texts: std::sync::Mutex<TableTexts>,
    /// Of the document that was read last.
    read: std::sync::Mutex<ReadTables>,
}

impl Shared {
    pub(crate) fn new(mut options: AdminOptions, store: Store, engine: Arc<Engine>) -> Self {
        let environment = Arc::new(Environment {
            variables: std::mem::take(&mut options.environment),
            statement_timeout: options.statement_timeout,
            secrets_prefix: options.secrets_prefix.clone(),
            native_queries: options.native_queries,
        });
        let state = State {
            version: ResourceVersion::INITIAL,
            candidate: Candidate::empty(),
        };
        Self {
            options,
            environment,
            store,
            engine,
            state: ArcSwap::from_pointee(state),
            writer: Mutex::new(()),
            served: watch::Sender::new(0),
            generations: AtomicU64::new(1),
            texts: std::sync::Mutex::default(),
            read: std::sync::Mutex::default(),
        }
    }

    fn document_text(&self, metadata: &Metadata) -> String {
        let mut texts = self.texts.lock().expect("no panic while this lock is held");
        metadata.to_text(&mut texts)
    }

    /// The stored document; a catalog without one is an empty document.
    pub(crate) fn read_document(&self, stored: &StoredText) -> Result<Metadata> {
        let Some(text) = &stored.document else {
            return Ok(Metadata::default());
        };
        let mut known = self.read.lock().expect("no panic while this lock is held");
        if let Some(metadata) = Metadata::from_stored_text(text, &mut known) {
            return Ok(metadata);
        }
        let document = stored.parse().map_err(|error| error.to_error())?;
        read_document(&document)
    }

    fn workshop(&self) -> Workshop<'_> {
        Workshop {
            environment: &self.environment,
            settings: self.options.schema,
            generation: self.generations.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Makes a state the one that is served.
    pub(crate) fn publish(&self, state: State) {
        let snapshot = state.candidate.snapshot.clone();
        let generation = snapshot.generation;
        self.state.store(Arc::new(state));
        self.engine.replace(snapshot);
        self.served.send_replace(generation);
    }
}

/// A request's own view of the state.
pub(crate) struct Work {
    /// Who asks; the admin where nobody does.
    pub(crate) session: Session,
    pub(crate) shared: Arc<Shared>,
    pub(crate) version: ResourceVersion,
    pub(crate) candidate: Candidate,
    /// What other instances have to read again.
    touched: Refresh,
}

/// A point to go back to.
pub(crate) struct Mark {
    candidate: Candidate,
    touched: Refresh,
}

impl Work {
    /// Begins from what is served.
    pub(crate) fn begin(shared: &Arc<Shared>) -> Self {
        let state = shared.state.load();
        Self {
            session: Session::admin(),
            shared: shared.clone(),
            version: state.version,
            candidate: state.candidate.clone(),
            touched: Refresh::nothing(),
        }
    }

    /// The same view for a command that changes nothing and runs beside others.
    pub(crate) fn another(&self) -> Self {
        Self {
            session: self.session.clone(),
            shared: self.shared.clone(),
            version: self.version,
            candidate: self.candidate.clone(),
            touched: Refresh::nothing(),
        }
    }

    pub(crate) fn metadata(&self) -> &Arc<Metadata> {
        &self.candidate.metadata
    }

    pub(crate) fn schema(&self) -> &SchemaCache {
        self.candidate.schema()
    }

    /// A source that is served; `not-exists` if there is none, `unexpected` if it is inconsistent.
    pub(crate) fn source(&self, name: &SourceName) -> Result<&SourceInfo> {
        let found = self.schema().sources.get(name);
        found.ok_or_else(|| error::no_source(self.metadata(), name))
    }

    /// The database of a source that is served.
    pub(crate) fn runtime(&self, name: &SourceName) -> Result<&SourceRuntime> {
        self.source(name)?;
        let found = self.candidate.sources.get(name);
        found.ok_or_else(|| error::no_source(self.metadata(), name))
    }

    /// What another document would make, without deciding about it.
    pub(crate) async fn candidate(&self, metadata: Arc<Metadata>, refresh: &Refresh) -> Candidate {
        let workshop = self.shared.workshop();
        self.candidate.change(metadata, refresh, workshop).await
    }

    /// The same, with a source's runtime given instead of opened.
    pub(crate) fn candidate_with(
        &self,
        metadata: Arc<Metadata>,
        source: &SourceName,
        runtime: SourceRuntime,
    ) -> Candidate {
        let mut sources = (*self.candidate.sources).clone();
        sources.insert(source.clone(), runtime);
        self.candidate
            .with(metadata, sources, &self.shared.workshop())
    }

    /// Changes the document, unless the result has inconsistencies that the check refuses.
    pub(crate) async fn change(
        &mut self,
        metadata: Metadata,
        refresh: &Refresh,
        check: &Check,
    ) -> Result<()> {
        let candidate = self.candidate(Arc::new(metadata), refresh).await;
        check.run(self.schema(), &candidate)?;
        self.keep(candidate, refresh);
        Ok(())
    }

    /// Goes on from a candidate; other instances read again what was read for it.
    pub(crate) fn keep(&mut self, candidate: Candidate, refresh: &Refresh) {
        self.candidate = candidate;
        let touched = std::mem::take(&mut self.touched);
        self.touched = touched.and(refresh);
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            candidate: self.candidate.clone(),
            touched: self.touched.clone(),
        }
    }

    pub(crate) fn go_back(&mut self, mark: Mark) {
        self.candidate = mark.candidate;
        self.touched = mark.touched;
    }

    /// Stores the document in place of the one the work began from, and serves the result.
    ///
    /// `conflict` if somebody else has stored one meanwhile; then nothing is kept.
    pub(crate) async fn commit(self) -> Result<()> {
        let document = heavy::run(|| self.shared.document_text(self.metadata()));
        let change = self.touched.to_change();
        let saved = self.shared.store.save(&document, self.version, &change);
        let version = saved.await.map_err(|error| error.to_error())?;
        self.shared.publish(State {
            version,
            candidate: self.candidate,
        });
        Ok(())
    }

    /// Reads the stored document if it is not the one the work began from.
    pub(crate) async fn catch_up(&mut self) -> Result<CatchUp> {
        let store = &self.shared.store;
        let current = store.current_version().await;
        let current = current.map_err(|error| error.to_error())?;
        if current == self.version {
            return Ok(CatchUp::Current);
        }
        let stored = store.load_text().await.map_err(|error| error.to_error())?;
        let changed = store.change_between(self.version, stored.version).await;
        let refresh = match changed.map_err(|error| error.to_error())? {
            Some(change) => Refresh::of_change(change),
            // Any source may have changed.
            None => Refresh::all(),
        };
        let metadata = heavy::run(|| self.shared.read_document(&stored))?;
        drop(stored.document);
        let refresh = refresh.keeping_unreachable();
        self.candidate = self.candidate(Arc::new(metadata), &refresh).await;
        self.version = stored.version;
        Ok(CatchUp::Reloaded)
    }

    /// Fails if the client has seen another version than the one the work began from.
    pub(crate) fn expect_version(&self, seen: Option<i64>) -> Result<()> {
        match seen {
            Some(seen) if seen != i64::from(self.version.number()) => {
                let message = format!(
                    "metadata resource version referenced ({seen}) did not match current version"
                );
                Err(Error::new(ErrorCode::Conflict, message))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the stored document was another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CatchUp {
    Current,
    Reloaded,
}

/// A document as it is stored; null is an empty one.
pub(crate) fn read_document(document: &Json) -> Result<Metadata> {
    if document.is_null() {
        return Ok(Metadata::default());
    }
    Metadata::from_json(document).map_err(|error| {
        let message = format!(
            "the stored metadata cannot be read: {} (at {})",
            error.message(),
            error.path()
        );
        Error::unexpected(message)
    })
}
