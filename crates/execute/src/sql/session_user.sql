SELECT set_config('hasura.tracecontext', $1::text, true), set_config('hasura.user', $2::text, true)
