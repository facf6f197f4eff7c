//! What a document would serve, made without a metadata database: nothing is stored, published or begun.
//!
//! For commands that look at permissions from outside of any server. Read `state.rs`, which makes it.

use std::sync::Arc;

use graphloom_execute::Snapshot;
use graphloom_metadata::Metadata;
use graphloom_vocab::{Json, Result, SourceName};

use crate::options::AdminOptions;
use crate::source::{Environment, Refresh};
use crate::state::{Candidate, Workshop};
use crate::work::read_document;

/// What a document would serve.
#[derive(Clone)]
pub struct Preview {
    /// The document, with the `default` source of the options if it has none.
    pub metadata: Arc<Metadata>,
    /// What would be served; its pools are open.
    pub snapshot: Arc<Snapshot>,
    /// What would not be, and why: a line for each object.
    pub inconsistencies: Vec<String>,
    /// Sources whose database does not answer, and why; without any secret.
    pub unreachable: Vec<String>,
}

impl Preview {
    /// Reads the sources of a document and resolves it. Errors are those of a document that cannot be read.
    pub async fn of(options: AdminOptions, document: &Json) -> Result<Self> {
        let mut metadata = read_document(document)?;
        if let Some(default) = options.default_source.as_ref()
            && metadata.sources.is_empty()
        {
            let name = SourceName::new("default");
            let source = crate::apply::new_source(name.clone(), default.configuration());
            metadata.sources.insert(name, source);
        }
        let environment = Arc::new(Environment {
            variables: options.environment,
            statement_timeout: options.statement_timeout,
            secrets_prefix: options.secrets_prefix,
            native_queries: options.native_queries,
        });
        let workshop = Workshop {
            environment: &environment,
            settings: options.schema,
            generation: 1,
        };
        let metadata = Arc::new(metadata);
        let empty = Candidate::empty();
        let candidate = empty.change(metadata, &Refresh::all(), workshop).await;
        let failures = candidate.sources.iter().filter_map(|(name, source)| {
            let failure = source.catalog.as_ref().err()?;
            let reason = failure.message.as_ref().unwrap_or(&failure.reason);
            Some(format!("source {name}: {reason}"))
        });
        let mut unreachable: Vec<String> = failures.collect();
        unreachable.sort();
        let found = candidate.schema().inconsistencies.iter();
        Ok(Self {
            inconsistencies: found.map(|i| format!("{}: {}", i.name, i.reason)).collect(),
            unreachable,
            metadata: candidate.metadata,
            snapshot: candidate.snapshot,
        })
    }
}
