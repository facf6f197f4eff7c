UPDATE hdb_catalog.hdb_version SET console_state = $1::text::jsonb
