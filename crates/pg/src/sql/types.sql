-- Types by the names that people give them, and the types those are made of.
-- $1: a JSON array of {"name", "element", "array"}: what was asked for, the bare type's name, and whether
-- an array of it is meant. A name is one of pg_type's that is on the search path, or as format_type writes it.
-- One JSON value per row: {"type": [...]} as in tables.sql, and {"named": [name, oid]}.
WITH RECURSIVE named AS (
  SELECT DISTINCT ON (wanted.name) wanted.name,
    CASE WHEN wanted."array" THEN nullif(type.typarray, 0) ELSE type.oid END AS oid
  FROM json_to_recordset($1::text::json) AS wanted(name text, element text, "array" boolean)
  JOIN pg_catalog.pg_type AS type
    ON (type.typname = wanted.element AND pg_catalog.pg_type_is_visible(type.oid))
    OR pg_catalog.format_type(type.oid, NULL) = wanted.element
  ORDER BY wanted.name, type.typname = wanted.element DESC, type.oid
), used_types AS (
  SELECT named.oid FROM named WHERE named.oid IS NOT NULL
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
SELECT json_build_object('named', json_build_array(named.name, named.oid::int8))
FROM named
WHERE named.oid IS NOT NULL
