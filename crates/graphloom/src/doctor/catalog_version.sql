select version from hdb_catalog.hdb_version
