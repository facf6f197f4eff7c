//! `/dev`: what goes on inside, for admins, where the API `developer` is enabled. v2's shapes.

use graphloom_subscribe::{CohortState, Freshness, PollerState, Statistics, SubscriptionKind};
use graphloom_vocab::{Error, ErrorCode, Json, JsonObject, Result};
use serde_json::json;

use super::config::polling;
use crate::services::Services;
use crate::settings::HttpSettings;
use crate::websocket::Sockets;

/// A page below `/dev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeveloperPage {
    /// Counters and gauges.
    Ekg,
    /// v2 keeps no plans, and says so with null.
    PlanCache,
    /// The pollers.
    Subscriptions,
    /// The pollers with their cohorts.
    SubscriptionsExtended,
    /// What agents of data connectors must answer; refused, as there are none yet.
    DataConnectorSchema,
}

impl DeveloperPage {
    /// By what stands behind `/dev/`.
    pub(crate) fn find(path: &str) -> Option<Self> {
        match path {
            "ekg" => Some(Self::Ekg),
            "plan_cache" => Some(Self::PlanCache),
            "subscriptions" => Some(Self::Subscriptions),
            "subscriptions/extended" => Some(Self::SubscriptionsExtended),
            "dataconnector/schema" => Some(Self::DataConnectorSchema),
            _ => None,
        }
    }

    /// What it shows, or `not-supported`.
    pub(crate) fn show(
        self,
        settings: &HttpSettings,
        services: &dyn Services,
        sockets: &Sockets,
    ) -> Result<Json> {
        Ok(match self {
            Self::Ekg => ekg(services, sockets),
            Self::PlanCache => Json::Null,
            Self::Subscriptions | Self::SubscriptionsExtended => {
                let pollers = services.hub().map(graphloom_subscribe::Hub::pollers);
                let pollers = pollers.unwrap_or_default();
                let of = |kind| -> Json {
                    let pollers = pollers.iter().filter(|poller| poller.kind == kind);
                    pollers.map(|poller| self.poller(poller)).collect()
                };
                json!({
                    "options": polling(settings.reported.live_queries),
                    "live_queries_map": of(SubscriptionKind::Live),
                    "stream_queries_map": of(SubscriptionKind::Stream),
                    "stream_queries_options": polling(settings.reported.streaming_queries),
                })
            }
            Self::DataConnectorSchema => {
                let message = "data connectors are not supported yet";
                return Err(Error::new(ErrorCode::NotSupported, message));
            }
        })
    }

    fn poller(self, poller: &PollerState) -> Json {
        let cohorts = match self {
            Self::SubscriptionsExtended => poller.cohorts.iter().map(cohort).collect(),
            _ => Json::Null,
        };
        let cohort_sizes = poller.cohorts.iter().map(|cohort| cohort.subscribers);
        json!({
            "source": poller.source.as_str(),
            "role": poller.role.as_str(),
            // Pollers have no threads here; v2's key is kept for whoever shows it.
            "thread_id": Json::Null,
            "poller_id": poller.id.to_string(),
            "multiplexed_query": &*poller.statement,
            "cohorts": cohorts,
            "cohort_count": poller.cohorts.len(),
            "subscriber_count": cohort_sizes.sum::<usize>(),
            // Ours: v2 asks at every interval.
            "refetched_on": match poller.freshness {
                Freshness::Interval => "interval",
                Freshness::Database => "change",
                Freshness::Tables => "signal",
            },
        })
    }
}

fn cohort(cohort: &CohortState) -> Json {
    json!({
        "variables": cohort.values,
        "cohort": {
            "subscriber_count": cohort.subscribers,
            "previous_result_hash": cohort.hash.as_deref(),
        },
    })
}

/// `{name: {"type": "g" or "c", "val": number}}`: gauges and counters, as v2's monitoring page reads them.
fn ekg(services: &dyn Services, sockets: &Sockets) -> Json {
    let hub = services.hub().map(graphloom_subscribe::Hub::statistics);
    let Statistics {
        pollers,
        cohorts,
        subscribers,
        polls,
        skipped,
        signalled,
        batches,
        batch_micros,
        news,
    } = hub.unwrap_or_default();
    let now_ms = chrono::Utc::now().timestamp_millis();
    let gauge = |value: usize| json!({ "type": "g", "val": value });
    let counter = |value: u64| json!({ "type": "c", "val": value });
    let values = [
        ("server_timestamp_ms", json!({ "type": "c", "val": now_ms })),
        ("websocket_connections", gauge(sockets.open())),
        ("active_subscriptions", gauge(subscribers)),
        ("subscription_pollers", gauge(pollers)),
        ("subscription_cohorts", gauge(cohorts)),
        ("subscription_polls", counter(polls)),
        ("subscription_skipped_results", counter(skipped)),
        ("subscription_signalled_results", counter(signalled)),
        ("subscription_batches", counter(batches)),
        ("subscription_batch_microseconds", counter(batch_micros)),
        ("subscription_changed_results", counter(news)),
    ];
    let values = values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Json::Object(values.collect::<JsonObject>())
}
