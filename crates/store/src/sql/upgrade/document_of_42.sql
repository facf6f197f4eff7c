-- The metadata that catalogs up to version 42 keep in tables, as the sources and sections of one document.
-- What the engine tracked for itself (is_system_defined) is no metadata.
SELECT json_build_object(
    'tables', (
        SELECT coalesce(json_agg(json_build_object(
            'table', json_build_object('schema', tracked.table_schema, 'name', tracked.table_name),
            'is_enum', tracked.is_enum,
            'configuration', coalesce(tracked.configuration, '{}'),
            'object_relationships', (
                SELECT coalesce(json_agg(json_build_object(
                    'name', one.rel_name, 'using', one.rel_def, 'comment', one.comment
                ) ORDER BY one.rel_name), '[]')
                FROM hdb_catalog.hdb_relationship AS one
                WHERE (one.table_schema, one.table_name) = (tracked.table_schema, tracked.table_name)
                    AND one.rel_type = 'object' AND one.is_system_defined IS NOT TRUE
            ),
            'array_relationships', (
                SELECT coalesce(json_agg(json_build_object(
                    'name', one.rel_name, 'using', one.rel_def, 'comment', one.comment
                ) ORDER BY one.rel_name), '[]')
                FROM hdb_catalog.hdb_relationship AS one
                WHERE (one.table_schema, one.table_name) = (tracked.table_schema, tracked.table_name)
                    AND one.rel_type = 'array' AND one.is_system_defined IS NOT TRUE
            ),
            'computed_fields', (
                SELECT coalesce(json_agg(json_build_object(
                    'name', one.computed_field_name, 'definition', one.definition,
                    'comment', one.comment
                ) ORDER BY one.computed_field_name), '[]')
                FROM hdb_catalog.hdb_computed_field AS one
                WHERE (one.table_schema, one.table_name)
                    = (tracked.table_schema::text, tracked.table_name::text)
            ),
            'remote_relationships', (
                SELECT coalesce(json_agg(json_build_object(
                    'name', one.remote_relationship_name, 'definition', one.definition
                ) ORDER BY one.remote_relationship_name), '[]')
                FROM hdb_catalog.hdb_remote_relationship AS one
                WHERE (one.table_schema, one.table_name) = (tracked.table_schema, tracked.table_name)
            ),
            'permissions', (
                SELECT coalesce(json_agg(json_build_object(
                    'kind', one.perm_type, 'role', one.role_name, 'permission', one.perm_def,
                    'comment', one.comment
                ) ORDER BY one.role_name), '[]')
                FROM hdb_catalog.hdb_permission AS one
                WHERE (one.table_schema, one.table_name) = (tracked.table_schema, tracked.table_name)
                    AND one.is_system_defined IS NOT TRUE
            )
        ) ORDER BY tracked.table_schema, tracked.table_name), '[]')
        FROM hdb_catalog.hdb_table AS tracked
        WHERE tracked.is_system_defined IS NOT TRUE
    ),
    'functions', (
        SELECT coalesce(json_agg(json_build_object(
            'function', json_build_object('schema', function_schema, 'name', function_name),
            'configuration', configuration
        ) ORDER BY function_schema, function_name), '[]')
        FROM hdb_catalog.hdb_function
        WHERE is_system_defined IS NOT TRUE
    ),
    'remote_schemas', (
        SELECT coalesce(json_agg(json_build_object(
            'name', remote.name, 'definition', remote.definition, 'comment', remote.comment,
            'permissions', (
                SELECT json_agg(json_build_object(
                    'role', one.role_name, 'definition', one.definition, 'comment', one.comment
                ) ORDER BY one.role_name)
                FROM hdb_catalog.hdb_remote_schema_permission AS one
                WHERE one.remote_schema_name = remote.name
            )
        ) ORDER BY remote.name), '[]')
        FROM hdb_catalog.remote_schemas AS remote
    ),
    'query_collections', (
        SELECT coalesce(json_agg(json_build_object(
            'name', collection_name, 'definition', collection_defn, 'comment', comment
        ) ORDER BY collection_name), '[]')
        FROM hdb_catalog.hdb_query_collection
        WHERE is_system_defined IS NOT TRUE
    ),
    'allowlist', (
        SELECT coalesce(json_agg(json_build_object('collection', collection_name)
            ORDER BY collection_name), '[]')
        FROM hdb_catalog.hdb_allowlist
    ),
    'actions', (
        SELECT coalesce(json_agg(json_build_object(
            'name', action.action_name, 'definition', action.action_defn,
            'comment', action.comment,
            'permissions', (
                SELECT json_agg(json_build_object('role', one.role_name, 'comment', one.comment)
                    ORDER BY one.role_name)
                FROM hdb_catalog.hdb_action_permission AS one
                WHERE one.action_name = action.action_name
            )
        ) ORDER BY action.action_name), '[]')
        FROM hdb_catalog.hdb_action AS action
        WHERE action.is_system_defined IS NOT TRUE
    ),
    'custom_types', coalesce((SELECT custom_types FROM hdb_catalog.hdb_custom_types LIMIT 1), '{}'),
    'cron_triggers', (
        SELECT coalesce(json_agg(json_build_object(
            'name', name, 'webhook', webhook_conf, 'schedule', cron_schedule,
            'include_in_metadata', include_in_metadata, 'payload', payload,
            'retry_conf', retry_conf, 'headers', header_conf, 'comment', comment
        ) ORDER BY name), '[]')
        FROM hdb_catalog.hdb_cron_triggers
    )
)::text
