SELECT resource_version::text FROM hdb_catalog.hdb_metadata
