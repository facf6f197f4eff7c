SELECT 'pong'::text
