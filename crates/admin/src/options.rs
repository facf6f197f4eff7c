//! What the administration needs to know of the process it runs in.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use graphloom_metadata::types::{ConnectionInfo, DatabaseUrl, SourceConfiguration};
use graphloom_schema::Settings;
use graphloom_vocab::{Json, JsonObject};
use serde_json::json;

/// Everything that is decided outside.
#[derive(Clone, Default)]
pub struct AdminOptions {
    /// The process environment, for `from_env` in metadata.
    pub environment: HashMap<String, String>,
    /// The `default` source that is added at start if the document has no source at all.
    pub default_source: Option<DefaultSource>,
    /// What the server's options say about schemas.
    pub schema: Settings,
    /// How often other instances are listened to; `None`: never (`SCHEMA_SYNC_POLL_INTERVAL=0`).
    pub sync_interval: Option<Duration>,
    /// `statement_timeout` of every session of a source; `None` leaves the server's.
    pub statement_timeout: Option<Duration>,
    /// What the path of a file with a connection string begins with; `None`: no such file is read
    /// (`HASURA_GRAPHQL_DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX`).
    pub secrets_prefix: Option<String>,
    /// Whether native queries are held against the database when they are tracked and read.
    pub native_queries: NativeQueries,
    /// Whether commands may change the metadata.
    pub changes: Changes,
    /// Told what happens outside of any request, for the log.
    pub observer: Option<Observer>,
}

/// Whether commands may change the metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Changes {
    /// They may.
    #[default]
    Allowed,
    /// Every one is refused, whoever asks (`HASURA_GRAPHQL_ENABLE_MAINTENANCE_MODE`); what is served is served
    /// on, and changes of other instances are followed.
    Refused,
    /// The same, and nothing is written to any source either (`GRAPHLOOM_READ_ONLY_MODE`).
    ReadOnly,
}

/// Whether statements that an admin wrote are held against the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NativeQueries {
    /// Postgres prepares each; one that it does not take, or whose rows are not as declared, is
    /// inconsistent.
    #[default]
    Checked,
    /// They are served as declared (`HASURA_GRAPHQL_DISABLE_NATIVE_QUERY_VALIDATION`).
    Trusted,
}

/// Receives [`AdminEvent`]s. Called from background tasks; must not block.
pub type Observer = Arc<dyn Fn(&AdminEvent) + Send + Sync>;

/// What happened outside of any request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminEvent {
    /// A source cannot be used; its objects are not served. It is tried again.
    SourceUnavailable {
        /// The source.
        source: String,
        /// Why, without any secret.
        reason: String,
    },
    /// A source that could not be used is served again.
    SourceRecovered {
        /// The source.
        source: String,
    },
    /// A read replica does not answer: others, or the primary, are asked in its place. It is tried again.
    ReplicaUnavailable {
        /// The source.
        source: String,
        /// Its place in `read_replicas`, from 0.
        position: usize,
        /// Why, without any secret.
        reason: String,
    },
    /// A read replica that did not answer has its share of the reads again.
    ReplicaRecovered {
        /// The source.
        source: String,
        /// Its place in `read_replicas`, from 0.
        position: usize,
    },
    /// Another instance changed the metadata, which has been read anew.
    Synchronized {
        /// The version that is served now.
        resource_version: i32,
    },
    /// The metadata database could not be asked for changes. It is asked again.
    SyncFailed {
        /// Why, without any secret.
        reason: String,
    },
}

/// The `default` source of a server that was given a database and has no metadata yet.
///
/// Its pool settings are written into the document, as v2 does.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultSource {
    /// Where it is.
    pub database_url: DatabaseUrl,
    /// `HASURA_GRAPHQL_PG_CONNECTIONS`
    pub max_connections: u32,
    /// `HASURA_GRAPHQL_PG_TIMEOUT`, in seconds.
    pub idle_timeout_s: u32,
    /// `HASURA_GRAPHQL_NO_OF_RETRIES`
    pub retries: u32,
    /// `HASURA_GRAPHQL_PG_CONN_LIFETIME`, in seconds; `None`: no limit.
    pub connection_lifetime_s: Option<u32>,
    /// `HASURA_GRAPHQL_PG_POOL_TIMEOUT`, in seconds.
    pub pool_timeout_s: Option<u32>,
    /// `HASURA_GRAPHQL_USE_PREPARED_STATEMENTS`
    pub use_prepared_statements: bool,
    /// `HASURA_GRAPHQL_TX_ISOLATION`: `read-committed`, `repeatable-read` or `serializable`.
    pub isolation_level: String,
}

impl DefaultSource {
    /// The variable that names the default source's database.
    pub const VARIABLE: &'static str = "HASURA_GRAPHQL_DATABASE_URL";

    /// A source whose URL is looked up in the environment at each start; the URL is not stored.
    pub fn from_environment() -> Self {
        Self::at(DatabaseUrl::FromEnv(Self::VARIABLE.to_owned()))
    }

    /// A source at a URL (`--database-url`), which is stored as it is.
    pub fn from_url(url: impl Into<String>) -> Self {
        Self::at(DatabaseUrl::Url(url.into()))
    }

    fn at(database_url: DatabaseUrl) -> Self {
        Self {
            database_url,
            max_connections: 50,
            idle_timeout_s: 180,
            retries: 1,
            connection_lifetime_s: Some(600),
            pool_timeout_s: None,
            use_prepared_statements: true,
            isolation_level: "read-committed".to_owned(),
        }
    }

    /// As the document has it.
    pub fn configuration(&self) -> SourceConfiguration {
        let mut settings = JsonObject::new();
        let mut set = |key: &str, value: Option<Json>| {
            if let Some(value) = value {
                settings.insert(key.to_owned(), value);
            }
        };
        set(
            "connection_lifetime",
            self.connection_lifetime_s.map(|s| json!(s)),
        );
        set("idle_timeout", Some(json!(self.idle_timeout_s)));
        set("max_connections", Some(json!(self.max_connections)));
        set("pool_timeout", self.pool_timeout_s.map(|s| json!(s)));
        set("retries", Some(json!(self.retries)));
        SourceConfiguration {
            connection_info: ConnectionInfo {
                database_url: Some(self.database_url.clone()),
                pool_settings: Some(settings),
                use_prepared_statements: Some(self.use_prepared_statements),
                isolation_level: Some(self.isolation_level.clone()),
                ssl_configuration: None,
                extra: JsonObject::new(),
            },
            extra: JsonObject::new(),
        }
    }
}

impl fmt::Debug for AdminOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the environment and the URL: both hold secrets.
        f.debug_struct("AdminOptions")
            .field("schema", &self.schema)
            .field("sync_interval", &self.sync_interval)
            .finish_non_exhaustive()
    }
}
