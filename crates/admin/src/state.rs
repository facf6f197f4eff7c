//! What is served: the document, its version, the sources and the snapshot made of them.
//!
//! A [`Candidate`] is the same before it is decided whether it is served. Making one reads databases
//! and changes nothing; `work.rs` decides.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_execute::{Snapshot, heavy};
use graphloom_metadata::Metadata;
use graphloom_schema::{CatalogResult, Inconsistency, SchemaCache, Settings};
use graphloom_store::ResourceVersion;
use graphloom_vocab::{Json, SourceName};
use tokio::task::JoinSet;

use crate::source::{Environment, Refresh, SourceRuntime};

/// What is served.
#[derive(Clone)]
pub(crate) struct State {
    /// The stored version it was made from.
    pub(crate) version: ResourceVersion,
    /// What is served.
    pub(crate) candidate: Candidate,
}

/// A document with its sources and schema.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) sources: Arc<HashMap<SourceName, SourceRuntime>>,
    pub(crate) snapshot: Arc<Snapshot>,
}

/// What a candidate is made with.
pub(crate) struct Workshop<'a> {
    pub(crate) environment: &'a Arc<Environment>,
    pub(crate) settings: Settings,
    /// Of the snapshot; no two have the same.
    pub(crate) generation: u64,
}

impl Candidate {
    /// Nothing at all.
    pub(crate) fn empty() -> Self {
        Self {
            metadata: Arc::default(),
            sources: Arc::default(),
            snapshot: Arc::default(),
        }
    }

    /// This one with another document; sources are opened and read as far as needed.
    pub(crate) async fn change(
        &self,
        metadata: Arc<Metadata>,
        refresh: &Refresh,
        workshop: Workshop<'_>,
    ) -> Self {
        let metadata = self.sharing_tables(metadata);
        let sources = self.open(&metadata, refresh, workshop.environment).await;
        self.with(metadata, sources, &workshop)
    }

    /// The same where the sources are open. Costs what differs from this candidate.
    pub(crate) fn with(
        &self,
        metadata: Arc<Metadata>,
        sources: HashMap<SourceName, SourceRuntime>,
        workshop: &Workshop<'_>,
    ) -> Self {
        let metadata = self.sharing_tables(metadata);
        let catalogs: HashMap<SourceName, CatalogResult> = sources
            .iter()
            .map(|(name, source)| {
                let catalog = source.catalog.clone();
                (
                    name.clone(),
                    catalog.map_err(|failure| failure.reason.into()),
                )
            })
            .collect();
        let settings = workshop.settings;
        let before = self.schema();
        let schema =
            heavy::run(|| graphloom_schema::rebuild(&metadata, &catalogs, settings, before));
        let pools = schema.sources.keys().filter_map(|name| {
            let pool = sources.get(name)?.pool.clone()?;
            Some((name.clone(), pool))
        });
        let routes = sources.iter().filter_map(|(name, source)| {
            let routes = source.routes.clone()?;
            Some((name.clone(), routes))
        });
        let snapshot = Snapshot {
            generation: workshop.generation,
            pools: pools.collect(),
            schema: schema.into(),
            routes: routes.collect(),
        };
        Self {
            metadata,
            sources: Arc::new(sources),
            snapshot: Arc::new(snapshot),
        }
    }

    /// The document with the very tables of ours that it has as well, wherever it came from.
    fn sharing_tables(&self, mut metadata: Arc<Metadata>) -> Arc<Metadata> {
        if let Some(metadata) = Arc::get_mut(&mut metadata) {
            metadata.share_tables(&self.metadata);
        }
        metadata
    }

    /// All sources of a document side by side, so that one that does not answer holds up no other.
    async fn open(
        &self,
        metadata: &Arc<Metadata>,
        refresh: &Refresh,
        environment: &Arc<Environment>,
    ) -> HashMap<SourceName, SourceRuntime> {
        let mut tasks = JoinSet::new();
        for source in metadata.sources.values().filter(|s| s.is_postgres()) {
            let name = source.name.clone();
            let before = self.sources.get(&name).cloned();
            let refresh = refresh.of(name.as_str());
            let (metadata, environment) = (metadata.clone(), environment.clone());
            tasks.spawn(async move {
                let source = &metadata.sources[&name];
                let open = SourceRuntime::open(source, before.as_ref(), refresh, &environment);
                let runtime = open.await;
                (name, runtime)
            });
        }
        tasks.join_all().await.into_iter().collect()
    }

    /// The resolved document.
    pub(crate) fn schema(&self) -> &SchemaCache {
        &self.snapshot.schema
    }

    /// Inconsistencies as the API shows them; those of sources say what the cause was.
    pub(crate) fn render(&self, inconsistencies: &[&Inconsistency]) -> Json {
        let one = |found: &&Inconsistency| {
            let mut json = found.to_json();
            if let (Some(message), Some(object)) = (self.message(found), json.as_object_mut()) {
                object.insert("message".to_owned(), Json::from(message));
            }
            json
        };
        inconsistencies.iter().map(one).collect()
    }

    fn message(&self, inconsistency: &Inconsistency) -> Option<&str> {
        if inconsistency.kind != "source" {
            return None;
        }
        let name = inconsistency.name.strip_prefix("source ")?;
        let failure = self.sources.get(name)?.catalog.as_ref().err()?;
        failure.message.as_deref()
    }
}
