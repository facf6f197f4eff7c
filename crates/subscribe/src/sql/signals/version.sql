-- What our schema says of itself; no row if there is none.
SELECT coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace'), '')
FROM pg_catalog.pg_namespace n
WHERE n.nspname = 'graphloom_signals'
