//! `GET /healthz/sources`: how the databases are whose sources say how to find out.
//!
//! A source's `health_check` is run when somebody asks, not at intervals: an answer is never older than the
//! question. Read next: `service.rs`.

use std::time::Duration;

use graphloom_metadata::types::Source;
use graphloom_pg::Pool;
use graphloom_vocab::{Json, JsonObject};
use serde_json::json;
use tokio::task::JoinSet;

use crate::state::Candidate;

/// v2's defaults of `timeout`, `retries` and `retry_interval`; times in seconds.
const TIMEOUT_S: f64 = 10.0;
const RETRIES: u64 = 3;
const RETRY_INTERVAL_S: f64 = 10.0;
/// Whoever asks waits for the answer: no setting makes that longer than a minute.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// One source's check.
struct Check {
    sql: Option<String>,
    timeout: Duration,
    retries: u64,
    retry_interval: Duration,
}

impl Check {
    /// `{"test": {"sql"}, "timeout"?, "retries"?, "retry_interval"?}`; `None` without a check.
    fn of(source: &Source) -> Option<Self> {
        let check = source.extra.get("health_check")?.as_object()?;
        let seconds = |key: &str, default: f64| {
            let seconds = check.get(key).and_then(Json::as_f64).unwrap_or(default);
            Duration::try_from_secs_f64(seconds).unwrap_or(WAIT_MAX)
        };
        let sql = check.get("test").and_then(|test| test.get("sql"));
        Some(Self {
            sql: sql.and_then(Json::as_str).map(str::to_owned),
            timeout: seconds("timeout", TIMEOUT_S),
            retries: check
                .get("retries")
                .and_then(Json::as_u64)
                .unwrap_or(RETRIES),
            retry_interval: seconds("retry_interval", RETRY_INTERVAL_S),
        })
    }

    /// `{"status", "error"}`
    async fn run(&self, pool: Option<&Pool>) -> Json {
        let (Some(pool), Some(sql)) = (pool, &self.sql) else {
            let reason = "the source has no connection settings or its check no SQL";
            return json!({"status": "FAILED", "error": reason});
        };
        let mut left = self.retries;
        loop {
            let attempt = async { pool.get().await?.simple(sql).await };
            let error = match tokio::time::timeout(self.timeout, attempt).await {
                Err(_) => return json!({"status": "TIMEOUT", "error": null}),
                Ok(Ok(_)) => return json!({"status": "OK", "error": null}),
                Ok(Err(error)) => error,
            };
            if left == 0 {
                let message = match error.is_connection_error() {
                    true => "connection error",
                    false => "database query error",
                };
                let error = json!({"message": message, "extra": error.to_string()});
                return json!({"status": "ERROR", "error": error});
            }
            left -= 1;
            tokio::time::sleep(self.retry_interval).await;
        }
    }
}

/// `{source: {"status", "error"}}` of every source with a check, all asked side by side.
pub(crate) async fn of_sources(candidate: &Candidate) -> JsonObject {
    let mut asked = JoinSet::new();
    for source in candidate.metadata.sources.values() {
        let Some(check) = Check::of(source) else {
            continue;
        };
        let name = source.name.clone();
        let runtime = candidate.sources.get(&name);
        let pool = runtime.and_then(|runtime| runtime.pool.clone());
        asked.spawn(async move {
            let answer = tokio::time::timeout(WAIT_MAX, check.run(pool.as_ref())).await;
            let answer = answer.unwrap_or_else(|_| json!({"status": "TIMEOUT", "error": null}));
            (name.as_str().to_owned(), answer)
        });
    }
    let mut answers = asked.join_all().await;
    answers.sort_by(|(one, _), (other, _)| one.cmp(other));
    answers.into_iter().collect()
}
