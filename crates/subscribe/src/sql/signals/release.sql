-- The opposite of keep.sql.
SELECT pg_catalog.pg_advisory_unlock_shared(graphloom_signals.key(relation::oid))::text
FROM unnest($1::text[]) relation
