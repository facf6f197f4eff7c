SELECT version FROM hdb_catalog.hdb_version
