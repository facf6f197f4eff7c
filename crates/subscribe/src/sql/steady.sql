-- Which of the tables ($1 schemas, $2 names) and functions ($3 schemas, $4 names) always give the same as long as no
-- transaction ends: rows of their positions, from 1, with 't' or 'f' for table or function.
--
-- A table does if its rows are Postgres' own, and so are those of its partitions and children. A view does if all it
-- looks at does and everything it computes depends on its arguments alone. A function does if it is declared
-- IMMUTABLE. Whatever is not known to do is left out.
WITH RECURSIVE asked AS (
    SELECT position, c.oid
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a(schema, name, position)
    JOIN pg_catalog.pg_namespace n ON n.nspname = a.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = a.name
), reached AS (
    SELECT position, oid FROM asked
    UNION
    SELECT r.position, next.oid
    FROM reached r
    CROSS JOIN LATERAL (
        SELECT d.refobjid AS oid
        FROM pg_catalog.pg_class v
        JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        WHERE v.oid = r.oid AND v.relkind = 'v' AND d.refobjid <> v.oid
        UNION ALL
        SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = r.oid
    ) next
), steady_relation AS (
    SELECT c.oid,
        c.relkind IN ('r', 'p', 'v', 'm')
        AND c.relpersistence = 'p'
        AND NOT c.relrowsecurity
        AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND (c.relam = 0 OR c.relam = (SELECT oid FROM pg_catalog.pg_am WHERE amname = 'heap'))
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_rewrite w
            WHERE w.ev_class = c.oid AND c.relkind = 'v' AND (
                -- current_date, current_user and relatives, random samples, sequences, texts taken apart.
                w.ev_action::text ~ '\{(SQLVALUEFUNCTION|TABLESAMPLECLAUSE|NEXTVALUEEXPR|TABLEFUNC|JSONEXPR) '
                -- Texts turned into something else than texts, numbers and the like: 'now' is a timestamp that
                -- moves.
                OR (w.ev_action::text ~ '\{COERCEVIAIO ' AND EXISTS (
                    SELECT FROM regexp_matches(w.ev_action::text, ':resulttype (\d+)', 'g') AS made(type)
                    WHERE type[1]::oid NOT IN (16, 20, 21, 23, 25, 114, 700, 701, 1042, 1043, 1700, 2950, 3802)))
                OR EXISTS (
                    SELECT
                    FROM regexp_matches(
                        w.ev_action::text, ':(?:funcid|opfuncid|hashfuncid|negfuncid|aggfnoid|winfnoid) (\d+)', 'g')
                        AS used(function)
                    LEFT JOIN pg_catalog.pg_proc p ON p.oid = function[1]::oid
                    WHERE function[1] <> '0' AND coalesce(p.provolatile, 'v') <> 'i'
                        -- Postgres' own that depend on settings and no more.
                        AND NOT (p.oid < 16384 AND p.provolatile = 's' AND p.proname = ANY ('{
                            array_to_json, array_to_string, concat, concat_ws, date_part, date_trunc, extract, format,
                            json_agg, json_build_array, json_build_object, json_object_agg, jsonb_agg,
                            jsonb_build_array, jsonb_build_object, jsonb_object_agg, row_to_json, to_char, to_json,
                            to_jsonb, to_number}'::text[]))
                )
            )
        ) AS is_steady
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid IN (SELECT oid FROM reached)
)
SELECT 't', r.position::text
FROM reached r
LEFT JOIN steady_relation s ON s.oid = r.oid
GROUP BY r.position
HAVING bool_and(coalesce(s.is_steady, false))
UNION ALL
SELECT 'f', a.position::text
FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS a(schema, name, position)
JOIN pg_catalog.pg_namespace n ON n.nspname = a.schema
JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid AND p.proname = a.name
GROUP BY a.position
HAVING bool_and(p.provolatile = 'i')
