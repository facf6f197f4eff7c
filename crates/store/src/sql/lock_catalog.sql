-- Held until the transaction ends. The key means nothing beyond being ours.
SELECT pg_catalog.pg_advisory_xact_lock(4812094401738221)::text
