//! One open socket: its introduction, its operations, its end.
//!
//! One task reads, writes and keeps the time; each operation is a task of its own that hands its
//! messages to the first (`operation.rs`). At the limit of running queries and mutations the socket is not read, so that
//! a client that asks faster than the database answers waits, and needs no error for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use graphloom_execute::{Caller, GraphqlRequest, SchemaKind};
use graphloom_vocab::{Error, ErrorCode, Session};
use serde_json::json;
use tokio::sync::{broadcast, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::frames::{Incoming, Text};
use super::operation::{Operation, complete_message, error_json, error_message};
use super::protocol::{ClientMessage, Close, Protocol};
use super::socket::{End, Socket};
use crate::http::App;
use crate::log::{OperationOutcome, SocketEvent, SocketEventKind};

/// How long a client may take to read one message before its socket is given up.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a client may take to answer our close frame, or to take ours that answers its own.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// A session that lives longer counts as living this long: a year.
const SESSION_MAX_S: u64 = 365 * 24 * 60 * 60;
/// Messages of operations that wait for the writer.
const OUTBOX_MESSAGES: usize = 16;
/// Bytes that make messages worth being written now, and not along with those that come next.
const WRITTEN_AT_ONCE_BYTES: usize = 64 << 10;

/// How errors look on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorStyle {
    /// `{"message","extensions"}`
    Graphql,
    /// `{"error","path","code"}`, on `/v1alpha1/graphql`.
    Api,
}

/// One socket.
pub(crate) struct Connection {
    app: Arc<App>,
    id: String,
    protocol: Protocol,
    errors: ErrorStyle,
    schema: SchemaKind,
    state: State,
    /// Who initialised it.
    caller: Arc<Caller>,
    running: HashMap<String, Running>,
    /// How many of them are subscriptions.
    subscriptions: Arc<AtomicUsize>,
    /// Tells a new operation from an old one of the same name.
    started: u64,
    /// When the session ends, and the socket with it.
    expiry: Option<Instant>,
    /// The client's address.
    ip: IpAddr,
}

/// What is kept of the request that opened a socket.
pub(crate) struct Handshake {
    /// Headers that authentication may look at.
    pub(crate) headers: Vec<(String, String)>,
    /// The client's address.
    pub(crate) ip: IpAddr,
}

enum State {
    /// Waiting for `connection_init`, with the handshake's headers.
    New(Vec<(String, String)>),
    /// Refused, and why.
    Failed(String),
    Ready(Arc<Session>),
}

struct Running {
    number: u64,
    request: Arc<GraphqlRequest>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// From an operation's task to the socket's.
///
/// Small, because each socket has room for several of them.
pub(super) enum Outgoing {
    Text(Box<Text>),
    /// The operation is a subscription and goes on: the socket may be read again.
    Followed,
    /// The operation of this number has ended.
    Done(u64),
}

/// What becomes of the socket after a message.
enum Next {
    Stay,
    Close(Close),
}

impl Connection {
    pub(crate) fn new(
        app: Arc<App>,
        id: String,
        protocol: Protocol,
        (errors, schema): (ErrorStyle, SchemaKind),
        handshake: Handshake,
    ) -> Self {
        let state = State::New(handshake.headers);
        Self {
            app,
            id,
            protocol,
            errors,
            schema,
            state,
            caller: Arc::default(),
            running: HashMap::new(),
            subscriptions: Arc::default(),
            started: 0,
            expiry: None,
            ip: handshake.ip,
        }
    }

    /// Logs something that happened on this socket.
    pub(crate) fn log(&self, message: Option<&'static str>, kind: SocketEventKind<'_>) {
        let session = match &self.state {
            State::Ready(session) => Some(session.as_ref()),
            _ => None,
        };
        self.app.logs.socket(&SocketEvent {
            socket_id: &self.id,
            session,
            message,
            kind,
        });
    }

    /// Serves the socket until one side ends it.
    pub(crate) async fn run(
        mut self,
        mut socket: Socket,
        closing: broadcast::Receiver<&'static str>,
    ) {
        if let Some(close) = self.converse(&mut socket, closing).await {
            // A client that does not answer in time is left.
            timeout(CLOSE_TIMEOUT, socket.close(&close)).await.ok();
        }
        self.running.clear();
        self.log(None, SocketEventKind::Closed);
    }

    /// `None` if the client ended it, or is gone.
    async fn converse(
        &mut self,
        socket: &mut Socket,
        mut closing: broadcast::Receiver<&'static str>,
    ) -> Option<Close> {
        let (outbox, mut outgoing) = mpsc::channel(OUTBOX_MESSAGES);
        let mut keep_alive = interval(self.app.websocket.keep_alive);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let init_deadline = sleep(self.app.websocket.init_timeout);
        tokio::pin!(init_deadline);
        loop {
            let followed = self.subscriptions.load(Ordering::Relaxed);
            let answering = self.running.len().saturating_sub(followed);
            let reads = answering < self.app.websocket.operations_max;
            let next = tokio::select! {
                // In this order: who waits for a message of ours is served before new work is taken.
                biased;
                reason = closing.recv() => {
                    // Falling behind on reasons to close is one too.
                    let reason = reason.unwrap_or("Server state changed, restarting the server");
                    return Some(Close::new(1012, reason));
                }
                () = sleep_until(self.expiry.unwrap_or_else(Instant::now)), if self.expiry.is_some() => {
                    return Some(Close::new(1008, "the session has expired"));
                }
                () = &mut init_deadline, if matches!(self.state, State::New(_)) => {
                    return Some(self.protocol.init_timeout());
                }
                Some(message) = outgoing.recv() => {
                    let texts = self.collect(message, &mut outgoing);
                    write(socket, &texts).await?;
                    Next::Stay
                }
                _ = keep_alive.tick() => {
                    write(socket, &[self.protocol.keep_alive().into()]).await?;
                    Next::Stay
                }
                incoming = socket.read(), if reads => match incoming {
                    Ok(Incoming::Message(bytes)) => self.receive(&bytes, socket, &outbox).await?,
                    Ok(Incoming::Ping(payload)) => {
                        timeout(WRITE_TIMEOUT, socket.pong(&payload)).await.ok()?.ok()?;
                        Next::Stay
                    }
                    Ok(Incoming::Pong) => Next::Stay,
                    Ok(Incoming::Close(payload)) => {
                        timeout(CLOSE_TIMEOUT, socket.answer_close(&payload)).await.ok();
                        return None;
                    }
                    Err(End::Fault(close)) => return Some(close),
                    Err(End::Gone) => return None,
                },
            };
            if let Next::Close(close) = next {
                return Some(close);
            }
        }
    }

    /// Takes what operations have handed in so far, and returns what of it goes to the client.
    fn collect(&mut self, first: Outgoing, outgoing: &mut mpsc::Receiver<Outgoing>) -> Vec<Text> {
        let mut texts = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Outgoing::Text(text) => {
                    bytes += text.len();
                    texts.push(*text);
                }
                Outgoing::Followed => {}
                Outgoing::Done(number) => self.running.retain(|_, it| it.number != number),
            }
            let is_full = texts.len() >= OUTBOX_MESSAGES || bytes >= WRITTEN_AT_ONCE_BYTES;
            next = if is_full {
                None
            } else {
                outgoing.try_recv().ok()
            };
        }
        texts
    }

    /// `None` if the client is gone.
    async fn receive(
        &mut self,
        text: &[u8],
        socket: &mut Socket,
        outbox: &mpsc::Sender<Outgoing>,
    ) -> Option<Next> {
        let message = match ClientMessage::parse(text) {
            Ok(message) => message,
            Err(reason) => return self.unreadable(&reason, socket).await,
        };
        match message {
            ClientMessage::Init(headers) => return self.init(headers, socket).await,
            ClientMessage::Start(id, request) => {
                return self.start(id, request, socket, outbox).await;
            }
            ClientMessage::Stop(id) => self.stop(&id),
            ClientMessage::Ping(payload) => {
                let mut pong = json!({ "type": "pong" });
                if let Some(payload) = payload {
                    pong["payload"] = payload;
                }
                write(socket, &[pong.to_string().into()]).await?;
            }
            ClientMessage::Pong => {}
            ClientMessage::Terminate => {
                return Some(Next::Close(Close::new(
                    1000,
                    "GQL_CONNECTION_TERMINATE received",
                )));
            }
        }
        Some(Next::Stay)
    }

    async fn unreadable(&mut self, reason: &str, socket: &mut Socket) -> Option<Next> {
        self.log(None, SocketEventKind::ConnectionError(reason));
        match self.protocol {
            Protocol::Legacy => {
                let message = json!({ "type": "connection_error", "payload": reason });
                write(socket, &[message.to_string().into()]).await?;
                Some(Next::Stay)
            }
            Protocol::Transport => {
                let reason = format!("4400: Parsing client message failed: {reason}");
                Some(Next::Close(Close::wrapped(4400, &reason)))
            }
        }
    }

    async fn init(&mut self, payload: Vec<(String, String)>, socket: &mut Socket) -> Option<Next> {
        // Where a name repeats the last one counts, and what the message says counts before the handshake.
        let mut headers = match &mut self.state {
            State::New(headers) => std::mem::take(headers),
            State::Failed(_) | State::Ready(_) => Vec::new(),
        };
        headers.extend(payload);
        match self.app.auth.authenticate(headers.as_slice(), None).await {
            Ok(authenticated) => {
                let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
                let headers = headers.into_iter().map(lower).collect();
                self.caller = Arc::new(Caller::new(headers));
                self.expiry = authenticated.session.expires_at_s.map(instant);
                self.state = State::Ready(Arc::new(authenticated.session));
                let ack = json!({ "type": "connection_ack" }).to_string();
                write(socket, &[ack.into(), self.protocol.keep_alive().into()]).await?;
                Some(Next::Stay)
            }
            Err(error) => {
                let reason = error.message().to_owned();
                self.log(None, SocketEventKind::ConnectionError(&reason));
                if self.protocol == Protocol::Legacy {
                    let message = json!({ "type": "connection_error", "payload": reason });
                    write(socket, &[message.to_string().into()]).await?;
                }
                let close = self.protocol.init_failed(&reason);
                self.state = State::Failed(reason);
                Some(Next::Close(close))
            }
        }
    }

    async fn start(
        &mut self,
        id: String,
        request: GraphqlRequest,
        socket: &mut Socket,
        outbox: &mpsc::Sender<Outgoing>,
    ) -> Option<Next> {
        let session = match &self.state {
            _ if self.running.contains_key(&id) => {
                Err(format!("an operation already exists with this id: {id}"))
            }
            State::Ready(session) => Ok(Arc::clone(session)),
            State::Failed(reason) => Err(format!(
                "cannot start as connection_init failed with: {reason}"
            )),
            State::New(_) => Err("start received before the connection is initialised".to_owned()),
        };
        match session {
            Ok(session) => {
                let request = request.of_schema(self.schema);
                let request = request.of_caller(Arc::clone(&self.caller));
                self.spawn(id, session, Arc::new(request), outbox);
                Some(Next::Stay)
            }
            Err(reason) => self.refuse_start(&id, &request, &reason, socket).await,
        }
    }

    async fn refuse_start(
        &mut self,
        id: &str,
        request: &GraphqlRequest,
        reason: &str,
        socket: &mut Socket,
    ) -> Option<Next> {
        let outcome = OperationOutcome::ProtocolError(reason);
        self.log(
            None,
            SocketEventKind::Operation {
                id,
                request_id: None,
                request,
                outcome,
            },
        );
        let error = Error::new(ErrorCode::StartFailed, reason);
        let error = error_message(id, error_json(self.errors, &error));
        match self.protocol {
            Protocol::Legacy => {
                write(socket, &[error.into(), complete_message(id).into()]).await?;
                Some(Next::Stay)
            }
            Protocol::Transport => {
                let again = error_message(id, reason.into());
                write(socket, &[error.into(), again.into()]).await?;
                Some(Next::Close(Close::wrapped(
                    1000,
                    &format!("4400: {reason}"),
                )))
            }
        }
    }

    fn spawn(
        &mut self,
        id: String,
        session: Arc<Session>,
        request: Arc<GraphqlRequest>,
        outbox: &mpsc::Sender<Outgoing>,
    ) {
        self.started += 1;
        let operation = Operation {
            app: Arc::clone(&self.app),
            socket_id: self.id.clone(),
            protocol: self.protocol,
            errors: self.errors,
            id: id.clone(),
            session,
            ip: self.ip,
            request: Arc::clone(&request),
            subscriptions: Arc::clone(&self.subscriptions),
        };
        let (outbox, number) = (outbox.clone(), self.started);
        let task = tokio::spawn(async move {
            for message in operation.run(&outbox).await {
                // The socket being gone is for its own task to notice.
                outbox.send(Outgoing::Text(Box::new(message))).await.ok();
            }
            outbox.send(Outgoing::Done(number)).await.ok();
        });
        let task = task.abort_handle();
        self.running.insert(
            id,
            Running {
                number,
                request,
                task,
            },
        );
    }

    fn stop(&mut self, id: &str) {
        if let Some(running) = self.running.remove(id) {
            let request = &running.request;
            let outcome = OperationOutcome::Stopped;
            self.log(
                None,
                SocketEventKind::Operation {
                    id,
                    request_id: None,
                    request,
                    outcome,
                },
            );
        }
    }
}

/// The same time on our own clock; at once for one that is over.
fn instant(seconds: i64) -> Instant {
    let left_s = seconds.saturating_sub(chrono::Utc::now().timestamp());
    Instant::now() + Duration::from_secs(u64::try_from(left_s).unwrap_or(0).min(SESSION_MAX_S))
}

/// `None` if the client does not read, or is gone.
async fn write(socket: &mut Socket, messages: &[Text]) -> Option<()> {
    let sent = timeout(WRITE_TIMEOUT, socket.send(messages)).await;
    sent.ok()?.ok()
}
