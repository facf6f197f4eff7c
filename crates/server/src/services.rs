//! What the server needs of the layers below: one trait, so that tests can stand in for a database.
//!
//! The real implementation is [`Wired`]; nothing else in this crate names the engine or the
//! administration.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use graphloom_admin::{Admin, Health};
use graphloom_execute::{Engine, Executed, GraphqlRequest, Streamed};
use graphloom_pg::LibpqVariables;
use graphloom_subscribe::{Hub, Subscription};
use graphloom_vocab::{Error, ErrorCode, Json, JsonObject, Result, Session};
use tokio::sync::watch;

/// A future that a trait object can return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of a request on a transport that can carry many answers.
pub enum Started {
    /// It was run.
    Answer(Executed),
    /// It is a subscription.
    Live(Subscription),
}

/// Everything that answers requests.
pub trait Services: Send + Sync + 'static {
    /// Runs one GraphQL request.
    fn graphql<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Executed>>;

    /// Runs one GraphQL request, whose answer may come in parts.
    fn stream<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Streamed>> {
        Box::pin(async move { Ok(self.graphql(session, request).await?.into()) })
    }

    /// Runs one GraphQL request, or begins to follow a subscription.
    fn start<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Started>> {
        Box::pin(async move {
            let executed = self.graphql(session, request).await?;
            Ok(Started::Answer(executed))
        })
    }

    /// Lets a request's operations in, or refuses all of them for their number or rate. `address` is the
    /// client's.
    fn admit(&self, _session: &Session, _address: IpAddr, _operations: usize) -> Result<()> {
        Ok(())
    }

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

    /// For `/healthz/sources`: `{source: {"status", "error"}}`.
    fn source_health(&self) -> Answer<'_, JsonObject> {
        Box::pin(async { JsonObject::new() })
    }

    /// How a program of Postgres's own reaches a source. Errors: `not-found`; `not-supported` if it cannot.
    fn dump_connection(&self, source: &str) -> Result<LibpqVariables> {
        Err(no_source(source))
    }

    /// What metadata adds to `/v1alpha1/config`.
    fn config(&self) -> JsonObject;

    /// Who follows which subscriptions; `None` if nobody can.
    fn hub(&self) -> Option<&Hub> {
        None
    }

    /// Tells the schema generation that is served, whenever it changes; `None` if it never does.
    fn generations(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}

/// v2's words for a source that `pg_dump` does not find.
fn no_source(source: &str) -> Error {
    Error::new(
        ErrorCode::NotFound,
        format!("source \"{source}\" not found"),
    )
}

/// The engine and the administration.
pub struct Wired {
    /// Runs requests.
    pub engine: Arc<Engine>,
    /// Runs commands.
    pub admin: Arc<Admin>,
    /// Follows subscriptions.
    pub hub: Hub,
}

impl Services for Wired {
    fn graphql<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Executed>> {
        Box::pin(self.engine.graphql(session, request))
    }

    fn stream<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Streamed>> {
        Box::pin(self.engine.stream(session, request))
    }

    fn start<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Started>> {
        Box::pin(async move {
            Ok(match self.engine.start(session, request).await? {
                graphloom_execute::Started::Answer(executed) => Started::Answer(executed),
                graphloom_execute::Started::Live(live) => {
                    Started::Live(self.hub.subscribe(live).await?)
                }
            })
        })
    }

    fn admit(&self, session: &Session, address: IpAddr, operations: usize) -> Result<()> {
        self.engine.admit(session, Some(address), operations)
    }

    fn explain<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Json>> {
        Box::pin(self.engine.explain(session, request))
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

    fn source_health(&self) -> Answer<'_, JsonObject> {
        Box::pin(self.admin.source_health())
    }

    fn dump_connection(&self, source: &str) -> Result<LibpqVariables> {
        let pool = self.admin.pool(source).ok_or_else(|| no_source(source))?;
        pool.connection_options()
            .libpq_variables()
            .map_err(|error| {
                let message = format!("source \"{source}\" cannot be dumped: {error} for pg_dump");
                Error::new(ErrorCode::NotSupported, message)
            })
    }

    fn config(&self) -> JsonObject {
        self.admin.config()
    }

    fn hub(&self) -> Option<&Hub> {
        Some(&self.hub)
    }

    fn generations(&self) -> Option<watch::Receiver<u64>> {
        Some(self.admin.generations())
    }
}
