-- Takes a table's trigger away, unless somebody wants it to stay or the table is busy.
SELECT graphloom_signals.unwatch($1::text::oid)::text
