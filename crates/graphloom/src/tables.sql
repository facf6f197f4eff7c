-- Tables, views, materialized views, foreign and partitioned tables that can be tracked; a partition is
-- reached through the table it is a part of.
select namespace.nspname as schema, class.relname as name
from pg_catalog.pg_class as class
join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
where class.relkind in ('r', 'v', 'm', 'f', 'p')
    and not class.relispartition
    and class.relpersistence <> 't'
    and namespace.nspname not in ('information_schema', 'hdb_catalog', 'hdb_views')
    and namespace.nspname !~ '^pg_'
    -- What belongs to an extension is its own affair.
    and not exists (
        select
        from pg_catalog.pg_depend as depend
        where depend.classid = 'pg_catalog.pg_class'::regclass
            and depend.objid = class.oid
            and depend.deptype = 'e'
    )
order by 1, 2
