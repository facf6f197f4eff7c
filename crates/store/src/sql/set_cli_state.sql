UPDATE hdb_catalog.hdb_version SET cli_state = $1::text::jsonb
