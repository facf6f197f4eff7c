-- Why nothing in this database can be told by triggers, if that is so.
SELECT CASE
    WHEN pg_catalog.pg_is_in_recovery() THEN 'it is a standby'
    -- A transaction that has told something cannot be prepared.
    WHEN pg_catalog.current_setting('max_prepared_transactions') <> '0'
        THEN 'two-phase commits are enabled (max_prepared_transactions), and the triggers would make them fail'
    WHEN EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname IN ('citus', 'pglogical', 'bdr', 'spock'))
        THEN 'an extension (citus, pglogical, bdr or spock) writes rows without firing triggers'
END
