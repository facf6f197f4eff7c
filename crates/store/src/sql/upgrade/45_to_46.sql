-- One event of a cron trigger at a time, however many instances make them.
CREATE UNIQUE INDEX IF NOT EXISTS hdb_cron_events_unique_scheduled
    ON hdb_catalog.hdb_cron_events (trigger_name, scheduled_time)
    WHERE status = 'scheduled';
