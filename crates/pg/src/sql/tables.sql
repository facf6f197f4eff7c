-- Tables, views and other relations with their columns, keys and the types they use.
-- $1: null for all, or a JSON array of {"schema", "name"}.
-- One JSON value per row: {"type": [...]} for each type in use (and what it is made of) and
-- {"table": {...}} for each relation. The order of array elements is that of the structs in introspect/.
-- Read from pg_catalog itself: information_schema hides what the user may not touch, and is slow.
-- Relations are looked up by arrays of oids, not joined: the planner takes `relations` for one row and
-- would read all of it once per key.
WITH RECURSIVE wanted AS (
  SELECT wanted.schema, wanted.name
  FROM json_to_recordset($1::text::json) AS wanted(schema name, name name)
), relations AS MATERIALIZED (
  SELECT class.oid, class.relkind, class.relname, namespace.nspname
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
  WHERE class.relkind IN ('r', 'v', 'm', 'f', 'p')
    AND namespace.nspname NOT LIKE 'pg\_%'
    AND namespace.nspname NOT IN
      ('information_schema', 'hdb_catalog', 'hdb_lib', '_timescaledb_internal')
    AND ($1::text IS NULL
      OR (namespace.nspname, class.relname) IN (SELECT wanted.schema, wanted.name FROM wanted))
), columns AS MATERIALIZED (
  SELECT attribute.attrelid, attribute.attnum, attribute.attname, attribute.atttypid,
         attribute.attnotnull, attribute.atthasdef, attribute.attidentity, attribute.attgenerated
  FROM pg_catalog.pg_attribute AS attribute
  WHERE attribute.attrelid = ANY (ARRAY(SELECT relations.oid FROM relations))
    AND attribute.attnum > 0 AND NOT attribute.attisdropped
), used_types AS (
  SELECT columns.atttypid AS oid FROM columns
  UNION
  SELECT part.oid
  FROM used_types
  JOIN pg_catalog.pg_type AS type ON type.oid = used_types.oid
  LEFT JOIN pg_catalog.pg_type AS element ON element.oid = type.typelem AND element.typarray = type.oid
  CROSS JOIN LATERAL (VALUES (nullif(type.typbasetype, 0)), (element.oid)) AS part(oid)
  WHERE part.oid IS NOT NULL
), column_lists AS (
  SELECT columns.attrelid AS oid,
         json_agg(
           json_build_array(
             columns.attname, columns.attnum, columns.atttypid::int8, columns.attnotnull,
             columns.atthasdef, columns.attidentity, columns.attgenerated, description.description)
           ORDER BY columns.attnum) AS list
  FROM columns
  LEFT JOIN pg_catalog.pg_description AS description
    ON description.classoid = 'pg_catalog.pg_class'::regclass
    AND description.objoid = columns.attrelid AND description.objsubid = columns.attnum
  GROUP BY columns.attrelid
), keys AS (
  -- Every unique index, as its name can be given to ON CONFLICT or stand for a constraint of that name.
  -- INCLUDE columns are no part of the key; expressions have no column.
  SELECT index.indrelid, index.indisprimary, class.relname,
         (SELECT json_agg(attribute.attname ORDER BY part.position)
          FROM unnest(index.indkey) WITH ORDINALITY AS part(number, position)
          JOIN pg_catalog.pg_attribute AS attribute
            ON attribute.attrelid = index.indrelid AND attribute.attnum = part.number
          WHERE part.position <= index.indnkeyatts) AS columns
  FROM pg_catalog.pg_index AS index
  JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid
  WHERE index.indrelid = ANY (ARRAY(SELECT relations.oid FROM relations))
    AND index.indisunique AND index.indisvalid
), key_lists AS (
  SELECT keys.indrelid AS oid,
         json_agg(
           json_build_array(keys.indisprimary, keys.relname, coalesce(keys.columns, '[]'))
           ORDER BY keys.relname) AS list
  FROM keys
  GROUP BY keys.indrelid
), lookup_lists AS (
  -- The columns that an index starts with: what is known of them is found without reading the table.
  SELECT index.indrelid AS oid, json_agg(DISTINCT attribute.attname) AS list
  FROM pg_catalog.pg_index AS index
  JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = index.indrelid AND attribute.attnum = index.indkey[0]
  WHERE index.indrelid = ANY (ARRAY(SELECT relations.oid FROM relations))
    AND index.indisvalid AND index.indpred IS NULL
  GROUP BY index.indrelid
), foreign_key_lists AS (
  SELECT foreign_key.conrelid AS oid,
         json_agg(
           json_build_array(
             foreign_key.conname, namespace.nspname, class.relname,
             (SELECT json_agg(json_build_array(ours.attname, theirs.attname) ORDER BY part.position)
              FROM ROWS FROM (unnest(foreign_key.conkey), unnest(foreign_key.confkey))
                WITH ORDINALITY AS part(ours, theirs, position)
              JOIN pg_catalog.pg_attribute AS ours
                ON ours.attrelid = foreign_key.conrelid AND ours.attnum = part.ours
              JOIN pg_catalog.pg_attribute AS theirs
                ON theirs.attrelid = foreign_key.confrelid AND theirs.attnum = part.theirs),
             foreign_key.convalidated AND NOT foreign_key.condeferrable)
           ORDER BY foreign_key.conname) AS list
  FROM pg_catalog.pg_constraint AS foreign_key
  JOIN pg_catalog.pg_class AS class ON class.oid = foreign_key.confrelid
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
  WHERE foreign_key.conrelid = ANY (ARRAY(SELECT relations.oid FROM relations))
    AND foreign_key.contype = 'f'
    -- A key to a partitioned table has a shadow on this table for each of that table's partitions.
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_constraint AS parent
      WHERE parent.oid = foreign_key.conparentid AND parent.conrelid = foreign_key.conrelid)
  GROUP BY foreign_key.conrelid
)
SELECT json_build_object('type', json_build_array(
  type.oid::int8, namespace.nspname, type.typname, type.typtype, type.typbasetype::int8,
  element.oid::int8, type.typnotnull))
FROM used_types
JOIN pg_catalog.pg_type AS type ON type.oid = used_types.oid
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = type.typnamespace
LEFT JOIN pg_catalog.pg_type AS element ON element.oid = type.typelem AND element.typarray = type.oid
UNION ALL
SELECT json_build_object('table', json_build_object(
  'oid', relations.oid::int8,
  'schema', relations.nspname,
  'name', relations.relname,
  'kind', relations.relkind,
  'comment', description.description,
  -- Views and materialized views are asked; anything else is taken to be writable.
  'updatable', CASE WHEN relations.relkind IN ('v', 'm')
    THEN pg_catalog.pg_relation_is_updatable(relations.oid, true) END,
  -- Whether inserting, and updating, does more than write the row: whatever could see in which order rows
  -- are written. Triggers of event triggers only note what happened.
  'effects', (
    SELECT json_build_array(
      class.relhasrules OR class.relrowsecurity OR order_dependent.found
        OR coalesce(bool_or(trigger.tgtype & 4 <> 0), false),
      class.relhasrules OR class.relrowsecurity OR order_dependent.found
        OR coalesce(bool_or(trigger.tgtype & 16 <> 0), false),
      class.relkind = 'r' AND NOT (class.relhasrules OR class.relrowsecurity OR class.relhassubclass
        OR order_dependent.found)
        AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_trigger AS any_trigger
          WHERE any_trigger.tgrelid = relations.oid AND NOT any_trigger.tgisinternal)
        AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_constraint AS part
          WHERE part.conrelid = relations.oid AND part.condeferrable)
        AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_constraint AS reference
          WHERE reference.confrelid = relations.oid
            AND (reference.condeferrable OR reference.confupdtype NOT IN ('a', 'r'))))
    FROM pg_catalog.pg_trigger AS trigger
    JOIN pg_catalog.pg_proc AS function ON function.oid = trigger.tgfoid
    WHERE trigger.tgrelid = relations.oid AND NOT trigger.tgisinternal
      AND function.pronamespace IS DISTINCT FROM to_regnamespace('hdb_catalog')::oid),
  -- Whether what its keys say holds for all that a query sees, and only that: no tables inherit from it, no row
  -- security hides rows.
  'whole', class.relkind = 'p' OR (class.relkind = 'r' AND NOT class.relhassubclass AND NOT class.relrowsecurity),
  'lookups', coalesce(lookup_lists.list, '[]'),
  'rows', greatest(class.reltuples, -1)::int8,
  'columns', coalesce(column_lists.list, '[]'),
  'keys', coalesce(key_lists.list, '[]'),
  'foreign_keys', coalesce(foreign_key_lists.list, '[]')))
FROM relations
JOIN pg_catalog.pg_class AS class ON class.oid = relations.oid
LEFT JOIN column_lists ON column_lists.oid = relations.oid
LEFT JOIN lookup_lists ON lookup_lists.oid = relations.oid
LEFT JOIN key_lists ON key_lists.oid = relations.oid
LEFT JOIN foreign_key_lists ON foreign_key_lists.oid = relations.oid
CROSS JOIN LATERAL (
  -- Defaults that call more than the usual functions or take from a sequence that is not the column's own,
  -- and checks that call functions which may look around.
  SELECT EXISTS (
      SELECT FROM pg_catalog.pg_attrdef AS attrdef
      CROSS JOIN LATERAL pg_catalog.pg_get_expr(attrdef.adbin, attrdef.adrelid) AS default_text
      WHERE attrdef.adrelid = relations.oid AND strpos(default_text, '(') > 0
        AND default_text !~ '^([a-z_]+\.)?(now|gen_random_uuid|uuid_generate_v4)\(\)$'
        AND NOT (
          default_text ~ '^nextval\(''[^'']*''::regclass\)$'
          AND EXISTS (
            SELECT FROM pg_catalog.pg_depend AS uses
            JOIN pg_catalog.pg_depend AS owned
              ON owned.classid = 'pg_catalog.pg_class'::regclass AND owned.objid = uses.refobjid
              AND owned.refobjid = attrdef.adrelid AND owned.refobjsubid = attrdef.adnum
              AND owned.deptype IN ('a', 'i')
            WHERE uses.classid = 'pg_catalog.pg_attrdef'::regclass AND uses.objid = attrdef.oid
              AND uses.refclassid = 'pg_catalog.pg_class'::regclass)))
    OR EXISTS (
      SELECT FROM pg_catalog.pg_constraint AS condition
      JOIN pg_catalog.pg_depend AS uses
        ON uses.classid = 'pg_catalog.pg_constraint'::regclass AND uses.objid = condition.oid
        AND uses.refclassid = 'pg_catalog.pg_proc'::regclass
      JOIN pg_catalog.pg_proc AS function ON function.oid = uses.refobjid
      WHERE condition.conrelid = relations.oid AND condition.contype = 'c'
        AND function.provolatile <> 'i') AS found
) AS order_dependent
LEFT JOIN pg_catalog.pg_description AS description
  ON description.classoid = 'pg_catalog.pg_class'::regclass
  AND description.objoid = relations.oid AND description.objsubid = 0
