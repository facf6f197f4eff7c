//! Opens sessions: which hosts in which order, with which encryption, and why it failed.
//!
//! Follows libpq: `allow` and `prefer` try a second time the other way round, sockets are never
//! encrypted, and the next host is tried if one cannot be reached (but not if it refuses the user).
//! Read next: `tls.rs`, `session.rs`.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config;
use tokio_postgres::{Config, NoTls};

use crate::connection::Connection;
use crate::error::{
    ConnectFailure, ConnectReason, DatabaseError, PgError, PgErrorKind, chain, find_io,
};
use crate::options::{
    ChannelBinding, ConnectionOptions, Endpoint, Negotiation, OptionsError, SessionAttrs, Shuffle,
    SslMode,
};
use crate::pool::StatementMode;
use crate::session::{Session, SessionSettings};
use crate::sqlstate::SqlState;
use crate::tls;

/// Files that exist inside containers.
const CONTAINER_MARKS: &[&str] = &["/.dockerenv", "/run/.containerenv"];

/// Opens a connection outside any pool: for start-up checks, `doctor`, and sessions of their own.
///
/// Statements are not cached. Fails with [`PgErrorKind::Connect`], whose text says what to do.
pub async fn connect_once(options: &ConnectionOptions) -> Result<Connection, PgError> {
    let settings = SessionSettings {
        mode: StatementMode::Unprepared,
        statement_timeout: None,
    };
    let session = open(options, &settings).await?;
    Ok(Connection::single(Arc::new(session)))
}

/// Opens a session at the first place that takes us, and sets it up.
pub(crate) async fn open(
    options: &ConnectionOptions,
    settings: &SessionSettings,
) -> Result<Session, PgError> {
    let renewed = options.renewed().await;
    let renewed = renewed.map_err(|error| unreadable(options, &error))?;
    let options = renewed.as_ref().unwrap_or(options);
    let count = options.endpoints.len();
    let first = match options.shuffle_endpoints {
        Shuffle::InOrder => 0,
        // Each `RandomState` has keys of its own: randomness enough to spread connections.
        Shuffle::Random => usize::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(0),
    };
    let mut last = None;
    for index in 0..count {
        let endpoint = &options.endpoints[(first + index) % count];
        match open_at(options, endpoint, settings).await {
            Ok(session) => return Ok(session),
            Err(error) if is_worth_another_host(&error) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.expect("there is at least one endpoint: `Settings::endpoints` adds defaults"))
}

/// The file with the connection string has gone, or there is something else in it now.
fn unreadable(options: &ConnectionOptions, error: &OptionsError) -> PgError {
    PgError::new(PgErrorKind::Connect(ConnectFailure {
        reason: ConnectReason::Other,
        address: options.addresses().join(", "),
        message: error.to_string(),
        hint: None,
        sqlstate: None,
    }))
}

fn is_worth_another_host(error: &PgError) -> bool {
    match error.kind() {
        PgErrorKind::Connect(failure) => {
            failure.reason.is_transient()
                || matches!(
                    failure.reason,
                    ConnectReason::UnknownHost
                        | ConnectReason::SocketPermission
                        | ConnectReason::Protocol
                        | ConnectReason::Other
                )
        }
        _ => false,
    }
}

/// How one attempt treats encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    Plain,
    IfOffered,
    Always,
}

async fn open_at(
    options: &ConnectionOptions,
    endpoint: &Endpoint,
    settings: &SessionSettings,
) -> Result<Session, PgError> {
    use Encryption as E;
    let (first, second) = match options.tls.mode {
        // The channel is a file: there is nothing to encrypt, whatever the mode says.
        _ if endpoint.is_unix() => (E::Plain, None),
        SslMode::Disable => (E::Plain, None),
        SslMode::Allow => (E::Plain, Some(E::Always)),
        SslMode::Prefer => (E::IfOffered, Some(E::Plain)),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (E::Always, None),
    };
    let error = match attempt(options, endpoint, settings, first).await {
        Ok(session) => return Ok(session),
        Err(error) => error,
    };
    let refused = match error.kind() {
        PgErrorKind::Connect(failure) => matches!(
            failure.reason,
            ConnectReason::Authorization | ConnectReason::TlsRequired | ConnectReason::Tls
        ),
        _ => false,
    };
    match second {
        // The first refusal is the one to report: it is about what the settings prefer.
        Some(second) if refused => attempt(options, endpoint, settings, second)
            .await
            .map_err(|_| error),
        _ => Err(error),
    }
}

async fn attempt(
    options: &ConnectionOptions,
    endpoint: &Endpoint,
    settings: &SessionSettings,
    encryption: Encryption,
) -> Result<Session, PgError> {
    let config = config(options, endpoint, encryption);
    let connect = async {
        let session = if encryption == Encryption::Plain {
            config
                .connect(NoTls)
                .await
                .map(|opened| Session::start(opened, None, settings))
        } else {
            let tls = tls::connector(&options.tls)?;
            let opened = config.connect(tls.clone()).await;
            opened.map(|opened| Session::start(opened, Some(tls), settings))
        };
        let session = session.map_err(|error| classify(options, endpoint, &error))?;
        session.set_up().await?;
        Ok(session)
    };
    // Around everything: the driver's own limit ends with the TCP handshake, and a server may accept
    // a connection and never say a word.
    match tokio::time::timeout(options.connect_timeout, connect).await {
        Ok(result) => result,
        Err(_) => Err(timed_out(endpoint, options.connect_timeout)),
    }
}

fn config(options: &ConnectionOptions, endpoint: &Endpoint, encryption: Encryption) -> Config {
    let mut config = Config::new();
    config.host(&endpoint.host).port(endpoint.port);
    if let Some(address) = endpoint.address {
        config.hostaddr(address);
    }
    if let Some(user) = &options.user {
        config.user(user);
    }
    if let Some(password) = &options.password {
        config.password(&password.0);
    }
    if let Some(database) = &options.database {
        config.dbname(database);
    }
    if let Some(options) = &options.options {
        config.options(options);
    }
    config.application_name(&options.application_name);
    config.connect_timeout(options.connect_timeout);
    config.ssl_mode(match encryption {
        Encryption::Plain => config::SslMode::Disable,
        Encryption::IfOffered => config::SslMode::Prefer,
        Encryption::Always => config::SslMode::Require,
    });
    config.ssl_negotiation(match options.tls.negotiation {
        Negotiation::Postgres => config::SslNegotiation::Postgres,
        Negotiation::Direct => config::SslNegotiation::Direct,
    });
    config.channel_binding(match options.channel_binding {
        ChannelBinding::Disable => config::ChannelBinding::Disable,
        ChannelBinding::Prefer => config::ChannelBinding::Prefer,
        ChannelBinding::Require => config::ChannelBinding::Require,
    });
    config.target_session_attrs(match options.session_attrs {
        SessionAttrs::Any => config::TargetSessionAttrs::Any,
        SessionAttrs::ReadWrite => config::TargetSessionAttrs::ReadWrite,
        SessionAttrs::ReadOnly => config::TargetSessionAttrs::ReadOnly,
    });
    keepalive(&mut config, options);
    config
}

fn keepalive(config: &mut Config, options: &ConnectionOptions) {
    let keepalive = &options.keepalive;
    config.keepalives(keepalive.enabled);
    if let Some(idle) = keepalive.idle {
        config.keepalives_idle(idle);
    }
    if let Some(interval) = keepalive.interval {
        config.keepalives_interval(interval);
    }
    if let Some(retries) = keepalive.retries {
        config.keepalives_retries(retries);
    }
    if let Some(timeout) = keepalive.user_timeout {
        config.tcp_user_timeout(timeout);
    }
}

fn timed_out(endpoint: &Endpoint, limit: Duration) -> PgError {
    PgError::new(PgErrorKind::Connect(ConnectFailure {
        reason: ConnectReason::Timeout,
        address: endpoint.to_string(),
        message: format!("no answer within {} s", limit.as_secs_f32()),
        hint: Some(
            "check the host and port, firewalls and security groups; connect_timeout in the URL sets the limit"
                .to_owned(),
        ),
        sqlstate: None,
    }))
}

/// Turns the driver's error into a reason and what to do about it.
fn classify(
    options: &ConnectionOptions,
    endpoint: &Endpoint,
    error: &tokio_postgres::Error,
) -> PgError {
    let (reason, message, sqlstate) = match error.as_db_error() {
        Some(database) => {
            let sqlstate = SqlState::new(database.code().code());
            let error = DatabaseError::of(database);
            (refusal(&error), with_detail(&error), Some(sqlstate))
        }
        None => {
            let (reason, message) = failure(error);
            (reason, message, None)
        }
    };
    PgError::new(PgErrorKind::Connect(ConnectFailure {
        reason,
        address: endpoint.to_string(),
        message,
        hint: hint(reason, options, endpoint, surroundings()),
        sqlstate,
    }))
}

fn with_detail(error: &DatabaseError) -> String {
    match &error.detail {
        Some(detail) => format!("{}: {detail}", error.message),
        None => error.message.clone(),
    }
}

/// What a server means that refuses.
fn refusal(error: &DatabaseError) -> ConnectReason {
    match error.sqlstate {
        SqlState::INVALID_PASSWORD => ConnectReason::Password,
        // Not translated well enough to rely on, so this only sharpens the advice.
        SqlState::INVALID_AUTHORIZATION
            if ["no encryption", "SSL off"]
                .iter()
                .any(|text| error.message.contains(text)) =>
        {
            ConnectReason::TlsRequired
        }
        SqlState::INVALID_AUTHORIZATION => ConnectReason::Authorization,
        SqlState::INVALID_CATALOG_NAME => ConnectReason::NoDatabase,
        SqlState::INSUFFICIENT_PRIVILEGE => ConnectReason::Privilege,
        SqlState::TOO_MANY_CONNECTIONS => ConnectReason::TooManyConnections,
        SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN => ConnectReason::NotReady,
        _ => ConnectReason::Other,
    }
}

/// What it means that no server answered properly.
fn failure(error: &tokio_postgres::Error) -> (ConnectReason, String) {
    let text = chain(error);
    // The driver's error kinds are private; its texts are not.
    if text.contains("server does not support TLS") {
        return (
            ConnectReason::TlsUnsupported,
            "the server does not speak TLS".to_owned(),
        );
    }
    if text.contains("UnsupportedCertVersion") {
        let message = "the server's certificate is of X.509 version 1 and cannot be verified; \
            issue it anew with a subjectAltName (openssl x509 -extfile), which makes it version 3";
        return (ConnectReason::Tls, message.to_owned());
    }
    if let Some(rest) = text.strip_prefix("error performing TLS handshake: ") {
        return (
            ConnectReason::Tls,
            format!("the TLS handshake failed: {rest}"),
        );
    }
    if text.contains("password missing") {
        let message = "the server asks for a password and none is given".to_owned();
        return (ConnectReason::Password, message);
    }
    if text.contains("failed to lookup address") || text.contains("could not resolve") {
        return (
            ConnectReason::UnknownHost,
            "the host name has no address".to_owned(),
        );
    }
    if error.is_closed() {
        let message = "the server closed the connection without a word".to_owned();
        return (ConnectReason::NotReady, message);
    }
    match find_io(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => (
            ConnectReason::Refused,
            "nothing accepts connections there".to_owned(),
        ),
        Some(io::ErrorKind::NotFound) => (
            ConnectReason::NoSocket,
            "there is no such socket".to_owned(),
        ),
        Some(io::ErrorKind::PermissionDenied) if text.contains("database") => {
            (ConnectReason::Other, text)
        }
        Some(io::ErrorKind::PermissionDenied) => (
            ConnectReason::SocketPermission,
            "no permission to open the socket".to_owned(),
        ),
        Some(io::ErrorKind::TimedOut) => (ConnectReason::Timeout, "no answer".to_owned()),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => (
            ConnectReason::NotReady,
            "the server closed the connection without a word".to_owned(),
        ),
        _ if text.contains("unexpected message") || text.contains("error parsing") => (
            ConnectReason::Protocol,
            "what answers there is not a Postgres server".to_owned(),
        ),
        _ => (ConnectReason::Other, text),
    }
}

fn hint(
    reason: ConnectReason,
    options: &ConnectionOptions,
    endpoint: &Endpoint,
    surroundings: Surroundings,
) -> Option<String> {
    let user = options.user().unwrap_or("(that of this process)");
    let database = options.database().unwrap_or("(the user's name)");
    let mode = options.ssl_mode().as_str();
    Some(match reason {
        ConnectReason::UnknownHost => {
            "check the host name in the URL; a password with @ / : or # in \
            it must be percent-encoded"
                .to_owned()
        }
        ConnectReason::Refused
            if is_loopback(endpoint) && surroundings == Surroundings::Container =>
        {
            "inside a container, localhost is the container itself: use the host name of the \
             database's container or service, or host.docker.internal for the machine outside"
                .to_owned()
        }
        ConnectReason::Refused => {
            "check the host and port, that Postgres is running, and its listen_addresses".to_owned()
        }
        ConnectReason::NoSocket => {
            "check the directory and port, and that Postgres is running".to_owned()
        }
        ConnectReason::SocketPermission => {
            "give the user of this process access to the socket's directory".to_owned()
        }
        ConnectReason::Password => {
            format!("check the password of user \"{user}\"; percent-encode @ / : # ? in URLs")
        }
        ConnectReason::Authorization => format!(
            "check that role \"{user}\" exists and that pg_hba.conf lets it into database \"{database}\" from here"
        ),
        ConnectReason::TlsRequired => {
            format!("the server may insist on TLS: use sslmode=require (it is {mode})")
        }
        ConnectReason::TlsUnsupported => {
            format!("turn on TLS in the server, or use sslmode=disable (it is {mode})")
        }
        ConnectReason::Tls => format!(
            "check sslrootcert and the host name in the server's certificate (subjectAltName); sslmode is {mode}"
        ),
        ConnectReason::NoDatabase => {
            format!("create it (CREATE DATABASE), or correct \"{database}\" in the URL")
        }
        ConnectReason::Privilege => {
            format!("grant it: CONNECT on database \"{database}\" to \"{user}\"")
        }
        ConnectReason::TooManyConnections => {
            "raise the server's max_connections or lower the pools' sizes".to_owned()
        }
        ConnectReason::NotReady => "the server is starting up or shutting down".to_owned(),
        ConnectReason::Timeout => "check firewalls and security groups".to_owned(),
        ConnectReason::Protocol => "check the port".to_owned(),
        ConnectReason::Other => return None,
    })
}

fn is_loopback(endpoint: &Endpoint) -> bool {
    endpoint.host == "localhost"
        || endpoint
            .host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Where this process runs, as far as `localhost` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surroundings {
    Container,
    Machine,
}

fn surroundings() -> Surroundings {
    let is_there = |mark: &&str| std::path::Path::new(mark).exists();
    if CONTAINER_MARKS.iter().any(is_there) {
        Surroundings::Container
    } else {
        Surroundings::Machine
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn localhost_inside_a_container_is_explained() {
        let options = ConnectionOptions::parse("postgres://u@localhost,[::1],db/").unwrap();
        let advice = |index: usize, surroundings| {
            let endpoint = &options.endpoints[index];
            hint(ConnectReason::Refused, &options, endpoint, surroundings).unwrap()
        };
        assert!(advice(0, Surroundings::Container).contains("host.docker.internal"));
        assert!(advice(1, Surroundings::Container).contains("host.docker.internal"));
        assert!(advice(2, Surroundings::Container).contains("listen_addresses"));
        assert!(advice(0, Surroundings::Machine).contains("listen_addresses"));
    }
}
