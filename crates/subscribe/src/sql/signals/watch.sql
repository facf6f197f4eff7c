-- Gives a table its trigger; why not, if it cannot have it.
SELECT graphloom_signals.watch($1::text::oid)
