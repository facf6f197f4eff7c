//! Every option of the engine we replace: it has its effect, or has none on purpose and the documentation says why,
//! or is warned about by name when the server starts. None is passed over.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::HashMap;

use graphloom_server::options::{CommandLine, Kind, Notice, Opt, SERVE, Status, Values};
use graphloom_server::startup::read_options;

/// What comes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It has its effect.
    Built,
    /// It needs none here.
    Accepted,
    /// It is not built, and said so.
    Warned,
}

use Outcome::{Accepted, Built, Warned};

/// v2's options: the variable without its prefix (none: an empty name), the flag, what comes of it.
const OPTIONS: &[(&str, &str, Outcome)] = &[
    ("DATABASE_URL", "database-url", Built),
    ("", "host", Built),
    ("", "port", Built),
    ("", "user", Built),
    ("", "password", Built),
    ("", "dbname", Built),
    ("", "options", Built),
    ("METADATA_DATABASE_URL", "metadata-database-url", Built),
    (
        "METADATA_DATABASE_EXTENSIONS_SCHEMA",
        "metadata-database-extensions-schema",
        Accepted,
    ),
    ("NO_OF_RETRIES", "retries", Built),
    ("SERVER_PORT", "server-port", Built),
    ("SERVER_HOST", "server-host", Built),
    ("PG_STRIPES", "stripes", Accepted),
    ("PG_CONNECTIONS", "connections", Built),
    ("PG_TIMEOUT", "timeout", Built),
    ("PG_CONN_LIFETIME", "conn-lifetime", Built),
    ("PG_POOL_TIMEOUT", "pool-timeout", Built),
    ("USE_PREPARED_STATEMENTS", "use-prepared-statements", Built),
    ("TX_ISOLATION", "tx-iso", Built),
    ("ADMIN_SECRET", "admin-secret", Built),
    ("ACCESS_KEY", "access-key", Built),
    ("AUTH_HOOK", "auth-hook", Built),
    ("AUTH_HOOK_MODE", "auth-hook-mode", Built),
    ("AUTH_HOOK_TYPE", "auth-hook-mode", Built),
    (
        "AUTH_HOOK_SEND_REQUEST_BODY",
        "auth-hook-send-request-body",
        Built,
    ),
    ("JWT_SECRET", "jwt-secret", Built),
    ("UNAUTHORIZED_ROLE", "unauthorized-role", Built),
    ("CORS_DOMAIN", "cors-domain", Built),
    ("DISABLE_CORS", "disable-cors", Built),
    ("WS_READ_COOKIE", "ws-read-cookie", Built),
    ("ENABLE_CONSOLE", "enable-console", Built),
    ("CONSOLE_ASSETS_DIR", "console-assets-dir", Accepted),
    ("ENABLE_TELEMETRY", "enable-telemetry", Accepted),
    ("STRINGIFY_NUMERIC_TYPES", "stringify-numeric-types", Built),
    (
        "DISABLE_NATIVE_QUERY_VALIDATION",
        "disable-native-query-validation",
        Built,
    ),
    (
        "V1_BOOLEAN_NULL_COLLAPSE",
        "v1-boolean-null-collapse",
        Built,
    ),
    (
        "BACKWARDS_COMPAT_NULL_IN_NONNULLABLE_VARIABLES",
        "null-in-nonnullable-variables",
        Warned,
    ),
    (
        "REMOTE_SCHEMA_SKIP_NULLS",
        "remote-schema-skip-nulls",
        Warned,
    ),
    ("ENABLED_APIS", "enabled-apis", Built),
    (
        "LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL",
        "live-queries-multiplexed-refetch-interval",
        Built,
    ),
    (
        "LIVE_QUERIES_MULTIPLEXED_BATCH_SIZE",
        "live-queries-multiplexed-batch-size",
        Built,
    ),
    (
        "STREAMING_QUERIES_MULTIPLEXED_REFETCH_INTERVAL",
        "streaming-queries-multiplexed-refetch-interval",
        Built,
    ),
    (
        "STREAMING_QUERIES_MULTIPLEXED_BATCH_SIZE",
        "streaming-queries-multiplexed-batch-size",
        Built,
    ),
    ("ENABLE_ALLOWLIST", "enable-allowlist", Built),
    ("ENABLED_LOG_TYPES", "enabled-log-types", Built),
    ("LOG_LEVEL", "log-level", Built),
    ("QUERY_PLAN_CACHE_SIZE", "query-plan-cache-size", Accepted),
    ("DEV_MODE", "dev-mode", Built),
    ("ADMIN_INTERNAL_ERRORS", "admin-internal-errors", Built),
    ("ENABLE_RELAY", "enable-relay", Built),
    ("EVENTS_HTTP_POOL_SIZE", "events-http-pool-size", Warned),
    ("EVENTS_FETCH_INTERVAL", "events-fetch-interval", Warned),
    ("EVENTS_FETCH_BATCH_SIZE", "events-fetch-batch-size", Warned),
    (
        "ASYNC_ACTIONS_FETCH_INTERVAL",
        "async-actions-fetch-interval",
        Warned,
    ),
    (
        "ASYNC_ACTIONS_FETCH_BATCH_SIZE",
        "async-actions-fetch-batch-size",
        Warned,
    ),
    ("DISABLE_EVENTING", "disable-eventing", Accepted),
    (
        "ENABLE_REMOTE_SCHEMA_PERMISSIONS",
        "enable-remote-schema-permissions",
        Warned,
    ),
    (
        "REMOTE_SCHEMA_PRIORITIZE_DATA",
        "remote-schema-prioritize-data",
        Warned,
    ),
    ("CONNECTION_COMPRESSION", "websocket-compression", Built),
    ("WEBSOCKET_KEEPALIVE", "websocket-keepalive", Built),
    (
        "WEBSOCKET_CONNECTION_INIT_TIMEOUT",
        "websocket-connection-init-timeout",
        Built,
    ),
    (
        "INFER_FUNCTION_PERMISSIONS",
        "infer-function-permissions",
        Built,
    ),
    ("ENABLE_MAINTENANCE_MODE", "enable-maintenance-mode", Built),
    (
        "SCHEMA_SYNC_POLL_INTERVAL",
        "schema-sync-poll-interval",
        Built,
    ),
    ("EXPERIMENTAL_FEATURES", "experimental-features", Built),
    (
        "GRACEFUL_SHUTDOWN_TIMEOUT",
        "graceful-shutdown-timeout",
        Built,
    ),
    (
        "ENABLE_METADATA_QUERY_LOGGING",
        "enable-metadata-query-logging",
        Built,
    ),
    (
        "HTTP_LOG_QUERY_ONLY_ON_ERROR",
        "http-log-query-only-on-error",
        Built,
    ),
    (
        "DEFAULT_NAMING_CONVENTION",
        "default-naming-convention",
        Built,
    ),
    ("METADATA_DEFAULTS", "metadata-defaults", Built),
    (
        "ENABLE_APOLLO_FEDERATION",
        "enable-apollo-federation",
        Warned,
    ),
    (
        "CLOSE_WEBSOCKETS_ON_METADATA_CHANGE",
        "close-websockets-on-metadata-change",
        Built,
    ),
    ("", "disable-close-websockets-on-metadata-change", Built),
    ("MAX_TOTAL_HEADER_LENGTH", "max-total-header-length", Built),
    (
        "ENABLE_TRIGGERS_ERROR_LOG_LEVEL",
        "enable-triggers-error-log-level",
        Warned,
    ),
    (
        "ENABLE_PERSISTED_QUERIES",
        "enable-persisted-queries",
        Built,
    ),
    ("PERSISTED_QUERIES_TTL", "persisted-queries-ttl", Built),
    (
        "CONFIGURED_HEADER_PRECEDENCE",
        "configured-header-precedence",
        Warned,
    ),
    ("ENABLE_QUERY_TRACING", "trace-sql-query", Warned),
    ("PRESERVE_401_ERRORS", "preserve-401-errors", Built),
    ("SERVER_TIMEOUT", "server-timeout", Built),
    ("LOG_MASKED_VARIABLES", "log-masked-variables", Built),
    (
        "DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX",
        "dynamic-secrets-allowed-path-prefix",
        Built,
    ),
    ("ADMIN_SECRETS", "admin-secrets", Built),
    ("JWT_SECRETS", "jwt-secrets", Built),
    ("EE_LICENSE_KEY", "ee-license-key", Accepted),
    ("METRICS_SECRET", "metrics-secret", Warned),
];

/// Variables without an option: warned about by name, like any that nobody knows.
const UNKNOWN: &[&str] = &[
    "HASURA_GRAPHQL_REDIS_URL",
    "HASURA_GRAPHQL_REDIS_TIMEOUT",
    "HASURA_GRAPHQL_REDIS_TLS_HOSTNAME",
    "HASURA_GRAPHQL_REDIS_TLS_SHARED_CA_STORE_PATH",
    "HASURA_GRAPHQL_REDIS_USE_TLS",
    "HASURA_GRAPHQL_REDIS_NO_FAIL_ON_STARTUP",
    "HASURA_GRAPHQL_CACHING_REDIS_POOL_SIZE",
    "HASURA_GRAPHQL_MAX_CACHE_SIZE",
    "HASURA_GRAPHQL_CACHE_MAX_ENTRY_TTL",
    "HASURA_GRAPHQL_CACHE_MAX_ENTRY_SIZE",
    "HASURA_GRAPHQL_CACHE_BUCKET_RATE",
    "HASURA_GRAPHQL_CACHE_BUCKET_SIZE",
    "HASURA_GRAPHQL_RATE_LIMIT_REDIS_URL",
    "HASURA_GRAPHQL_RATE_LIMIT_REDIS_TLS_HOSTNAME",
    "HASURA_GRAPHQL_RATE_LIMIT_REDIS_USE_TLS",
    "HASURA_GRAPHQL_RATE_LIMIT_REDIS_POOL_SIZE",
    "HASURA_GRAPHQL_READ_REPLICA_URLS",
    "HASURA_GRAPHQL_CONNECTIONS_PER_READ_REPLICA",
    "HASURA_GRAPHQL_STRIPES_PER_READ_REPLICA",
    "HASURA_GRAPHQL_PG_SSL_CERTIFICATE_PATH",
    "HASURA_GRAPHQL_METRICS_ENABLE_HIGH_CARDINALITY_LABELS",
    "HASURA_GRAPHQL_ENABLE_LOG_COMPRESSION",
    "HASURA_GRAPHQL_SSO_PROVIDERS",
    "HASURA_GRAPHQL_MIGRATIONS_DIR",
    "HASURA_GRAPHQL_METADATA_DIR",
    "HASURA_FF_NAMING_CONVENTION_SEP_2023",
];

fn option(flag: &str) -> &'static Opt {
    let found = SERVE.iter().find(|option| option.flag == flag);
    found.unwrap_or_else(|| panic!("no option --{flag}"))
}

/// A text that is not the default.
fn another(option: &Opt) -> String {
    match option.kind {
        Kind::Switch | Kind::Boolean => {
            let is_on = option.default.is_some_and(|default| default == "true");
            (!is_on).to_string()
        }
        Kind::Integer(least, _) => {
            let default: u64 = option.default.unwrap_or("1").parse().unwrap();
            (default + 1).max(least).to_string()
        }
        Kind::Seconds => "17".to_owned(),
        // Features that are not built are named one by one; this one is.
        Kind::List(_) if option.flag == "experimental-features" => "naming_convention".to_owned(),
        Kind::Choice(words) | Kind::List(words) => words[words.len() - 1].to_owned(),
        Kind::Text | Kind::Secret | Kind::Suffix => "x".to_owned(),
    }
}

fn outcome(option: &Opt) -> Outcome {
    match option.status {
        Status::Built => Built,
        Status::Accepted(_) => Accepted,
        Status::NotBuilt | Status::NotBuiltGuard => Warned,
    }
}

/// What is said about the option at start, given in either way.
fn said(line: &[String], environment: &HashMap<String, String>) -> Vec<Notice> {
    let line = CommandLine::parse(line.iter().cloned(), &[SERVE]).unwrap();
    let values = Values::resolve(&line, environment, &[SERVE]).unwrap();
    values.notices().to_vec()
}

#[test]
fn every_option_of_v2_is_known_and_what_it_does_not_do_is_said() {
    for (variable, flag, expected) in OPTIONS {
        let option = option(flag);
        assert_eq!(outcome(option), *expected, "--{flag}");
        let text = another(option);
        let by_flag = said(&[format!("--{flag}={text}")], &HashMap::new());
        let names: Vec<String> = by_flag.iter().map(ToString::to_string).collect();
        let is_warned = names
            .iter()
            .any(|notice| notice.contains(&format!("--{flag} ")));
        assert_eq!(is_warned, *expected == Warned, "--{flag}: {names:?}");
        if variable.is_empty() {
            continue;
        }
        let name = format!("HASURA_GRAPHQL_{variable}");
        assert!(option.env.contains(&name.as_str()), "{name}");
        let by_variable = said(&[], &HashMap::from([(name.clone(), text)]));
        let names: Vec<String> = by_variable.iter().map(ToString::to_string).collect();
        let is_warned = names.iter().any(|notice| notice.contains(&name));
        assert_eq!(is_warned, *expected == Warned, "{name}: {names:?}");
    }
}

#[test]
fn variables_without_an_option_are_named() {
    for name in UNKNOWN {
        let notices = said(&[], &HashMap::from([((*name).to_owned(), "1".to_owned())]));
        assert_eq!(notices, [Notice::UnknownVariable((*name).to_owned())]);
    }
    // What is nobody's is passed over.
    let others = HashMap::from([("PGHOST".to_owned(), "h".to_owned())]);
    assert_eq!(said(&[], &others), []);
}

#[test]
fn a_value_that_cannot_be_meant_is_refused_by_name() {
    for option in SERVE {
        let bad = match option.kind {
            Kind::Switch | Kind::Boolean => "maybe",
            Kind::Integer(..) | Kind::Seconds => "-1",
            Kind::Choice(_) | Kind::List(_) => "none-of-these",
            Kind::Text | Kind::Secret | Kind::Suffix => "",
        };
        let line = [format!("--{}={bad}", option.flag)];
        let line = CommandLine::parse(line, &[SERVE]).unwrap();
        let error = read_options(&line, &HashMap::new())
            .unwrap_err()
            .to_string();
        let start = format!("option --{}: ", option.flag);
        assert!(error.starts_with(&start), "{error}");
        let Some(name) = option
            .env
            .first()
            .filter(|name| name.starts_with("HASURA_"))
        else {
            continue;
        };
        let environment = HashMap::from([((*name).to_owned(), bad.to_owned())]);
        let error = read_options(&CommandLine::default(), &environment);
        let error = error.unwrap_err().to_string();
        let start = format!("environment variable {name}: ");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn a_flag_beats_its_variable() {
    let line = CommandLine::parse(["--server-port=7".to_owned()], &[SERVE]).unwrap();
    let variables = [
        ("HASURA_GRAPHQL_SERVER_PORT", "8"),
        ("HASURA_GRAPHQL_DATABASE_URL", "postgres://a/b"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (settings, _) = read_options(&line, &HashMap::from(variables)).unwrap();
    assert_eq!(settings.listen.port, 7);
}
