SELECT coalesce(json_agg(row_to_json(r.*)), '[]') FROM (
  SELECT a.id, a.name, (
    SELECT coalesce(json_agg(row_to_json(s.*)), '[]') FROM (
      SELECT b.id, b.title, (
        SELECT coalesce(json_agg(row_to_json(t.*)), '[]') FROM (
          SELECT c.id, c.content FROM comment c WHERE c.article_id = b.id ORDER BY c.id LIMIT 3
        ) t) AS comments
      FROM article b WHERE b.author_id = a.id ORDER BY b.views DESC LIMIT 5
    ) s) AS articles
  FROM author a WHERE a.id > 5000 ORDER BY a.id LIMIT 10
) r
