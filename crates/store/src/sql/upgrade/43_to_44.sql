-- The document's version, for clients that must not overwrite each other.
ALTER TABLE hdb_catalog.hdb_metadata
    ADD COLUMN IF NOT EXISTS resource_version integer NOT NULL DEFAULT 1 UNIQUE;
