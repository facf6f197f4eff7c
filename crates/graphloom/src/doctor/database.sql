-- One row of JSON: who we are, where, and what we may do with the metadata catalog. Asks Postgres' own
-- catalog only, which needs no privilege.
select json_build_object(
    'server_version', current_setting('server_version'),
    'server_version_num', current_setting('server_version_num')::integer,
    'user', current_user,
    'database', current_database(),
    'is_superuser', (select rolsuper from pg_catalog.pg_roles where rolname = current_user),
    'may_create_schema', has_database_privilege(current_database(), 'CREATE'),
    'has_catalog_schema', catalog.oid is not null,
    'may_use_catalog_schema', has_schema_privilege(catalog.oid, 'USAGE'),
    'may_create_in_catalog_schema', has_schema_privilege(catalog.oid, 'CREATE'),
    'has_version_table', version.oid is not null,
    'may_read_version', has_table_privilege(version.oid, 'SELECT'),
    'may_change_metadata',
        has_table_privilege(metadata.oid, 'SELECT')
        and has_table_privilege(metadata.oid, 'INSERT')
        and has_table_privilege(metadata.oid, 'UPDATE'),
    'grant_user', quote_ident(current_user),
    'grant_database', quote_ident(current_database())
)
from (select) as one
left join pg_catalog.pg_namespace as catalog on catalog.nspname = 'hdb_catalog'
left join pg_catalog.pg_class as version
    on version.relnamespace = catalog.oid and version.relname = 'hdb_version'
left join pg_catalog.pg_class as metadata
    on metadata.relnamespace = catalog.oid and metadata.relname = 'hdb_metadata'
