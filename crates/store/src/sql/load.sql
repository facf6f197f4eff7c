SELECT metadata::text, resource_version::text FROM hdb_catalog.hdb_metadata LIMIT 2
