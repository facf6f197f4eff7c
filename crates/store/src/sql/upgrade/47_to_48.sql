-- Kept for the other edition of the engine we replace.
ALTER TABLE hdb_catalog.hdb_version
    ADD COLUMN IF NOT EXISTS ee_client_id text,
    ADD COLUMN IF NOT EXISTS ee_client_secret text;
