ALTER TABLE hdb_catalog.hdb_metadata DROP COLUMN IF EXISTS resource_version;
