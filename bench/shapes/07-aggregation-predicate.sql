SELECT coalesce(json_agg(row_to_json(r.*)), '[]') FROM (
  SELECT a.id, a.name FROM author a
  WHERE a.id IN (SELECT author_id FROM article WHERE is_published GROUP BY author_id HAVING count(*) > 60)
  ORDER BY a.id
) r
