-- Each level is joined as a whole and grouped.
SELECT coalesce(json_agg(row_to_json(r.*)), '[]') FROM (
  SELECT a.id, a.name, coalesce(s.list, '[]') AS articles
  FROM author a LEFT JOIN (
    SELECT b.author_id, json_agg(json_build_object('id', b.id, 'title', b.title, 'comments', coalesce(t.list, '[]')) ORDER BY b.id) AS list
    FROM article b LEFT JOIN (
      SELECT c.article_id, json_agg(json_build_object('id', c.id, 'likes', c.likes, 'author', json_build_object('name', w.name)) ORDER BY c.id) AS list
      FROM comment c JOIN author w ON w.id = c.author_id
      WHERE c.article_id IN (SELECT b.id FROM article b JOIN author a ON a.id = b.author_id WHERE a.country = 'jp' AND a.karma < 100)
      GROUP BY c.article_id
    ) t ON t.article_id = b.id
    WHERE b.author_id IN (SELECT id FROM author WHERE country = 'jp' AND karma < 100)
    GROUP BY b.author_id
  ) s ON s.author_id = a.id
  WHERE a.country = 'jp' AND a.karma < 100 ORDER BY a.id
) r
