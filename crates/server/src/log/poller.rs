//! `livequery-poller-log`: what pollers of live queries did, in v2's words; and what became of change signals.

use graphloom_subscribe::{BatchReport, Event, PollReport, SignalsNews, SubscriptionKind};
use graphloom_vocab::{Json, SourceName};
use serde_json::json;

use super::{Level, LogType, Logs};

impl Logs {
    /// Writes what happened to subscriptions.
    pub(crate) fn live(&self, event: &Event<'_>) {
        match event {
            Event::Poll(report) => self.poll(report),
            Event::Signals { source, news } => self.signals(source, *news),
        }
    }

    fn signals(&self, source: &SourceName, news: SignalsNews<'_>) {
        let (level, message, reason) = match news {
            SignalsNews::Heard => (Level::Info, "change signals are heard", None),
            SignalsNews::Unheard { reason } => (
                Level::Warn,
                "no change signals are heard: live queries are polled; it is tried again",
                Some(reason),
            ),
            SignalsNews::Untold { reason } => (
                Level::Warn,
                "a table cannot have the trigger that tells of its changes: what looks at it is polled",
                Some(reason),
            ),
        };
        let info = json!({ "source": source.as_str(), "reason": reason });
        let detail = json!({ "message": message, "info": info });
        self.write(LogType::Metadata, level, detail);
    }

    /// Writes a `livequery-poller-log` record.
    fn poll(&self, report: &PollReport<'_>) {
        if !self.wants(LogType::LiveQueryPoller, Level::Info) {
            return;
        }
        let batches: Vec<_> = report.batches.iter().map(batch).collect();
        let detail = json!({
            "kind": match report.kind {
                SubscriptionKind::Live => "live-query",
                SubscriptionKind::Stream => "streaming",
            },
            "poller_id": report.poller_id.to_string(),
            "source": report.plan.source.as_str(),
            "role": report.role.as_str(),
            "generated_sql": &**report.plan.statement.text(),
            "subscriber_count": report.subscribers,
            "cohort_count": report.cohorts,
            "execution_batches": batches,
            "snapshot_time": report.snapshot_time.as_secs_f64(),
            "total_time": report.total_time.as_secs_f64(),
            "subscription_options": {
                "batch_size": report.polling.batch_size,
                "refetch_delay": report.polling.interval().as_secs_f64(),
            },
        });
        self.write(LogType::LiveQueryPoller, Level::Info, detail);
    }
}

fn batch(batch: &BatchReport) -> Json {
    json!({
        "batch_id": batch.id,
        "batch_size": batch.size,
        "changed_cohorts": batch.news,
        "pg_execution_time": batch.pg_time.as_secs_f64(),
        "error": batch.error.as_ref().map(|error| json!({
            "code": error.code().as_str(),
            "error": error.message(),
        })),
    })
}
