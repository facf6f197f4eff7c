SELECT resource_version::text, notification::text FROM hdb_catalog.hdb_schema_notifications
