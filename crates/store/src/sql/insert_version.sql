INSERT INTO hdb_catalog.hdb_version (version, upgraded_on) VALUES ($1::text, now())
