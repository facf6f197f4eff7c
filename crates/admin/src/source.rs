//! A source as a database: its settings resolved, its pool, and what it was found to have.
//!
//! Reads no environment: the variables are handed in. A source that cannot be used is a value too
//! ([`SourceFailure`]), so that the others are served.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use graphloom_catalog::Catalog;
use graphloom_metadata::types::{DatabaseUrl, Source, SourceConfiguration};
use graphloom_pg::{
    Connection, ConnectionOptions, Isolation, PemSource, PgError, PgErrorKind, Pool, PoolOptions,
    Scope, SslMode, SslOverrides, StatementMode, introspect_functions, introspect_tables,
};
use graphloom_vocab::{Json, JsonObject, QualifiedFunction, QualifiedTable};

/// What of the process a source's settings need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// The environment's variables.
    pub(crate) variables: HashMap<String, String>,
    /// `statement_timeout` of every session.
    pub(crate) statement_timeout: Option<Duration>,
}

/// A source that is in the document.
#[derive(Clone, Debug)]
pub(crate) struct SourceRuntime {
    /// The pool, if the settings could be resolved.
    pub(crate) pool: Option<Pool>,
    /// What it was found to have, or why it cannot be used.
    pub(crate) catalog: Result<Arc<Catalog>, SourceFailure>,
    /// The names that were asked for, so that a name the database does not have is asked for once.
    known: Arc<HashSet<QualifiedTable>>,
}

/// Why a source cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceFailure {
    /// As v2 puts it.
    pub(crate) reason: String,
    /// The cause, without any secret.
    pub(crate) message: Option<String>,
}

/// What of a source is to be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reread {
    /// Nothing but names that were never asked for.
    Missing,
    /// These tables.
    Tables(Vec<QualifiedTable>),
    /// Everything the document names.
    All,
}

/// What has to be read again, by source; the others as [`Reread::Missing`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refresh {
    all: bool,
    sources: BTreeMap<String, Reread>,
}

impl Refresh {
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    pub(crate) fn all() -> Self {
        Self {
            all: true,
            sources: BTreeMap::new(),
        }
    }

    pub(crate) fn sources<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter();
        Self {
            all: false,
            sources: names.map(|name| (name.to_owned(), Reread::All)).collect(),
        }
    }

    pub(crate) fn table(mut self, source: &str, table: QualifiedTable) -> Self {
        let entry = self.sources.entry(source.to_owned());
        match entry.or_insert_with(|| Reread::Tables(Vec::new())) {
            Reread::Tables(tables) => tables.push(table),
            Reread::Missing | Reread::All => {}
        }
        self
    }

    pub(crate) fn of(&self, source: &str) -> Reread {
        if self.all {
            return Reread::All;
        }
        let found = self.sources.get(source).cloned();
        found.unwrap_or(Reread::Missing)
    }

    /// Sources that other instances should read again as well.
    pub(crate) fn touched(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }
}

impl SourceRuntime {
    /// The source as `source` describes it: `before` with what changed, or a new one.
    pub(crate) async fn open(
        source: &Source,
        before: Option<&Self>,
        reread: Reread,
        environment: &Environment,
    ) -> Self {
        let resolved = match Resolved::new(&source.configuration, environment) {
            Ok(resolved) => resolved,
            Err(failure) => return Self::failed(None, failure),
        };
        let kept = before.filter(|before| {
            let pool = before.pool.as_ref();
            pool.is_some_and(|pool| resolved.is_of(pool))
        });
        match kept {
            Some(kept) => kept.update(source, reread).await,
            None => Self::read(Pool::new(resolved.connect, resolved.pool), source).await,
        }
    }

    /// The same with a catalog that was read elsewhere (inside a transaction of `run_sql`).
    pub(crate) fn with_catalog(&self, catalog: Catalog, known: HashSet<QualifiedTable>) -> Self {
        Self {
            pool: self.pool.clone(),
            catalog: Ok(Arc::new(catalog)),
            known: Arc::new(known),
        }
    }

    fn failed(pool: Option<Pool>, failure: SourceFailure) -> Self {
        Self {
            pool,
            catalog: Err(failure),
            known: Arc::default(),
        }
    }

    async fn read(pool: Pool, source: &Source) -> Self {
        let tables: Vec<_> = source.tables.keys().cloned().collect();
        match read_catalog(&pool, &tables, &function_names(source)).await {
            Ok(catalog) => Self {
                pool: Some(pool),
                catalog: Ok(Arc::new(catalog)),
                known: Arc::new(tables.into_iter().collect()),
            },
            Err(error) => Self::failed(Some(pool), SourceFailure::of(&error)),
        }
    }

    async fn update(&self, source: &Source, reread: Reread) -> Self {
        let pool = self
            .pool
            .clone()
            .expect("only a source with a pool is kept");
        let (catalog, again) = match (&self.catalog, reread) {
            (_, Reread::All) => return Self::read(pool, source).await,
            // It is tried again by itself, and when everything is reloaded.
            (Err(_), _) => return self.clone(),
            (Ok(catalog), Reread::Missing) => (catalog, Vec::new()),
            (Ok(catalog), Reread::Tables(tables)) => (catalog, tables),
        };
        let tracked = |name: &QualifiedTable| source.tables.contains_key(name);
        let missing = source.tables.keys();
        let missing = missing.filter(|name| !self.known.contains(*name)).cloned();
        let again = again.into_iter().filter(tracked);
        let names: HashSet<_> = missing.chain(again).collect();
        if names.is_empty() && self.known.iter().all(tracked) {
            return self.clone();
        }
        let names: Vec<_> = names.into_iter().collect();
        let mut catalog = Catalog::clone(catalog);
        catalog.tables.retain(|name, _| tracked(name));
        if !names.is_empty() {
            let read = async {
                let mut connection = pool.get().await?;
                introspect_tables(&mut connection, Scope::Only(&names)).await
            };
            match read.await {
                Ok(tables) => {
                    catalog.tables.retain(|name, _| !names.contains(name));
                    catalog.tables.extend(tables);
                }
                Err(error) => return Self::failed(Some(pool), SourceFailure::of(&error)),
            }
        }
        self.with_catalog(catalog, source.tables.keys().cloned().collect())
    }
}

fn function_names(source: &Source) -> Vec<QualifiedFunction> {
    source.functions.keys().cloned().collect()
}

async fn read_catalog(
    pool: &Pool,
    tables: &[QualifiedTable],
    functions: &[QualifiedFunction],
) -> Result<Catalog, PgError> {
    let mut connection = pool.get().await?;
    read_catalog_on(&mut connection, tables, functions).await
}

/// Reads the named tables and functions on a connection, which may be inside a transaction.
pub(crate) async fn read_catalog_on(
    connection: &mut Connection,
    tables: &[QualifiedTable],
    functions: &[QualifiedFunction],
) -> Result<Catalog, PgError> {
    let server_version_num = connection.server_version_num();
    let tables = match tables {
        [] => HashMap::new(),
        names => introspect_tables(connection, Scope::Only(names)).await?,
    };
    let functions = match functions {
        [] => HashMap::new(),
        names => introspect_functions(connection, Scope::Only(names)).await?,
    };
    Ok(Catalog {
        server_version_num,
        tables,
        functions,
        enum_rows: HashMap::new(),
    })
}

impl SourceFailure {
    fn settings(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            message: None,
        }
    }

    fn of(error: &PgError) -> Self {
        let reason = match error.kind() {
            PgErrorKind::Database(_) | PgErrorKind::Unexpected(_)
                if !error.is_connection_error() =>
            {
                "database query error"
            }
            _ => "connection error",
        };
        Self {
            reason: reason.to_owned(),
            message: Some(error.to_string()),
        }
    }
}

/// A source's configuration with every variable looked up.
struct Resolved {
    connect: ConnectionOptions,
    pool: PoolOptions,
}

impl Resolved {
    fn new(
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

    fn is_of(&self, pool: &Pool) -> bool {
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

    use super::*;
    use graphloom_metadata::Decode;
    use serde_json::json;

    fn resolve(info: &Json) -> Result<Resolved, SourceFailure> {
        let configuration = json!({"connection_info": info});
        let configuration = SourceConfiguration::decode(&configuration).unwrap();
        let url = "postgresql://u:secret@db.example/d";
        let environment = Environment {
            variables: HashMap::from([("DB".to_owned(), url.to_owned())]),
            statement_timeout: None,
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
