-- The names of all relations that could be tracked, as a JSON array of [schema, name].
SELECT coalesce(json_agg(json_build_array(namespace.nspname, class.relname)
                         ORDER BY namespace.nspname, class.relname), '[]')::text
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind IN ('r', 'v', 'm', 'f', 'p')
  AND namespace.nspname NOT LIKE 'pg\_%'
  AND namespace.nspname NOT IN
    ('information_schema', 'hdb_catalog', 'hdb_lib', '_timescaledb_internal')
