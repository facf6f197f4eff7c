-- The metadata is one document from here on: what kept it before goes, with all that only served it.
DROP TABLE
    hdb_catalog.hdb_custom_types,
    hdb_catalog.hdb_action_permission,
    hdb_catalog.hdb_action,
    hdb_catalog.hdb_computed_field,
    hdb_catalog.hdb_allowlist,
    hdb_catalog.hdb_query_collection,
    hdb_catalog.hdb_remote_schema_permission,
    hdb_catalog.remote_schemas,
    hdb_catalog.hdb_function,
    hdb_catalog.event_triggers,
    hdb_catalog.hdb_permission,
    hdb_catalog.hdb_remote_relationship,
    hdb_catalog.hdb_relationship,
    hdb_catalog.hdb_table,
    hdb_catalog.hdb_cron_triggers
    CASCADE;
DROP TABLE IF EXISTS hdb_catalog.hdb_schema_update_event CASCADE;
DROP VIEW IF EXISTS
    hdb_catalog.hdb_role,
    hdb_catalog.hdb_computed_field_function,
    hdb_catalog.hdb_function_info_agg,
    hdb_catalog.hdb_function_agg,
    hdb_catalog.hdb_table_info_agg,
    hdb_catalog.hdb_primary_key,
    hdb_catalog.hdb_unique_constraint,
    hdb_catalog.hdb_check_constraint,
    hdb_catalog.hdb_foreign_key_constraint,
    hdb_catalog.hdb_permission_agg,
    hdb_catalog.hdb_cron_events_stats
    CASCADE;
DROP FUNCTION IF EXISTS hdb_catalog.hdb_schema_update_event_notifier();
DROP FUNCTION IF EXISTS hdb_catalog.event_trigger_table_name_update();
DROP FUNCTION IF EXISTS hdb_catalog.inject_table_defaults(text, text, text, text);
DROP FUNCTION IF EXISTS hdb_catalog.check_violation(text);
DROP SCHEMA IF EXISTS hdb_views CASCADE;
CREATE TABLE hdb_catalog.hdb_metadata (
    id integer PRIMARY KEY,
    metadata json NOT NULL
);
