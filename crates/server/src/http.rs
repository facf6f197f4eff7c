//! One request over HTTP, from its head to its answer.
//!
//! [`App::answer`] reads as the list of stages; the files below are one stage each. Knows no socket:
//! `accept.rs` brings the requests. Every path ends in an answer, also one that panics.

mod body;
mod compress;
mod config;
mod console;
mod developer;
mod events;
mod explain;
mod get;
mod graphql;
pub(crate) mod hosts;
mod info;
mod negotiate;
mod parts;
mod persisted;
mod pg_dump;
mod reply;
mod route;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::body::{Body, HttpBody as _};
use chrono::SecondsFormat;
use futures_util::FutureExt as _;
use graphloom_auth::{AuthConfig, Authenticated, Authenticator};
use graphloom_execute::{Caller, SchemaKind, heavy};
use graphloom_vocab::{Error, ErrorCode, Json, Result, Session};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

use crate::envelope;
use crate::headers::RequestHeaders;
use crate::log::{HttpEvent, LogType, Logs, RequestMode};
use crate::services::Services;
use crate::settings::{HttpSettings, MetadataQueryLogging, Relay, Settings, WebsocketSettings};
use crate::websocket::{self, Sockets};

use body::BodyReader;
use developer::DeveloperPage;
use graphloom_execute::Parts;
pub(crate) use info::RequestInfo;
use parts::{Coding, Line, Outgoing};
use persisted::PersistedQueries;
use pg_dump::PgDump;
pub(crate) use reply::{Reply, Shape};
use route::{AdminApi, GraphqlEndpoint, Route};

/// Everything a request is answered with. One per process, shared by all connections.
pub struct App {
    pub(crate) settings: HttpSettings,
    pub(crate) websocket: WebsocketSettings,
    pub(crate) auth: Authenticator,
    auth_config: AuthConfig,
    pub(crate) services: Arc<dyn Services>,
    pub(crate) logs: Logs,
    pub(crate) sockets: Sockets,
    /// Whether it was said that no client can be let in.
    pub(crate) full: AtomicBool,
    bodies: BodyReader,
    persisted: PersistedQueries,
    /// Held by whoever has `pg_dump` run.
    dumps: tokio::sync::Mutex<()>,
}

impl App {
    /// Puts the parts together.
    pub fn new(
        settings: &Settings,
        auth: Authenticator,
        services: Arc<dyn Services>,
        logs: Logs,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings: settings.http.clone(),
            websocket: settings.websocket.clone(),
            auth,
            auth_config: settings.auth.clone(),
            services,
            logs,
            sockets: Sockets::new(settings.websocket.on_metadata_change),
            full: AtomicBool::new(false),
            bodies: BodyReader::new(settings.http.body_timeout, settings.http.body_memory_bytes),
            persisted: PersistedQueries::new(settings.http.persisted),
            dumps: tokio::sync::Mutex::new(()),
        })
    }

    /// The open websockets, for whoever changes metadata.
    pub fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Answers one request. `peer` is the other end of the connection.
    pub async fn answer(self: &Arc<Self>, peer: IpAddr, request: Request<Body>) -> Response<Body> {
        let info = RequestInfo::new(peer, &request);
        if let Some(preflight) = self.preflight(&info, &request) {
            return preflight;
        }
        if websocket::is_upgrade(request.headers()) {
            let upgrade = websocket::upgrade(self, &info, request);
            return upgrade.unwrap_or_else(|refused| self.finish(&info, *refused));
        }
        let reply = AssertUnwindSafe(self.reply(&info, request)).catch_unwind();
        let reply = reply.await.unwrap_or_else(|_| Reply::panicked());
        self.finish(&info, reply)
    }

    fn preflight(&self, info: &RequestInfo, request: &Request<Body>) -> Option<Response<Body>> {
        if request.method() != Method::OPTIONS {
            return None;
        }
        let headers = self.settings.cors.preflight(request.headers())?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.headers_mut() = headers;
        self.settings
            .cors
            .decorate(info.origin.as_ref(), response.headers_mut());
        Some(response)
    }

    async fn reply(self: &Arc<Self>, info: &RequestInfo, request: Request<Body>) -> Reply {
        if let Err(error) = hosts::check(self.settings.hosts, request.headers(), request.uri()) {
            return Reply::error(Shape::Api, &error, envelope::Detail::Hidden);
        }
        match route::route(request.method(), request.uri().path(), &self.settings) {
            Route::NotFound => Reply::not_found(),
            Route::Version => config::version(),
            Route::Health => {
                let strict = config::is_strict(request.uri().query());
                config::health(self.services.health().await, strict)
            }
            Route::SourceHealth => self.source_health(request.headers()).await,
            Route::ToConsole => console::redirect(),
            Route::Console(path) => console::page(&path, request.headers()),
            Route::Graphql(endpoint) => self.graphql(endpoint, info, request).await,
            Route::GraphqlGet => self.graphql_get(info, request).await,
            Route::Admin(api) => self.admin(api, request).await,
            Route::Config => self.config(request.headers()).await,
            Route::PgDump => self.pg_dump(request).await,
            Route::Developer(page) => self.developer(page, request.headers()).await,
            Route::NotBuilt(what) => self.not_built(what, request.headers()).await,
        }
    }

    /// Who sends a request that is no GraphQL, or whose GraphQL nobody wants to see.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Authenticated> {
        self.auth.authenticate(&RequestHeaders(headers), None).await
    }

    /// An error as this endpoint and this session see it.
    fn refuse(&self, shape: Shape, session: Option<Session>, error: Error) -> Reply {
        let detail = envelope::Detail::of(self.settings.internal_errors, session.as_ref());
        let unauthorized = session
            .is_none()
            .then_some(self.settings.unauthorized_status);
        let mut reply = Reply::error(shape, &error, detail).keep_unauthorized(&error, unauthorized);
        reply.operation.session = session;
        reply.operation.error = Some(error);
        reply
    }

    /// Who asks, and the JSON of the body. Authentication comes first: what a stranger sends is not
    /// even read.
    async fn session_and_body(
        &self,
        shape: Shape,
        limit_bytes: usize,
        request: Request<Body>,
    ) -> Result<(Authenticated, body::ReadBody), Reply> {
        let (parts, unread) = request.into_parts();
        let authenticated = self.authenticate(&parts.headers).await;
        let request = Request::from_parts(parts, unread);
        let authenticated = match authenticated {
            Ok(authenticated) => authenticated,
            Err(error) => {
                let reply = self.refuse(shape, None, error);
                // What is not read cannot be followed by another request.
                let is_unread = !request.body().is_end_stream();
                return Err(if is_unread { reply.closing() } else { reply });
            }
        };
        match self.bodies.read(request, limit_bytes).await {
            Ok(body) => Ok((authenticated, body)),
            Err(error) => Err(self.refuse_body(shape, Some(authenticated.session), error)),
        }
    }

    /// The same of a GraphQL request, which the webhook may want to see: then it is read first. What is
    /// no JSON is not shown to it.
    async fn session_and_graphql(
        &self,
        shape: Shape,
        persisted: Option<&PersistedQueries>,
        request: Request<Body>,
    ) -> Result<(Authenticated, body::ReadBody), Reply> {
        let limit_bytes = self.settings.body_limits.graphql_bytes;
        if !self.auth.wants_request() {
            return self.session_and_body(shape, limit_bytes, request).await;
        }
        let headers = request.headers().clone();
        let read = self.bodies.read(request, limit_bytes).await;
        let mut body = read.map_err(|error| self.refuse_body(shape, None, error))?;
        let mut graphql = body.json().ok();
        // What a webhook that looks into requests is shown is what runs: hashes are looked up here.
        let looked_up = match (&mut graphql, persisted) {
            (Some(json), Some(persisted)) => {
                let looked_up = persisted.look_up(json);
                body.bytes = json.to_string().into();
                looked_up
            }
            _ => Ok(()),
        };
        let headers = RequestHeaders(&headers);
        match self.auth.authenticate(&headers, graphql.as_ref()).await {
            Ok(authenticated) => match looked_up {
                Ok(()) => Ok((authenticated, body)),
                Err(error) => Err(self.refuse(shape, Some(authenticated.session), error)),
            },
            Err(error) => Err(self.refuse(shape, None, error)),
        }
    }

    fn refuse_body(&self, shape: Shape, session: Option<Session>, error: Error) -> Reply {
        let closes = error.status() == 413 || error.status() == 408;
        let reply = self.refuse(shape, session, error);
        if closes { reply.closing() } else { reply }
    }

    async fn admin(&self, api: AdminApi, request: Request<Body>) -> Reply {
        let limits = &self.settings.body_limits;
        let limit_bytes = match api {
            AdminApi::Metadata => limits.metadata_bytes,
            AdminApi::QueryV1 | AdminApi::QueryV2 => limits.query_bytes,
            AdminApi::Explain => limits.graphql_bytes,
        };
        let read = self
            .session_and_body(Shape::Api, limit_bytes, request)
            .await;
        let (authenticated, body) = match read {
            Ok(read) => read,
            Err(reply) => return reply,
        };
        let reply = self.admin_body(api, authenticated.session, body).await;
        reply.with_cookies(authenticated.set_cookies)
    }

    async fn admin_body(&self, api: AdminApi, session: Session, body: body::ReadBody) -> Reply {
        let json = match body.json() {
            Ok(json) => json,
            Err(error) => return self.refuse(Shape::Api, Some(session), error),
        };
        // v2 keeps the bodies of these out of the log: they hold database URLs.
        let logged = match self.logs.settings().metadata_queries {
            MetadataQueryLogging::Enabled => true,
            MetadataQueryLogging::Disabled => {
                matches!(api, AdminApi::QueryV2 | AdminApi::Explain)
            }
        } && self.logs.settings().types.contains(&LogType::Query);
        let query = logged.then(|| json.clone());
        let started = std::time::Instant::now();
        let result = match api {
            AdminApi::Metadata => heavy::wait(self.services.metadata(&session, json)).await,
            AdminApi::QueryV1 => self.services.query_v1(&session, json).await,
            AdminApi::QueryV2 => self.services.query_v2(&session, json).await,
            AdminApi::Explain => {
                let read = admin_only(&session).and_then(|()| explain::parse(json));
                match read {
                    Ok((user, request)) => self.services.explain(&user, &request).await,
                    Err(error) => Err(error),
                }
            }
        };
        let mut reply = match result {
            Ok(answer) => {
                let mut reply = Reply::json(envelope::text(&answer));
                reply.operation.session = Some(session);
                reply
            }
            Err(error) => self.refuse(Shape::Api, Some(session), error),
        };
        reply.operation.execution_time = started.elapsed();
        reply.operation.read_time = body.read_time;
        reply.operation.query = query;
        reply
    }

    async fn config(&self, headers: &HeaderMap) -> Reply {
        match self.admin_session(headers).await {
            Ok(session) => {
                let config =
                    config::config(&self.settings, &self.auth_config, self.services.config());
                let mut reply = Reply::json(envelope::text(&Json::Object(config)));
                reply.operation.session = Some(session);
                reply
            }
            Err((session, error)) => self.refuse(Shape::Api, session, error),
        }
    }

    async fn developer(&self, page: DeveloperPage, headers: &HeaderMap) -> Reply {
        match self.admin_session(headers).await {
            Ok(session) => {
                let shown = page.show(&self.settings, self.services.as_ref(), &self.sockets);
                let shown = match shown {
                    Ok(shown) => shown,
                    Err(error) => return self.refuse(Shape::Api, Some(session), error),
                };
                let mut reply = Reply::json(envelope::text(&shown));
                reply.operation.session = Some(session);
                reply
            }
            Err((session, error)) => self.refuse(Shape::Api, session, error),
        }
    }

    async fn pg_dump(&self, request: Request<Body>) -> Reply {
        let limit_bytes = self.settings.body_limits.metadata_bytes;
        let read = self.session_and_body(Shape::Api, limit_bytes, request);
        let (authenticated, body) = match read.await {
            Ok(read) => read,
            Err(reply) => return reply,
        };
        let session = authenticated.session;
        let dump = async {
            admin_only(&session)?;
            let request = PgDump::parse(&body.json()?)?;
            let connection = self.services.dump_connection(&request.source)?;
            // One at a time: each may take as much memory as the limit says.
            let _place = self.dumps.lock().await;
            request.run(&connection, &self.settings.pg_dump).await
        };
        let reply = match dump.await {
            Ok(text) => {
                let mut reply = Reply::ok("application/sql", text);
                reply.operation.session = Some(session);
                reply
            }
            Err(error) => self.refuse(Shape::Api, Some(session), error),
        };
        reply.with_cookies(authenticated.set_cookies)
    }

    async fn source_health(&self, headers: &HeaderMap) -> Reply {
        match self.admin_session(headers).await {
            Ok(session) => {
                let mut health = self.services.source_health().await;
                let now = chrono::Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true);
                for status in health.values_mut().filter_map(Json::as_object_mut) {
                    status.insert("timestamp".to_owned(), now.clone().into());
                }
                let health = Json::Object(health);
                let mut reply = Reply::json(envelope::text(&health));
                reply.operation.session = Some(session);
                reply
            }
            Err((session, error)) => self.refuse(Shape::Api, session, error),
        }
    }

    async fn not_built(&self, what: &'static str, headers: &HeaderMap) -> Reply {
        match self.admin_session(headers).await {
            Ok(session) => self.refuse(Shape::Api, Some(session), not_supported(what)),
            Err((session, error)) => self.refuse(Shape::Api, session, error),
        }
    }

    async fn admin_session(
        &self,
        headers: &HeaderMap,
    ) -> Result<Session, (Option<Session>, Error)> {
        let authenticated = self.authenticate(headers).await;
        let session = authenticated.map_err(|error| (None, error))?.session;
        match admin_only(&session) {
            Ok(()) => Ok(session),
            Err(error) => Err((Some(session), error)),
        }
    }

    /// A query in the URL; without one, what v2 answers to any GET.
    async fn graphql_get(self: &Arc<Self>, info: &RequestInfo, request: Request<Body>) -> Reply {
        let wants_events = negotiate::prefers_events(request.headers());
        let shape = shape(request.headers());
        let query_string = request.uri().query().unwrap_or("");
        let mut found = get::parse(query_string, &self.persisted);
        // A webhook that looks into requests must not be passed by in a URL, nor by a hash.
        let (looked_up, graphql) = match &mut found {
            Ok(Some(parameters)) if self.auth.wants_request() => {
                let looked_up = self.persisted.look_up(parameters);
                (looked_up, Some(parameters.clone()))
            }
            _ => (Ok(()), None),
        };
        let headers = RequestHeaders(request.headers());
        let authenticated = self.auth.authenticate(&headers, graphql.as_ref()).await;
        let (session, set_cookies) = match authenticated {
            Ok(authenticated) => (authenticated.session, authenticated.set_cookies),
            Err(error) => return self.refuse(shape, None, error),
        };
        let parameters = match found {
            Ok(Some(parameters)) => parameters,
            Ok(None) => return self.refuse(shape, Some(session), persisted::not_supported()),
            Err(error) => return self.refuse(shape, Some(session), error),
        };
        // Before the store is looked at: a page of another site shall not fill it either.
        let guarded = get::guard(request.headers()).and(looked_up);
        let found = guarded.and_then(|()| get::request(parameters, &self.persisted));
        let reply = match found {
            Ok(found) => {
                let requests = graphql::Requests::One(found).with_id(&info.id);
                match wants_events {
                    true => self.events(info, session, requests).await,
                    false => self.run(shape, info, &session, &requests).await,
                }
            }
            Err(error) => self.refuse(shape, Some(session), error),
        };
        // The answer is the session's, and a cache does not know which headers make a session.
        reply
            .with_cookies(set_cookies)
            .keep_refusal_of_get()
            .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }

    async fn graphql(
        self: &Arc<Self>,
        endpoint: GraphqlEndpoint,
        info: &RequestInfo,
        request: Request<Body>,
    ) -> Reply {
        let wants_events = negotiate::prefers_events(request.headers());
        let shape = match endpoint {
            GraphqlEndpoint::V1 | GraphqlEndpoint::Relay => shape(request.headers()),
            GraphqlEndpoint::V1Alpha1 => Shape::GraphqlWithStatus,
        };
        let content_type = negotiate::check_content_type(shape, request.headers());
        let caller = caller(request.headers());
        // As in v2, of one endpoint alone.
        let persisted = match endpoint {
            GraphqlEndpoint::V1 => Some(&self.persisted),
            GraphqlEndpoint::V1Alpha1 | GraphqlEndpoint::Relay => None,
        };
        let read = self.session_and_graphql(shape, persisted, request).await;
        let (authenticated, body) = match read {
            Ok(read) => read,
            Err(reply) => return reply,
        };
        let session = authenticated.session;
        let schema = match endpoint {
            GraphqlEndpoint::V1 | GraphqlEndpoint::V1Alpha1 => Ok(SchemaKind::Standard),
            GraphqlEndpoint::Relay => relay(&self.settings),
        };
        let reader = graphql::Reader {
            shape,
            batch_max: self.settings.batch_max,
            persisted,
        };
        let requests = content_type.and_then(|()| reader.read(&body));
        let requests = requests.and_then(|requests| {
            let requests = requests.of_schema(schema?).of_caller(&caller);
            Ok(requests.with_id(&info.id))
        });
        let mut reply = match requests {
            Ok(requests) if wants_events => {
                let reply = self.events(info, session, requests).await;
                reply.with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
            }
            Ok(requests) => self.run(shape, info, &session, &requests).await,
            Err(error) => self.refuse(shape, Some(session), error),
        };
        reply.operation.read_time = body.read_time;
        reply.with_cookies(authenticated.set_cookies)
    }

    /// Compression, common headers, the log.
    fn finish(&self, info: &RequestInfo, mut reply: Reply) -> Response<Body> {
        if let Some(parts) = reply.parts.take() {
            return self.finish_parts(info, reply, parts);
        }
        let uncompressed_bytes = reply.body.len();
        let content_encoding = compress::compress(&info.accept_encoding, &mut reply);
        self.logs.http(&HttpEvent {
            request_id: &info.id,
            status: reply.status.as_u16(),
            method: info.method.as_str(),
            path: &info.path,
            version: info.version,
            ip: info.ip,
            content_encoding,
            operation: &reply.operation,
            response_bytes: reply.body.len(),
            uncompressed_bytes,
        });
        self.decorated(info, content_encoding, reply.into_response())
    }

    /// The same for an answer whose end is not here yet; the log gets its line when it is.
    fn finish_parts(&self, info: &RequestInfo, mut reply: Reply, parts: Parts) -> Response<Body> {
        let accepted = compress::Accepted::parse(&info.accept_encoding);
        let (coding, content_encoding) = match accepted.gzip {
            true => (Coding::Gzip, Some("gzip")),
            false => (Coding::Plain, None),
        };
        let operation = std::mem::take(&mut reply.operation);
        let line = Line::new(&self.logs, info, reply.status, operation);
        let response = reply.into_response_of(Outgoing::body(parts, coding, line));
        self.decorated(info, content_encoding, response)
    }

    /// With the headers that every answer has.
    fn decorated(
        &self,
        info: &RequestInfo,
        content_encoding: Option<&'static str>,
        mut response: Response<Body>,
    ) -> Response<Body> {
        let headers = response.headers_mut();
        headers.insert("x-request-id", info.id_header());
        if let Some(encoding) = content_encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        self.settings.cors.decorate(info.origin.as_ref(), headers);
        response
    }
}

/// How errors look that come before the operation: one who waits for events can tell nothing but a status.
fn shape(headers: &HeaderMap) -> Shape {
    match negotiate::prefers_events(headers) {
        true => Shape::GraphqlWithStatus,
        false => negotiate::shape(headers),
    }
}

/// The client of a request, for webhooks and triggers.
fn caller(headers: &HeaderMap) -> Arc<Caller> {
    Arc::new(Caller::of_http(headers.clone()))
}

fn admin_only(session: &Session) -> Result<()> {
    if session.role.is_admin() {
        return Ok(());
    }
    let message = "You have to be an admin to access this endpoint";
    Err(Error::new(ErrorCode::AccessDenied, message))
}

/// The Relay API's schema. Error: `not-supported` where it is switched off.
pub(crate) fn relay(settings: &HttpSettings) -> Result<SchemaKind> {
    match settings.relay {
        Relay::Enabled => Ok(SchemaKind::Relay),
        Relay::Disabled => Err(Error::new(
            ErrorCode::NotSupported,
            "The Relay API is disabled. To enable it, set the HASURA_GRAPHQL_ENABLE_RELAY \
             environment variable to 'true'.",
        )),
    }
}

/// Known to v2, and not built here yet.
pub(crate) fn not_supported(what: &str) -> Error {
    let message = format!("{what} is not implemented in this version of Graphloom yet");
    Error::new(ErrorCode::NotSupported, message)
}

/// How many operations a reply stands for.
pub(crate) fn request_mode(is_batch: &graphql::Requests) -> RequestMode {
    match is_batch {
        graphql::Requests::One(_) => RequestMode::Single,
        graphql::Requests::Batch(_) => RequestMode::Batched,
    }
}
