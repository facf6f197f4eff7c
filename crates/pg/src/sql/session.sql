-- What every session starts with. $1: statement_timeout in milliseconds, or null for the server's own.
-- Date and number formats, time zone and search path are left to the server: results look as its
-- administrator has set them. Just-in-time compilation is switched off unless somebody asked for it by
-- URL, role or database: nested lists are estimated high, and compiling one took longer than running it.
SELECT pg_catalog.set_config('client_min_messages', 'warning', false),
       pg_catalog.set_config(
         'statement_timeout',
         coalesce($1::text, pg_catalog.current_setting('statement_timeout')),
         false),
       (SELECT pg_catalog.set_config('jit', 'off', false)
        FROM pg_catalog.pg_settings
        WHERE name = 'jit' AND source IN ('default', 'configuration file')),
       CASE WHEN pg_catalog.current_setting('synchronous_standby_names', true) = ''
         THEN pg_catalog.pg_backend_pid() END AS process
