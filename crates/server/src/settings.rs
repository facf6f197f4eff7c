//! What the server is told, typed: the values of the options table under the names of their use.
//!
//! Types only; `settings/read.rs` fills them from the options. Opens nothing.

mod read;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use graphloom_admin::Changes;
use graphloom_auth::AuthConfig;
use graphloom_execute::{AllowListMode, DocumentLimits, OperationLimits};
use graphloom_outbound::Client;
use graphloom_subscribe::ChangeSignals;

use crate::cors::Cors;
use crate::log::{Level, LogFormat, LogType};

/// Everything `serve` is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen, and how much of a client is borne.
    pub listen: ListenSettings,
    /// What is served, and how it is answered.
    pub http: HttpSettings,
    /// How websockets behave.
    pub websocket: WebsocketSettings,
    /// What is logged.
    pub log: LogSettings,
    /// Which databases, and how they are used.
    pub database: DatabaseSettings,
    /// How requests are authenticated.
    pub auth: AuthConfig,
    /// How long after a fetch of published keys an unknown key causes no other.
    pub jwk_window: Duration,
    /// The client of every call to another server.
    pub outbound: Client,
    /// Whether bigint, numeric and double precision are shown as strings.
    pub stringify_numeric_types: bool,
    /// Whether a condition whose operand is null is left out.
    pub drops_null_operands: bool,
    /// Whether native queries are served as declared, without asking the database.
    pub trust_native_queries: bool,
    /// Whether commands may change the metadata.
    pub changes: Changes,
    /// In which sources triggers tell subscriptions of changes.
    pub change_signals: ChangeSignals,
}

/// Where to listen, and how much of a client is borne.
#[derive(Clone, Debug)]
pub struct ListenSettings {
    /// `*`, a name or an address.
    pub host: String,
    /// 0 takes a free port.
    pub port: u16,
    /// Most open connections.
    pub connections_max: usize,
    /// Most bytes of a request's line and headers.
    pub header_bytes_max: usize,
    /// Time for a request's headers, and between requests.
    pub header_timeout: Duration,
    /// Time that requests under way have at shutdown.
    pub shutdown_timeout: Duration,
}

/// What is served, and how it is answered.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The enabled APIs.
    pub apis: HashSet<Api>,
    /// Whether the console is served.
    pub console: Console,
    /// Whether relay is enabled.
    pub relay: Relay,
    /// Which origins may read answers.
    pub cors: Cors,
    /// Who may connect by name.
    pub hosts: Hosts,
    /// Who sees `internal`.
    pub internal_errors: InternalErrors,
    /// What `/v1/graphql` answers to a failed authentication.
    pub unauthorized_status: UnauthorizedStatus,
    /// Most bytes of a body per endpoint.
    pub body_limits: BodyLimits,
    /// Time for a request's body.
    pub body_timeout: Duration,
    /// Most bytes of all bodies together.
    pub body_memory_bytes: usize,
    /// Most operations in one batch.
    pub batch_max: usize,
    /// Ceilings of one operation.
    pub ceilings: Ceilings,
    /// How `pg_dump` is run.
    pub pg_dump: PgDumpSettings,
    /// Automatic persisted queries, where they are on.
    pub persisted: Option<PersistedSettings>,
    /// What `/v1alpha1/config` repeats and nothing here uses.
    pub reported: Reported,
}

/// Ceilings of one operation, whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// Of its document's text.
    pub document: DocumentLimits,
    /// Of what the document asks for.
    pub operation: OperationLimits,
    /// Most bytes of its variables.
    pub variables_bytes: usize,
}

/// How `pg_dump` is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgDumpSettings {
    /// The program: a path, or a name that is looked for.
    pub program: PathBuf,
    /// Most bytes of a dump.
    pub bytes_max: usize,
    /// How long it may take.
    pub time_limit: Duration,
}

/// How persisted queries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersistedSettings {
    /// How long after its last use.
    pub time_to_live: Duration,
    /// Most bytes of all of them.
    pub memory_bytes: u64,
}

/// An API that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `/v1/metadata`, `/v1/query`, `/v2/query`, explain, and with it the console.
    Metadata,
    /// GraphQL.
    Graphql,
    /// `/v1alpha1/pg_dump`.
    PgDump,
    /// `/v1alpha1/config`.
    Config,
    /// `/dev`.
    Developer,
    /// `/v1/metrics`.
    Metrics,
}

/// Whether the console is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
}

/// Whether the Relay API is enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relay {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
}

/// Which `Host` and `Origin` headers are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any.
    Any,
    /// Names of this machine's loopback only. Keeps a page that rebinds its own name to 127.0.0.1 from
    /// reaching a server that is meant for the person at the machine.
    Loopback,
}

/// Who sees `internal` in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternalErrors {
    /// Every role.
    Everyone,
    /// `admin`.
    Admin,
    /// Nobody.
    Nobody,
}

/// The status of a failed authentication on `/v1/graphql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnauthorizedStatus {
    /// 200, like every other error there.
    Ok,
    /// 401 where the error says so.
    Preserved,
}

/// Most bytes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// GraphQL endpoints.
    pub graphql_bytes: usize,
    /// `/v1/metadata`.
    pub metadata_bytes: usize,
    /// `/v1/query`, `/v2/query`.
    pub query_bytes: usize,
}

/// What `/v1alpha1/config` repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Whether functions inherit their table's permission.
    pub infer_function_permissions: bool,
    /// Whether remote schemas have permissions.
    pub remote_schema_permissions: bool,
    /// Batch size and interval in milliseconds of live queries.
    pub live_queries: (u64, u64),
    /// The same of streaming subscriptions.
    pub streaming_queries: (u64, u64),
    /// The directory of console assets that was given.
    pub console_assets_dir: Option<String>,
    /// Experimental features that were asked for.
    pub experimental_features: Vec<String>,
    /// The naming convention that was asked for.
    pub naming_convention: Option<String>,
    /// Whether the server is asked to be a subgraph.
    pub apollo_federation: bool,
    /// Whether the allow list is asked.
    pub allow_list: AllowListMode,
}

/// How websockets behave.
#[derive(Clone, Debug)]
pub struct WebsocketSettings {
    /// Between two keep-alive messages.
    pub keep_alive: Duration,
    /// Time for `connection_init`.
    pub init_timeout: Duration,
    /// Most bytes of one message.
    pub message_bytes_max: usize,
    /// Whether messages are compressed.
    pub compression: MessageCompression,
    /// Most queries and mutations running at once.
    pub operations_max: usize,
    /// Most subscriptions.
    pub subscriptions_max: usize,
    /// Whether the handshake's cookie is read although CORS is disabled.
    pub cookie: HandshakeCookie,
    /// Whether a change of metadata closes sockets.
    pub on_metadata_change: OnMetadataChange,
}

/// Whether messages of websockets are compressed (`permessage-deflate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageCompression {
    /// Never.
    Never,
    /// For clients that offer it.
    Offered,
}

/// The handshake's cookie where CORS is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeCookie {
    /// Dropped.
    Dropped,
    /// Read.
    Read,
}

/// What a change of metadata does to sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMetadataChange {
    /// Closes them with 1012.
    Close,
    /// Nothing.
    Keep,
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// Log types to write.
    pub types: HashSet<LogType>,
    /// Least severe level.
    pub level: Level,
    /// JSON or for people.
    pub format: LogFormat,
    /// Whether queries are in http logs.
    pub queries: QueryLogging,
    /// Whether bodies of metadata requests may be logged.
    pub metadata_queries: MetadataQueryLogging,
    /// Variables whose values are masked.
    pub masked_variables: HashSet<String>,
}

/// When the query is a part of the http log. The query log has to be on for either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryLogging {
    /// Always.
    Always,
    /// For failed requests.
    OnError,
}

/// Whether bodies of metadata requests, which may hold secrets, are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataQueryLogging {
    /// They are.
    Enabled,
    /// They are not.
    Disabled,
}

/// Which databases, and how they are used. URLs hold passwords: never log them as they are.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// URL of the source `default`.
    pub default_url: Option<String>,
    /// Whether that URL is to be stored or looked up again at each start.
    pub default_origin: UrlOrigin,
    /// URL of the metadata database.
    pub metadata_url: String,
    /// What the path of a file with a connection string begins with; `None`: no such file is read.
    pub secrets_prefix: Option<String>,
    /// How often to try the metadata database again at start.
    pub retries: u64,
    /// Most connections of a source.
    pub connections_max: usize,
    /// After which an idle connection is closed.
    pub idle_timeout: Duration,
    /// After which a connection is replaced; `None` is never.
    pub lifetime: Option<Duration>,
    /// How long to wait for a free connection; `None` is for ever.
    pub pool_timeout: Option<Duration>,
    /// After which Postgres gives a statement up; `None` is never.
    pub statement_timeout: Option<Duration>,
    /// Whether statements are prepared.
    pub prepared_statements: bool,
    /// Isolation level of the source `default`, as metadata spells it.
    pub isolation_level: String,
    /// How often to look for metadata that another instance has changed; `None` is never.
    pub sync_interval: Option<Duration>,
}

/// Where the URL of the source `default` came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlOrigin {
    /// `HASURA_GRAPHQL_DATABASE_URL`: metadata names the variable.
    Environment,
    /// The command line, or parts: metadata has the URL.
    Options,
}

impl std::fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseSettings").finish_non_exhaustive()
    }
}
