//! A source's configuration with every variable looked up: where to connect, and with which pool.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use graphloom_execute::Routes;
use graphloom_kriti::Template;
use graphloom_metadata::Decode;
use graphloom_metadata::types::{ConnectionInfo, DatabaseUrl, SourceConfiguration};
use graphloom_pg::{
    ConnectionOptions, Isolation, PemSource, Pool, PoolOptions, SslMode, SslOverrides,
    StatementMode,
};
use graphloom_vocab::{Json, JsonObject};

use super::{Environment, SourceFailure};

/// A source's configuration with every variable looked up.
pub(super) struct Resolved {
    pub(super) primary: Endpoint,
    replicas: Vec<Endpoint>,
    members: BTreeMap<String, Endpoint>,
    template: Option<Template>,
}

/// One database and how to talk to it.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) connect: ConnectionOptions,
    pub(super) pool: PoolOptions,
}

impl Resolved {
    pub(super) fn new(
        configuration: &SourceConfiguration,
        environment: &Environment,
    ) -> Result<Self, SourceFailure> {
        if let Some(reason) = configuration.misfit() {
            return Err(SourceFailure::settings(reason));
        }
        let extra = &configuration.extra;
        Ok(Self {
            primary: Endpoint::new(&configuration.connection_info, environment)?,
            replicas: replicas(extra, environment)?,
            members: members(extra, environment)?,
            template: template(extra)?,
        })
    }

    /// Where statements may go besides the primary, with the pools of `before` where nothing changed about them.
    pub(super) fn routes(
        &self,
        primary: &Pool,
        before: Option<&Arc<Routes>>,
    ) -> Option<Arc<Routes>> {
        if self.replicas.is_empty() && self.members.is_empty() && self.template.is_none() {
            return None;
        }
        if let Some(before) = before.filter(|before| self.has_made(primary, before)) {
            return Some(Arc::clone(before));
        }
        let known = || before.into_iter().flat_map(|before| before.pools());
        let pool = |endpoint: &Endpoint| {
            let kept = known().find(|pool| endpoint.is_of(pool)).cloned();
            kept.unwrap_or_else(|| Pool::new(endpoint.connect.clone(), endpoint.pool.clone()))
        };
        let members = self.members.iter();
        let replicas: Vec<_> = self.replicas.iter().map(pool).collect();
        Some(Arc::new(Routes::new(
            primary,
            &replicas,
            members.map(|(name, at)| (name.clone(), pool(at))).collect(),
            self.template.clone(),
        )))
    }

    fn has_made(&self, primary: &Pool, routes: &Routes) -> bool {
        let members = self.members.iter().zip(&routes.members);
        primary.id() == routes.primary
            && self.replicas.len() == routes.replicas.len()
            && self.members.len() == routes.members.len()
            && self.template == routes.template
            && (self.replicas.iter().zip(&routes.replicas)).all(|(at, pool)| at.is_of(pool))
            && members
                .into_iter()
                .all(|(ours, theirs)| ours.0 == theirs.0 && ours.1.is_of(theirs.1))
    }
}

impl Endpoint {
    fn new(info: &ConnectionInfo, environment: &Environment) -> Result<Self, SourceFailure> {
        let invalid = |error: graphloom_pg::OptionsError| SourceFailure {
            reason: "connection error".to_owned(),
            message: Some(error.to_string()),
            is_away: false,
        };
        let lookup = |name: &str| environment.variables.get(name).cloned();
        let prefix = environment.secrets_prefix.as_deref();
        let connect = match &info.database_url {
            Some(DatabaseUrl::FromFile(path)) => ConnectionOptions::read(path, prefix, &lookup),
            url => {
                let url = self::url(url.as_ref(), environment)?;
                ConnectionOptions::parse_or_read(&url, prefix, &lookup)
            }
        };
        let mut connect = connect.map_err(invalid)?;
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

/// `read_replicas`: connection infos like the primary's.
fn replicas(extra: &JsonObject, environment: &Environment) -> Result<Vec<Endpoint>, SourceFailure> {
    let items = list(extra, "read_replicas")?.iter().enumerate();
    items
        .map(|(position, item)| {
            endpoint(item, environment)
                .map_err(|failure| failure.in_part(&format!("read_replicas[{position}]")))
        })
        .collect()
}

/// `connection_set`: `[{"name", "connection_info"}]`
fn members(
    extra: &JsonObject,
    environment: &Environment,
) -> Result<BTreeMap<String, Endpoint>, SourceFailure> {
    let mut members = BTreeMap::new();
    for (position, item) in list(extra, "connection_set")?.iter().enumerate() {
        let Some(name) = item.get("name").and_then(Json::as_str) else {
            let reason = format!("connection_set[{position}] has no name");
            return Err(SourceFailure::settings(reason));
        };
        let info = item.get("connection_info").unwrap_or(&Json::Null);
        let made = endpoint(info, environment)
            .map_err(|failure| failure.in_part(&format!("connection_set member {name:?}")))?;
        if members.insert(name.to_owned(), made).is_some() {
            let reason = format!("connection_set has two members called {name:?}");
            return Err(SourceFailure::settings(reason));
        }
    }
    Ok(members)
}

fn endpoint(info: &Json, environment: &Environment) -> Result<Endpoint, SourceFailure> {
    let info = ConnectionInfo::decode(info)
        .map_err(|error| SourceFailure::settings(error.message().to_owned()))?;
    Endpoint::new(&info, environment)
}

fn list<'a>(extra: &'a JsonObject, key: &str) -> Result<&'a [Json], SourceFailure> {
    match extra.get(key) {
        None | Some(Json::Null) => Ok(&[]),
        Some(Json::Array(items)) => Ok(items),
        Some(_) => Err(SourceFailure::settings(format!("{key} must be a list"))),
    }
}

/// `connection_template`: `{"version"?: 1, "template"}`
fn template(extra: &JsonObject) -> Result<Option<Template>, SourceFailure> {
    match extra.get("connection_template") {
        None | Some(Json::Null) => Ok(None),
        Some(given) => parse_template(given).map(Some),
    }
}

/// The same for a template that is tried.
pub(crate) fn parse_template(given: &Json) -> Result<Template, SourceFailure> {
    let version = given.get("version").filter(|version| !version.is_null());
    if version.is_some_and(|version| version.as_u64() != Some(1)) {
        let reason = "a connection_template has version 1";
        return Err(SourceFailure::settings(reason));
    }
    let Some(text) = given.get("template").and_then(Json::as_str) else {
        let reason = "a connection_template must have a template";
        return Err(SourceFailure::settings(reason));
    };
    Template::parse(text).map_err(|error| {
        SourceFailure::settings(format!("the connection_template cannot be read: {error}"))
    })
}

fn url(url: Option<&DatabaseUrl>, environment: &Environment) -> Result<String, SourceFailure> {
    match url {
        Some(DatabaseUrl::Url(text)) => Ok(text.clone()),
        Some(DatabaseUrl::FromEnv(name)) => variable(name, environment),
        Some(DatabaseUrl::Parameters(parameters)) => Ok(parameters_url(parameters)),
        Some(DatabaseUrl::FromFile(_)) | None => {
            Err(SourceFailure::settings("the source has no database_url"))
        }
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
    let key_password = match ssl.get("sslpassword") {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(text.clone()),
        Some(value) => match value.get("from_env").and_then(Json::as_str) {
            Some(name) => Some(variable(name, environment)?),
            None => {
                return Err(SourceFailure::settings(
                    "sslpassword of an ssl_configuration must be a text or {\"from_env\": …}",
                ));
            }
        },
    };
    Ok(SslOverrides {
        mode,
        root_certificate: pem("sslrootcert")?,
        certificate: pem("sslcert")?,
        key: pem("sslkey")?,
        key_password,
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
        let from = |url: Json| {
            resolve(&json!({"database_url": url})).map(|r| r.primary.connect.redacted())
        };
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
            .primary
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
