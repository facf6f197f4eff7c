-- Keeps the triggers of these tables from being taken away, for as long as this session lasts.
SELECT pg_catalog.pg_advisory_lock_shared(graphloom_signals.key(relation::oid))::text
FROM unnest($1::text[]) relation
