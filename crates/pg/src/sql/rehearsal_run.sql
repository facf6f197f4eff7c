-- By EXECUTE, which refuses COMMIT, ROLLBACK and whatever else would end the transaction around it.
DO $graphloom$ BEGIN EXECUTE current_setting('graphloom.rehearsed'); END $graphloom$
