-- All articles are counted once, by author.
SELECT coalesce(json_agg(row_to_json(r.*)), '[]') FROM (
  SELECT a.id, a.name
  FROM author a LEFT JOIN (SELECT author_id, count(*) AS n FROM article GROUP BY author_id) g ON g.author_id = a.id
  ORDER BY coalesce(g.n, 0) DESC, a.id LIMIT 20
) r
