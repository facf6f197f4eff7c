INSERT INTO hdb_catalog.hdb_schema_notifications (id, notification, resource_version, instance_id)
VALUES (1, $1::text::json, $2::text::integer, $3::text::uuid)
ON CONFLICT (id) DO UPDATE
    SET notification = excluded.notification,
        resource_version = excluded.resource_version,
        instance_id = excluded.instance_id
RETURNING pg_notify('graphloom_metadata', '')::text
