//! A source's configuration with every variable looked up: where to connect, and with which pool.

use std::time::Duration;

use graphloom_metadata::types::{DatabaseUrl, SourceConfiguration};
use graphloom_pg::{
    ConnectionOptions, Isolation, PemSource, Pool, PoolOptions, SslMode, SslOverrides,
    StatementMode,
};
use graphloom_vocab::{Json, JsonObject};

use super::{Environment, SourceFailure};

/// A source's configuration with every variable looked up.
pub(super) struct Resolved {
    pub(super) connect: ConnectionOptions,
    pub(super) pool: PoolOptions,
}

impl Resolved {
    pub(super) fn new(
        configuration: &SourceConfiguration,
        environment: &Environment,
    ) -> Result<Self, SourceFailure> {
        if let Some(key) = GUARDS.iter().find(|key| has(&configuration.extra, key)) {
            let reason = format!("the key \"{key}\" of a source's configuration is not built yet");
            return Err(SourceFailure::settings(reason));
        }
        let info = &configuration.connection_info;
        let url = url(info.database_url.as_ref(), environment)?;
        let invalid = |error: graphloom_pg::OptionsError| SourceFailure {
            reason: "connection error".to_owned(),
            message: Some(error.to_string()),
            is_away: false,
        };
        let lookup = |name: &str| environment.variables.get(name).cloned();
        let mut connect = ConnectionOptions::parse_with(&url, &lookup).map_err(invalid)?;
        if let Some(ssl) = &info.ssl_configuration {
            connect = connect.with_ssl(ssl_overrides(ssl, environment)?);
        }
        let mut pool = pool_options(info.pool_settings.as_ref());
        pool.statement_timeout = environment.statement_timeout;
        if info.use_prepared_statements == Some(false) {
            pool.statements = StatementMode::Unprepared;
        }
        let isolation = info.isolation_level.as_deref().unwrap_or("read-committed");
        pool.isolation = Isolation::parse(isolation).ok_or_else(|| {
            SourceFailure::settings(format!("{isolation:?} is not an isolation level"))
        })?;
        Ok(Self { connect, pool })
    }

    pub(super) fn is_of(&self, pool: &Pool) -> bool {
        pool.connection_options() == &self.connect && pool.options() == &self.pool
    }
}

/// Keys that decide where statements go.
const GUARDS: [&str; 2] = ["connection_template", "connection_set"];

fn has(extra: &JsonObject, key: &str) -> bool {
    match extra.get(key) {
        None | Some(Json::Null) => false,
        Some(Json::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

fn url(url: Option<&DatabaseUrl>, environment: &Environment) -> Result<String, SourceFailure> {
    match url {
        Some(DatabaseUrl::Url(text)) => Ok(text.clone()),
        Some(DatabaseUrl::FromEnv(name)) => variable(name, environment),
        Some(DatabaseUrl::Parameters(parameters)) => Ok(parameters_url(parameters)),
        Some(DatabaseUrl::FromFile(_)) => Err(SourceFailure::settings(
            "a database URL from a file (dynamic_from_file) is not built yet",
        )),
        None => Err(SourceFailure::settings("the source has no database_url")),
    }
}

fn variable(name: &str, environment: &Environment) -> Result<String, SourceFailure> {
    let value = environment.variables.get(name).cloned();
    value.ok_or_else(|| SourceFailure::settings(format!("environment variable '{name}' not set")))
}

/// `postgresql://user:password@host:port/database`
fn parameters_url(parameters: &JsonObject) -> String {
    let text = |key: &str| match parameters.get(key) {
        Some(Json::String(text)) => percent_encode(text),
        Some(value @ Json::Number(_)) => value.to_string(),
        _ => String::new(),
    };
    let password = match parameters.get("password") {
        Some(Json::String(_)) => format!(":{}", text("password")),
        _ => String::new(),
    };
    format!(
        "postgresql://{}{password}@{}:{}/{}",
        text("username"),
        text("host"),
        text("port"),
        text("database"),
    )
}

fn percent_encode(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes everything");
        }
    }
    encoded
}

/// `sslrootcert`, `sslcert` and `sslkey` are PEM texts or variables that have one.
fn ssl_overrides(
    ssl: &JsonObject,
    environment: &Environment,
) -> Result<SslOverrides, SourceFailure> {
    let mode = match ssl.get("sslmode").and_then(Json::as_str) {
        None => None,
        Some(text) => Some(
            SslMode::parse(text)
                .ok_or_else(|| SourceFailure::settings(format!("{text:?} is not an sslmode")))?,
        ),
    };
    let pem = |key: &str| match ssl.get(key) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(PemSource::Inline(text.clone()))),
        Some(value) => match value.get("from_env").and_then(Json::as_str) {
            Some(name) => Ok(Some(PemSource::Inline(variable(name, environment)?))),
            None => Err(SourceFailure::settings(format!(
                "{key} of an ssl_configuration must be a PEM text or {{\"from_env\": …}}"
            ))),
        },
    };
    if has(ssl, "sslpassword") {
        return Err(SourceFailure::settings(
            "sslpassword is not built yet: use a key without a passphrase",
        ));
    }
    Ok(SslOverrides {
        mode,
        root_certificate: pem("sslrootcert")?,
        certificate: pem("sslcert")?,
        key: pem("sslkey")?,
    })
}

/// What is left out, or cannot be meant (a negative number), has its default.
fn pool_options(settings: Option<&JsonObject>) -> PoolOptions {
    let mut options = PoolOptions::default();
    let Some(settings) = settings else {
        return options;
    };
    let number = |key: &str| settings.get(key).and_then(Json::as_u64);
    let seconds = |key: &str| {
        let seconds = settings.get(key).and_then(Json::as_f64)?;
        Duration::try_from_secs_f64(seconds).ok()
    };
    let total = number("total_max_connections").or_else(|| number("max_connections"));
    if let Some(max) = total.and_then(|max| usize::try_from(max).ok()) {
        options.max_connections = max.max(1);
    }
    if let Some(timeout) = seconds("idle_timeout") {
        options.idle_timeout = timeout;
    }
    if let Some(retries) = number("retries").and_then(|n| u32::try_from(n).ok()) {
        options.connect_retries = retries;
    }
    options.wait_limit = seconds("pool_timeout");
    if let Some(lifetime) = seconds("connection_lifetime") {
        options.connection_lifetime = (!lifetime.is_zero()).then_some(lifetime);
    }
    options
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::collections::HashMap;

    use super::*;
    use graphloom_metadata::Decode;
    use serde_json::json;

    fn resolve(info: &Json) -> Result<Resolved, SourceFailure> {
        let configuration = json!({"connection_info": info});
        let configuration = SourceConfiguration::decode(&configuration).unwrap();
        let url = "postgresql://u:secret@db.example/d";
        let environment = Environment {
            variables: HashMap::from([("DB".to_owned(), url.to_owned())]),
            ..Environment::default()
        };
        Resolved::new(&configuration, &environment)
    }

    #[test]
    fn every_form_of_a_url() {
        let from = |url: Json| resolve(&json!({"database_url": url})).map(|r| r.connect.redacted());
        let expected = "postgresql://u:***@db.example:5432/d";
        assert!(
            from(json!("postgresql://u:secret@db.example/d"))
                .unwrap()
                .starts_with(expected)
        );
        assert!(
            from(json!({"from_env": "DB"}))
                .unwrap()
                .starts_with(expected)
        );
        let parameters = json!({"connection_parameters": {
            "host": "db.example", "port": 5432, "username": "u", "password": "p@ss/w:rd", "database": "d"
        }});
        assert!(from(parameters).unwrap().starts_with(expected));
        let missing = from(json!({"from_env": "NONE"})).unwrap_err();
        assert_eq!(missing.reason, "environment variable 'NONE' not set");
    }

    #[test]
    fn settings_decide_about_the_pool() {
        let url = "postgresql://u@db.example/d";
        let settings = json!({"max_connections": 7, "idle_timeout": 5, "retries": 3, "pool_timeout": 2,
            "connection_lifetime": 60});
        let resolved = resolve(&json!({
            "database_url": url, "pool_settings": settings,
            "isolation_level": "serializable", "use_prepared_statements": true
        }));
        let pool = resolved
            .unwrap_or_else(|failure| panic!("{failure:?}"))
            .pool;
        assert_eq!(pool.max_connections, 7);
        assert_eq!(pool.idle_timeout, Duration::from_secs(5));
        assert_eq!(pool.connect_retries, 3);
        assert_eq!(pool.wait_limit, Some(Duration::from_secs(2)));
        assert_eq!(pool.connection_lifetime, Some(Duration::from_mins(1)));
        assert_eq!(pool.isolation, Isolation::Serializable);
        assert!(matches!(pool.statements, StatementMode::Prepared { .. }));
    }

    #[test]
    fn a_bad_url_is_a_failure_that_hides_it() {
        let failure = resolve(&json!({"database_url": "mysql://u:secret@h/d"}))
            .err()
            .unwrap();
        assert_eq!(failure.reason, "connection error");
        assert!(!failure.message.unwrap().contains("secret"));
    }
}
