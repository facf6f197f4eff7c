-- The blog: 10,000 authors, 200,000 articles, 1,000,000 comments, about 330 MB with indexes; the same rows every time.
-- Run by `bench.py load`, or: psql -d blog -f bench/blog.sql [-v authors=1000]
\set ON_ERROR_STOP on
\if :{?authors} \else \set authors 10000 \endif
SET client_min_messages = warning;
DROP TABLE IF EXISTS comment, article, author CASCADE;

CREATE TABLE author (
  id integer PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL UNIQUE,
  country text NOT NULL,
  karma integer NOT NULL DEFAULT 0
);
CREATE TABLE article (
  id integer PRIMARY KEY,
  author_id integer NOT NULL REFERENCES author (id),
  title text NOT NULL,
  body text NOT NULL,
  category text NOT NULL,
  is_published boolean NOT NULL,
  published_at timestamptz,
  views integer NOT NULL,
  rating numeric(4,2)
);
CREATE TABLE comment (
  id integer PRIMARY KEY,
  article_id integer NOT NULL REFERENCES article (id),
  author_id integer NOT NULL REFERENCES author (id),
  content text NOT NULL,
  likes integer NOT NULL
);

-- A cheap hash, 0 to 2^31 - 1: like random(), but the same every time.
CREATE FUNCTION pg_temp.hash(n bigint, salt integer) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (((n * 2654435761 + salt * 40503) % 2147483647) * 48271) % 2147483647;

INSERT INTO author
SELECT i, 'Author ' || pg_temp.hash(i, 0) || ' ' || i, 'author' || i || '@example.org',
  (ARRAY['de', 'fr', 'us', 'gb', 'in', 'br', 'jp', 'se', 'nl', 'pl'])[1 + pg_temp.hash(i, 1) % 10],
  pg_temp.hash(i, 2) % 1000
FROM generate_series(1, :authors) AS i;

-- Authors are unequal: a few have hundreds of articles, many have a handful, some have none.
INSERT INTO article
SELECT i, 1 + ((pg_temp.hash(i, 10) % :authors) * (pg_temp.hash(i, 20) % :authors) / :authors)::integer,
  'Article ' || i || ': ' || (ARRAY['Notes', 'Essay', 'Review', 'Guide', 'Report'])[1 + pg_temp.hash(i, 11) % 5],
  repeat('Lorem ipsum ' || md5(i::text) || ' dolor sit amet. ', 2 + (pg_temp.hash(i, 12) % 4)::integer),
  'cat' || (pg_temp.hash(i, 13) % 40),
  pg_temp.hash(i, 14) % 10 < 8,
  CASE WHEN pg_temp.hash(i, 14) % 10 < 8
    THEN timestamptz '2021-01-01 00:00:00+00' + make_interval(mins => (pg_temp.hash(i, 15) % 2000000)::integer) END,
  pg_temp.hash(i, 16) % 100000,
  (pg_temp.hash(i, 17) % 1000)::numeric / 100
FROM generate_series(1, :authors * 20) AS i;

INSERT INTO comment
SELECT i, 1 + pg_temp.hash(i, 20) % (:authors * 20), 1 + pg_temp.hash(i, 21) % :authors,
  'Comment ' || i || ' ' || md5(i::text), pg_temp.hash(i, 22) % 500
FROM generate_series(1, :authors * 100) AS i;

CREATE INDEX article_author ON article (author_id, id);
CREATE INDEX article_category ON article (category, published_at DESC);
CREATE INDEX article_published ON article (published_at DESC);
CREATE INDEX comment_article ON comment (article_id, id);
CREATE INDEX comment_author ON comment (author_id);
CREATE INDEX author_country ON author (country, id);
VACUUM ANALYZE author;
VACUUM ANALYZE article;
VACUUM ANALYZE comment;
