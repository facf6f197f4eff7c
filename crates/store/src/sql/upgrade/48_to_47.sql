ALTER TABLE hdb_catalog.hdb_version
    DROP COLUMN IF EXISTS ee_client_id,
    DROP COLUMN IF EXISTS ee_client_secret;
