//! Databases: how to reach them, and what of them is tracked beside tables.

use super::outward::{FROM_ENVIRONMENT, STORED_PROCEDURE};
use super::permission::MODEL_PERMISSION;
use super::table::{MANUAL, QUALIFIED_NAME, TABLE};
use super::{Object, enforced, ignored, object, refused};

/// Kinds of sources of v2 that are not served; a source of such a kind is stored, exported and inconsistent as a
/// whole, whatever keys it has.
pub const KINDS_REFUSED: &[&str] = &["mssql", "bigquery", "dataconnector"];

/// Shows which database a statement goes to.
const ROUTING: &str = "cases/server/connection_routing.yaml";

/// Shows keys that no other case shows.
const KEYS: &str = "cases/metadata/keys.yaml";

/// A Postgres database.
pub static SOURCE: Object = object(
    "source",
    "cases/metadata/sources.yaml",
    &[
        enforced("name"),
        enforced("kind").by(KEYS),
        enforced("tables").by(KEYS).list(&TABLE),
        enforced("functions")
            .by("cases/functions/commands.yaml")
            .list(&FUNCTION),
        enforced("native_queries")
            .by("cases/native_queries/relationships.yaml")
            .list(&NATIVE_QUERY),
        refused(
            "stored_procedures",
            "stored_procedures are not built yet",
            r#"[{"stored_procedure": "p", "configuration": {"exposed_as": "query"}, "returns": "m"}]"#,
        )
        .list(&STORED_PROCEDURE),
        enforced("logical_models")
            .by("cases/native_queries/relationships.yaml")
            .list(&LOGICAL_MODEL),
        enforced("configuration").object(&CONFIGURATION),
        enforced("query_tags")
            .by("cases/query_tags/standard.yaml")
            .object(&QUERY_TAGS),
        enforced("customization").object(&CUSTOMIZATION),
        enforced("health_check")
            .by("cases/server/source_health.yaml")
            .object(&HEALTH_CHECK),
    ],
);

/// A source's `configuration`.
pub static CONFIGURATION: Object = object(
    "configuration of a source",
    "cases/metadata/sources.yaml",
    &[
        enforced("connection_info").object(&CONNECTION_INFO),
        enforced("read_replicas").by(ROUTING).list(&CONNECTION_INFO),
        enforced("connection_template")
            .by(ROUTING)
            .object(&CONNECTION_TEMPLATE),
        enforced("connection_set")
            .by(ROUTING)
            .list(&CONNECTION_SET_MEMBER),
        ignored(
            "extensions_schema",
            "no extension is installed into a source, so that none needs a schema",
        ),
    ],
);

static CONNECTION_TEMPLATE: Object = object(
    "connection template",
    ROUTING,
    &[
        enforced("template"),
        enforced("version").by("crates/admin/src/source/settings.rs"),
    ],
);

static CONNECTION_SET_MEMBER: Object = object(
    "member of a connection set",
    ROUTING,
    &[
        enforced("name"),
        enforced("connection_info").object(&CONNECTION_INFO),
    ],
);

/// How to reach one Postgres.
pub static CONNECTION_INFO: Object = object(
    "connection",
    "crates/admin/src/source/settings.rs",
    &[
        enforced("database_url").object(&DATABASE_URL),
        enforced("pool_settings").object(&POOL_SETTINGS),
        enforced("use_prepared_statements"),
        enforced("isolation_level"),
        enforced("ssl_configuration").object(&SSL_CONFIGURATION),
    ],
);

/// A database URL.
pub static DATABASE_URL: Object = object(
    "database URL, where it is not a plain text",
    "crates/admin/src/source/settings.rs",
    &[
        enforced("from_env"),
        enforced("connection_parameters").object(&CONNECTION_PARAMETERS),
        enforced("dynamic_from_file").by("crates/graphloom/tests/secrets.rs"),
    ],
);

/// A database URL in parts.
pub static CONNECTION_PARAMETERS: Object = object(
    "connection parameters",
    "crates/admin/src/source/settings.rs",
    &[
        enforced("host"),
        enforced("port"),
        enforced("username"),
        enforced("password"),
        enforced("database"),
    ],
);

/// How many connections there are, and for how long.
pub static POOL_SETTINGS: Object = object(
    "pool settings",
    "crates/admin/src/source/settings.rs",
    &[
        enforced("max_connections"),
        enforced("total_max_connections"),
        enforced("idle_timeout"),
        enforced("retries"),
        enforced("pool_timeout"),
        enforced("connection_lifetime"),
    ],
);

/// How connections are secured.
pub static SSL_CONFIGURATION: Object = object(
    "SSL configuration",
    "crates/admin/src/source/settings.rs",
    &[
        enforced("sslmode"),
        enforced("sslrootcert").object(&FROM_ENVIRONMENT),
        enforced("sslcert").object(&FROM_ENVIRONMENT),
        enforced("sslkey").object(&FROM_ENVIRONMENT),
        enforced("sslpassword")
            .by("crates/pg/tests/postgres/tls.rs")
            .object(&FROM_ENVIRONMENT),
    ],
);

/// How a source's names are made.
pub static CUSTOMIZATION: Object = object(
    "customization of a source",
    "cases/schema/conventions.yaml",
    &[
        enforced("root_fields").object(&ROOT_FIELDS),
        enforced("type_names").object(&TYPE_NAMES),
        enforced("naming_convention"),
    ],
);

static ROOT_FIELDS: Object = object(
    "root fields of a source",
    "crates/bind/tests/worlds/affixes.world",
    &[
        enforced("namespace").by("cases/schema/conventions.yaml"),
        enforced("prefix"),
        enforced("suffix"),
    ],
);

static TYPE_NAMES: Object = object(
    "type names of a source",
    "crates/bind/tests/worlds/affixes.world",
    &[enforced("prefix"), enforced("suffix")],
);

static QUERY_TAGS: Object = object(
    "query tags",
    "cases/query_tags/standard.yaml",
    &[
        enforced("disabled"),
        enforced("format"),
        enforced("omit_request_id"),
    ],
);

static HEALTH_CHECK: Object = object(
    "health check",
    "cases/server/source_health.yaml",
    &[
        enforced("test").object(&HEALTH_CHECK_TEST),
        ignored("interval", "a source is looked at whenever somebody asks"),
        enforced("timeout"),
        enforced("retries"),
        enforced("retry_interval"),
    ],
);

static HEALTH_CHECK_TEST: Object = object(
    "test of a health check",
    "cases/server/source_health.yaml",
    &[enforced("sql")],
);

/// A tracked function.
pub static FUNCTION: Object = object(
    "function",
    "cases/functions/commands.yaml",
    &[
        enforced("function").object(&QUALIFIED_NAME),
        enforced("configuration").object(&FUNCTION_CONFIGURATION),
        enforced("permissions").by(KEYS).list(&FUNCTION_PERMISSION),
        enforced("comment"),
    ],
);

/// A function's `configuration`.
pub static FUNCTION_CONFIGURATION: Object = object(
    "configuration of a function",
    "cases/functions/commands.yaml",
    &[
        enforced("custom_name").by(KEYS),
        enforced("custom_root_fields").object(&FUNCTION_ROOT_FIELDS),
        enforced("session_argument"),
        enforced("exposed_as"),
        refused(
            "response",
            "functions of Postgres say themselves what they return: \"response\" is for other databases",
            r#"{"type": "table", "table": "t"}"#,
        ),
    ],
);

static FUNCTION_ROOT_FIELDS: Object = object(
    "root fields of a function",
    "cases/functions/commands.yaml",
    &[enforced("function"), enforced("function_aggregate")],
);

static FUNCTION_PERMISSION: Object = object(
    "permission of a function",
    "cases/functions/explicit_permissions.yaml",
    &[enforced("role")],
);

/// A native query.
pub static NATIVE_QUERY: Object = object(
    "native query",
    "cases/native_queries/tracking.yaml",
    &[
        enforced("root_field_name"),
        enforced("type").by("cases/native_queries/tracking.yaml"),
        enforced("code"),
        enforced("returns").object(&INLINE_MODEL),
        enforced("arguments").map(&NATIVE_ARGUMENT),
        enforced("array_relationships")
            .by("cases/native_queries/relationships.yaml")
            .list(&NATIVE_RELATIONSHIP),
        enforced("object_relationships")
            .by("cases/native_queries/relationships.yaml")
            .list(&NATIVE_RELATIONSHIP),
        enforced("description"),
        ignored("comment", "older consoles wrote it, for people"),
    ],
);

/// An argument of a native query.
pub static NATIVE_ARGUMENT: Object = object(
    "argument of a native query",
    "cases/native_queries/tracking.yaml",
    &[
        enforced("type"),
        enforced("nullable"),
        enforced("description"),
    ],
);

/// A relationship of a native query.
pub static NATIVE_RELATIONSHIP: Object = object(
    "relationship of a native query",
    "cases/native_queries/relationships.yaml",
    &[
        enforced("name"),
        enforced("using").object(&MANUAL),
        ignored("comment", "it is for people"),
    ],
);

/// A logical model without a name, where a native query declares its own.
pub static INLINE_MODEL: Object = object(
    "logical model of one native query",
    "crates/bind/tests/worlds/native.world",
    &[
        enforced("fields").list(&MODEL_FIELD),
        enforced("select_permissions").list(&MODEL_PERMISSION),
    ],
);

/// A logical model.
pub static LOGICAL_MODEL: Object = object(
    "logical model",
    "cases/native_queries/tracking.yaml",
    &[
        enforced("name"),
        enforced("fields").list(&MODEL_FIELD),
        enforced("description"),
        enforced("select_permissions")
            .by("crates/bind/tests/worlds/native.world")
            .list(&MODEL_PERMISSION),
    ],
);

/// A field of a logical model.
pub static MODEL_FIELD: Object = object(
    "field of a logical model",
    "cases/native_queries/tracking.yaml",
    &[
        enforced("name"),
        enforced("type").object(&MODEL_TYPE),
        enforced("nullable"),
        enforced("description"),
    ],
);

/// The type of a field, where it is not a plain name.
static MODEL_TYPE: Object = object(
    "type of a field of a logical model",
    "crates/bind/tests/worlds/native.world",
    &[
        enforced("scalar"),
        enforced("array").object(&MODEL_TYPE),
        enforced("logical_model"),
        enforced("nullable"),
    ],
);
