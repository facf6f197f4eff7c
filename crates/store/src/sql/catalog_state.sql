SELECT hasura_uuid::text, cli_state::text, console_state::text FROM hdb_catalog.hdb_version
