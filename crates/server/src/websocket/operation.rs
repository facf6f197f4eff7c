//! One operation on a socket: a query or mutation that ends with its answer, or a subscription that goes on.
//!
//! It runs in a task of its own and hands its messages to the socket's (`connection.rs`), which ends it by
//! dropping it.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use graphloom_execute::GraphqlRequest;
use graphloom_subscribe::{Subscription, Update};
use graphloom_vocab::{Error, ErrorCode, Json, Result, Session};
use serde_json::json;
use tokio::sync::mpsc;

use super::connection::{ErrorStyle, Outgoing};
use super::frames::Text;
use super::protocol::Protocol;
use crate::envelope::{self, Detail};
use crate::follow::Followed;
use crate::http::App;
use crate::log::{OperationOutcome, SocketEvent, SocketEventKind};
use crate::services::Started;
use crate::settings::OnMetadataChange;

/// One operation, as its task sees it.
pub(super) struct Operation {
    pub(super) app: Arc<App>,
    pub(super) socket_id: String,
    pub(super) protocol: Protocol,
    pub(super) errors: ErrorStyle,
    pub(super) id: String,
    pub(super) session: Arc<Session>,
    /// The client's address.
    pub(super) ip: IpAddr,
    pub(super) request: Arc<GraphqlRequest>,
    /// How many subscriptions the socket has.
    pub(super) subscriptions: Arc<AtomicUsize>,
}

/// A subscription's place among those of its socket.
struct SubscriptionPlace(Arc<AtomicUsize>);

impl Drop for SubscriptionPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Operation {
    /// Runs it; returns the messages it ends with.
    pub(super) async fn run(&self, outbox: &mpsc::Sender<Outgoing>) -> Vec<Text> {
        let request_id = self.request.request_id.clone().unwrap_or_default();
        let running = AssertUnwindSafe(self.answer(&request_id, outbox)).catch_unwind();
        let ended = running.await;
        let ended = ended.unwrap_or_else(|_| Err(Error::unexpected("Internal Server Error")));
        ended.unwrap_or_else(|error| {
            self.log(&request_id, OperationOutcome::QueryError(&error));
            self.failure(&error).into_iter().map(Text::from).collect()
        })
    }

    async fn answer(&self, request_id: &str, outbox: &mpsc::Sender<Outgoing>) -> Result<Vec<Text>> {
        self.app.services.admit(&self.session, self.ip, 1)?;
        let services = &self.app.services;
        match services.start(&self.session, &self.request).await? {
            Started::Answer(executed) => {
                let statements = &executed.statements;
                self.app.logs.query(request_id, &self.request, statements);
                self.log(request_id, OperationOutcome::Completed);
                Ok(vec![
                    self.protocol.data(&self.id, executed.data),
                    complete_message(&self.id).into(),
                ])
            }
            Started::Live(subscription) => {
                let _place = self.place()?;
                outbox.send(Outgoing::Followed).await.ok();
                self.log(request_id, OperationOutcome::Started);
                self.follow(subscription, outbox).await
            }
        }
    }

    /// A place for one more subscription, if there is one.
    fn place(&self) -> Result<SubscriptionPlace> {
        let most = self.app.websocket.subscriptions_max;
        let before = self.subscriptions.fetch_add(1, Ordering::Relaxed);
        let place = SubscriptionPlace(Arc::clone(&self.subscriptions));
        if before < most {
            return Ok(place);
        }
        let message = format!(
            "this websocket has {most} subscriptions, the most that are allowed \
             (GRAPHLOOM_WEBSOCKET_SUBSCRIPTIONS_LIMIT)"
        );
        Err(Error::new(ErrorCode::NotSupported, message))
    }

    /// Hands on what the subscription gives, until the operation is stopped or can no longer be planned.
    ///
    /// Each message waits until the socket takes it; meanwhile only the latest result is kept.
    async fn follow(
        &self,
        subscription: Subscription,
        outbox: &mpsc::Sender<Outgoing>,
    ) -> Result<Vec<Text>> {
        let services = self.app.services.as_ref();
        // Where a change of metadata closes sockets, there is nothing to follow.
        let keeps = self.app.websocket.on_metadata_change == OnMetadataChange::Keep;
        let generations = services.generations().filter(|_| keeps);
        let mut followed = Followed::new(subscription, generations);
        while let Some(update) = followed
            .next(services, &self.session, &self.request)
            .await?
        {
            let message = Outgoing::Text(Box::new(self.message(update)));
            if outbox.send(message).await.is_err() {
                return Ok(Vec::new());
            }
        }
        Ok(vec![complete_message(&self.id).into()])
    }

    fn message(&self, update: Update) -> Text {
        match update {
            Update::Data { data, .. } => self.protocol.data(&self.id, data),
            Update::Failed(error) => {
                let error = error_json(ErrorStyle::Graphql, &error);
                let payload = envelope::graphql_errors(error).to_string();
                self.protocol.answer(&self.id, &payload).into()
            }
        }
    }

    fn failure(&self, error: &Error) -> Vec<String> {
        let json = error_json(self.errors, error);
        let id = &self.id;
        match (self.protocol, Phase::of(error)) {
            (Protocol::Legacy, Phase::Execution) => {
                let payload = json!({ "data": null, "errors": [json] }).to_string();
                vec![self.protocol.answer(id, &payload), complete_message(id)]
            }
            (Protocol::Legacy, Phase::Preparation) => {
                let payload = match self.errors {
                    ErrorStyle::Graphql => envelope::graphql_errors(json),
                    ErrorStyle::Api => json,
                };
                vec![error_message(id, payload), complete_message(id)]
            }
            // This message ends the operation by itself.
            (Protocol::Transport, Phase::Preparation) if self.errors == ErrorStyle::Api => {
                vec![error_message(id, json)]
            }
            (Protocol::Transport, _) => vec![error_message(id, Json::Array(vec![json]))],
        }
    }

    fn log(&self, request_id: &str, outcome: OperationOutcome<'_>) {
        self.app.logs.socket(&SocketEvent {
            socket_id: &self.socket_id,
            session: Some(&self.session),
            message: None,
            kind: SocketEventKind::Operation {
                id: &self.id,
                request_id: Some(request_id),
                request: &self.request,
                outcome,
            },
        });
    }
}

/// When an operation failed. v2 tells clients of the old protocol the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// While it was read, checked and planned.
    Preparation,
    /// In the database, or on the way there.
    Execution,
}

impl Phase {
    /// Read off the code: these come from running a statement, and from nothing before it.
    fn of(error: &Error) -> Self {
        match error.code() {
            ErrorCode::DataException
            | ErrorCode::PostgresError
            | ErrorCode::PostgresMaxConnectionsError
            | ErrorCode::ConstraintViolation
            | ErrorCode::ConstraintError
            | ErrorCode::ConcurrentUpdate
            | ErrorCode::PermissionError
            | ErrorCode::Timeout
            | ErrorCode::Unexpected => Self::Execution,
            _ => Self::Preparation,
        }
    }
}

pub(super) fn error_json(style: ErrorStyle, error: &Error) -> Json {
    match style {
        ErrorStyle::Graphql => envelope::graphql_error(error, Detail::Hidden),
        ErrorStyle::Api => envelope::api_error(error, Detail::Hidden),
    }
}

pub(super) fn error_message(id: &str, payload: Json) -> String {
    json!({ "type": "error", "id": id, "payload": payload }).to_string()
}

pub(super) fn complete_message(id: &str) -> String {
    json!({ "type": "complete", "id": id }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_know_when_they_happened() {
        for (code, phase) in [
            (ErrorCode::ValidationFailed, Phase::Preparation),
            (ErrorCode::ParseFailed, Phase::Preparation),
            (ErrorCode::NotSupported, Phase::Preparation),
            (ErrorCode::DataException, Phase::Execution),
            (ErrorCode::Unexpected, Phase::Execution),
        ] {
            assert_eq!(Phase::of(&Error::new(code, "")), phase);
        }
    }
}
