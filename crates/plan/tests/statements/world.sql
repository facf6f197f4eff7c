-- The smallest world in which every shape of a statement shows.
CREATE TYPE mood AS ENUM ('calm', 'angry');
CREATE DOMAIN slug AS text;
CREATE TABLE author (
  id int PRIMARY KEY,
  name text,
  mood mood,
  boss_id int REFERENCES author (id)
);
CREATE TABLE passport (
  id int PRIMARY KEY,
  author_id int NOT NULL UNIQUE REFERENCES author (id),
  number text NOT NULL
);
CREATE TABLE article (
  id int PRIMARY KEY,
  author_id int NOT NULL REFERENCES author (id),
  title text NOT NULL,
  slug slug,
  published boolean NOT NULL,
  views bigint NOT NULL,
  rating numeric,
  tags text[],
  meta jsonb,
  raw json
);
CREATE TABLE "odd ""table" (
  "Id 1" int PRIMARY KEY,
  "it's" text,
  t1 int,
  row_number int,
  "naïve 🦀" text
);
INSERT INTO author VALUES
  (1, 'Ada', 'calm', NULL), (2, 'Bob', 'angry', 1), (3, 'O''Neil "the \ Crab" 🦀', NULL, 1), (4, NULL, 'calm', 2);
INSERT INTO passport VALUES (10, 1, 'A-1'), (11, 2, 'B-2');
INSERT INTO article VALUES
  (1, 1, 'Alpha', 'alpha', true, 10, 4.50, '{a,b}', '{"a": {"b": [1, 2]}, "k": 1}', '{"z": 1, "a": 1.0}'),
  (2, 1, 'Beta', 'beta', false, 9007199254740993, NULL, '{}', '{}', NULL),
  (3, 1, 'Gamma', NULL, true, 30, 3.5, NULL, NULL, NULL),
  (4, 2, 'Delta', 'delta', true, 10, 5, '{b}', '{"l": 2}', NULL),
  (5, 2, 'Epsilon', 'e', false, 5, 1.25, '{c}', '[1]', NULL),
  (6, 3, '50%_off', 'off', true, 7, NULL, '{a}', '"s"', NULL);
INSERT INTO "odd ""table" VALUES (1, 'x', 7, 8, 'ünï'), (2, NULL, NULL, NULL, NULL);
