-- Joined once, grouped once.
SELECT coalesce(json_agg(json_build_object('name', name, 'articles', list) ORDER BY id), '[]') FROM (
  SELECT a.id, a.name, json_agg(json_build_object('title', b.title)) AS list
  FROM article b JOIN author a ON a.id = b.author_id
  WHERE b.id IN (SELECT article_id FROM comment WHERE likes > 498)
  GROUP BY a.id, a.name
) r
