//! What is tried: metadata, the schema made of it, and where its databases are.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_execute::{Engine, EngineOptions, Snapshot};
use graphloom_metadata::Metadata;
use graphloom_pg::{PgError, Pool, Purpose, Rehearsal};
use graphloom_schema::SchemaCache;
use graphloom_vocab::{Error, Result, SourceName};

/// Metadata as it would be served.
#[derive(Clone, Debug)]
pub struct World {
    /// The document.
    pub metadata: Arc<Metadata>,
    /// What is made of it.
    pub schema: Arc<SchemaCache>,
    /// Where its sources are.
    pub pools: HashMap<SourceName, Pool>,
    /// The engine's limits, as the server has them.
    pub options: EngineOptions,
}

/// The databases of a world, inside transactions that are never committed.
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) schema: Arc<SchemaCache>,
    rehearsals: HashMap<SourceName, Rehearsal>,
}

impl World {
    /// Makes the databases ready to try something. Opens nothing before it is needed.
    pub(crate) fn stage(&self) -> Stage {
        let rehearsals: HashMap<_, _> = self
            .pools
            .iter()
            .map(|(name, pool)| (name.clone(), Rehearsal::of(pool)))
            .collect();
        let pools = rehearsals.iter();
        let snapshot = Snapshot {
            generation: 1,
            schema: self.schema.clone(),
            pools: pools
                .map(|(name, rehearsal)| (name.clone(), rehearsal.pool().clone()))
                .collect(),
            // Everything happens in the one transaction that is rolled back, on the primary.
            routes: HashMap::new(),
        };
        // Nothing outside is called: what a webhook does cannot be taken back.
        let engine = Engine::new(self.options);
        engine.replace(Arc::new(snapshot));
        Stage {
            engine,
            schema: self.schema.clone(),
            rehearsals,
        }
    }
}

impl Stage {
    /// The transaction in a source's database.
    pub(crate) fn rehearsal(&self, source: &SourceName) -> Result<&Rehearsal> {
        let missing = || Error::validation(format!("the source \"{source}\" is not served"));
        self.rehearsals.get(source).ok_or_else(missing)
    }

    /// Runs a user's SQL in a source's database.
    pub(crate) async fn run_sql(&self, source: &SourceName, sql: &str) -> Result<()> {
        let run = self.rehearsal(source)?.run(sql).await;
        run.map_err(|error| Error::validation(words(&error)))
    }

    /// Rolls everything back.
    pub(crate) async fn end(self) -> Result<()> {
        let mut ended = Ok(());
        for rehearsal in self.rehearsals.into_values() {
            let one = rehearsal.end().await;
            ended = ended.and(one.map_err(|error| Error::validation(words(&error))));
        }
        ended
    }
}

/// What Postgres says, for whoever may see everything.
fn words(error: &PgError) -> String {
    match error.database() {
        Some(database) => database.message.clone(),
        None => error.to_error(Purpose::Operation).message().to_owned(),
    }
}
