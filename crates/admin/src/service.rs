//! The administration service: one writer at a time over metadata, schema and sources.

use std::collections::HashMap;

use graphloom_vocab::{Error, Json, JsonObject, Result, Session};

/// What the service needs to know of the process it runs in.
#[derive(Clone, Debug, Default)]
pub struct AdminOptions {
    /// The process environment, for `from_env` and `{{VAR}}` in metadata.
    pub environment: HashMap<String, String>,
    /// The URL of the `default` source when metadata has none (`HASURA_GRAPHQL_DATABASE_URL`).
    pub default_database_url: Option<String>,
}

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
pub struct Admin {}

impl Admin {
    /// `POST /v1/metadata`: `{type, version?, args, resource_version?}`. Admin only.
    pub async fn metadata(&self, session: &Session, body: Json) -> Result<Json> {
        let _ = (session, body);
        Err(Error::unexpected("not wired yet"))
    }

    /// `POST /v2/query`: `run_sql`, `bulk`, … Admin only.
    pub async fn query_v2(&self, session: &Session, body: Json) -> Result<Json> {
        let _ = (session, body);
        Err(Error::unexpected("not wired yet"))
    }

    /// `POST /v1/query`: the deprecated combined API.
    pub async fn query_v1(&self, session: &Session, body: Json) -> Result<Json> {
        let _ = (session, body);
        Err(Error::unexpected("not wired yet"))
    }

    /// For `/healthz`.
    pub async fn health(&self) -> Health {
        Health::MetadataDatabaseDown
    }

    /// Metadata-dependent parts of `GET /v1alpha1/config`.
    pub fn config(&self) -> JsonObject {
        JsonObject::new()
    }
}
