-- What holds for an author need not be asked again of each article's and each comment's author.
SELECT coalesce(json_agg(row_to_json(r.*)), '[]') FROM (
  SELECT a.id, a.name, (
    SELECT coalesce(json_agg(row_to_json(s.*)), '[]') FROM (
      SELECT b.id, b.title, (
        SELECT coalesce(json_agg(row_to_json(t.*)), '[]') FROM (
          SELECT c.id, c.content FROM comment c WHERE c.article_id = b.id ORDER BY c.id
        ) t) AS comments
      FROM article b WHERE b.author_id = a.id AND b.is_published ORDER BY b.id
    ) s) AS articles
  FROM author a WHERE a.country = 'de' ORDER BY a.id LIMIT 50
) r
