SELECT metadata::text FROM hdb_catalog.hdb_metadata LIMIT 2
