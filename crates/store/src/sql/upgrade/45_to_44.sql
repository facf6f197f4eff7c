DROP TABLE IF EXISTS hdb_catalog.hdb_schema_notifications;
