//! GraphQL over server-sent events, each operation on a request of its own ("distinct connections mode").
//!
//! What comes before the operation (who asks, whether the body is JSON) is answered as to any other request; from then
//! on everything is an event: `next` with a result or errors, `complete` at the end, and a comment now and then so that
//! proxies keep the connection. `docs/subscriptions.md` has it for people.
//!
//! A task of its own follows the subscription and hands events to the response, one at a time: for a client that is
//! slow only the latest result waits, as on websockets. The task ends when the client is gone, when it does not read
//! for long, when its session ends or the server does.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::poll_fn;
use graphloom_execute::GraphqlRequest;
use graphloom_subscribe::{Subscription, Update};
use graphloom_vocab::{Error, ErrorCode, Session};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::graphql::Requests;
use super::reply::{Encoding, Reply, Shape};
use super::{App, RequestInfo};
use crate::envelope::{self, Detail};
use crate::follow::Followed;
use crate::log::{LogType, RequestMode, request_json};
use crate::services::Started;

const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";
/// How long a client may take to read one event before it is given up.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);
/// A session that lives longer counts as living this long: a year.
const SESSION_MAX_S: u64 = 365 * 24 * 60 * 60;

/// What goes out as it comes.
pub(crate) type Events = mpsc::Receiver<Bytes>;

/// The body of a response that goes on.
pub(super) fn body(mut events: Events) -> Body {
    let events = poll_fn(move |context| events.poll_recv(context));
    Body::from_stream(events.map(Ok::<_, Infallible>))
}

impl App {
    /// Runs an operation, or follows a subscription, and answers in events.
    pub(super) async fn events(
        self: &Arc<Self>,
        info: &RequestInfo,
        session: Session,
        requests: Requests,
    ) -> Reply {
        let Requests::One(request) = requests else {
            let error = Error::new(
                ErrorCode::BadRequest,
                "server-sent events carry one operation, not a batch of them",
            );
            return self.refuse(Shape::GraphqlWithStatus, Some(session), error);
        };
        let closing = self.sockets.subscribe();
        if self.sockets.is_stopping() {
            let reply = Reply::text(StatusCode::SERVICE_UNAVAILABLE, "Server is shutting down");
            return reply.with_header(header::RETRY_AFTER, HeaderValue::from_static("0"));
        }
        let started = Instant::now();
        let query = self.logs.settings().types.contains(&LogType::Query);
        let query = query.then(|| request_json(&request));
        let outcome = match self.services.admit(&session, info.ip, 1) {
            Ok(()) => self.services.start(&session, &request).await,
            Err(error) => Err(error),
        };
        let mut reply = Reply::ok(EVENT_STREAM, Bytes::new());
        match outcome {
            Ok(Started::Answer(executed)) => {
                self.logs.query(&info.id, &request, &executed.statements);
                reply.body = ended(next(&envelope::graphql_data(&executed.data)));
            }
            Ok(Started::Live(subscription)) => {
                let (sender, events) = mpsc::channel(1);
                let following = Following {
                    app: Arc::clone(self),
                    session: session.clone(),
                    request,
                    sender,
                };
                tokio::spawn(following.run(subscription, closing));
                reply.events = Some(events);
            }
            Err(error) => {
                reply.body = ended(self.failure(&session, &error));
                reply.operation.error = Some(error);
            }
        }
        // A proxy that collects answers would keep them to itself.
        reply = reply.with_header(
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        );
        reply.encoding = Encoding::Final;
        reply.operation.mode = RequestMode::Single;
        reply.operation.session = Some(session);
        reply.operation.execution_time = started.elapsed();
        reply.operation.query = query;
        reply
    }

    fn failure(&self, session: &Session, error: &Error) -> Bytes {
        let detail = Detail::of(self.settings.internal_errors, Some(session));
        let error = envelope::graphql_error(error, detail);
        next(&envelope::text(&envelope::graphql_errors(error)))
    }
}

/// A subscription and the response that it goes to.
struct Following {
    app: Arc<App>,
    session: Session,
    request: GraphqlRequest,
    sender: mpsc::Sender<Bytes>,
}

impl Following {
    async fn run(self, subscription: Subscription, closing: broadcast::Receiver<&'static str>) {
        // Without a farewell in either case: the client comes back, to another server or with another token.
        tokio::select! {
            () = self.follow(subscription) => {}
            () = stopped(&self.app, closing) => {}
            () = expired(&self.session) => {}
        }
    }

    async fn follow(&self, subscription: Subscription) {
        let services = self.app.services.as_ref();
        let mut followed = Followed::new(subscription, services.generations());
        // The first comment goes out at once, and the head of the response with it.
        let mut keep_alive = interval(self.app.websocket.keep_alive);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next_update = followed.next(services, &self.session, &self.request);
            let (event, is_last) = tokio::select! {
                () = self.sender.closed() => return,
                _ = keep_alive.tick() => (Bytes::from_static(b":\n\n"), false),
                update = next_update => match update {
                    Ok(Some(Update::Data { data, .. })) => (next(&envelope::graphql_data(&data)), false),
                    Ok(Some(Update::Failed(error))) => (self.app.failure(&self.session, &error), false),
                    Ok(None) => (complete(), true),
                    Err(error) => (ended(self.app.failure(&self.session, &error)), true),
                },
            };
            let sent = timeout(WRITE_TIMEOUT, self.sender.send(event)).await;
            if is_last || !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// Waits for the server to stop. Changes of metadata, which close websockets, are followed here.
async fn stopped(app: &App, mut closing: broadcast::Receiver<&'static str>) {
    while !app.sockets.is_stopping() {
        if let Err(broadcast::error::RecvError::Closed) = closing.recv().await {
            return;
        }
    }
}

/// Waits for the end of a session that has one.
async fn expired(session: &Session) {
    let Some(seconds) = session.expires_at_s else {
        return std::future::pending().await;
    };
    let left_s = seconds.saturating_sub(chrono::Utc::now().timestamp());
    let left_s = u64::try_from(left_s).unwrap_or(0).min(SESSION_MAX_S);
    sleep(Duration::from_secs(left_s)).await;
}

/// `event: next` with this JSON text, a `data:` for each of its lines.
fn next(payload: &[u8]) -> Bytes {
    let mut event = BytesMut::with_capacity(payload.len() + 32);
    event.put_slice(b"event: next");
    // Line ends in JSON stand between tokens, where any of them is as good.
    let lines = payload.split(|byte| matches!(byte, b'\n' | b'\r'));
    for line in lines.filter(|line| !line.is_empty()) {
        event.put_slice(b"\ndata: ");
        event.put_slice(line);
    }
    event.put_slice(b"\n\n");
    event.freeze()
}

/// `event: complete`; browsers pass by events without data.
fn complete() -> Bytes {
    Bytes::from_static(b"event: complete\ndata:\n\n")
}

/// The event, and the end.
fn ended(event: Bytes) -> Bytes {
    [event, complete()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_of_several_lines_is_one_event() {
        assert_eq!(
            next(b"{\"a\":1}"),
            Bytes::from("event: next\ndata: {\"a\":1}\n\n")
        );
        assert_eq!(
            next(b"{\"a\":\r\n [1,\n2]}"),
            Bytes::from("event: next\ndata: {\"a\":\ndata:  [1,\ndata: 2]}\n\n")
        );
    }
}
