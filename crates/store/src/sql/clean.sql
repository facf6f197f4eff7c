-- Everything that the engine keeps in this database. The older of the two had its triggers' functions.
DROP SCHEMA IF EXISTS hdb_views CASCADE;
DROP SCHEMA IF EXISTS hdb_catalog CASCADE;
