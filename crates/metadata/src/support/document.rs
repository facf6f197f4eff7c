//! The document's own keys, in its three versions, and the sections that are not about databases.

use super::outward::{
    ACTION, CRON_TRIGGER, CUSTOM_TYPES, FROM_ENVIRONMENT, HEADER, REMOTE_SCHEMA, REST_ENDPOINT,
};
use super::source::{FUNCTION, SOURCE};
use super::table::TABLE;
use super::{Key, Object, enforced, ignored, object, refused, whole};

/// A document of version 3, as it is exported.
pub static DOCUMENT: Object = object("metadata", "crates/metadata/tests/documents.rs", &SECTIONS);

/// A document of version 1 or 2: one database's tables and functions.
pub static LEGACY_DOCUMENT: Object = object(
    "metadata of version 1 or 2",
    "cases/metadata/legacy.yaml",
    &[
        enforced("version"),
        enforced("tables").list(&TABLE),
        enforced("functions").list(&FUNCTION),
    ],
);

const SECTIONS: [Key; 16] = [
    enforced("version"),
    enforced("sources").list(&SOURCE),
    refused(
        "remote_schemas",
        "remote_schemas are not built yet",
        r#"[{"name": "r", "definition": {"url": "http://localhost"}}]"#,
    )
    .list(&REMOTE_SCHEMA),
    enforced("query_collections")
        .by("cases/limits/allow_list.yaml")
        .list(&QUERY_COLLECTION),
    enforced("allowlist")
        .by("cases/limits/allow_list.yaml")
        .list(&ALLOW_LIST_ENTRY),
    refused(
        "actions",
        "actions are not built yet",
        r#"[{"name": "a", "definition": {"kind": "synchronous", "handler": "http://localhost"}}]"#,
    )
    .list(&ACTION),
    ignored(
        "custom_types",
        "only actions have such types, and those are refused",
    )
    .object(&CUSTOM_TYPES),
    refused(
        "cron_triggers",
        "cron_triggers are not built yet",
        r#"[{"name": "c", "webhook": "http://localhost", "schedule": "* * * * *", "include_in_metadata": true}]"#,
    )
    .list(&CRON_TRIGGER),
    refused(
        "rest_endpoints",
        "rest_endpoints are not built yet",
        r#"[{"name": "e", "url": "e", "methods": ["GET"],
            "definition": {"query": {"collection_name": "c", "query_name": "q"}}}]"#,
    )
    .list(&REST_ENDPOINT),
    enforced("api_limits")
        .by("cases/metadata/keys.yaml")
        .object(&API_LIMITS),
    ignored("metrics_config", "no metrics are kept that it could shape").object(&METRICS),
    enforced("inherited_roles")
        .by("cases/inherited_roles/commands.yaml")
        .list(&INHERITED_ROLE),
    enforced("graphql_schema_introspection")
        .by("cases/limits/introspection.yaml")
        .object(&INTROSPECTION),
    ignored(
        "network",
        "every certificate is checked, also of hosts that it would excuse",
    )
    .object(&NETWORK),
    ignored(
        "backend_configs",
        "it is about data connectors, whose sources are refused",
    )
    .object(&BACKENDS),
    ignored("opentelemetry", "no telemetry is exported").object(&TELEMETRY),
];

/// A query collection.
pub static QUERY_COLLECTION: Object = object(
    "query collection",
    "cases/limits/allow_list.yaml",
    &[
        enforced("name"),
        enforced("definition").object(&COLLECTION_DEFINITION),
        ignored("comment", "it is for people"),
    ],
);

static COLLECTION_DEFINITION: Object = object(
    "definition of a query collection",
    "cases/limits/allow_list.yaml",
    &[enforced("queries").list(&COLLECTION_QUERY)],
);

static COLLECTION_QUERY: Object = object(
    "query of a collection",
    "cases/limits/allow_list.yaml",
    &[enforced("name"), enforced("query")],
);

/// An entry of the allow list.
pub static ALLOW_LIST_ENTRY: Object = object(
    "entry of the allow list",
    "cases/limits/allow_list.yaml",
    &[
        enforced("collection"),
        enforced("scope").object(&ALLOW_LIST_SCOPE),
    ],
);

static ALLOW_LIST_SCOPE: Object = object(
    "scope of an entry of the allow list",
    "cases/limits/allow_list.yaml",
    &[enforced("global"), enforced("roles")],
);

/// `api_limits`.
pub static API_LIMITS: Object = object(
    "API limits",
    "cases/limits/api_limits.yaml",
    &[
        enforced("disabled").by("cases/metadata/keys.yaml"),
        enforced("depth_limit").object(&LIMIT),
        enforced("node_limit").object(&LIMIT),
        enforced("time_limit").object(&LIMIT),
        enforced("batch_limit").object(&LIMIT),
        enforced("rate_limit").object(&RATE_LIMIT),
    ],
);

static LIMIT: Object = object(
    "API limit",
    "cases/limits/api_limits.yaml",
    &[enforced("global"), enforced("per_role")],
);

static RATE_LIMIT: Object = object(
    "rate limit",
    "cases/limits/api_limits.yaml",
    &[
        enforced("global").object(&RATE),
        enforced("per_role").map(&RATE),
    ],
);

static RATE: Object = object(
    "rate",
    "cases/limits/api_limits.yaml",
    &[enforced("max_reqs_per_min"), enforced("unique_params")],
);

/// A role made of other roles.
pub static INHERITED_ROLE: Object = object(
    "inherited role",
    "cases/inherited_roles/commands.yaml",
    &[enforced("role_name"), enforced("role_set")],
);

static INTROSPECTION: Object = object(
    "introspection",
    "cases/limits/introspection.yaml",
    &[enforced("disabled_for_roles")],
);

static METRICS: Object = object(
    "metrics",
    "",
    &[
        whole("analyze_query_variables"),
        whole("analyze_response_body"),
    ],
);

static NETWORK: Object = object("network", "", &[whole("tls_allowlist").list(&TLS_HOST)]);

static TLS_HOST: Object = object(
    "host without a checked certificate",
    "",
    &[whole("host"), whole("suffix"), whole("permissions")],
);

static BACKENDS: Object = object(
    "settings of kinds of sources",
    "",
    &[
        whole("bigquery"),
        whole("citus"),
        whole("cockroach"),
        whole("mssql"),
        whole("postgres"),
        whole("dataconnector").map(&DATA_CONNECTOR),
    ],
);

static DATA_CONNECTOR: Object = object(
    "data connector agent",
    "",
    &[
        whole("uri").object(&FROM_ENVIRONMENT),
        whole("display_name"),
    ],
);

static TELEMETRY: Object = object(
    "OpenTelemetry",
    "",
    &[
        whole("status"),
        whole("data_types"),
        whole("exporter_otlp").object(&EXPORTER),
        whole("batch_span_processor").object(&SPAN_PROCESSOR),
    ],
);

static EXPORTER: Object = object(
    "OTLP exporter",
    "",
    &[
        whole("headers").list(&HEADER),
        whole("otlp_logs_endpoint"),
        whole("otlp_metrics_endpoint"),
        whole("otlp_traces_endpoint"),
        whole("protocol"),
        whole("resource_attributes").list(&ATTRIBUTE),
        whole("traces_propagators"),
    ],
);

static ATTRIBUTE: Object = object("attribute", "", &[whole("name"), whole("value")]);

static SPAN_PROCESSOR: Object = object("span processor", "", &[whole("max_export_batch_size")]);
