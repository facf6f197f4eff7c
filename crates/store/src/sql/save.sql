-- No row comes back if the stored version is another one. A catalog without a row counts as version 1.
INSERT INTO hdb_catalog.hdb_metadata AS stored (id, metadata, resource_version)
SELECT 1, $1::text::json, $2::text::integer + 1
WHERE $2::text::integer = 1 OR EXISTS (SELECT FROM hdb_catalog.hdb_metadata WHERE id = 1)
ON CONFLICT (id) DO UPDATE
    SET metadata = excluded.metadata, resource_version = stored.resource_version + 1
    WHERE stored.resource_version = $2::text::integer
RETURNING stored.resource_version::text
