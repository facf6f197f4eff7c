CREATE SCHEMA hdb_catalog
