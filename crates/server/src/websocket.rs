//! GraphQL over websockets: the handshake, and the sockets that are open.
//!
//! Both sub-protocols of v2 are spoken (`websocket/protocol.rs` has their words). What happens on an
//! open socket is `websocket/connection.rs`; frames are `socket.rs` and below. A refused handshake is answered over HTTP.

mod connection;
mod deflate;
mod frames;
mod handshake;
mod operation;
mod protocol;
mod socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use graphloom_execute::SchemaKind;
use graphloom_vocab::{Error, ErrorCode, Result};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::accept::ConnectionShare;
use crate::cors::Cors;
use crate::envelope::{self, Detail};
use crate::http::{App, Reply, RequestInfo, hosts, relay};
use crate::log::{SocketEvent, SocketEventKind};
use crate::settings::{Api, HandshakeCookie, OnMetadataChange};

use connection::{Connection, ErrorStyle, Handshake};
use protocol::Protocol;
use socket::Socket;

const COOKIE_NOTE: &str = "Cookie is not read when CORS is disabled, because it is a potential \
    security issue. If you're already handling CORS before Hasura and enforcing CORS on websocket \
    connections, then you can use the flag --ws-read-cookie or HASURA_GRAPHQL_WS_READ_COOKIE to force \
    read cookie when CORS is disabled.";

/// The open sockets, as far as all of them can be told to close. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sockets {
    close: broadcast::Sender<&'static str>,
    stopping: Arc<AtomicBool>,
    on_metadata_change: OnMetadataChange,
}

impl Sockets {
    pub(crate) fn new(on_metadata_change: OnMetadataChange) -> Self {
        let (close, _) = broadcast::channel(4);
        let stopping = Arc::new(AtomicBool::new(false));
        Self {
            close,
            stopping,
            on_metadata_change,
        }
    }

    /// Metadata changed: closes every socket with 1012, unless configured otherwise. Clients connect
    /// again and meet the new schema.
    pub fn metadata_changed(&self) {
        if self.on_metadata_change == OnMetadataChange::Close {
            self.close_all("Server state changed, restarting the server");
        }
    }

    /// The server stops: closes every socket with 1012 and refuses new ones.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.close_all("shutting server down");
    }

    /// Closes every socket with 1012 and this reason.
    pub fn close_all(&self, reason: &'static str) {
        // An error means that no socket is open.
        self.close.send(reason).ok();
    }

    /// Told the reason when all are to close. Whoever holds it counts as open.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<&'static str> {
        self.close.subscribe()
    }

    /// Whether the server stops. Subscribe before looking, so that no stop can fall between the two.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// How many are open, event streams among them.
    pub(crate) fn open(&self) -> usize {
        self.close.receiver_count()
    }
}

/// Whether a request asks for a websocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// Answers a handshake: the response that switches protocols, or a refusal.
pub(crate) fn upgrade(
    app: &Arc<App>,
    info: &RequestInfo,
    request: Request<Body>,
) -> Result<Response<Body>, Box<Reply>> {
    let socket_id = Uuid::new_v4().to_string();
    // Subscribed before looking, so that no stop can fall between the two.
    let closing = app.sockets.subscribe();
    if app.sockets.is_stopping() {
        let reply = Reply::text(StatusCode::SERVICE_UNAVAILABLE, "Server is shutting down");
        let reply = reply.with_header(header::RETRY_AFTER, HeaderValue::from_static("0"));
        return Err(Box::new(reply));
    }
    let reject = |error: Error| {
        let kind = SocketEventKind::Rejected(&error);
        app.logs.socket(&SocketEvent {
            socket_id: &socket_id,
            session: None,
            message: None,
            kind,
        });
        Box::new(rejection(error))
    };
    let place = admit(app, &request).map_err(&reject)?;
    let protocol = Protocol::negotiate(request.headers());
    let asked_protocol = request
        .headers()
        .contains_key(header::SEC_WEBSOCKET_PROTOCOL);
    let (headers, note) = handshake_headers(app, request.headers());
    let share = request.extensions().get::<ConnectionShare>().cloned();
    let settings = &app.websocket;
    let handshake::Agreed {
        mut response,
        compression,
        upgraded,
    } = handshake::agree(request, settings.compression).map_err(&reject)?;
    let handshake = Handshake {
        headers,
        ip: info.ip,
    };
    let connection = Connection::new(Arc::clone(app), socket_id, protocol, place, handshake);
    connection.log(note, SocketEventKind::Accepted);
    let message_bytes_max = settings.message_bytes_max;
    tokio::spawn(async move {
        // Otherwise the client left before it had its answer.
        if let Ok(upgraded) = upgraded.await {
            let socket = Socket::new(upgraded, message_bytes_max, compression);
            connection.run(socket, closing).await;
        }
        // The socket counts as a connection for as long as it is open.
        drop(share);
    });
    // Clients that asked for no sub-protocol fail on an answer that names one.
    if asked_protocol {
        let name = HeaderValue::from_static(protocol.name());
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    response
        .headers_mut()
        .insert("x-request-id", info.id_header());
    Ok(response)
}

/// Whether this handshake is let in, how errors look on its path, and which schema is behind it.
fn admit(app: &App, request: &Request<Body>) -> Result<(ErrorStyle, SchemaKind)> {
    hosts::check(app.settings.hosts, request.headers(), request.uri())?;
    let place = match request.uri().path() {
        _ if !app.settings.apis.contains(&Api::Graphql) => None,
        "/v1/graphql" => Some((ErrorStyle::Graphql, SchemaKind::Standard)),
        "/v1alpha1/graphql" => Some((ErrorStyle::Api, SchemaKind::Standard)),
        "/v1beta1/relay" => Some((ErrorStyle::Graphql, relay(&app.settings)?)),
        _ => None,
    };
    let Some(place) = place else {
        let message = "only '/v1/graphql', '/v1alpha1/graphql' and '/v1beta1/relay' are supported on \
                       websockets";
        return Err(Error::new(ErrorCode::NotFound, message).with_status(404));
    };
    let origin = request.headers().get(header::ORIGIN);
    let origin = origin.map(|origin| String::from_utf8_lossy(origin.as_bytes()));
    match (&app.settings.cors, origin) {
        (Cors::Origins(_), Some(origin)) if !app.settings.cors.allows(&origin) => Err(Error::new(
            ErrorCode::AccessDenied,
            "received origin header does not match configured CORS domains",
        )),
        _ => Ok(place),
    }
}

/// The bare error object, with the error's status.
fn rejection(error: Error) -> Reply {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let body = envelope::text(&envelope::graphql_error(&error, Detail::Hidden));
    let mut reply = Reply::json(body).with_status(status);
    reply.operation.error = Some(error);
    reply
}

/// The handshake's headers that authentication may look at, and what to note about them.
fn handshake_headers(
    app: &App,
    headers: &HeaderMap,
) -> (Vec<(String, String)>, Option<&'static str>) {
    let drops_cookie = app.settings.cors == Cors::Disabled
        && headers.contains_key(header::ORIGIN)
        && app.websocket.cookie == HandshakeCookie::Dropped;
    let handshake = [
        "sec-websocket-key",
        "sec-websocket-version",
        "upgrade",
        "connection",
    ];
    let kept = headers.iter().filter(|(name, _)| {
        let dropped = drops_cookie && **name == header::COOKIE;
        !dropped && !handshake.contains(&name.as_str())
    });
    let kept = kept.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into_owned())
    });
    (kept.collect(), drops_cookie.then_some(COOKIE_NOTE))
}
