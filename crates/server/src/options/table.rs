//! The table of options of `serve`: one entry each, in the order of the documentation.
//!
//! Data only. Variables of the engine we replace keep their names; what is our own starts with
//! `GRAPHLOOM_`. An option that is not built says here whether it protects something.

use super::{Kind, Opt, Status};

use Kind::{Boolean, Choice, Integer, List, Seconds, Secret, Switch, Text};
use Status::{Accepted, NotBuilt};

const ANY: Kind = Integer(0, u64::MAX);
const COUNT: Kind = Integer(1, u64::MAX);

/// APIs that can be switched on and off.
const APIS: &[&str] = &[
    "metadata",
    "graphql",
    "pgdump",
    "config",
    "developer",
    "metrics",
];

/// Log types a user may choose.
const LOG_TYPES: &[&str] = &[
    "startup",
    "query-log",
    "execution-log",
    "http-log",
    "websocket-log",
    "webhook-log",
    "livequery-poller-log",
    "action-handler-log",
    "data-connector-log",
    "jwk-refresh-log",
    "validate-input-log",
];

const EXPERIMENTAL: &[&str] = &[
    "inherited_roles",
    "naming_convention",
    "streaming_subscriptions",
    "optimize_permission_filters",
    "apollo_federation",
    "hide_update_many_fields",
    "hide_aggregation_predicates",
    "hide_stream_fields",
    "group_by_aggregations",
    "group_by_conditions",
    "extended_mutations",
    "disable_postgres_arrays",
    "bigquery_string_numeric_input",
    "no_null_unbound_variable_default",
    "remove_empty_subscription_responses",
];

/// Those that are read and change nothing yet; said at start.
pub(super) const FEATURES_WITHOUT_EFFECT: &[&str] = &[
    "apollo_federation",
    "bigquery_string_numeric_input",
    "remove_empty_subscription_responses",
];

/// Every option of `serve`.
#[rustfmt::skip]
pub const SERVE: &[Opt] = &[
    // Databases
    Opt::new("database-url", &["HASURA_GRAPHQL_DATABASE_URL"], Secret,
        "URL of the source `default`, and of the metadata database unless that has its own"),
    Opt::new("metadata-database-url", &["HASURA_GRAPHQL_METADATA_DATABASE_URL"], Secret,
        "URL of the database that keeps the metadata"),
    Opt::new("host", &[], Text, "Host of the source `default`, instead of a URL"),
    Opt::new("port", &[], Integer(1, 65535), "Port of the source `default`, instead of a URL; for `dev`, the server's own port"),
    Opt::new("user", &[], Text, "User of the source `default`, instead of a URL").short('u'),
    Opt::new("password", &[], Secret, "Password of the source `default`, instead of a URL").short('p'),
    Opt::new("dbname", &[], Text, "Database of the source `default`, instead of a URL").short('d'),
    Opt::new("options", &[], Text, "Connection options of the source `default`, instead of a URL: `-c geqo=off`").short('o'),
    Opt::new("metadata-database-extensions-schema", &["HASURA_GRAPHQL_METADATA_DATABASE_EXTENSIONS_SCHEMA"], Text,
        "Schema in which extensions may be installed").or("public").status(Accepted("no extension is needed")),
    Opt::new("retries", &["HASURA_GRAPHQL_NO_OF_RETRIES"], Integer(0, 1000),
        "How often to try the metadata database again at start, one second apart").or("1"),
    Opt::new("stripes", &["HASURA_GRAPHQL_PG_STRIPES"], COUNT,
        "Number of sub-pools").short('s').or("1").status(Accepted("one pool does not contend")),
    Opt::new("connections", &["HASURA_GRAPHQL_PG_CONNECTIONS"], Integer(1, 10_000),
        "Most connections to a source that does not say itself").short('c').or("50"),
    Opt::new("timeout", &["HASURA_GRAPHQL_PG_TIMEOUT"], ANY,
        "Seconds after which an idle connection is closed").or("180"),
    Opt::new("conn-lifetime", &["HASURA_GRAPHQL_PG_CONN_LIFETIME"], Seconds,
        "Seconds after which a connection is replaced; 0 means never").or("600"),
    Opt::new("pool-timeout", &["HASURA_GRAPHQL_PG_POOL_TIMEOUT"], Seconds,
        "Seconds to wait for a free connection; without it, for ever"),
    Opt::new("use-prepared-statements", &["HASURA_GRAPHQL_USE_PREPARED_STATEMENTS"], Boolean,
        "Prepare statements; switch off behind a pooler that cannot keep them").or("true"),
    Opt::new("tx-iso", &["HASURA_GRAPHQL_TX_ISOLATION"], Choice(&["read-committed", "repeatable-read", "serializable"]),
        "Transaction isolation of the source `default` where the server adds it").short('i').or("read-committed"),
    Opt::new("statement-timeout", &["GRAPHLOOM_STATEMENT_TIMEOUT"], Seconds,
        "Seconds after which Postgres gives a statement up; 0 means never").or("0"),

    // Who may do what
    Opt::new("admin-secret", &["HASURA_GRAPHQL_ADMIN_SECRET"], Secret,
        "Admin secret, required of every request that is not made in the unauthorized role"),
    Opt::new("access-key", &["HASURA_GRAPHQL_ACCESS_KEY"], Secret,
        "Old name of the admin secret; used where that is not given"),
    Opt::new("admin-secrets", &["HASURA_GRAPHQL_ADMIN_SECRETS"], Secret,
        "JSON array of admin secrets, each of which is accepted; takes precedence over the single one"),
    Opt::new("unauthorized-role", &["HASURA_GRAPHQL_UNAUTHORIZED_ROLE"], Text,
        "Role of requests without an admin secret or token"),
    Opt::new("auth-hook", &["HASURA_GRAPHQL_AUTH_HOOK"], Text,
        "URL of the webhook that authenticates requests which send no admin secret"),
    Opt::new("auth-hook-mode", &["HASURA_GRAPHQL_AUTH_HOOK_MODE", "HASURA_GRAPHQL_AUTH_HOOK_TYPE"], Choice(&["get", "post"]),
        "HTTP method of the authentication webhook").or("get"),
    Opt::new("auth-hook-send-request-body", &["HASURA_GRAPHQL_AUTH_HOOK_SEND_REQUEST_BODY"], Boolean,
        "Tell the authentication webhook the GraphQL request, where it is asked with POST").or("true"),
    Opt::new("jwt-secret", &["HASURA_GRAPHQL_JWT_SECRET"], Secret,
        "JSON object that says how JSON web tokens are verified"),
    Opt::new("jwt-secrets", &["HASURA_GRAPHQL_JWT_SECRETS"], Secret,
        "JSON array of such; takes precedence over the single one"),
    Opt::new("jwk-window", &["GRAPHLOOM_JWK_WINDOW"], Seconds,
        "Seconds after a fetch of published keys in which a token that names an unknown key causes no other").or("30"),
    Opt::new("enable-allowlist", &["HASURA_GRAPHQL_ENABLE_ALLOWLIST"], Switch,
        "Accept of roles other than admin only operations that are on the allow list").or("false"),
    Opt::new("enable-maintenance-mode", &["HASURA_GRAPHQL_ENABLE_MAINTENANCE_MODE"], Switch,
        "Refuse changes of metadata; what is served is served on").or("false"),
    Opt::new("read-only-mode", &["GRAPHLOOM_READ_ONLY_MODE"], Switch,
        "Refuse mutations, statements that write and changes of metadata").or("false"),
    Opt::new("dev-mode", &["HASURA_GRAPHQL_DEV_MODE"], Switch,
        "Show internal details of errors to every role").or("false"),
    Opt::new("admin-internal-errors", &["HASURA_GRAPHQL_ADMIN_INTERNAL_ERRORS"], Boolean,
        "Show internal details of errors to admins").or("true"),
    Opt::new("preserve-401-errors", &["HASURA_GRAPHQL_PRESERVE_401_ERRORS"], Switch,
        "Answer a failed authentication on /v1/graphql with 401 instead of 200").or("false"),

    // Calls to other servers
    Opt::new("outbound-egress", &["GRAPHLOOM_OUTBOUND_EGRESS"], Choice(&["anywhere", "public"]),
        "Where webhooks and other calls may go; `public` refuses this machine, private networks and cloud metadata services, redirects included, and uses no proxy").or("anywhere"),
    Opt::new("http-proxy", &["http_proxy", "HTTP_PROXY"], Secret,
        "Proxy for calls to http URLs"),
    Opt::new("https-proxy", &["https_proxy", "HTTPS_PROXY"], Secret,
        "Proxy for calls to https URLs"),
    Opt::new("no-proxy", &["no_proxy", "NO_PROXY"], Text,
        "Hosts that are called without a proxy, separated by commas"),

    // HTTP
    Opt::new("server-port", &["HASURA_GRAPHQL_SERVER_PORT"], Integer(0, 65535),
        "Port to listen on; 0 takes a free one, which the log names").or("8080"),
    Opt::new("server-host", &["HASURA_GRAPHQL_SERVER_HOST"], Text,
        "Address to listen on; `*` is all").or("*"),
    Opt::new("cors-domain", &["HASURA_GRAPHQL_CORS_DOMAIN"], Text,
        "Origins whose pages may read answers, separated by commas; `https://*.example.com` for all below").or("*"),
    Opt::new("disable-cors", &["HASURA_GRAPHQL_DISABLE_CORS"], Switch,
        "Send no CORS headers at all").or("false"),
    Opt::new("ws-read-cookie", &["HASURA_GRAPHQL_WS_READ_COOKIE"], Switch,
        "With CORS disabled, still read the cookie of a websocket's handshake").or("false"),
    Opt::new("enabled-apis", &["HASURA_GRAPHQL_ENABLED_APIS"], List(APIS),
        "APIs to serve").or("metadata,graphql,pgdump,config"),
    Opt::new("enable-console", &["HASURA_GRAPHQL_ENABLE_CONSOLE"], Switch,
        "Serve the console at /console").or("false"),
    Opt::new("console-assets-dir", &["HASURA_GRAPHQL_CONSOLE_ASSETS_DIR"], Text,
        "Directory of console assets").status(Accepted("the assets are in the binary")),
    Opt::new("console-sentry-dsn", &["HASURA_CONSOLE_SENTRY_DSN"], Text,
        "Error collector of the console").status(Accepted("nothing is sent anywhere")),
    Opt::new("enable-relay", &["HASURA_GRAPHQL_ENABLE_RELAY"], Boolean,
        "Serve the Relay API").or("true"),
    Opt::new("max-total-header-length", &["HASURA_GRAPHQL_MAX_TOTAL_HEADER_LENGTH"], Integer(8192, 1 << 30),
        "Most bytes of a request's line and headers").or("1048576"),
    Opt::new("server-timeout", &["HASURA_GRAPHQL_SERVER_TIMEOUT"], Seconds,
        "Seconds a connection may take to send a request's headers, and stay idle between requests").or("30"),
    Opt::new("body-timeout", &["GRAPHLOOM_BODY_TIMEOUT"], Seconds,
        "Seconds a request may take to send its body").or("60"),
    Opt::new("graphql-body-limit", &["GRAPHLOOM_GRAPHQL_BODY_LIMIT"], COUNT,
        "Most bytes of a body for /v1/graphql, /v1alpha1/graphql and /v1beta1/relay").or("33554432"),
    Opt::new("metadata-body-limit", &["GRAPHLOOM_METADATA_BODY_LIMIT"], COUNT,
        "Most bytes of a body for /v1/metadata").or("134217728"),
    Opt::new("query-body-limit", &["GRAPHLOOM_QUERY_BODY_LIMIT"], COUNT,
        "Most bytes of a body for /v2/query and /v1/query").or("134217728"),
    Opt::new("pg-dump", &["GRAPHLOOM_PG_DUMP"], Text,
        "The program that /v1alpha1/pg_dump runs: a path, or a name that is looked for").or("pg_dump"),
    Opt::new("pg-dump-limit", &["GRAPHLOOM_PG_DUMP_LIMIT"], COUNT,
        "Most bytes of a dump").or("268435456"),
    Opt::new("pg-dump-timeout", &["GRAPHLOOM_PG_DUMP_TIMEOUT"], Seconds,
        "Seconds a dump may take").or("300"),
    Opt::new("body-memory", &["GRAPHLOOM_BODY_MEMORY"], Integer(1 << 20, 1 << 44),
        "Most bytes of all bodies that are being read or worked on; more requests wait").or("536870912"),
    Opt::new("batch-limit", &["GRAPHLOOM_BATCH_LIMIT"], COUNT,
        "Most operations in one batched GraphQL request").or("1000"),
    Opt::new("document-limit", &["GRAPHLOOM_DOCUMENT_LIMIT"], COUNT,
        "Most bytes of a GraphQL document").or("33554432"),
    Opt::new("token-limit", &["GRAPHLOOM_TOKEN_LIMIT"], COUNT,
        "Most tokens of a GraphQL document").or("1000000"),
    Opt::new("nesting-limit", &["GRAPHLOOM_NESTING_LIMIT"], Integer(10, 600),
        "Deepest nesting of brackets in a GraphQL document").or("600"),
    Opt::new("variables-limit", &["GRAPHLOOM_VARIABLES_LIMIT"], COUNT,
        "Most bytes of an operation's variables").or("33554432"),
    Opt::new("depth-limit", &["GRAPHLOOM_DEPTH_LIMIT"], Integer(1, 80),
        "Most levels of selections, conditions and sort keys together, and of fragments in fragments").or("50"),
    Opt::new("field-limit", &["GRAPHLOOM_FIELD_LIMIT"], COUNT,
        "Most fields of an operation, fragments expanded").or("50000"),
    Opt::new("root-field-limit", &["GRAPHLOOM_ROOT_FIELD_LIMIT"], COUNT,
        "Most root fields of an operation").or("1000"),
    Opt::new("alias-limit", &["GRAPHLOOM_ALIAS_LIMIT"], ANY,
        "Most aliases of an operation, fragments expanded").or("20000"),
    Opt::new("directive-limit", &["GRAPHLOOM_DIRECTIVE_LIMIT"], ANY,
        "Most directives of an operation's fields and fragments, fragments expanded").or("10000"),
    Opt::new("introspection-depth-limit", &["GRAPHLOOM_INTROSPECTION_DEPTH_LIMIT"], Integer(1, 5),
        "Deepest nesting of the lists that lead from a type to its parts in introspection").or("2"),
    Opt::new("introspection-limit", &["GRAPHLOOM_INTROSPECTION_LIMIT"], COUNT,
        "Most bytes of an introspection answer").or("268435456"),
    Opt::new("max-connections", &["GRAPHLOOM_MAX_CONNECTIONS"], COUNT,
        "Most open client connections, websockets included; more wait to be accepted").or("10000"),
    Opt::new("worker-threads", &["GRAPHLOOM_WORKER_THREADS"], Integer(1, 1024),
        "Threads that work on requests; unless given, one for every two processors"),
    Opt::new("graceful-shutdown-timeout", &["HASURA_GRAPHQL_GRACEFUL_SHUTDOWN_TIMEOUT"], Seconds,
        "Seconds that requests under way have when the server is told to stop").or("60"),

    // Websockets and subscriptions
    Opt::new("websocket-keepalive", &["HASURA_GRAPHQL_WEBSOCKET_KEEPALIVE"], Integer(1, 86_400),
        "Seconds between the keep-alive messages of a websocket").or("5"),
    Opt::new("websocket-connection-init-timeout", &["HASURA_GRAPHQL_WEBSOCKET_CONNECTION_INIT_TIMEOUT"], Integer(0, 86_400),
        "Seconds a websocket may take to send `connection_init`").or("3"),
    Opt::new("websocket-compression", &["HASURA_GRAPHQL_CONNECTION_COMPRESSION"], Switch,
        "Compress messages to websockets whose client offers `permessage-deflate`").or("false"),
    Opt::new("websocket-message-limit", &["GRAPHLOOM_WEBSOCKET_MESSAGE_LIMIT"], COUNT,
        "Most bytes of one message from a websocket's client").or("33554432"),
    Opt::new("websocket-operations-limit", &["GRAPHLOOM_WEBSOCKET_OPERATIONS_LIMIT"], Integer(1, 100_000),
        "Most queries and mutations running on one websocket; more wait to be read").or("100"),
    Opt::new("websocket-subscriptions-limit", &["GRAPHLOOM_WEBSOCKET_SUBSCRIPTIONS_LIMIT"], Integer(0, 1_000_000),
        "Most subscriptions on one websocket; more are refused").or("1000"),
    Opt::new("disable-close-websockets-on-metadata-change", &[], Switch,
        "Keep websockets open when metadata changes").or("false"),
    Opt::new("close-websockets-on-metadata-change", &["HASURA_GRAPHQL_CLOSE_WEBSOCKETS_ON_METADATA_CHANGE"], Boolean,
        "Close websockets with 1012 when metadata changes, so that clients come back to the new schema").or("true"),
    Opt::new("live-queries-multiplexed-refetch-interval", &["HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL"], ANY,
        "Milliseconds that pass at least between two polls of a live query").or("1000"),
    Opt::new("live-queries-multiplexed-batch-size", &["HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_BATCH_SIZE"], ANY,
        "Most different results in one statement of a live query").or("100"),
    Opt::new("streaming-queries-multiplexed-refetch-interval", &["HASURA_GRAPHQL_STREAMING_QUERIES_MULTIPLEXED_REFETCH_INTERVAL"], ANY,
        "Milliseconds that pass at least between two polls of a streaming subscription").or("1000"),
    Opt::new("streaming-queries-multiplexed-batch-size", &["HASURA_GRAPHQL_STREAMING_QUERIES_MULTIPLEXED_BATCH_SIZE"], ANY,
        "Most different places in one statement of a streaming subscription").or("100"),
    Opt::new("live-query-change-signals", &["GRAPHLOOM_LIVE_QUERY_CHANGE_SIGNALS"], Text,
        "Sources, separated by commas, or `*` for all, in whose tables triggers tell of changes, so that subscriptions are told at once and nothing else is read again (docs/subscriptions.md)"),

    // Logs
    Opt::new("enabled-log-types", &["HASURA_GRAPHQL_ENABLED_LOG_TYPES"], List(LOG_TYPES),
        "Log types to write").or("startup,http-log,webhook-log,websocket-log,jwk-refresh-log"),
    Opt::new("log-level", &["HASURA_GRAPHQL_LOG_LEVEL"], Choice(&["debug", "info", "warn", "error"]),
        "Least severe level to write").or("info"),
    Opt::new("log-format", &["GRAPHLOOM_LOG_FORMAT"], Choice(&["json", "pretty"]),
        "One JSON object per line, or lines for people").or("json"),
    Opt::new("enable-metadata-query-logging", &["HASURA_GRAPHQL_ENABLE_METADATA_QUERY_LOGGING"], Switch,
        "With the query log on, also log the bodies of metadata requests, which may hold secrets").or("false"),
    Opt::new("http-log-query-only-on-error", &["HASURA_GRAPHQL_HTTP_LOG_QUERY_ONLY_ON_ERROR"], Switch,
        "With the query log on, put the query into the http log of failed requests only").or("false"),
    Opt::new("log-masked-variables", &["HASURA_GRAPHQL_LOG_MASKED_VARIABLES"], Text,
        "Names of variables, separated by commas, whose values logs show as [MASKED]"),
    Opt::new("enable-telemetry", &["HASURA_GRAPHQL_ENABLE_TELEMETRY"], Boolean,
        "Accepted for compatibility").or("true").status(Accepted("no telemetry is ever sent")),

    // What is served
    Opt::new("stringify-numeric-types", &["HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES"], Switch,
        "Show bigint, numeric and double precision values as strings").or("false"),
    Opt::new("null-in-nonnullable-variables", &["HASURA_GRAPHQL_BACKWARDS_COMPAT_NULL_IN_NONNULLABLE_VARIABLES"], Boolean,
        "Accept null for a non-nullable variable").or("false").status(NotBuilt),
    Opt::new("v1-boolean-null-collapse", &["HASURA_GRAPHQL_V1_BOOLEAN_NULL_COLLAPSE"], Boolean,
        "Leave out a condition whose operand is null, instead of an error").or("false"),
    Opt::new("infer-function-permissions", &["HASURA_GRAPHQL_INFER_FUNCTION_PERMISSIONS"], Boolean,
        "Give a role the functions whose table it may select").or("true"),
    Opt::new("default-naming-convention", &["HASURA_GRAPHQL_DEFAULT_NAMING_CONVENTION"], Choice(&["hasura-default", "graphql-default"]),
        "How names of the schema are made").or("hasura-default"),
    Opt::new("experimental-features", &["HASURA_GRAPHQL_EXPERIMENTAL_FEATURES"], List(EXPERIMENTAL),
        "Features to switch on; `apollo_federation`, `bigquery_string_numeric_input` and `remove_empty_subscription_responses` have no effect yet and are warned about, `inherited_roles`, `streaming_subscriptions` and `optimize_permission_filters` are always on").or(""),
    Opt::new("enable-apollo-federation", &["HASURA_GRAPHQL_ENABLE_APOLLO_FEDERATION"], Switch,
        "Be a subgraph").or("false").status(NotBuilt),
    Opt::new("metadata-defaults", &["HASURA_GRAPHQL_METADATA_DEFAULTS"], Text,
        "JSON object with defaults of metadata; only `backend_configs` can have any, and an agent in them is refused as long as there are no data connectors").or("{}"),
    Opt::new("disable-native-query-validation", &["HASURA_GRAPHQL_DISABLE_NATIVE_QUERY_VALIDATION"], Switch,
        "Do not check native queries against the database").or("false"),
    Opt::new("enable-remote-schema-permissions", &["HASURA_GRAPHQL_ENABLE_REMOTE_SCHEMA_PERMISSIONS"], Switch,
        "Permissions of remote schemas (none is served yet)").or("false").status(NotBuilt),
    Opt::new("remote-schema-prioritize-data", &["HASURA_GRAPHQL_REMOTE_SCHEMA_PRIORITIZE_DATA"], Switch,
        "Keep the data of a partly failed remote schema").or("false").status(NotBuilt),
    Opt::new("remote-schema-skip-nulls", &["HASURA_GRAPHQL_REMOTE_SCHEMA_SKIP_NULLS"], Switch,
        "Leave out null arguments to remote schemas").or("false").status(NotBuilt),
    Opt::new("configured-header-precedence", &["HASURA_GRAPHQL_CONFIGURED_HEADER_PRECEDENCE"], Switch,
        "Configured headers win over the client's").or("false").status(NotBuilt),
    Opt::new("enable-persisted-queries", &["HASURA_GRAPHQL_ENABLE_PERSISTED_QUERIES"], Switch,
        "Keep queries that come with a hash, and run them for the hash alone").or("false"),
    Opt::new("persisted-queries-ttl", &["HASURA_GRAPHQL_PERSISTED_QUERIES_TTL"], Seconds,
        "Seconds a persisted query is kept after it was last used").or("5"),
    Opt::new("persisted-queries-memory", &["GRAPHLOOM_PERSISTED_QUERIES_MEMORY"], Integer(1024, 1 << 40),
        "Most bytes of all persisted queries").or("16777216"),
    Opt::new("trace-sql-query", &["HASURA_GRAPHQL_ENABLE_QUERY_TRACING"], Switch,
        "Put SQL into traces").or("false").status(NotBuilt),
    Opt::new("query-plan-cache-size", &["HASURA_GRAPHQL_QUERY_PLAN_CACHE_SIZE"], ANY,
        "Accepted for compatibility").status(Accepted("ignored since version 2")),

    // Events, actions and several instances
    Opt::new("schema-sync-poll-interval", &["HASURA_GRAPHQL_SCHEMA_SYNC_POLL_INTERVAL"], ANY,
        "Milliseconds between two looks for metadata changed by another instance; 0 means never").or("1000"),
    Opt::new("events-http-pool-size", &["HASURA_GRAPHQL_EVENTS_HTTP_POOL_SIZE"], COUNT,
        "Most event deliveries at once").or("100").status(NotBuilt),
    Opt::new("events-fetch-interval", &["HASURA_GRAPHQL_EVENTS_FETCH_INTERVAL"], ANY,
        "Milliseconds between two looks for events").or("1000").status(NotBuilt),
    Opt::new("events-fetch-batch-size", &["HASURA_GRAPHQL_EVENTS_FETCH_BATCH_SIZE"], ANY,
        "Most events fetched at once").or("100").status(NotBuilt),
    Opt::new("async-actions-fetch-interval", &["HASURA_GRAPHQL_ASYNC_ACTIONS_FETCH_INTERVAL"], ANY,
        "Milliseconds between two looks for asynchronous actions").or("1000").status(NotBuilt),
    Opt::new("async-actions-fetch-batch-size", &["HASURA_GRAPHQL_ASYNC_ACTIONS_FETCH_BATCH_SIZE"], ANY,
        "Most asynchronous actions fetched at once").or("10").status(NotBuilt),
    Opt::new("disable-eventing", &["HASURA_GRAPHQL_DISABLE_EVENTING"], Switch,
        "Deliver no events").or("false").status(Accepted("no events are delivered yet")),
    Opt::new("enable-triggers-error-log-level", &["HASURA_GRAPHQL_ENABLE_TRIGGERS_ERROR_LOG_LEVEL"], Switch,
        "Log failed deliveries as errors").or("false").status(NotBuilt),
    Opt::new("dynamic-secrets-allowed-path-prefix", &["HASURA_GRAPHQL_DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX"], Text,
        "What the path of a file begins with that a database's URL is read from (`dynamic_from_file` in metadata, `dynamic-from-file:///path` in options); without it none is read"),
    Opt::new("ee-license-key", &["HASURA_GRAPHQL_EE_LICENSE_KEY"], Secret,
        "Accepted for compatibility").status(Accepted("there is no licence to check")),
    Opt::new("metrics-secret", &["HASURA_GRAPHQL_METRICS_SECRET"], Secret,
        "Secret of /v1/metrics, which is not served yet").status(NotBuilt),
];

/// Options of `downgrade`, beside those of `serve` that name the database.
#[rustfmt::skip]
pub const DOWNGRADE: &[Opt] = &[
    Opt::new("to-v", &[], Kind::Suffix,
        "The release of Hasura GraphQL Engine whose catalog version is wanted: `--to-v2.11.2`"),
    Opt::new("to-catalog-version", &[], Integer(1, 1000), "The catalog version that is wanted"),
    Opt::new("dryRun", &[], Switch, "Print the statements instead of running them").or("false"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn flags_letters_and_variables_are_unique() {
        let mut seen = HashSet::new();
        for option in SERVE {
            assert!(
                seen.insert(format!("--{}", option.flag)),
                "--{}",
                option.flag
            );
            if let Some(letter) = option.short {
                assert!(seen.insert(format!("-{letter}")), "-{letter}");
            }
            for name in option.env {
                assert!(seen.insert((*name).to_owned()), "{name}");
            }
        }
    }
}
