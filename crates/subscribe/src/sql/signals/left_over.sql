-- The tables with a trigger that nobody wants to stay.
SELECT relation::text FROM graphloom_signals.left_over() relation
