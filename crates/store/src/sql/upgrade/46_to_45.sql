DROP INDEX IF EXISTS hdb_catalog.hdb_cron_events_unique_scheduled;
