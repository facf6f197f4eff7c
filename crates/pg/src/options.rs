//! Where and how to connect, as libpq understands it: URLs, `key=value` strings, `PG…` variables.
//!
//! Source: the Postgres manual, "Database Connection Control Functions". A password never leaves this
//! module as text: `Debug`, `Display` and [`ConnectionOptions::redacted`] write `***`, and no error
//! quotes a value, since a password with an unescaped `@` or `/` is taken for a host or a port.
//! Read next: `options/parse.rs` for the two spellings, `tls.rs` for what the certificates are used for.

mod file;
mod parse;
mod program;
mod redact;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use parse::Settings;

pub use program::LibpqVariables;

/// Looks up an environment variable. Given in, because this crate reads no environment of its own.
pub(crate) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// How long one attempt to open a session may take, where `connect_timeout` does not say.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Connection settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionOptions {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) shuffle_endpoints: Shuffle,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: Option<String>,
    pub(crate) application_name: String,
    pub(crate) options: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) keepalive: Keepalive,
    pub(crate) session_attrs: SessionAttrs,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) tls: TlsOptions,
    /// Where they are read anew for every connection.
    pub(crate) file: Option<PathBuf>,
}

/// One place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// A name, an address, or the directory of a socket (begins with `/`).
    pub(crate) host: String,
    /// `hostaddr`: where to connect instead of looking the name up.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Endpoint {
    pub(crate) fn is_unix(&self) -> bool {
        self.address.is_none() && self.host.starts_with('/')
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unix() {
            write!(
                f,
                "{}/.s.PGSQL.{}",
                self.host.trim_end_matches('/'),
                self.port
            )
        } else if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// `load_balance_hosts`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shuffle {
    InOrder,
    Random,
}

/// `keepalives…` and `tcp_user_timeout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keepalive {
    pub(crate) enabled: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) user_timeout: Option<Duration>,
}

/// `target_session_attrs`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
}

/// `channel_binding`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// `sslmode`: whether the connection is encrypted and what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never encrypted.
    Disable,
    /// Plain, and encrypted if the server does not take it plain.
    Allow,
    /// Encrypted, and plain if the server has no TLS. The default.
    Prefer,
    /// Encrypted. The certificate is looked at only if a root certificate is given.
    Require,
    /// Encrypted, and the certificate must come from the root certificate.
    VerifyCa,
    /// Encrypted, and the certificate must come from the root certificate and be for this host.
    VerifyFull,
}

impl SslMode {
    /// The mode of that name, as `sslmode` spells it.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    /// As `sslmode` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Where a certificate or key is.
#[derive(Clone, PartialEq, Eq)]
pub enum PemSource {
    /// In a file. It is read anew for each connection, so that renewed certificates are picked up.
    File(PathBuf),
    /// Here, as PEM text.
    Inline(String),
}

impl fmt::Debug for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => fmt::Debug::fmt(path, f),
            Self::Inline(_) => f.write_str("<inline PEM>"),
        }
    }
}

/// Which authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    Pem(PemSource),
    /// `sslrootcert=system`, and verify-full without a root certificate: the public ones.
    Public,
}

/// The `ssl…` settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) mode: SslMode,
    pub(crate) roots: Option<Roots>,
    pub(crate) certificate: Option<PemSource>,
    pub(crate) key: Option<PemSource>,
    /// Of an encrypted key.
    pub(crate) key_password: Option<Secret>,
    pub(crate) negotiation: Negotiation,
    pub(crate) versions: Versions,
}

/// `sslnegotiation`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negotiation {
    Postgres,
    Direct,
}

/// `ssl_min_protocol_version` and `ssl_max_protocol_version`; nothing below 1.2 is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    Both,
    Only12,
    Only13,
}

/// TLS settings from outside the URL (a source's `ssl_configuration`); each given one wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SslOverrides {
    /// `sslmode`
    pub mode: Option<SslMode>,
    /// `sslrootcert`
    pub root_certificate: Option<PemSource>,
    /// `sslcert`
    pub certificate: Option<PemSource>,
    /// `sslkey`
    pub key: Option<PemSource>,
    /// `sslpassword`
    pub key_password: Option<String>,
}

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Connection settings that cannot be used. No variant carries a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Neither of the two spellings.
    #[error(
        "not a Postgres connection string: expected postgresql://user:password@host:port/database \
         (in the password, percent-encode characters such as @ / : # ?)"
    )]
    Syntax,
    /// A `%` that two hexadecimal digits do not follow, or bytes that are not UTF-8.
    #[error(
        "the connection string has an invalid percent-encoding in its {0}; write % itself as %25"
    )]
    PercentEncoding(&'static str),
    /// A setting that libpq does not have either.
    #[error("the connection string has an unknown setting \"{0}\"")]
    UnknownSetting(String),
    /// A setting of libpq's whose effect we do not have, and that guards something.
    #[error("the connection setting \"{0}\" is not supported")]
    UnsupportedSetting(String),
    /// A value that is none.
    #[error("the connection setting \"{setting}\" must be {expected}")]
    Value {
        /// Which setting.
        setting: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// The file with the connection string cannot be read, or may not be.
    #[error("the file with the connection string: {0}")]
    File(String),
    /// The root certificate cannot be used.
    #[error("root certificate file: {0}")]
    RootCertificate(String),
    /// The client certificate cannot be used.
    #[error("certificate file: {0}")]
    Certificate(String),
    /// The client's key cannot be used.
    #[error("private key file: {0}")]
    PrivateKey(String),
}

impl ConnectionOptions {
    /// Reads a `postgresql://` URL or a `key=value` string, without regard to any environment.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        Self::parse_with(text, &|_| None)
    }

    /// Reads a connection string; what it leaves out is taken from the variables libpq knows
    /// (`PGHOST`, `PGPASSWORD`, `PGSSLMODE`, …) and the certificates under `$HOME/.postgresql`.
    pub fn parse_with(
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, OptionsError> {
        let mut settings = Settings::parse(text)?;
        settings.complete(environment);
        Self::of(&settings, environment)
    }

    /// Settings by libpq's names (`host`, `port`, `user`, `password`, `dbname`, `sslmode`, …), for
    /// sources that are described by parameters instead of a URL.
    pub fn from_settings(settings: &[(&str, &str)]) -> Result<Self, OptionsError> {
        Self::of(&Settings::of(settings)?, &|_| None)
    }

    fn of(settings: &Settings, environment: Environment<'_>) -> Result<Self, OptionsError> {
        Ok(Self {
            endpoints: settings.endpoints()?,
            shuffle_endpoints: settings.shuffle()?,
            user: settings.text("user"),
            password: settings.text("password").map(Secret),
            database: settings.text("dbname"),
            application_name: settings
                .text("application_name")
                .or_else(|| settings.text("fallback_application_name"))
                .unwrap_or_else(|| "graphloom".to_owned()),
            options: settings.text("options"),
            connect_timeout: settings
                .seconds("connect_timeout")?
                .unwrap_or(CONNECT_TIMEOUT_DEFAULT),
            keepalive: settings.keepalive()?,
            session_attrs: settings.session_attrs()?,
            channel_binding: settings.channel_binding()?,
            tls: settings.tls(environment)?,
            file: None,
        })
    }

    /// The same settings, with other TLS settings where given.
    pub fn with_ssl(mut self, overrides: SslOverrides) -> Self {
        if let Some(mode) = overrides.mode {
            self.tls.mode = mode;
        }
        if let Some(root) = overrides.root_certificate {
            self.tls.roots = Some(Roots::Pem(root));
        }
        if overrides.certificate.is_some() {
            self.tls.certificate = overrides.certificate;
        }
        if overrides.key.is_some() {
            self.tls.key = overrides.key;
        }
        if let Some(password) = overrides.key_password {
            self.tls.key_password = Some(Secret(password));
        }
        self
    }

    /// The same settings under another `application_name` (`pg_stat_activity` shows it).
    pub fn with_application_name(mut self, name: impl Into<String>) -> Self {
        self.application_name = name.into();
        self
    }

    /// The same settings for another database of the same server.
    pub fn with_database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// The database's name; libpq's default is the user's.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref().or(self.user.as_deref())
    }

    /// The user's name, if one is given.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// How strictly the connection is protected.
    pub fn ssl_mode(&self) -> SslMode {
        self.tls.mode
    }

    /// Every place that is tried, in order, without any secret: `db.example:5432`.
    pub fn addresses(&self) -> Vec<String> {
        self.endpoints.iter().map(ToString::to_string).collect()
    }

    /// A URL of these settings with `***` for the password, for people to read.
    pub fn redacted(&self) -> String {
        redact::url(self)
    }
}

impl fmt::Display for ConnectionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

#[cfg(test)]
mod tests;
