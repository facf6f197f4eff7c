SELECT resource_version::text, notification::text
FROM hdb_catalog.hdb_schema_notifications
WHERE resource_version > $1::text::integer AND instance_id <> $2::text::uuid
