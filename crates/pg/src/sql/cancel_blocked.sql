-- Cancels what a session runs, if it waits for a lock. $1: the session's process. The request is heeded a little later,
-- when what it means may be waiting for another server to have its commit: that must not be cut short, since it would be
-- told to have happened.
SELECT pg_catalog.pg_cancel_backend(pid)
FROM pg_catalog.pg_stat_activity
WHERE pid = $1::int4 AND datname = pg_catalog.current_database() AND usename = session_user
  AND wait_event_type = 'Lock'
  AND pg_catalog.current_setting('synchronous_standby_names', true) = ''
