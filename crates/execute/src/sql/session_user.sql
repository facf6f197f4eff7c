SELECT set_config('hasura.user', $1::text, true)
