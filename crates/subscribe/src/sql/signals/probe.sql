-- Something that whoever listens is to hear.
SELECT pg_catalog.pg_notify('graphloom_signals', $1::text)::text
