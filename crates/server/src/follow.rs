//! A subscription on its way to one client, whichever transport carries it: where metadata changes under it, it is
//! planned anew and goes on where it was.
//!
//! Knows no transport. `websocket/operation.rs` and `http/events.rs` are the two that there are.

use graphloom_execute::GraphqlRequest;
use graphloom_subscribe::{Subscription, SubscriptionKind, Update};
use graphloom_vocab::{Error, ErrorCode, Result, Session};
use tokio::sync::watch;

use crate::services::{Services, Started};

/// A subscription on its way to one client.
pub(crate) struct Followed {
    subscription: Subscription,
    /// The generations that are served; `None` where a change is somebody else's affair.
    generations: Option<watch::Receiver<u64>>,
    /// The last one that it was planned for.
    planned_for: u64,
}

impl Followed {
    /// Follows a subscription. Without `generations` it stays as it was planned.
    pub(crate) fn new(
        subscription: Subscription,
        generations: Option<watch::Receiver<u64>>,
    ) -> Self {
        Self {
            planned_for: subscription.generation(),
            subscription,
            generations,
        }
    }

    /// The next update; `None` once the request is no subscription any more.
    ///
    /// Errors mean that it has ended: it cannot be planned any more, or it is a stream, which is told to its client
    /// because only that knows from where to go on. May be dropped and called again at any time.
    pub(crate) async fn next(
        &mut self,
        services: &dyn Services,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Option<Update>> {
        loop {
            let generation = tokio::select! {
                update = self.subscription.next() => return Ok(Some(update)),
                generation = another(self.generations.as_mut(), self.planned_for) => generation,
            };
            if self.subscription.kind() == SubscriptionKind::Stream {
                return Err(Error::new(
                    ErrorCode::Unexpected,
                    "metadata has changed: subscribe again from the last cursor",
                ));
            }
            match services.start(session, request).await? {
                Started::Live(mut anew) => {
                    anew.continue_from(&self.subscription);
                    self.subscription = anew;
                    self.planned_for = generation;
                }
                Started::Answer(_) => return Ok(None),
            }
        }
    }
}

/// Waits for another schema to be served; for ever if none can be.
async fn another(generations: Option<&mut watch::Receiver<u64>>, known: u64) -> u64 {
    if let Some(generations) = generations
        && let Ok(generation) = generations.wait_for(|served| *served != known).await
    {
        return *generation;
    }
    std::future::pending().await
}
