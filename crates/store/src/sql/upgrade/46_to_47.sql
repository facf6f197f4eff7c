-- Deleting an event finds its invocations.
CREATE INDEX IF NOT EXISTS hdb_cron_event_invocation_event_id
    ON hdb_catalog.hdb_cron_event_invocation_logs (event_id);
