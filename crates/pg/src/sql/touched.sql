-- What the transaction that asks has done to relations so far: a JSON array of [oid, schema, name] of every relation
-- that it holds a lock on which nobody takes who only reads or writes rows; schema and name are null of one that is
-- gone; and of every table from which deletes reach into such a one, of which that is known (`told_deletes` in
-- `tables.sql`). Null if that does not tell everything: types, schemas or functions were changed, which locks no
-- relation; nobody counts; or this is no Postgres itself.
WITH locked AS (
  SELECT lock.relation AS oid
  FROM pg_catalog.pg_locks AS lock
  WHERE lock.locktype = 'relation' AND lock.pid = pg_catalog.pg_backend_pid() AND lock.granted
    AND lock.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                      'AccessExclusiveLock')
)
SELECT CASE WHEN pg_catalog.version() LIKE 'PostgreSQL %' AND pg_catalog.version() NOT LIKE '%-YB-%'
    AND pg_catalog.current_setting('track_counts')::bool
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_stat_xact_sys_tables AS changed
      WHERE changed.schemaname = 'pg_catalog'
        AND (changed.relname IN ('pg_type', 'pg_namespace') AND changed.n_tup_upd + changed.n_tup_del > 0
          OR changed.relname = 'pg_proc' AND changed.n_tup_upd > 0))
  THEN (
    SELECT coalesce(json_agg(json_build_array(touched.oid::int8, namespace.nspname, class.relname)), '[]')
    FROM (
      SELECT locked.oid FROM locked
      UNION
      SELECT key.confrelid FROM pg_catalog.pg_constraint AS key
      WHERE key.contype = 'f' AND key.confdeltype IN ('c', 'n')
        AND key.conrelid IN (SELECT locked.oid FROM locked)
    ) AS touched
    LEFT JOIN pg_catalog.pg_class AS class
      ON class.oid = touched.oid AND class.relkind IN ('r', 'v', 'm', 'f', 'p')
    LEFT JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace)
  END::text
