-- Sorted before it is aggregated, so that json_agg need not sort.
SELECT json_build_object(
  'aggregate', json_build_object('count', count(*), 'max', json_build_object('views', max(r.views)),
    'avg', json_build_object('rating', avg(r.rating))),
  'nodes', coalesce(json_agg(json_build_object('id', r.id, 'title', r.title, 'views', r.views)), '[]'))
FROM (SELECT id, title, views, rating FROM article WHERE category = 'cat7' AND is_published ORDER BY id) r
