-- What introspection.mjs looks at: every kind of thing that makes types, in a schema of its own.
DROP SCHEMA IF EXISTS clients CASCADE;
CREATE SCHEMA clients;
SET LOCAL search_path TO clients, public;

CREATE TABLE moods (value text PRIMARY KEY, comment text);
INSERT INTO moods VALUES ('calm', 'At rest'), ('tense', NULL);

CREATE TABLE people (
    id serial PRIMARY KEY, "firstName" text NOT NULL, last_name text, mood text REFERENCES moods (value),
    parent_id int REFERENCES people (id), score numeric, is_active boolean, weight float8, born date);
COMMENT ON TABLE people IS 'Whoever there is';
COMMENT ON COLUMN people.last_name IS 'May be "missing"';

CREATE TYPE point3 AS (x int, y int, z int);
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE kinds (
    a uuid, b bigint, small smallint, t timestamptz, ts timestamp, ti time, tz timetz, iv interval, j json, jb jsonb,
    by bytea, m money, ip inet, net cidr, mac macaddr, bi bit(3), vb varbit, ch char(3), vc varchar(9), c "char",
    r int4range, x xml, tsv tsvector, p point, pa path, box box, colour colour, email email, at point3,
    texts text[], numbers int[], jsons jsonb[], dates date[], o oid, re real, na name,
    PRIMARY KEY (a, b));
CREATE TABLE secrets (id int PRIMARY KEY, person_id int REFERENCES people (id), payload jsonb);
CREATE TABLE links (
    person_id int REFERENCES people (id), friend_id int REFERENCES people (id), PRIMARY KEY (person_id, friend_id));
CREATE VIEW active AS SELECT id, "firstName" FROM people WHERE is_active;
CREATE MATERIALIZED VIEW totals AS SELECT mood, count(*) AS number FROM people GROUP BY mood;

CREATE FUNCTION full_name(p people) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT p."firstName" || coalesce(' ' || p.last_name, '') $$;
CREATE FUNCTION greeting(p people, word text, loud boolean DEFAULT false) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT word || ' ' || p."firstName" $$;
CREATE FUNCTION children(p people, above int) RETURNS SETOF people LANGUAGE sql STABLE AS
    $$ SELECT * FROM clients.people c WHERE c.parent_id = p.id AND c.id >= above $$;
CREATE FUNCTION find_people(word text, most int DEFAULT 3) RETURNS SETOF people LANGUAGE sql STABLE AS
    $$ SELECT * FROM clients.people WHERE "firstName" LIKE word LIMIT most $$;
CREATE FUNCTION first_person() RETURNS people LANGUAGE sql STABLE AS
    $$ SELECT * FROM clients.people ORDER BY id LIMIT 1 $$;
