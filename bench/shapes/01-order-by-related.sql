-- Authors in their order, the articles of each, until there are twenty: the sorted subselect leads the planner to it.
SELECT coalesce(json_agg(row_to_json(r.*)), '[]') FROM (
  SELECT b.id, b.title, json_build_object('name', a.name) AS author
  FROM (SELECT id, name FROM author ORDER BY name) a JOIN article b ON b.author_id = a.id
  ORDER BY a.name, b.id LIMIT 20
) r
