-- Tables, views and other relations with their columns, keys and the types they use.
-- $1: null for all, or a JSON array of {"schema", "name"}.
-- One JSON value per row: {"type": [...]} for each type in use (and what it is made of) and
-- {"table": {...}} for each relation. The order of array elements is that of the structs in introspect/.
-- Read from pg_catalog itself: information_schema hides what the user may not touch, and is slow.
-- The planner knows nothing of how many relations are asked for, and takes them for few. Whatever it could do once
-- for each of them, it does. Hence catalogs are looked up by arrays of oids, what is said of few relations is a set
-- that is asked, and lists are put together by grouping instead of being joined.
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
), restless AS MATERIALIZED (
  -- Relations whose rows are not the same in whichever order they are written: with defaults that call more than the
  -- usual functions or take from a sequence that is not the column's own, or checks that call functions which may
  -- look around. A default that is a plain value is not written out: of those there are many.
  SELECT attrdef.adrelid AS oid
  FROM pg_catalog.pg_attrdef AS attrdef
  CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT starts_with(attrdef.adbin::text, '{CONST ')
      THEN pg_catalog.pg_get_expr(attrdef.adbin, attrdef.adrelid) END AS text
    OFFSET 0) AS written
  WHERE attrdef.adrelid = ANY (ARRAY(SELECT relations.oid FROM relations))
    AND strpos(written.text, '(') > 0
    AND written.text !~ '^([a-z_]+\.)?(now|gen_random_uuid|uuid_generate_v4)\(\)$'
    AND NOT (
      written.text ~ '^nextval\(''[^'']*''::regclass\)$'
      AND EXISTS (
        SELECT FROM pg_catalog.pg_depend AS uses
        JOIN pg_catalog.pg_depend AS owned
          ON owned.classid = 'pg_catalog.pg_class'::regclass AND owned.objid = uses.refobjid
          AND owned.refobjid = attrdef.adrelid AND owned.refobjsubid = attrdef.adnum
          AND owned.deptype IN ('a', 'i')
        WHERE uses.classid = 'pg_catalog.pg_attrdef'::regclass AND uses.objid = attrdef.oid
          AND uses.refclassid = 'pg_catalog.pg_class'::regclass))
  UNION
  SELECT condition.conrelid
  FROM pg_catalog.pg_constraint AS condition
  JOIN pg_catalog.pg_depend AS uses
    ON uses.classid = 'pg_catalog.pg_constraint'::regclass AND uses.objid = condition.oid
    AND uses.refclassid = 'pg_catalog.pg_proc'::regclass
  JOIN pg_catalog.pg_proc AS function ON function.oid = uses.refobjid
  WHERE condition.conrelid = ANY (ARRAY(SELECT relations.oid FROM relations))
    AND condition.contype = 'c' AND function.provolatile <> 'i'
), triggers AS MATERIALIZED (
  -- Of relations with triggers; those of event triggers only note what happened.
  SELECT trigger.tgrelid AS oid,
         coalesce(bool_or(trigger.tgtype & 4 <> 0) FILTER (WHERE kind.is_other), false) AS on_insert,
         coalesce(bool_or(trigger.tgtype & 16 <> 0) FILTER (WHERE kind.is_other), false) AS on_update
  FROM pg_catalog.pg_trigger AS trigger
  JOIN pg_catalog.pg_proc AS function ON function.oid = trigger.tgfoid
  CROSS JOIN LATERAL (
    SELECT function.pronamespace IS DISTINCT FROM to_regnamespace('hdb_catalog')::oid AS is_other) AS kind
  WHERE trigger.tgrelid = ANY (ARRAY(SELECT relations.oid FROM relations)) AND NOT trigger.tgisinternal
  GROUP BY trigger.tgrelid
), tied AS MATERIALIZED (
  -- Relations with constraints that are checked later, and those that keys lead to which change other rows.
  SELECT part.conrelid AS oid
  FROM pg_catalog.pg_constraint AS part
  WHERE part.condeferrable AND part.conrelid <> 0
  UNION
  SELECT reference.confrelid
  FROM pg_catalog.pg_constraint AS reference
  WHERE reference.contype = 'f'
    AND (reference.condeferrable OR reference.confupdtype NOT IN ('a', 'r'))
), told_deletes AS MATERIALIZED (
  -- Relations that a key leads to which somebody could see at work when a row is deleted: one that is checked later,
  -- or that changes rows of a table where anything happens besides or from where keys reach on.
  SELECT key.confrelid AS oid
  FROM pg_catalog.pg_constraint AS key
  JOIN pg_catalog.pg_class AS class ON class.oid = key.conrelid
  WHERE key.contype = 'f' AND key.confrelid IN (SELECT relations.oid FROM relations)
    AND (key.condeferrable
      OR key.confdeltype NOT IN ('a', 'r', 'c', 'n')
      OR key.confdeltype IN ('c', 'n') AND (
        class.relkind <> 'r' OR class.relispartition OR class.relhasrules OR class.relrowsecurity OR class.relhassubclass
        OR key.conrelid IN (
          SELECT further.confrelid FROM pg_catalog.pg_constraint AS further
          WHERE further.contype = 'f'
            AND (further.condeferrable OR further.confdeltype NOT IN ('a', 'r')
              OR further.confupdtype NOT IN ('a', 'r')))
        OR EXISTS (
          SELECT FROM pg_catalog.pg_trigger AS trigger
          WHERE trigger.tgrelid = key.conrelid AND NOT trigger.tgisinternal)
        OR key.confdeltype = 'n' AND EXISTS (
          SELECT FROM pg_catalog.pg_constraint AS part
          WHERE part.conrelid = key.conrelid AND (part.condeferrable OR part.contype IN ('c', 'x')))
        OR key.confdeltype = 'n' AND EXISTS (
          SELECT FROM pg_catalog.pg_attribute AS attribute
          JOIN pg_catalog.pg_type AS type ON type.oid = attribute.atttypid AND type.typtype = 'd'
          WHERE attribute.attrelid = key.conrelid AND attribute.attnum = ANY (key.conkey))))
), facts AS (
  SELECT relations.oid,
         json_build_object(
           'oid', relations.oid::int8,
           'schema', relations.nspname,
           'name', relations.relname,
           'kind', relations.relkind,
           'comment', description.description,
           -- Views and materialized views are asked; anything else is taken to be writable.
           'updatable', CASE WHEN relations.relkind IN ('v', 'm')
             THEN pg_catalog.pg_relation_is_updatable(relations.oid, true) END,
           -- Whether inserting, and updating, does more than write the row: whatever could see in which order
           -- rows are written. Then whether there is nothing else besides; the same for deleting.
           'effects', json_build_array(
             relation.has_rules OR relation.is_restless
               OR relations.oid IN (SELECT triggers.oid FROM triggers WHERE triggers.on_insert),
             relation.has_rules OR relation.is_restless
               OR relations.oid IN (SELECT triggers.oid FROM triggers WHERE triggers.on_update),
             relations.relkind = 'r' AND NOT class.relispartition
               AND NOT (relation.has_rules OR class.relhassubclass OR relation.is_restless)
               AND relations.oid NOT IN (SELECT triggers.oid FROM triggers)
               AND relations.oid NOT IN (SELECT tied.oid FROM tied),
             relations.relkind = 'r' AND NOT class.relispartition
               AND NOT (relation.has_rules OR class.relhassubclass)
               AND relations.oid NOT IN (SELECT triggers.oid FROM triggers)
               AND relations.oid NOT IN (SELECT told_deletes.oid FROM told_deletes)),
           -- Whether what its keys say holds for all that a query sees, and only that: no tables inherit from it,
           -- no row security hides rows.
           'whole', NOT class.relrowsecurity
             AND (relations.relkind = 'p' OR (relations.relkind = 'r' AND NOT class.relhassubclass)),
           'rows', greatest(class.reltuples, -1)::int8) AS facts
  FROM relations
  JOIN pg_catalog.pg_class AS class ON class.oid = relations.oid
  CROSS JOIN LATERAL (
    SELECT class.relhasrules OR class.relrowsecurity AS has_rules,
           relations.oid IN (SELECT restless.oid FROM restless) AS is_restless
    OFFSET 0) AS relation
  LEFT JOIN pg_catalog.pg_description AS description
    ON description.classoid = 'pg_catalog.pg_class'::regclass
    AND description.objoid = relations.oid AND description.objsubid = 0
), parts AS (
  SELECT facts.oid, 'facts' AS part, facts.facts AS said FROM facts
  UNION ALL SELECT column_lists.oid, 'columns', column_lists.list FROM column_lists
  UNION ALL SELECT key_lists.oid, 'keys', key_lists.list FROM key_lists
  UNION ALL SELECT lookup_lists.oid, 'lookups', lookup_lists.list FROM lookup_lists
  UNION ALL SELECT foreign_key_lists.oid, 'foreign_keys', foreign_key_lists.list FROM foreign_key_lists
)
SELECT json_build_object('type', json_build_array(
  type.oid::int8, namespace.nspname, type.typname, type.typtype, type.typbasetype::int8,
  element.oid::int8, type.typnotnull))
FROM used_types
JOIN pg_catalog.pg_type AS type ON type.oid = used_types.oid
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = type.typnamespace
LEFT JOIN pg_catalog.pg_type AS element ON element.oid = type.typelem AND element.typarray = type.oid
UNION ALL
SELECT json_build_object('table', json_object_agg(parts.part, parts.said))
FROM parts
GROUP BY parts.oid
