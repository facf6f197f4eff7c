//! `serve`, from the command line to the last connection: the one place where the parts are wired.
//!
//! Everything that can go wrong before requests are served becomes a [`Fatal`], whose text says what to
//! do. Nothing is printed here but log records; the binary prints the rest.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use graphloom_auth::{AuthConfig, AuthEvent, Authenticator};
use graphloom_vocab::Session;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

use crate::accept::Listener;
use crate::http::App;
use crate::log::{Level, LogType, Logs};
use crate::options::{CommandLine, Notice, OptionError, SERVE, Values};
use crate::services::Services;
use crate::settings::{Api, Settings};
use crate::version;

pub use crate::wiring::{engine_options, preview, wire};

/// Why the server does not start. Printed after `Fatal Error: `; holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The options.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// The address.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Host and port.
        address: String,
        /// What the system says, and what to do about it.
        reason: String,
    },
    /// The published keys of JSON web tokens.
    #[error(transparent)]
    Authentication(#[from] graphloom_auth::StartError),
    /// The database or the metadata in it.
    #[error("{0}")]
    Services(String),
}

/// Reads the options of `serve`: the settings, and what to warn about.
pub fn read_options(
    line: &CommandLine,
    environment: &HashMap<String, String>,
) -> Result<(Settings, Vec<Notice>), OptionError> {
    let values = Values::resolve(line, environment, &[SERVE])?;
    Ok((Settings::new(&values)?, values.notices().to_vec()))
}

/// A server that is bound and wired, and not serving yet.
pub struct Server {
    listener: Listener,
    app: Arc<App>,
    settings: Settings,
}

impl Server {
    /// Takes the port and puts the parts together.
    pub async fn bind(
        mut settings: Settings,
        services: Arc<dyn Services>,
        logs: Logs,
    ) -> Result<Self, Fatal> {
        let listen = &mut settings.listen;
        let listener = Listener::bind(&listen.host, listen.port);
        let listener = listener.await.map_err(|error| Fatal::Listen {
            address: format!("{}:{}", listen.host, listen.port),
            reason: listen_reason(&error),
        })?;
        if let Some(places) = connection_places(listen.connections_max) {
            let text = format!("the limit of open files allows for {places} client connections");
            logs.startup(Level::Debug, "max_connections", text.into());
            listen.connections_max = places;
        }
        let auth = start_auth(&settings, &logs).await?;
        let generations = services.generations();
        let app = App::new(&settings, auth, services, logs);
        if let Some(generations) = generations {
            tokio::spawn(close_sockets_on_change(Arc::downgrade(&app), generations));
        }
        Ok(Self {
            listener,
            app,
            settings,
        })
    }

    /// The application, for whoever has to tell its websockets that metadata changed.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The address that is listened on.
    pub fn address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.listener.address()
    }

    /// Serves until `stop` is ready, then drains.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        if let Ok(address) = self.listener.address() {
            let info = json!({
                "message": "starting API server",
                "host": address.ip().to_string(),
                "port": address.port(),
            });
            self.app.logs.startup(Level::Info, "server", info);
        }
        let logs = self.app.logs.clone();
        self.listener
            .serve(self.app, &self.settings.listen, stop)
            .await;
        logs.startup(Level::Info, "server", "stopped".into());
        logs.flush();
    }
}

/// `serve`: from the options to the end of the last request. Returns when a signal stopped it.
pub async fn serve(line: &CommandLine, environment: HashMap<String, String>) -> Result<(), Fatal> {
    let (settings, notices) = read_options(line, &environment)?;
    let logs = Logs::stdout(settings.log.clone());
    announce(&settings, &notices, &logs);
    let services = wire(&settings, environment, &logs)
        .await
        .inspect_err(|_| logs.flush())?;
    announce_unknown(&notices, services.as_ref(), &logs).await;
    let server = Server::bind(settings, services, logs.clone()).await;
    run(server.inspect_err(|_| logs.flush())?).await
}

/// Serves until a signal, then drains; a second signal ends the draining.
pub async fn run(server: Server) -> Result<(), Fatal> {
    let logs = server.app.logs.clone();
    let failed = |error| Fatal::Services(format!("cannot listen to signals: {error}"));
    let mut signals = Signals::listen().map_err(failed)?;
    let (stop, stopped) = oneshot::channel();
    let told_twice = async {
        signals.next().await;
        stop.send(()).ok();
        signals.next().await;
    };
    tokio::select! {
        () = server.serve(async { stopped.await.unwrap_or_default() }) => {}
        () = told_twice => logs.unstructured(Level::Warn, "told to stop twice: not waiting any longer"),
    }
    logs.flush();
    Ok(())
}

async fn start_auth(settings: &Settings, logs: &Logs) -> Result<Authenticator, Fatal> {
    let observer = logs.clone();
    let observer = Arc::new(move |event: &AuthEvent| log_auth(&observer, event));
    let (config, client) = (settings.auth.clone(), settings.outbound.clone());
    let started = Authenticator::start(config, client, observer, settings.jwk_window).await;
    Ok(started?)
}

fn log_auth(logs: &Logs, event: &AuthEvent) {
    match event {
        AuthEvent::JwkFetched { url, keys } => {
            let message = format!("refreshing JWK from endpoint: {url}");
            let detail = json!({ "message": message, "usable_keys": keys, "error": null });
            logs.write(LogType::JwkRefresh, Level::Info, detail);
        }
        AuthEvent::JwkFailed { url, reason } => {
            let message = format!("refreshing JWK from endpoint: {url}");
            let detail = json!({ "message": message, "error": reason });
            logs.write(LogType::JwkRefresh, Level::Error, detail);
        }
        AuthEvent::Webhook {
            url,
            method,
            status,
            problem,
        } => {
            let level = match (status, problem) {
                (Some(200), None) => Level::Info,
                _ => Level::Error,
            };
            let detail = json!({
                "status_code": status,
                "url": url,
                "method": method,
                "http_error": if status.is_none() { problem.as_deref() } else { None },
                "response": null,
                "message": if status.is_some() { problem.as_deref() } else { None },
            });
            logs.write(LogType::Webhook, level, detail);
        }
    }
}

/// Clients of websockets come back to the new schema.
async fn close_sockets_on_change(app: Weak<App>, mut generations: watch::Receiver<u64>) {
    // What is served at the start is no change.
    generations.borrow_and_update();
    while generations.changed().await.is_ok() {
        let Some(app) = app.upgrade() else { return };
        app.sockets().metadata_changed();
    }
}

/// Logs what is configured, and warns about what has no effect or is open to everyone.
pub fn announce(settings: &Settings, notices: &[Notice], logs: &Logs) {
    let mut apis: Vec<&str> = settings.http.apis.iter().copied().map(api_name).collect();
    apis.sort_unstable();
    let info = json!({
        "version": version::API_VERSION,
        "graphloom_version": version::VERSION,
        "host": settings.listen.host,
        "port": settings.listen.port,
        "enabled_apis": apis,
        "admin_secret_set": settings.auth.is_admin_secret_set(),
        "stringify_numeric_types": settings.stringify_numeric_types,
        "log_level": settings.log.level.as_str(),
    });
    logs.startup(Level::Info, "server_configuration", info);
    let known = notices
        .iter()
        .filter(|notice| !matches!(notice, Notice::UnknownVariable(_)));
    for notice in known {
        logs.startup(Level::Warn, "options", notice.to_string().into());
    }
    if matches!(settings.auth, AuthConfig::Open) {
        let text = "NO ADMIN SECRET IS SET: everyone who can reach this server is admin and can read, \
                    change and delete everything. Set --admin-secret (HASURA_GRAPHQL_ADMIN_SECRET).";
        logs.startup(Level::Warn, "security", text.into());
    }
}

/// Warns about variables of our prefixes that neither an option nor the metadata names: typing errors,
/// most likely, or options of a newer version.
pub async fn announce_unknown(notices: &[Notice], services: &dyn Services, logs: &Logs) {
    if !notices
        .iter()
        .any(|notice| matches!(notice, Notice::UnknownVariable(_)))
    {
        return;
    }
    let export = json!({ "type": "export_metadata", "args": {} });
    let metadata = services.metadata(&Session::admin(), export).await;
    // Metadata names variables in values of many keys and inside of templates, so that its text is asked.
    let metadata = metadata
        .map(|metadata| metadata.to_string())
        .unwrap_or_default();
    for notice in notices {
        if let Notice::UnknownVariable(name) = notice
            && !metadata.contains(name.as_str())
        {
            logs.startup(Level::Warn, "options", notice.to_string().into());
        }
    }
}

/// The signals that tell the process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on the signals no longer end the process by themselves.
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self {
            terminate,
            interrupt,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn api_name(api: Api) -> &'static str {
    match api {
        Api::Metadata => "metadata",
        Api::Graphql => "graphql",
        Api::PgDump => "pgdump",
        Api::Config => "config",
        Api::Developer => "developer",
        Api::Metrics => "metrics",
    }
}

fn listen_reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let advice = match error.kind() {
        AddrInUse => "another program has this port; stop it, or choose another with --server-port",
        AddrNotAvailable => "this machine does not have this address; see --server-host",
        PermissionDenied => "not allowed; ports below 1024 need privileges, see --server-port",
        _ => "see --server-host and --server-port",
    };
    format!("{error} ({advice})")
}

/// How many clients the limit of open files leaves room for, if that is less than `wanted`.
///
/// A client needs one file, and a quarter of the files is kept for databases and for us: a server whose
/// files are all taken by idle clients cannot reach its database.
fn connection_places(wanted: usize) -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    let files: usize = line.split_whitespace().nth(3)?.parse().ok()?;
    let places = files / 4 * 3;
    (places < wanted).then_some(places.max(1))
}
