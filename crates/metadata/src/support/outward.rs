//! What calls other services: none of it is built but the webhooks that validate input. Its keys are listed all the
//! same, so that the register says of every key of the format what becomes of it.

use super::{Object, enforced, object, whole};

/// A header of a call.
pub(super) static HEADER: Object = object(
    "header",
    "crates/execute/tests/writes/webhooks.rs",
    &[
        enforced("name"),
        enforced("value"),
        enforced("value_from_env"),
    ],
);

/// A value out of the environment, where it is not a plain text.
pub(super) static FROM_ENVIRONMENT: Object = object(
    "value from the environment",
    "crates/admin/src/source/settings.rs",
    &[enforced("from_env")],
);

/// A remote schema.
pub(super) static REMOTE_SCHEMA: Object = object(
    "remote schema",
    "",
    &[
        whole("name"),
        whole("definition").object(&REMOTE_SCHEMA_DEFINITION),
        whole("comment"),
        whole("permissions").list(&REMOTE_SCHEMA_PERMISSION),
        whole("remote_relationships").list(&REMOTE_SCHEMA_RELATIONSHIPS),
        // As v2's own description of the format has them.
        whole("relationships").list(&REMOTE_RELATIONSHIP),
        whole("type_name"),
    ],
);

/// A remote schema's definition.
pub static REMOTE_SCHEMA_DEFINITION: Object = object(
    "definition of a remote schema",
    "",
    &[
        whole("url"),
        whole("url_from_env"),
        whole("headers").list(&HEADER),
        whole("forward_client_headers"),
        whole("timeout_seconds"),
        whole("customization").object(&REMOTE_SCHEMA_CUSTOMIZATION),
    ],
);

static REMOTE_SCHEMA_CUSTOMIZATION: Object = object(
    "customization of a remote schema",
    "",
    &[
        whole("root_fields_namespace"),
        whole("type_names").object(&REMOTE_TYPE_NAMES),
        whole("field_names").list(&REMOTE_FIELD_NAMES),
    ],
);

static REMOTE_TYPE_NAMES: Object = object(
    "type names of a remote schema",
    "",
    &[whole("prefix"), whole("suffix"), whole("mapping")],
);

static REMOTE_FIELD_NAMES: Object = object(
    "field names of a remote schema",
    "",
    &[
        whole("parent_type"),
        whole("prefix"),
        whole("suffix"),
        whole("mapping"),
    ],
);

static REMOTE_SCHEMA_PERMISSION: Object = object(
    "permission of a remote schema",
    "",
    &[
        whole("role"),
        whole("definition").object(&REMOTE_SCHEMA_PERMISSION_DEFINITION),
        whole("comment"),
    ],
);

static REMOTE_SCHEMA_PERMISSION_DEFINITION: Object =
    object("schema for a role", "", &[whole("schema")]);

static REMOTE_SCHEMA_RELATIONSHIPS: Object = object(
    "relationships of a remote type",
    "",
    &[
        whole("type_name"),
        whole("relationships").list(&REMOTE_RELATIONSHIP),
    ],
);

/// A relationship to another source or to a remote schema.
pub(super) static REMOTE_RELATIONSHIP: Object = object(
    "remote relationship",
    "",
    &[
        whole("name"),
        whole("definition").object(&REMOTE_RELATIONSHIP_DEFINITION),
    ],
);

static REMOTE_RELATIONSHIP_DEFINITION: Object = object(
    "definition of a remote relationship",
    "",
    &[
        whole("to_source").object(&TO_SOURCE),
        whole("to_remote_schema").object(&TO_REMOTE_SCHEMA),
        // The older form, without `to_remote_schema`.
        whole("remote_schema"),
        whole("hasura_fields"),
        whole("remote_field").map(&FIELD_CALL),
    ],
);

static TO_SOURCE: Object = object(
    "relationship to another source",
    "",
    &[
        whole("source"),
        whole("table"),
        whole("relationship_type"),
        whole("field_mapping"),
    ],
);

static TO_REMOTE_SCHEMA: Object = object(
    "relationship to a remote schema",
    "",
    &[
        whole("remote_schema"),
        whole("lhs_fields"),
        whole("remote_field").map(&FIELD_CALL),
    ],
);

static FIELD_CALL: Object = object(
    "field of a remote schema",
    "",
    &[whole("arguments"), whole("field").map(&FIELD_CALL)],
);

/// An action.
pub(super) static ACTION: Object = object(
    "action",
    "",
    &[
        whole("name"),
        whole("definition").object(&ACTION_DEFINITION),
        whole("comment"),
        whole("permissions").list(&ACTION_PERMISSION),
    ],
);

static ACTION_DEFINITION: Object = object(
    "definition of an action",
    "",
    &[
        whole("kind"),
        whole("type"),
        whole("handler"),
        whole("arguments").list(&ACTION_ARGUMENT),
        whole("output_type"),
        whole("headers").list(&HEADER),
        whole("forward_client_headers"),
        whole("ignored_client_headers"),
        whole("timeout"),
        whole("request_transform").object(&REQUEST_TRANSFORM),
        whole("response_transform").object(&RESPONSE_TRANSFORM),
    ],
);

static ACTION_ARGUMENT: Object = object(
    "argument of an action",
    "",
    &[whole("name"), whole("type"), whole("description")],
);

static ACTION_PERMISSION: Object = object(
    "permission of an action",
    "",
    &[whole("role"), whole("comment")],
);

/// Types of actions.
pub(super) static CUSTOM_TYPES: Object = object(
    "custom types",
    "",
    &[
        whole("scalars").list(&SCALAR_TYPE),
        whole("enums").list(&ENUM_TYPE),
        whole("input_objects").list(&INPUT_TYPE),
        whole("objects").list(&OBJECT_TYPE),
    ],
);

static SCALAR_TYPE: Object = object("custom scalar", "", &[whole("name"), whole("description")]);

static ENUM_TYPE: Object = object(
    "custom enum",
    "",
    &[
        whole("name"),
        whole("description"),
        whole("values").list(&ENUM_VALUE),
    ],
);

static ENUM_VALUE: Object = object(
    "value of a custom enum",
    "",
    &[whole("value"), whole("description"), whole("is_deprecated")],
);

static INPUT_TYPE: Object = object(
    "custom input object",
    "",
    &[
        whole("name"),
        whole("description"),
        whole("fields").list(&INPUT_FIELD),
    ],
);

static INPUT_FIELD: Object = object(
    "field of a custom input object",
    "",
    &[whole("name"), whole("type"), whole("description")],
);

static OBJECT_TYPE: Object = object(
    "custom object",
    "",
    &[
        whole("name"),
        whole("description"),
        whole("fields").list(&OBJECT_FIELD),
        whole("relationships").list(&OBJECT_RELATIONSHIP),
    ],
);

static OBJECT_FIELD: Object = object(
    "field of a custom object",
    "",
    &[
        whole("name"),
        whole("type"),
        whole("description"),
        whole("arguments"),
    ],
);

static OBJECT_RELATIONSHIP: Object = object(
    "relationship of a custom object",
    "",
    &[
        whole("name"),
        whole("type"),
        whole("remote_table").object(&NAME_OF_TABLE),
        whole("source"),
        whole("field_mapping"),
    ],
);

/// Of a thing that is ignored or refused.
static NAME_OF_TABLE: Object = object(
    "name of a table or procedure",
    "",
    &[whole("schema"), whole("name")],
);

/// A cron trigger.
pub(super) static CRON_TRIGGER: Object = object(
    "cron trigger",
    "",
    &[
        whole("name"),
        whole("webhook"),
        whole("schedule"),
        whole("payload"),
        whole("retry_conf").object(&CRON_RETRIES),
        whole("headers").list(&HEADER),
        whole("include_in_metadata"),
        whole("comment"),
        whole("request_transform").object(&REQUEST_TRANSFORM),
        whole("response_transform").object(&RESPONSE_TRANSFORM),
    ],
);

static CRON_RETRIES: Object = object(
    "retries of a cron trigger",
    "",
    &[
        whole("num_retries"),
        whole("retry_interval_seconds"),
        whole("timeout_seconds"),
        whole("tolerance_seconds"),
    ],
);

/// An event trigger.
pub(super) static EVENT_TRIGGER: Object = object(
    "event trigger",
    "",
    &[
        whole("name"),
        whole("definition").object(&EVENT_DEFINITION),
        whole("webhook"),
        whole("webhook_from_env"),
        whole("retry_conf").object(&EVENT_RETRIES),
        whole("headers").list(&HEADER),
        whole("cleanup_config").object(&EVENT_CLEANUP),
        whole("trigger_on_replication"),
        whole("request_transform").object(&REQUEST_TRANSFORM),
        whole("response_transform").object(&RESPONSE_TRANSFORM),
    ],
);

static EVENT_DEFINITION: Object = object(
    "definition of an event trigger",
    "",
    &[
        whole("enable_manual"),
        whole("insert").object(&EVENT_OPERATION),
        whole("update").object(&EVENT_OPERATION),
        whole("delete").object(&EVENT_OPERATION),
    ],
);

static EVENT_OPERATION: Object = object(
    "operation of an event trigger",
    "",
    &[whole("columns"), whole("payload")],
);

static EVENT_RETRIES: Object = object(
    "retries of an event trigger",
    "",
    &[
        whole("num_retries"),
        whole("interval_sec"),
        whole("timeout_sec"),
    ],
);

static EVENT_CLEANUP: Object = object(
    "cleaning of an event trigger's log",
    "",
    &[
        whole("schedule"),
        whole("batch_size"),
        whole("clear_older_than"),
        whole("timeout"),
        whole("clean_invocation_logs"),
        whole("paused"),
    ],
);

/// A REST endpoint.
pub(super) static REST_ENDPOINT: Object = object(
    "REST endpoint",
    "",
    &[
        whole("name"),
        whole("url"),
        whole("methods"),
        whole("definition").object(&REST_DEFINITION),
        whole("comment"),
    ],
);

static REST_DEFINITION: Object = object(
    "definition of a REST endpoint",
    "",
    &[whole("query").object(&REST_QUERY)],
);

static REST_QUERY: Object = object(
    "query of a REST endpoint",
    "",
    &[whole("collection_name"), whole("query_name")],
);

/// A stored procedure.
pub(super) static STORED_PROCEDURE: Object = object(
    "stored procedure",
    "",
    &[
        whole("stored_procedure").object(&NAME_OF_TABLE),
        whole("configuration").object(&PROCEDURE_CONFIGURATION),
        whole("arguments").map(&PROCEDURE_ARGUMENT),
        whole("returns"),
        whole("description"),
    ],
);

static PROCEDURE_CONFIGURATION: Object = object(
    "configuration of a stored procedure",
    "",
    &[whole("custom_name"), whole("exposed_as")],
);

static PROCEDURE_ARGUMENT: Object = object(
    "argument of a stored procedure",
    "",
    &[whole("type"), whole("nullable"), whole("description")],
);

static REQUEST_TRANSFORM: Object = object(
    "request transformation",
    "",
    &[
        whole("version"),
        whole("template_engine"),
        whole("method"),
        whole("url"),
        whole("query_params"),
        whole("request_headers").object(&HEADER_CHANGES),
        whole("body").object(&BODY_TRANSFORM),
    ],
);

static HEADER_CHANGES: Object = object(
    "changes of headers",
    "",
    &[whole("add_headers"), whole("remove_headers")],
);

static RESPONSE_TRANSFORM: Object = object(
    "response transformation",
    "",
    &[
        whole("version"),
        whole("template_engine"),
        whole("body").object(&BODY_TRANSFORM),
    ],
);

static BODY_TRANSFORM: Object = object(
    "change of a body",
    "",
    &[whole("action"), whole("template"), whole("form_template")],
);
