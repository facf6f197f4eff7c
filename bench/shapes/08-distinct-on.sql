SELECT coalesce(json_agg(row_to_json(r.*)), '[]') FROM (
  SELECT b.category, b.id, b.title, (SELECT row_to_json(x.*) FROM (SELECT a.name FROM author a WHERE a.id = b.author_id) x) AS author
  FROM (
    SELECT DISTINCT ON (category) category, id, title, author_id FROM article
    WHERE published_at IS NOT NULL ORDER BY category, published_at DESC, id
  ) b
) r
