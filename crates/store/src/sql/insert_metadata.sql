INSERT INTO hdb_catalog.hdb_metadata (id, metadata) VALUES (1, $1::text::json)
