SELECT set_config('graphloom.rehearsed', $1::text, true)
