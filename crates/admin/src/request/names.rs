//! The commands that v2 knows, by endpoint: those of them that are not built are refused by name.

use graphloom_metadata::types::{Dialect, SourceFeature};

/// A kind of database that a command's prefix stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    /// One that is served.
    Served(Dialect),
    /// One that v2 knows and this build does not serve.
    Other(&'static str),
}

impl Backend {
    pub(super) fn parse(prefix: &str) -> Option<Self> {
        match prefix {
            "mssql" => Some(Self::Other("mssql")),
            "bigquery" => Some(Self::Other("bigquery")),
            prefix => Dialect::parse(prefix).map(Self::Served),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Served(dialect) => dialect.kind(),
            Self::Other(name) => name,
        }
    }

    /// Whether it has nothing that the command could be about.
    pub(super) fn lacks(self, command: &str) -> bool {
        match (self, SourceFeature::of_command(command)) {
            (Self::Served(dialect), Some(feature)) => !dialect.has(feature),
            _ => false,
        }
    }
}

/// Whether v2 has a command of this name that belongs to no kind of database.
pub(super) fn is_document_command(name: &str) -> bool {
    DOCUMENT.contains(&name)
}

/// Whether v2 has a command of this name, behind the prefix, for some kind of database.
pub(super) fn is_source_command(name: &str) -> bool {
    SOURCE.contains(&name)
}

/// `/v1/metadata`, not built.
const DOCUMENT: &[&str] = &[
    "add_remote_schema",
    "update_remote_schema",
    "remove_remote_schema",
    "reload_remote_schema",
    "introspect_remote_schema",
    "add_remote_schema_permissions",
    "drop_remote_schema_permissions",
    "create_remote_schema_remote_relationship",
    "update_remote_schema_remote_relationship",
    "delete_remote_schema_remote_relationship",
    "cleanup_event_trigger_logs",
    "resume_event_trigger_cleanups",
    "pause_event_trigger_cleanups",
    "create_cron_trigger",
    "delete_cron_trigger",
    "create_scheduled_event",
    "delete_scheduled_event",
    "get_scheduled_events",
    "get_scheduled_event_invocations",
    "get_cron_triggers",
    "create_action",
    "drop_action",
    "update_action",
    "create_action_permission",
    "drop_action_permission",
    "create_rest_endpoint",
    "drop_rest_endpoint",
    "dc_add_agent",
    "dc_delete_agent",
    "get_source_trackables",
    "set_custom_types",
    "test_webhook_transform",
    "get_event_logs",
    "get_event_invocation_logs",
    "get_event_by_id",
    "redeliver_event",
];

/// `/v1/metadata`, behind a prefix, not built.
const SOURCE: &[&str] = &[
    "get_source_trackables",
    "create_remote_relationship",
    "update_remote_relationship",
    "delete_remote_relationship",
    "create_event_trigger",
    "delete_event_trigger",
    "redeliver_event",
    "invoke_event_trigger",
    "get_event_logs",
    "get_event_invocation_logs",
    "get_event_by_id",
    "track_stored_procedure",
    "untrack_stored_procedure",
    "get_stored_procedure",
];

/// `/v1/query` with `version: 2`.
pub(super) const QUERY_V2_VERSION: &[&str] = &[
    "track_table",
    "set_table_custom_fields",
    "track_function",
    "replace_metadata",
];

/// `/v1/query`
pub(super) const QUERY_V1: &[&str] = &[
    "add_existing_table_or_view",
    "track_table",
    "untrack_table",
    "set_table_is_enum",
    "set_table_customization",
    "track_function",
    "untrack_function",
    "create_object_relationship",
    "create_array_relationship",
    "drop_relationship",
    "set_relationship_comment",
    "rename_relationship",
    "add_computed_field",
    "drop_computed_field",
    "create_remote_relationship",
    "update_remote_relationship",
    "delete_remote_relationship",
    "create_insert_permission",
    "create_select_permission",
    "create_update_permission",
    "create_delete_permission",
    "drop_insert_permission",
    "drop_select_permission",
    "drop_update_permission",
    "drop_delete_permission",
    "set_permission_comment",
    "get_inconsistent_metadata",
    "drop_inconsistent_metadata",
    "insert",
    "select",
    "update",
    "delete",
    "count",
    "bulk",
    "add_remote_schema",
    "update_remote_schema",
    "remove_remote_schema",
    "reload_remote_schema",
    "introspect_remote_schema",
    "create_event_trigger",
    "delete_event_trigger",
    "redeliver_event",
    "invoke_event_trigger",
    "create_cron_trigger",
    "delete_cron_trigger",
    "create_scheduled_event",
    "create_query_collection",
    "rename_query_collection",
    "drop_query_collection",
    "add_query_to_collection",
    "drop_query_from_collection",
    "add_collection_to_allowlist",
    "drop_collection_from_allowlist",
    "run_sql",
    "replace_metadata",
    "export_metadata",
    "clear_metadata",
    "reload_metadata",
    "create_action",
    "drop_action",
    "update_action",
    "create_action_permission",
    "drop_action_permission",
    "create_rest_endpoint",
    "drop_rest_endpoint",
    "dump_internal_state",
    "set_custom_types",
    "set_graphql_schema_introspection_options",
    "add_host_to_tls_allowlist",
    "drop_host_from_tls_allowlist",
    "add_inherited_role",
    "drop_inherited_role",
    "add_remote_schema_permissions",
    "drop_remote_schema_permissions",
    "create_function_permission",
    "drop_function_permission",
    "set_api_limits",
    "remove_api_limits",
];

/// `/v2/query`
pub(super) const QUERY_V2: &[&str] = &[
    "insert",
    "select",
    "update",
    "delete",
    "count",
    "run_sql",
    "pg_run_sql",
    "citus_run_sql",
    "cockroach_run_sql",
    "mssql_run_sql",
    "bigquery_run_sql",
    "bigquery_database_inspection",
    "bulk",
    "concurrent_bulk",
    "dataconnector_run_sql",
];
