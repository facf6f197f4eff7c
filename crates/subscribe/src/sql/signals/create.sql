-- What triggers need, in a schema of ours. Anybody may call these functions: they do nothing that the caller may not.
CREATE SCHEMA IF NOT EXISTS graphloom_signals;
COMMENT ON SCHEMA graphloom_signals IS 'Change signals of Graphloom, version 1';
GRANT USAGE ON SCHEMA graphloom_signals TO PUBLIC;

-- Tells that a table was written to; heard when the transaction has ended, and not at all if it came to nothing.
CREATE OR REPLACE FUNCTION graphloom_signals.tell() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM pg_catalog.pg_notify('graphloom_signals', TG_RELID::pg_catalog.text);
    RETURN NULL;
END
$body$;

-- What whoever wants a table's trigger to stay has locked.
CREATE OR REPLACE FUNCTION graphloom_signals.key(relation pg_catalog.oid) RETURNS pg_catalog.int8 LANGUAGE sql IMMUTABLE
AS $body$ SELECT (1735159661::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) relation::pg_catalog.int8 $body$;

-- Gives a table its trigger. Returns why that cannot be; 'busy' if it can another time.
CREATE OR REPLACE FUNCTION graphloom_signals.watch(relation pg_catalog.oid) RETURNS pg_catalog.text LANGUAGE plpgsql
SET search_path = pg_catalog SET lock_timeout = '500ms' AS $body$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relation AND tgname = 'graphloom_signal') THEN
        EXECUTE format('DROP TRIGGER graphloom_signal ON %s', relation::regclass);
    END IF;
    EXECUTE format(
        'CREATE TRIGGER graphloom_signal AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE PROCEDURE graphloom_signals.tell()', relation::regclass);
    -- Also in sessions that apply what was done elsewhere.
    EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER graphloom_signal', relation::regclass);
    RETURN NULL;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN RETURN 'busy';
    WHEN OTHERS THEN RETURN SQLERRM;
END
$body$;

-- The tables with a trigger that nobody wants to stay.
CREATE OR REPLACE FUNCTION graphloom_signals.left_over() RETURNS SETOF pg_catalog.oid LANGUAGE sql
SET search_path = pg_catalog AS $body$
    SELECT tgrelid FROM pg_trigger
    WHERE tgname = 'graphloom_signal' AND tgfoid = 'graphloom_signals.tell()'::regprocedure
        AND NOT EXISTS (
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND classid = 1735159661::oid AND objid = tgrelid AND objsubid = 1)
$body$;

-- Takes a table's trigger away, unless somebody wants it to stay or the table is busy.
CREATE OR REPLACE FUNCTION graphloom_signals.unwatch(relation pg_catalog.oid) RETURNS pg_catalog.void LANGUAGE plpgsql
SET search_path = pg_catalog SET lock_timeout = '500ms' AS $body$
BEGIN
    IF pg_try_advisory_xact_lock(graphloom_signals.key(relation)) AND EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = relation AND tgname = 'graphloom_signal'
            AND tgfoid = 'graphloom_signals.tell()'::regprocedure)
    THEN
        EXECUTE format('DROP TRIGGER graphloom_signal ON %s', relation::regclass);
    END IF;
EXCEPTION
    WHEN OTHERS THEN NULL;
END
$body$;
