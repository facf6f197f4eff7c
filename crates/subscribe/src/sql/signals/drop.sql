-- Removes our schema if no trigger needs it any more and it is ours.
DO $body$
BEGIN
    IF pg_catalog.obj_description(pg_catalog.to_regnamespace('graphloom_signals'), 'pg_namespace')
            LIKE 'Change signals of Graphloom, version %'
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger t
            JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
            WHERE p.pronamespace = pg_catalog.to_regnamespace('graphloom_signals'))
    THEN
        DROP FUNCTION IF EXISTS graphloom_signals.unwatch(pg_catalog.oid);
        DROP FUNCTION IF EXISTS graphloom_signals.left_over();
        DROP FUNCTION IF EXISTS graphloom_signals.watch(pg_catalog.oid);
        DROP FUNCTION IF EXISTS graphloom_signals.key(pg_catalog.oid);
        DROP FUNCTION IF EXISTS graphloom_signals.tell();
        DROP SCHEMA graphloom_signals;
    END IF;
END
$body$
