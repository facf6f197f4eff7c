SELECT (EXISTS (SELECT FROM hdb_catalog.event_triggers))::text
