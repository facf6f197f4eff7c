//! The engine: the current snapshot, and the request path as a list.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_vocab::{Error, Result, Session, SourceName};

use crate::{Executed, GraphqlRequest};

/// Everything a request needs, at one schema generation; replaced as a whole.
pub struct Snapshot {
    /// One pool per consistent source.
    pub pools: HashMap<SourceName, graphloom_pg::Pool>,
}

/// Runs GraphQL requests against the current snapshot.
pub struct Engine {}

impl Engine {
    /// Runs one request to the end.
    ///
    /// Subscriptions are refused with `not-supported` until live queries are built. Errors carry
    /// code and path as clients expect them; the transport chooses status and envelope.
    pub async fn graphql(&self, session: &Session, request: &GraphqlRequest) -> Result<Executed> {
        let _ = (session, request);
        Err(Error::unexpected("not wired yet"))
    }

    /// Replaces the snapshot; requests under way finish on the old one.
    pub fn replace(&self, snapshot: Arc<Snapshot>) {
        let _ = snapshot;
    }
}
