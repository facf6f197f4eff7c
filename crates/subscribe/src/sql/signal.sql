-- What this statement sees of all transactions, in the form that a subscription's own statement gives. NULL on a
-- standby, whose snapshots do not tell apart what they see, and where Citus keeps rows on other servers.
SELECT CASE
    WHEN pg_is_in_recovery() THEN NULL
    WHEN EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus') THEN NULL
    ELSE concat(txid_current_snapshot()::text, '/', pg_postmaster_start_time()::text)
END
