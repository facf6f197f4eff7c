-- What a commit would check is checked, and undone: constraints go on being as deferred as they were.
SAVEPOINT graphloom_rehearsed_check; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK TO SAVEPOINT graphloom_rehearsed_check; RELEASE SAVEPOINT graphloom_rehearsed
