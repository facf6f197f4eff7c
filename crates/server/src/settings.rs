//! What the server is told, typed: the values of the options table under the names of their use.
//!
//! Knows every option's meaning and none of its spelling rules (`options.rs`). Opens nothing.

use std::collections::HashSet;
use std::time::Duration;

use graphloom_auth::{AdminSecret, AuthConfig};
use graphloom_vocab::RoleName;

use crate::cors::Cors;
use crate::log::{Level, LogFormat, LogType};
use crate::options::{OptionError, Source, Values};

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
    /// Whether bigint, numeric and double precision are shown as strings.
    pub stringify_numeric_types: bool,
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
    /// What `/v1alpha1/config` repeats and nothing here uses.
    pub reported: Reported,
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
    /// Most operations running at once.
    pub operations_max: usize,
    /// Whether the handshake's cookie is read although CORS is disabled.
    pub cookie: HandshakeCookie,
    /// Whether a change of metadata closes sockets.
    pub on_metadata_change: OnMetadataChange,
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

impl Settings {
    /// Gives the values their meaning. Errors are options that do not fit each other.
    pub fn new(values: &Values) -> Result<Self, OptionError> {
        Ok(Self {
            listen: listen(values),
            http: http(values)?,
            websocket: websocket(values),
            log: log(values),
            database: database(values)?,
            auth: auth(values)?,
            stringify_numeric_types: values.boolean("stringify-numeric-types"),
        })
    }
}

fn listen(values: &Values) -> ListenSettings {
    ListenSettings {
        host: values.required("server-host").to_owned(),
        port: u16::try_from(values.integer("server-port")).expect("the table gives the range"),
        connections_max: values.size("max-connections"),
        header_bytes_max: values.size("max-total-header-length"),
        header_timeout: values.seconds("server-timeout"),
        shutdown_timeout: values.seconds("graceful-shutdown-timeout"),
    }
}

fn http(values: &Values) -> Result<HttpSettings, OptionError> {
    let cors = if values.boolean("disable-cors") {
        Cors::Disabled
    } else {
        Cors::parse(values.required("cors-domain"))
            .map_err(|reason| values.invalid("cors-domain", reason))?
    };
    let internal_errors = if values.boolean("dev-mode") {
        InternalErrors::Everyone
    } else if values.boolean("admin-internal-errors") {
        InternalErrors::Admin
    } else {
        InternalErrors::Nobody
    };
    let either = |flag: &str| values.boolean(flag);
    Ok(HttpSettings {
        apis: values
            .list("enabled-apis")
            .iter()
            .filter_map(|name| api(name))
            .collect(),
        console: if either("enable-console") {
            Console::Enabled
        } else {
            Console::Disabled
        },
        relay: if either("enable-relay") {
            Relay::Enabled
        } else {
            Relay::Disabled
        },
        cors,
        hosts: Hosts::Any,
        internal_errors,
        unauthorized_status: if either("preserve-401-errors") {
            UnauthorizedStatus::Preserved
        } else {
            UnauthorizedStatus::Ok
        },
        body_limits: BodyLimits {
            graphql_bytes: values.size("graphql-body-limit"),
            metadata_bytes: values.size("metadata-body-limit"),
            query_bytes: values.size("query-body-limit"),
        },
        body_timeout: values.seconds("body-timeout"),
        body_memory_bytes: values.size("body-memory"),
        batch_max: values.size("batch-limit"),
        reported: reported(values),
    })
}

fn api(name: &str) -> Option<Api> {
    Some(match name {
        "metadata" => Api::Metadata,
        "graphql" => Api::Graphql,
        "pgdump" => Api::PgDump,
        "config" => Api::Config,
        "developer" => Api::Developer,
        "metrics" => Api::Metrics,
        _ => return None,
    })
}

fn reported(values: &Values) -> Reported {
    let polling = |kind: &str| {
        let batch = format!("{kind}-queries-multiplexed-batch-size");
        let interval = format!("{kind}-queries-multiplexed-refetch-interval");
        (values.integer(&batch), values.integer(&interval))
    };
    let given = |flag: &str| {
        values
            .is_given(flag)
            .then(|| values.required(flag).to_owned())
    };
    Reported {
        infer_function_permissions: values.boolean("infer-function-permissions"),
        remote_schema_permissions: values.boolean("enable-remote-schema-permissions"),
        live_queries: polling("live"),
        streaming_queries: polling("streaming"),
        console_assets_dir: given("console-assets-dir"),
        experimental_features: values.list("experimental-features"),
        naming_convention: given("default-naming-convention"),
        apollo_federation: values.boolean("enable-apollo-federation"),
    }
}

fn websocket(values: &Values) -> WebsocketSettings {
    let keeps = values.boolean("disable-close-websockets-on-metadata-change")
        || !values.boolean("close-websockets-on-metadata-change");
    WebsocketSettings {
        keep_alive: values.seconds("websocket-keepalive"),
        init_timeout: values.seconds("websocket-connection-init-timeout"),
        message_bytes_max: values.size("websocket-message-limit"),
        operations_max: values.size("websocket-operations-limit"),
        cookie: if values.boolean("ws-read-cookie") {
            HandshakeCookie::Read
        } else {
            HandshakeCookie::Dropped
        },
        on_metadata_change: if keeps {
            OnMetadataChange::Keep
        } else {
            OnMetadataChange::Close
        },
    }
}

fn log(values: &Values) -> LogSettings {
    let types = values.list("enabled-log-types");
    let masked = values.text("log-masked-variables").unwrap_or_default();
    let masked = masked.split(',').map(|name| name.trim().to_owned());
    LogSettings {
        types: types
            .iter()
            .filter_map(|name| LogType::parse(name))
            .collect(),
        level: Level::parse(values.required("log-level")).expect("the table gives the words"),
        format: if values
            .required("log-format")
            .trim()
            .eq_ignore_ascii_case("pretty")
        {
            LogFormat::Pretty
        } else {
            LogFormat::Json
        },
        queries: if values.boolean("http-log-query-only-on-error") {
            QueryLogging::OnError
        } else {
            QueryLogging::Always
        },
        metadata_queries: if values.boolean("enable-metadata-query-logging") {
            MetadataQueryLogging::Enabled
        } else {
            MetadataQueryLogging::Disabled
        },
        masked_variables: masked.filter(|name| !name.is_empty()).collect(),
    }
}

fn database(values: &Values) -> Result<DatabaseSettings, OptionError> {
    let default_url = match values.text("database-url") {
        Some(url) => Some(url.to_owned()),
        None => url_from_parts(values)?,
    };
    let metadata_url = values.text("metadata-database-url").map(str::to_owned);
    let Some(metadata_url) = metadata_url.or_else(|| default_url.clone()) else {
        return Err(OptionError::Conflict(
            "no database is given: set --database-url (HASURA_GRAPHQL_DATABASE_URL) or \
             --metadata-database-url (HASURA_GRAPHQL_METADATA_DATABASE_URL), for example \
             postgres://user:password@host:5432/database"
                .to_owned(),
        ));
    };
    let unless_zero = |flag: &str| Some(values.seconds(flag)).filter(|time| !time.is_zero());
    let default_origin = match values.source("database-url") {
        Source::Variable(_) => UrlOrigin::Environment,
        Source::Flag(_) | Source::Default => UrlOrigin::Options,
    };
    let sync_interval = Duration::from_millis(values.integer("schema-sync-poll-interval"));
    Ok(DatabaseSettings {
        default_url,
        default_origin,
        metadata_url,
        retries: values.integer("retries"),
        connections_max: values.size("connections"),
        idle_timeout: Duration::from_secs(values.integer("timeout")),
        lifetime: unless_zero("conn-lifetime"),
        pool_timeout: values
            .is_given("pool-timeout")
            .then(|| values.seconds("pool-timeout")),
        statement_timeout: unless_zero("statement-timeout"),
        prepared_statements: values.boolean("use-prepared-statements"),
        sync_interval: (!sync_interval.is_zero()).then_some(sync_interval),
    })
}

/// A URL from `--host`, `--port`, `--user`, `--password` and `--dbname`, if `--host` is given.
fn url_from_parts(values: &Values) -> Result<Option<String>, OptionError> {
    let Some(host) = values.text("host") else {
        return Ok(None);
    };
    let (Some(user), Some(database)) = (values.text("user"), values.text("dbname")) else {
        let message = "--host needs --user and --dbname beside it";
        return Err(OptionError::Conflict(message.to_owned()));
    };
    let bad_host = || values.invalid("host", "expecting a host name or an address");
    let mut url = url::Url::parse("postgres://host").expect("a valid URL");
    url.set_host(Some(host)).map_err(|_| bad_host())?;
    if values.is_given("port") {
        let port = u16::try_from(values.integer("port")).expect("the table gives the range");
        url.set_port(Some(port)).map_err(|()| bad_host())?;
    }
    url.set_username(user).map_err(|()| bad_host())?;
    url.set_password(values.text("password"))
        .map_err(|()| bad_host())?;
    url.path_segments_mut()
        .map_err(|()| bad_host())?
        .push(database);
    Ok(Some(url.into()))
}

fn auth(values: &Values) -> Result<AuthConfig, OptionError> {
    let secrets = admin_secrets(values)?;
    let unauthorized_role = values.text("unauthorized-role").map(RoleName::new);
    match (secrets.is_empty(), unauthorized_role) {
        (true, Some(_)) => Err(OptionError::Conflict(
            "--unauthorized-role (HASURA_GRAPHQL_UNAUTHORIZED_ROLE) requires --admin-secret \
             (HASURA_GRAPHQL_ADMIN_SECRET) or  --access-key (HASURA_GRAPHQL_ACCESS_KEY) to be set"
                .to_owned(),
        )),
        (true, None) => Ok(AuthConfig::Open),
        (false, unauthorized_role) => Ok(AuthConfig::AdminSecret {
            secrets,
            unauthorized_role,
        }),
    }
}

fn admin_secrets(values: &Values) -> Result<Vec<AdminSecret>, OptionError> {
    if let Some(text) = values.text("admin-secrets") {
        let wrong = || {
            values.invalid(
                "admin-secrets",
                "expecting a JSON array of texts, none empty",
            )
        };
        let secrets: Vec<String> = serde_json::from_str(text).map_err(|_| wrong())?;
        // An empty list would leave the server open to everyone.
        if secrets.is_empty() || secrets.iter().any(String::is_empty) {
            return Err(wrong());
        }
        return Ok(secrets
            .iter()
            .map(|secret| AdminSecret::new(secret))
            .collect());
    }
    let names = ["admin-secret", "access-key"];
    let is_flag = |name: &&str| matches!(values.source(name), Source::Flag(_));
    let name = names.iter().find(|name| is_flag(name));
    let name = name.or_else(|| names.iter().find(|name| values.is_given(name)));
    let secret = name.and_then(|name| values.text(name));
    Ok(secret.map(AdminSecret::new).into_iter().collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::collections::HashMap;

    use super::*;
    use crate::options::{CommandLine, SERVE};

    fn settings(flags: &[&str]) -> Result<Settings, OptionError> {
        let line = CommandLine::parse(flags.iter().map(|&flag| flag.to_owned()), &[SERVE])?;
        let values = Values::resolve(&line, &HashMap::new(), &[SERVE])?;
        Settings::new(&values)
    }

    #[test]
    fn the_metadata_database_falls_back_to_the_default_source() {
        let both = settings(&["--database-url=postgres://a/b"])
            .unwrap()
            .database;
        assert_eq!(both.metadata_url, "postgres://a/b");
        let one = settings(&["--metadata-database-url=postgres://m/n"])
            .unwrap()
            .database;
        assert_eq!(
            (one.default_url, one.metadata_url.as_str()),
            (None, "postgres://m/n")
        );
        let error = settings(&[]).unwrap_err().to_string();
        assert!(error.starts_with("no database is given"), "{error}");
    }

    #[test]
    fn a_url_is_made_of_parts() {
        let parts = [
            "--host", "db", "--port", "1", "-u", "me", "-p", "p@ss/w", "-d", "my db",
        ];
        let database = settings(&parts).unwrap().database;
        assert_eq!(
            database.metadata_url,
            "postgres://me:p%40ss%2Fw@db:1/my%20db"
        );
    }

    #[test]
    fn authentication_options_have_to_fit() {
        let with = |flags: &[&str]| {
            let url = ["--database-url=postgres://a/b"];
            settings(&[&url, flags].concat()).map(|settings| settings.auth)
        };
        assert!(matches!(with(&[]), Ok(AuthConfig::Open)));
        assert!(with(&["--access-key=k"]).unwrap().is_admin_secret_set());
        assert!(with(&["--unauthorized-role=anonymous"]).is_err());
        for bad in ["[]", "[\"\"]", "x", "{}"] {
            assert!(with(&[&format!("--admin-secrets={bad}")]).is_err(), "{bad}");
        }
        let several = with(&["--admin-secrets=[\"a\",\"b\"]", "--admin-secret=c"]).unwrap();
        assert!(matches!(several, AuthConfig::AdminSecret { secrets, .. } if secrets.len() == 2));
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        let settings = settings(&["--database-url=postgres://a/b"]).unwrap();
        assert_eq!(settings.http.cors, Cors::AllowAll);
        assert_eq!(settings.http.internal_errors, InternalErrors::Admin);
        assert_eq!(settings.http.apis.len(), 4);
        assert_eq!(
            settings.websocket.on_metadata_change,
            OnMetadataChange::Close
        );
        assert_eq!(settings.log.types.len(), 5);
        assert_eq!(settings.listen.port, 8080);
    }
}
