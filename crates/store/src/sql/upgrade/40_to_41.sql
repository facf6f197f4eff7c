-- When an event was locked, where before it was only known that it was.
ALTER TABLE hdb_catalog.event_log
    ALTER COLUMN locked DROP DEFAULT,
    ALTER COLUMN locked DROP NOT NULL,
    ALTER COLUMN locked TYPE timestamptz USING CASE WHEN locked THEN now() END;
