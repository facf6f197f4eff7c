//! What the server needs of the layers below: one trait, so that tests can stand in for a database.
//!
//! The real implementation is [`Wired`]; nothing else in this crate names the engine or the
//! administration.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use graphloom_admin::{Admin, Health};
use graphloom_execute::{Engine, Executed, Explained, GraphqlRequest};
use graphloom_vocab::{Json, JsonObject, Result, Session};
use tokio::sync::watch;

/// A future that a trait object can return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything that answers requests.
pub trait Services: Send + Sync + 'static {
    /// Runs one GraphQL request.
    fn graphql<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Executed>>;

    /// `POST /v1/graphql/explain`, for admins.
    fn explain<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Json>>;

    /// `POST /v1/metadata`
    fn metadata<'a>(&'a self, session: &'a Session, body: Json) -> Answer<'a, Result<Json>>;

    /// `POST /v2/query`
    fn query_v2<'a>(&'a self, session: &'a Session, body: Json) -> Answer<'a, Result<Json>>;

    /// `POST /v1/query`
    fn query_v1<'a>(&'a self, session: &'a Session, body: Json) -> Answer<'a, Result<Json>>;

    /// For `/healthz`.
    fn health(&self) -> Answer<'_, Health>;

    /// What metadata adds to `/v1alpha1/config`.
    fn config(&self) -> JsonObject;

    /// Tells the schema generation that is served, whenever it changes; `None` if it never does.
    fn generations(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}

/// The engine and the administration.
pub struct Wired {
    /// Runs requests.
    pub engine: Arc<Engine>,
    /// Runs commands.
    pub admin: Arc<Admin>,
}

impl Services for Wired {
    fn graphql<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Executed>> {
        Box::pin(self.engine.graphql(session, request))
    }

    fn explain<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Json>> {
        Box::pin(async move {
            let explained = self.engine.explain(session, request).await?;
            Ok(explained.iter().map(Explained::to_json).collect())
        })
    }

    fn metadata<'a>(&'a self, session: &'a Session, body: Json) -> Answer<'a, Result<Json>> {
        Box::pin(self.admin.metadata(session, body))
    }

    fn query_v2<'a>(&'a self, session: &'a Session, body: Json) -> Answer<'a, Result<Json>> {
        Box::pin(self.admin.query_v2(session, body))
    }

    fn query_v1<'a>(&'a self, session: &'a Session, body: Json) -> Answer<'a, Result<Json>> {
        Box::pin(self.admin.query_v1(session, body))
    }

    fn health(&self) -> Answer<'_, Health> {
        Box::pin(self.admin.health())
    }

    fn config(&self) -> JsonObject {
        self.admin.config()
    }

    fn generations(&self) -> Option<watch::Receiver<u64>> {
        Some(self.admin.generations())
    }
}
