SELECT
    pg_catalog.quote_ident(current_user::text),
    pg_catalog.quote_ident(pg_catalog.current_database()::text),
    (EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'hdb_catalog'))::text,
    (EXISTS (
        SELECT
        FROM pg_catalog.pg_class AS class
        JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
        WHERE namespace.nspname = 'hdb_catalog' AND class.relname = 'hdb_version'
    ))::text
