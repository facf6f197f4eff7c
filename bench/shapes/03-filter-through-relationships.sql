SELECT coalesce(json_agg(row_to_json(r.*)), '[]') FROM (
  SELECT b.id, b.title, b.views
  FROM article b JOIN author a ON a.id = b.author_id
  WHERE a.country = 'de' AND b.id IN (SELECT article_id FROM comment WHERE likes > 495)
  ORDER BY b.views DESC LIMIT 20
) r
