//! The two spellings of connection settings, and each setting's type.
//!
//! Follows libpq, with one difference: user and password end at the *last* `@` before the path, so that
//! a password with an unescaped `@` works instead of ending up in a host name (and from there in logs).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    ChannelBinding, Endpoint, Environment, Keepalive, Negotiation, OptionsError, PemSource, Roots,
    Secret, SessionAttrs, Shuffle, SslMode, TlsOptions, Versions,
};

const PORT_DEFAULT: u16 = 5432;

/// Settings with the variable libpq takes them from.
const KNOWN: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("dbname", "PGDATABASE"),
    ("application_name", "PGAPPNAME"),
    ("fallback_application_name", ""),
    ("options", "PGOPTIONS"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("keepalives", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("keepalives_count", ""),
    ("tcp_user_timeout", ""),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslpassword", ""),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
];

/// Settings without a meaning here; leaving them out weakens nothing.
const IGNORED: &[&str] = &[
    "client_encoding", // always UTF8
    "gssdelegation",
    "gssencmode", // `require` is refused below
    "gsslib",
    "krbsrvname",
    "max_protocol_version",
    "min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslsni",
];

/// Settings that guard something or change who one connects to or as.
const UNSUPPORTED: &[&str] = &[
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "sslcrl",
    "sslcrldir",
    "ssl_crl",
];

/// Settings by name, as text.
pub(super) struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    pub(super) fn parse(text: &str) -> Result<Self, OptionsError> {
        let text = text.trim();
        let mut settings = Self(BTreeMap::new());
        let url = ["postgresql://", "postgres://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        match url {
            Some(rest) => settings.parse_url(rest)?,
            None => settings.parse_keywords(text)?,
        }
        Ok(settings)
    }

    pub(super) fn of(pairs: &[(&str, &str)]) -> Result<Self, OptionsError> {
        let mut settings = Self(BTreeMap::new());
        for (name, value) in pairs {
            settings.set(name, (*value).to_owned())?;
        }
        Ok(settings)
    }

    fn parse_url(&mut self, rest: &str) -> Result<(), OptionsError> {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let hosts = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => {
                let (user, password) = match credentials.split_once(':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (credentials, None),
                };
                self.set("user", decode(user, "user")?)?;
                if let Some(password) = password {
                    self.set("password", decode(password, "password")?)?;
                }
                hosts
            }
            None => authority,
        };
        self.parse_hosts(hosts)?;
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, query),
            None => (rest, ""),
        };
        if let Some(database) = path
            .strip_prefix('/')
            .filter(|database| !database.is_empty())
        {
            self.set("dbname", decode(database, "database")?)?;
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(OptionsError::Syntax)?;
            self.set(&decode(name, "settings")?, decode(value, "settings")?)?;
        }
        Ok(())
    }

    /// `host[:port][,host[:port]]…`, hosts percent-encoded, IPv6 in brackets.
    fn parse_hosts(&mut self, text: &str) -> Result<(), OptionsError> {
        if text.is_empty() {
            return Ok(());
        }
        let mut hosts = Vec::new();
        let mut ports = Vec::new();
        for part in text.split(',') {
            let (host, port) = match part.strip_prefix('[') {
                Some(rest) => {
                    let (host, rest) = rest.split_once(']').ok_or(OptionsError::Syntax)?;
                    (host, rest.strip_prefix(':').unwrap_or(rest))
                }
                None => part.split_once(':').unwrap_or((part, "")),
            };
            hosts.push(decode(host, "host")?);
            ports.push(port);
        }
        if hosts.iter().any(|host| !host.is_empty()) {
            self.set("host", hosts.join(","))?;
        }
        if ports.iter().any(|port| !port.is_empty()) {
            self.set("port", ports.join(","))?;
        }
        Ok(())
    }

    /// `key = value key='va\'lue'`
    fn parse_keywords(&mut self, text: &str) -> Result<(), OptionsError> {
        let mut rest = text;
        if rest.is_empty() || rest.contains("://") && !rest.contains('=') {
            return Err(OptionsError::Syntax);
        }
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or(OptionsError::Syntax)?;
            if name.trim().is_empty() || name.trim().contains(char::is_whitespace) {
                return Err(OptionsError::Syntax);
            }
            let (value, after) = keyword_value(after.trim_start())?;
            self.set(name.trim(), value)?;
            rest = after.trim_start();
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), OptionsError> {
        // JDBC's spelling, which libpq takes too.
        let (name, value) = match (name, &*value) {
            ("ssl", "true") => ("sslmode", "require".to_owned()),
            _ => (name, value),
        };
        if let Some((name, _)) = KNOWN.iter().find(|(known, _)| *known == name) {
            self.0.insert(name, value);
            return Ok(());
        }
        if IGNORED.contains(&name) && (name, &*value) != ("gssencmode", "require") {
            return Ok(());
        }
        // Only what has the shape of a setting's name is repeated: anything else may be a secret.
        let is_name = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if UNSUPPORTED.contains(&name) || name == "gssencmode" {
            return Err(OptionsError::UnsupportedSetting(name.to_owned()));
        }
        Err(if is_name {
            OptionsError::UnknownSetting(name.to_owned())
        } else {
            OptionsError::Syntax
        })
    }

    /// Takes what is missing from libpq's variables.
    pub(super) fn complete(&mut self, environment: Environment<'_>) {
        for (name, variable) in KNOWN {
            if !variable.is_empty()
                && !self.0.contains_key(name)
                && let Some(value) = environment(variable).filter(|value| !value.is_empty())
            {
                self.0.insert(name, value);
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn number(&self, setting: &'static str) -> Result<Option<u32>, OptionsError> {
        let Some(text) = self.text(setting) else {
            return Ok(None);
        };
        // Negative numbers mean "the default", like 0, in every setting of libpq's that is a number.
        let number: i64 = text.trim().parse().map_err(|_| OptionsError::Value {
            setting,
            expected: "a whole number",
        })?;
        Ok(u32::try_from(number).ok().filter(|number| *number > 0))
    }

    pub(super) fn seconds(&self, setting: &'static str) -> Result<Option<Duration>, OptionsError> {
        Ok(self
            .number(setting)?
            .map(|seconds| Duration::from_secs(u64::from(seconds))))
    }

    pub(super) fn endpoints(&self) -> Result<Vec<Endpoint>, OptionsError> {
        let list = |name| -> Vec<String> {
            let text: Option<String> = self.text(name);
            text.iter()
                .flat_map(|text| text.split(','))
                .map(str::to_owned)
                .collect()
        };
        let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
        let count = hosts.len().max(addresses.len());
        if count == 0 {
            // Where libpq looks on Debian, and then the loopback.
            let port = port(&ports, 0, 1)?;
            let hosts = ["/var/run/postgresql", "localhost"];
            let endpoint = |host: &str| Endpoint {
                host: host.to_owned(),
                address: None,
                port,
            };
            return Ok(hosts.map(endpoint).into());
        }
        let uneven = OptionsError::Value {
            setting: "hostaddr",
            expected: "a list of as many addresses as there are hosts",
        };
        if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
            return Err(uneven);
        }
        (0..count)
            .map(|index| {
                let address = addresses.get(index).filter(|address| !address.is_empty());
                let host = hosts.get(index).filter(|host| !host.is_empty());
                let address = address
                    .map(|text| text.parse::<IpAddr>())
                    .transpose()
                    .map_err(|_| OptionsError::Value {
                        setting: "hostaddr",
                        expected: "a list of IP addresses",
                    })?;
                let host = match (host, address) {
                    (Some(host), _) => host.clone(),
                    (None, Some(address)) => address.to_string(),
                    (None, None) => "localhost".to_owned(),
                };
                Ok(Endpoint {
                    host,
                    address,
                    port: port(&ports, index, count)?,
                })
            })
            .collect()
    }

    pub(super) fn shuffle(&self) -> Result<Shuffle, OptionsError> {
        match self.text("load_balance_hosts").as_deref() {
            None | Some("disable") => Ok(Shuffle::InOrder),
            Some("random") => Ok(Shuffle::Random),
            Some(_) => Err(OptionsError::Value {
                setting: "load_balance_hosts",
                expected: "disable or random",
            }),
        }
    }

    pub(super) fn keepalive(&self) -> Result<Keepalive, OptionsError> {
        let enabled = self
            .text("keepalives")
            .is_none_or(|text| text.trim() != "0");
        let user_timeout = self.number("tcp_user_timeout")?;
        Ok(Keepalive {
            enabled,
            idle: self.seconds("keepalives_idle")?,
            interval: self.seconds("keepalives_interval")?,
            retries: self.number("keepalives_count")?,
            user_timeout: user_timeout.map(|ms| Duration::from_millis(u64::from(ms))),
        })
    }

    pub(super) fn session_attrs(&self) -> Result<SessionAttrs, OptionsError> {
        match self.text("target_session_attrs").as_deref() {
            None | Some("any") => Ok(SessionAttrs::Any),
            Some("read-write" | "primary") => Ok(SessionAttrs::ReadWrite),
            Some("read-only" | "standby") => Ok(SessionAttrs::ReadOnly),
            Some(_) => Err(OptionsError::Value {
                setting: "target_session_attrs",
                expected: "any, read-write, read-only, primary or standby",
            }),
        }
    }

    pub(super) fn channel_binding(&self) -> Result<ChannelBinding, OptionsError> {
        match self.text("channel_binding").as_deref() {
            None | Some("prefer") => Ok(ChannelBinding::Prefer),
            Some("disable") => Ok(ChannelBinding::Disable),
            Some("require") => Ok(ChannelBinding::Require),
            Some(_) => Err(OptionsError::Value {
                setting: "channel_binding",
                expected: "disable, prefer or require",
            }),
        }
    }

    pub(super) fn tls(&self, environment: Environment<'_>) -> Result<TlsOptions, OptionsError> {
        let mode = self.text("sslmode");
        let roots = self.text("sslrootcert");
        // `sslrootcert=system` implies the strictest mode, as in libpq.
        let default = if roots.as_deref() == Some("system") {
            SslMode::VerifyFull
        } else {
            SslMode::Prefer
        };
        let mode = mode
            .map_or(Some(default), |text| SslMode::parse(&text))
            .ok_or(OptionsError::Value {
                setting: "sslmode",
                expected: "disable, allow, prefer, require, verify-ca or verify-full",
            })?;
        let home = environment("HOME").map(|home| PathBuf::from(home).join(".postgresql"));
        let in_home = |name| {
            home.as_ref()
                .map(|home| home.join(name))
                .filter(|path| path.exists())
        };
        let file = |setting: &str, name| {
            let given = self.text(setting).map(PathBuf::from);
            given.or_else(|| in_home(name)).map(PemSource::File)
        };
        let roots = match roots.as_deref() {
            Some("system") => Some(Roots::Public),
            _ => file("sslrootcert", "root.crt").map(Roots::Pem),
        };
        Ok(TlsOptions {
            mode,
            roots,
            certificate: file("sslcert", "postgresql.crt"),
            key: file("sslkey", "postgresql.key"),
            key_password: self.text("sslpassword").map(|text| Secret(text.clone())),
            negotiation: self.negotiation(mode)?,
            versions: self.versions()?,
        })
    }

    fn negotiation(&self, mode: SslMode) -> Result<Negotiation, OptionsError> {
        let weak = matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer);
        match self.text("sslnegotiation").as_deref() {
            None | Some("postgres") => Ok(Negotiation::Postgres),
            Some("direct") if !weak => Ok(Negotiation::Direct),
            Some(_) => Err(OptionsError::Value {
                setting: "sslnegotiation",
                expected: "postgres, or direct with an sslmode of require or stricter",
            }),
        }
    }

    fn versions(&self) -> Result<Versions, OptionsError> {
        let expected = "TLSv1.2 or TLSv1.3";
        let min = match self.text("ssl_min_protocol_version").as_deref() {
            None | Some("TLSv1" | "TLSv1.1" | "TLSv1.2") => 12,
            Some("TLSv1.3") => 13,
            Some(_) => {
                return Err(OptionsError::Value {
                    setting: "ssl_min_protocol_version",
                    expected,
                });
            }
        };
        let max = match self.text("ssl_max_protocol_version").as_deref() {
            None | Some("TLSv1.3") => 13,
            Some("TLSv1.2") => 12,
            Some(_) => {
                return Err(OptionsError::Value {
                    setting: "ssl_max_protocol_version",
                    expected,
                });
            }
        };
        match (min, max) {
            (12, 13) => Ok(Versions::Both),
            (12, _) => Ok(Versions::Only12),
            (_, 13) => Ok(Versions::Only13),
            _ => Err(OptionsError::Value {
                setting: "ssl_max_protocol_version",
                expected: "at least ssl_min_protocol_version",
            }),
        }
    }
}

fn port(ports: &[String], index: usize, hosts: usize) -> Result<u16, OptionsError> {
    let wrong = |expected| OptionsError::Value {
        setting: "port",
        expected,
    };
    if ports.len() > 1 && ports.len() != hosts {
        return Err(wrong("one port, or as many as there are hosts"));
    }
    match ports
        .get(index)
        .or_else(|| ports.first())
        .map(|port| port.trim())
    {
        None | Some("") => Ok(PORT_DEFAULT),
        Some(text) => text
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| wrong("a number from 1 to 65535 (is the password percent-encoded?)")),
    }
}

/// The value at the start of the text, and what follows it.
fn keyword_value(text: &str) -> Result<(String, &str), OptionsError> {
    let mut value = String::new();
    let quoted = text.starts_with('\'');
    let mut chars = text.char_indices();
    if quoted {
        chars.next();
    }
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, escaped)) => value.push(escaped),
                None => return Err(OptionsError::Syntax),
            },
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if !quoted && c.is_whitespace() => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted {
        Err(OptionsError::Syntax)
    } else {
        Ok((value, ""))
    }
}

fn decode(text: &str, part: &'static str) -> Result<String, OptionsError> {
    let wrong = || OptionsError::PercentEncoding(part);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = rest.next().and_then(|digit| char::from(digit).to_digit(16));
            digit
                .and_then(|digit| u8::try_from(digit).ok())
                .ok_or_else(wrong)
        };
        let decoded = digit()? << 4 | digit()?;
        if decoded == 0 {
            return Err(wrong());
        }
        bytes.push(decoded);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
