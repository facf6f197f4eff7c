-- Functions (not procedures, aggregates or window functions) and the types they use.
-- $1: null for all, or a JSON array of {"schema", "name"}.
-- One JSON value per row: {"type": [...]} and {"function": {...}}, as in tables.sql.
WITH RECURSIVE wanted AS (
  SELECT wanted.schema, wanted.name
  FROM json_to_recordset($1::text::json) AS wanted(schema name, name name)
), functions AS MATERIALIZED (
  SELECT function.oid, namespace.nspname, function.proname, function.provolatile,
         function.provariadic, function.prorettype, function.proretset, function.pronargdefaults,
         function.proargtypes, function.proargmodes, function.proargnames
  FROM pg_catalog.pg_proc AS function
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = function.pronamespace
  WHERE function.prokind = 'f'
    AND namespace.nspname NOT LIKE 'pg\_%'
    AND namespace.nspname NOT IN ('information_schema', 'hdb_catalog', 'hdb_lib', 'hdb_views')
    AND ($1::text IS NULL
      OR (namespace.nspname, function.proname) IN (SELECT wanted.schema, wanted.name FROM wanted))
), used_types AS (
  SELECT used.oid
  FROM functions
  CROSS JOIN LATERAL (
    SELECT functions.prorettype UNION ALL SELECT unnest(functions.proargtypes)) AS used(oid)
  UNION
  SELECT part.oid
  FROM used_types
  JOIN pg_catalog.pg_type AS type ON type.oid = used_types.oid
  LEFT JOIN pg_catalog.pg_type AS element ON element.oid = type.typelem AND element.typarray = type.oid
  CROSS JOIN LATERAL (VALUES (nullif(type.typbasetype, 0)), (element.oid)) AS part(oid)
  WHERE part.oid IS NOT NULL
)
SELECT json_build_object('type', json_build_array(
  type.oid::int8, namespace.nspname, type.typname, type.typtype, type.typbasetype::int8,
  element.oid::int8, type.typnotnull))
FROM used_types
JOIN pg_catalog.pg_type AS type ON type.oid = used_types.oid
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = type.typnamespace
LEFT JOIN pg_catalog.pg_type AS element ON element.oid = type.typelem AND element.typarray = type.oid
UNION ALL
SELECT json_build_object('function', json_build_object(
  'oid', functions.oid::int8,
  'schema', functions.nspname,
  'name', functions.proname,
  'volatility', functions.provolatile,
  'variadic', functions.provariadic <> 0,
  'return_type', functions.prorettype::int8,
  'returns_set', functions.proretset,
  'defaults', functions.pronargdefaults,
  'argument_types', functions.proargtypes::oid[]::int8[],
  'argument_modes', functions.proargmodes,
  'argument_names', functions.proargnames,
  'comment', description.description))
FROM functions
LEFT JOIN pg_catalog.pg_description AS description
  ON description.classoid = 'pg_catalog.pg_proc'::regclass
  AND description.objoid = functions.oid AND description.objsubid = 0
