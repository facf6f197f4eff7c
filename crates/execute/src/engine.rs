//! The engine: the current snapshot, and the request path as a list.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use graphloom_schema::SchemaCache;
use graphloom_vocab::{Error, Result, Session, SourceName};

use crate::{Executed, GraphqlRequest};

/// Everything a request needs, at one schema generation; replaced as a whole.
#[derive(Default)]
pub struct Snapshot {
    /// Counts up with every replacement; plans of other generations are not served.
    pub generation: u64,
    /// All resolved metadata.
    pub schema: SchemaCache,
    /// One pool per source that can be served.
    pub pools: HashMap<SourceName, graphloom_pg::Pool>,
}

/// Runs GraphQL requests against the current snapshot.
pub struct Engine {
    snapshot: ArcSwap<Snapshot>,
}

impl Engine {
    /// An engine that serves nothing until its first snapshot.
    pub fn new() -> Self {
        Self { snapshot: ArcSwap::from_pointee(Snapshot::default()) }
    }

    /// Runs one request to the end.
    ///
    /// Subscriptions are refused with `not-supported` until live queries are built. Errors carry
    /// code and path as clients expect them; the transport chooses status and envelope.
    pub async fn graphql(&self, session: &Session, request: &GraphqlRequest) -> Result<Executed> {
        let _ = (session, request);
        Err(Error::unexpected("not wired yet"))
    }

    /// The snapshot that new requests run against.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Replaces the snapshot; requests under way finish on the old one.
    pub fn replace(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.store(snapshot);
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}
