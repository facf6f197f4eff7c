SELECT row_to_json(r.*) FROM (
  SELECT b.id, b.title,
    (SELECT row_to_json(x.*) FROM (SELECT a.name, a.country FROM author a WHERE a.id = b.author_id) x) AS author,
    (SELECT coalesce(json_agg(row_to_json(s.*)), '[]') FROM (
      SELECT c.content, c.likes, (SELECT row_to_json(y.*) FROM (SELECT w.name FROM author w WHERE w.id = c.author_id) y) AS author
      FROM (SELECT content, likes, author_id FROM comment WHERE article_id = b.id ORDER BY likes DESC LIMIT 5) c
    ) s) AS comments
  FROM article b WHERE b.id = 123456
) r
