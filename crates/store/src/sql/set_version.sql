UPDATE hdb_catalog.hdb_version SET version = $1::text, upgraded_on = now()
