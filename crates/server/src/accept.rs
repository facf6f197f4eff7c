//! The listener: connections in, each on a task of its own, and all of them gone at the end.
//!
//! Knows sockets and the HTTP library, and of requests only that [`App`] answers them. `axum::serve`
//! has no header time-out, no limit of connections and no deadline at shutdown, which is why this is
//! our own.

mod linger;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::http::App;
use crate::log::Level;
use crate::settings::ListenSettings;
use crate::websocket;

/// What an HTTP/2 connection begins with (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Most requests at once on one HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 100;

/// A connection's place among the allowed ones; free again when the last clone is gone.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionShare(
    #[allow(dead_code, reason = "held, never looked at")] Arc<OwnedSemaphorePermit>,
);

/// A bound listener.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Listens on `host`, where `*` is every address of this machine.
    pub async fn bind(host: &str, port: u16) -> std::io::Result<Self> {
        let bound = match host {
            // v2's names for "all, whichever is there". Where there is IPv6, this has IPv4 as well.
            "*" | "*4" | "!4" | "*6" | "!6" => match TcpListener::bind(("::", port)).await {
                Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
                    TcpListener::bind(("0.0.0.0", port)).await
                }
                bound => bound,
            },
            host => TcpListener::bind((host, port)).await,
        };
        bound.map(Self)
    }

    /// The address that is listened on, with the port that was chosen for 0.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until `stop` is ready, then lets requests under way finish within the time-out.
    pub async fn serve(
        self,
        app: Arc<App>,
        settings: &ListenSettings,
        stop: impl Future<Output = ()>,
    ) {
        let places = Arc::new(Semaphore::new(
            settings.connections_max.min(Semaphore::MAX_PERMITS),
        ));
        let graceful = Arc::new(GracefulShutdown::new());
        let protocols = Arc::new(Protocols::new(settings));
        let listener = self.0;
        tokio::pin!(stop);
        loop {
            let client = tokio::select! {
                biased;
                () = &mut stop => break,
                client = accept(&listener, &places, &app) => client,
            };
            let (app, protocols) = (Arc::clone(&app), Arc::clone(&protocols));
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                protocols.serve(app, client, watcher).await;
            });
        }
        drop(listener);
        app.sockets().stop();
        let sockets_closed = async {
            let all = u32::try_from(settings.connections_max).unwrap_or(u32::MAX);
            // Every place free means that every websocket is closed too.
            let _all = places.acquire_many(all).await;
        };
        let graceful = Arc::into_inner(graceful).expect("only watchers were given out");
        let finished = async { tokio::join!(graceful.shutdown(), sockets_closed) };
        if timeout(settings.shutdown_timeout, finished).await.is_err() {
            let text = "some requests did not finish within the graceful shutdown time-out";
            app.logs.unstructured(Level::Warn, text);
        }
    }
}

/// An accepted connection.
struct Client {
    stream: TcpStream,
    peer: IpAddr,
    share: ConnectionShare,
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>, app: &App) -> Client {
    let place = place(places, app).await;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Failing to set this makes answers slower and nothing worse.
                stream.set_nodelay(true).ok();
                let (peer, share) = (peer.ip(), ConnectionShare(Arc::new(place)));
                return Client {
                    stream,
                    peer,
                    share,
                };
            }
            // The client left between knocking and being let in.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely. Time frees some.
                let text = format!("cannot accept connections, trying again: {error}");
                app.logs.unstructured(Level::Error, &text);
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// Waits for a place. Says so once, and again only after there was one for the asking.
async fn place(places: &Arc<Semaphore>, app: &App) -> OwnedSemaphorePermit {
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        app.full.store(false, Ordering::Relaxed);
        return place;
    }
    if !app.full.swap(true, Ordering::Relaxed) {
        let text = "all client connections are taken, new ones wait (see --max-connections and the \
                    limit of open files)";
        app.logs.unstructured(Level::Warn, text);
    }
    let place = Arc::clone(places).acquire_owned();
    place.await.expect("never closed")
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// HTTP/1.1 and HTTP/2, each as this server speaks it.
struct Protocols {
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
    first_bytes_timeout: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

impl Protocols {
    fn new(settings: &ListenSettings) -> Self {
        let mut http1 = Builder::new(TokioExecutor::new()).http1_only();
        http1
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(settings.header_timeout)
            .max_buf_size(settings.header_bytes_max);
        // `pipeline_flush` stays off: with it an answer is lost where unread bytes are behind its request.
        let mut http2 = Builder::new(TokioExecutor::new()).http2_only();
        let header_bytes_max = u32::try_from(settings.header_bytes_max).unwrap_or(u32::MAX);
        http2
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(header_bytes_max)
            .max_concurrent_streams(HTTP2_STREAMS_MAX)
            .keep_alive_interval(settings.header_timeout)
            .keep_alive_timeout(settings.header_timeout);
        Self {
            http1,
            http2,
            first_bytes_timeout: settings.header_timeout,
        }
    }

    async fn serve(
        &self,
        app: Arc<App>,
        client: Client,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let Client {
            stream,
            peer,
            share,
        } = client;
        let Ok(Some(version)) = timeout(self.first_bytes_timeout, version_of(&stream)).await else {
            return;
        };
        let held = share.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (app, share) = (Arc::clone(&app), held.clone());
            async move {
                let mut request = request.map(Body::new);
                // Only what becomes a websocket outlives the connection's task.
                if websocket::is_upgrade(request.headers()) {
                    request.extensions_mut().insert(share);
                }
                Ok::<_, Infallible>(app.answer(peer, request).await)
            }
        });
        let (stream, home) = linger::lend(stream);
        let builder = match version {
            Version::Http1 => &self.http1,
            Version::Http2 => &self.http2,
        };
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        // What goes wrong with one connection is its client's affair: garbage, time-outs, resets.
        watcher.watch(connection.into_owned()).await.ok();
        home.close().await;
        drop(share);
    }
}

/// Which protocol the client speaks, judged by its first bytes, which stay unread. `None` if it left.
///
/// The library can do this too, but waits for ever for the first byte.
async fn version_of(stream: &TcpStream) -> Option<Version> {
    let mut first = [0; HTTP2_PREFACE.len()];
    loop {
        let count = stream
            .peek(&mut first)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        if first[..count] != HTTP2_PREFACE[..count] {
            return Some(Version::Http1);
        }
        if count == first.len() {
            return Some(Version::Http2);
        }
        // Part of the preface: peeking again would return it at once.
        sleep(Duration::from_millis(10)).await;
    }
}
