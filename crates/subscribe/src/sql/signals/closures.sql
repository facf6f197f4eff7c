-- What the tables and views ($1 schemas, $2 names) are made of, as rows of
--   the position, from 1;
--   a mark, which is another whenever any of it was changed, renamed, made anew or taken away;
--   why not every change of it is told by a trigger, if no trigger can;
--   the tables whose triggers tell of it;
--   those of them that have no such trigger.
--
-- A statement's triggers are those of the table that it names: what is read of a table may have been written to the
-- tables it is a part of, and to its own partitions and children. Nothing else that rows depend on is allowed: no
-- functions, operators and types but Postgres' own, enums, domains over both and a few of known extensions.
WITH RECURSIVE asked AS (
    SELECT position, c.oid
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a(schema, name, position)
    JOIN pg_catalog.pg_namespace n ON n.nspname = a.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = a.name
), reached AS (
    SELECT position, oid, true AS is_read FROM asked
    UNION
    SELECT r.position, next.oid, next.is_read
    FROM reached r
    CROSS JOIN LATERAL (
        SELECT d.refobjid AS oid, true AS is_read
        FROM pg_catalog.pg_class v
        JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        WHERE r.is_read AND v.oid = r.oid AND v.relkind = 'v' AND d.refobjid <> v.oid
        UNION ALL
        SELECT i.inhrelid, true FROM pg_catalog.pg_inherits i WHERE r.is_read AND i.inhparent = r.oid
        UNION ALL
        SELECT i.inhparent, false FROM pg_catalog.pg_inherits i WHERE i.inhrelid = r.oid
    ) next
), relation AS (
    -- Scalar subqueries, so that catalogs of any size are looked into by their indexes.
    SELECT c.oid, c.relkind,
        concat_ws(' ', c.oid, c.xmin, t.mark,
            (SELECT string_agg(concat(a.attnum, ' ', a.xmin), ',' ORDER BY a.attnum)
                FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
            (SELECT string_agg(concat(w.oid, ' ', w.xmin), ',' ORDER BY w.oid)
                FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid)) AS mark,
        coalesce(t.is_intact, false) AS is_intact,
        c.relkind IN ('r', 'p', 'v')
        AND coalesce((
            SELECT bool_and(d.refclassid IN ('pg_catalog.pg_class'::pg_catalog.regclass,
                'pg_catalog.pg_constraint'::pg_catalog.regclass, 'pg_catalog.pg_collation'::pg_catalog.regclass,
                'pg_catalog.pg_type'::pg_catalog.regclass))
            FROM pg_catalog.pg_rewrite w
            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
            WHERE w.ev_class = c.oid AND c.relkind = 'v'), true)
        AND coalesce((
            SELECT bool_and(CASE
                -- What these show as are names of things.
                WHEN b.oid < 16384 THEN b.typname !~ '^_?(reg|aclitem)'
                WHEN b.typtype = 'c' THEN false
                WHEN b.typtype = 'e' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_cast WHERE castsource = b.oid)
                ELSE EXISTS (
                    SELECT FROM pg_catalog.pg_depend d
                    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                    WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = b.oid
                        AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
                        AND e.extname IN ('citext', 'hstore', 'ltree'))
            END)
            FROM (
                SELECT a.atttypid AS oid
                FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                UNION ALL
                SELECT d.refobjid
                FROM pg_catalog.pg_rewrite w
                JOIN pg_catalog.pg_depend d
                    ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
                WHERE w.ev_class = c.oid AND c.relkind = 'v'
                    AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
            ) used
            LEFT JOIN pg_catalog.pg_type t ON t.oid = used.oid
            LEFT JOIN pg_catalog.pg_type b ON b.oid = CASE
                WHEN t.oid < 16384 THEN t.oid
                WHEN t.typtype = 'd' THEN t.typbasetype
                WHEN t.typelem <> 0 AND t.typlen = -1 THEN t.typelem
                ELSE t.oid
            END), true) AS is_plain,
        (SELECT count(*) FROM pg_catalog.pg_subscription_rel s WHERE s.srrelid = c.oid) > 0 AS is_replicated
    FROM pg_catalog.pg_class c
    LEFT JOIN LATERAL (
        SELECT concat_ws(' ', t.oid, t.xmin, t.tgenabled) AS mark,
            t.tgfoid = pg_catalog.to_regprocedure('graphloom_signals.tell()') AND t.tgenabled = 'A' AND t.tgtype = 60
                AND t.tgqual IS NULL AND t.tgnargs = 0 AS is_intact
        FROM pg_catalog.pg_trigger t
        WHERE t.tgrelid = c.oid AND t.tgname = 'graphloom_signal'
    ) t ON true
    WHERE c.oid IN (SELECT oid FROM reached)
), general AS (
    SELECT concat_ws(' ',
        (SELECT concat_ws(' ', oid, xmin) FROM pg_catalog.pg_proc WHERE oid = pg_catalog.to_regprocedure('graphloom_signals.tell()')),
        (SELECT string_agg(concat_ws(' ', oid, xmin), ',' ORDER BY oid) FROM pg_catalog.pg_enum)) AS mark
)
SELECT r.position::text,
    md5(concat(string_agg(concat(r.is_read, ' ', l.mark), ';' ORDER BY r.oid, r.is_read), '|', min(g.mark))),
    CASE
        WHEN count(DISTINCT r.oid) > 256 THEN 'more than 256 tables belong to it'
        WHEN bool_or(l.is_replicated) THEN 'it is the target of a subscription'
        WHEN NOT bool_and(l.is_plain OR NOT r.is_read)
            THEN 'more than tables, and columns of plain types, belongs to it'
    END,
    coalesce(string_agg(r.oid::text, ',') FILTER (WHERE l.relkind IN ('r', 'p')), ''),
    coalesce(string_agg(r.oid::text, ',') FILTER (WHERE l.relkind IN ('r', 'p') AND NOT l.is_intact), '')
FROM reached r
JOIN relation l ON l.oid = r.oid
CROSS JOIN general g
GROUP BY r.position
