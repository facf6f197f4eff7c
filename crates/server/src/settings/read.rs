//! From the values of the options to typed settings.
//!
//! The one place where an option's name meets its meaning; `read/auth.rs` has those of authentication.
//! Pure.

use std::time::Duration;

mod auth;

use super::{
    Api, BodyLimits, Ceilings, Console, DatabaseSettings, HandshakeCookie, Hosts, HttpSettings,
    InternalErrors, ListenSettings, LogSettings, MessageCompression, MetadataQueryLogging,
    OnMetadataChange, PersistedSettings, PgDumpSettings, QueryLogging, Relay, Reported, Settings,
    UnauthorizedStatus, UrlOrigin, WebsocketSettings,
};
use graphloom_execute::{AllowListMode, DocumentLimits, OperationLimits};

use graphloom_subscribe::ChangeSignals;
use graphloom_vocab::JsonObject;

use crate::cors::Cors;
use crate::log::{Level, LogFormat, LogType};
use crate::options::{OptionError, Source, Values};
use graphloom_admin::Changes;

impl Settings {
    /// Gives the values their meaning. Errors are options that do not fit each other.
    pub fn new(values: &Values) -> Result<Self, OptionError> {
        check_metadata_defaults(values)?;
        Ok(Self {
            listen: listen(values),
            http: http(values)?,
            websocket: websocket(values),
            log: log(values),
            database: database(values)?,
            auth: auth::config(values)?,
            jwk_window: values.seconds("jwk-window"),
            outbound: auth::outbound(values)?,
            stringify_numeric_types: values.boolean("stringify-numeric-types"),
            drops_null_operands: values.boolean("v1-boolean-null-collapse"),
            trust_native_queries: values.boolean("disable-native-query-validation"),
            changes: if values.boolean("read-only-mode") {
                Changes::ReadOnly
            } else if values.boolean("enable-maintenance-mode") {
                Changes::Refused
            } else {
                Changes::Allowed
            },
            change_signals: values
                .text("live-query-change-signals")
                .map_or_else(ChangeSignals::default, ChangeSignals::parse),
        })
    }
}

/// Defaults are merged into metadata when it is served, and never exported. What can have defaults is not built:
/// anything given is refused by name.
fn check_metadata_defaults(values: &Values) -> Result<(), OptionError> {
    const FLAG: &str = "metadata-defaults";
    let invalid = |reason: String| Err(values.invalid(FLAG, reason));
    let text = values.required(FLAG);
    let Ok(defaults) = serde_json::from_str::<JsonObject>(text) else {
        return invalid("expecting a JSON object".to_owned());
    };
    for (key, value) in &defaults {
        if key != "backend_configs" {
            return invalid(format!(
                "{key:?} cannot have defaults, only \"backend_configs\""
            ));
        }
        let Some(backends) = value.as_object() else {
            return invalid("\"backend_configs\" is no JSON object".to_owned());
        };
        for (backend, agents) in backends {
            if backend != "dataconnector" {
                return invalid(format!(
                    "there are no settings of a kind of database {backend:?}"
                ));
            }
            if let Some(agent) = agents.as_object().and_then(|agents| agents.keys().next()) {
                return invalid(format!(
                    "the agent {agent:?} is a data connector, and there are none in this version"
                ));
            }
        }
    }
    Ok(())
}

fn listen(values: &Values) -> ListenSettings {
    ListenSettings {
        host: values.required("server-host").to_owned(),
        port: u16::try_from(values.integer("server-port")).expect("the table gives the range"),
        connections_max: values.size("max-connections"),
        header_bytes_max: values.size("max-total-header-length"),
        header_timeout: values.seconds("server-timeout"),
        shutdown_timeout: values.seconds("graceful-shutdown-timeout"),
    }
}

fn http(values: &Values) -> Result<HttpSettings, OptionError> {
    let cors = if values.boolean("disable-cors") {
        Cors::Disabled
    } else {
        Cors::parse(values.required("cors-domain"))
            .map_err(|reason| values.invalid("cors-domain", reason))?
    };
    let internal_errors = if values.boolean("dev-mode") {
        InternalErrors::Everyone
    } else if values.boolean("admin-internal-errors") {
        InternalErrors::Admin
    } else {
        InternalErrors::Nobody
    };
    let either = |flag: &str| values.boolean(flag);
    Ok(HttpSettings {
        apis: values
            .list("enabled-apis")
            .iter()
            .filter_map(|name| api(name))
            .collect(),
        console: if either("enable-console") {
            Console::Enabled
        } else {
            Console::Disabled
        },
        relay: if either("enable-relay") {
            Relay::Enabled
        } else {
            Relay::Disabled
        },
        cors,
        hosts: Hosts::Any,
        internal_errors,
        unauthorized_status: if either("preserve-401-errors") {
            UnauthorizedStatus::Preserved
        } else {
            UnauthorizedStatus::Ok
        },
        body_limits: BodyLimits {
            graphql_bytes: values.size("graphql-body-limit"),
            metadata_bytes: values.size("metadata-body-limit"),
            query_bytes: values.size("query-body-limit"),
        },
        body_timeout: values.seconds("body-timeout"),
        body_memory_bytes: values.size("body-memory"),
        batch_max: values.size("batch-limit"),
        ceilings: ceilings(values),
        pg_dump: PgDumpSettings {
            program: values.required("pg-dump").into(),
            bytes_max: values.size("pg-dump-limit"),
            time_limit: values.seconds("pg-dump-timeout"),
        },
        persisted: values
            .boolean("enable-persisted-queries")
            .then(|| PersistedSettings {
                time_to_live: values.seconds("persisted-queries-ttl"),
                memory_bytes: values.integer("persisted-queries-memory"),
            }),
        reported: reported(values),
    })
}

fn ceilings(values: &Values) -> Ceilings {
    Ceilings {
        document: DocumentLimits {
            bytes: values.size("document-limit"),
            tokens: values.size("token-limit"),
            depth: values.size("nesting-limit"),
        },
        operation: OperationLimits {
            fields: values.size("field-limit"),
            root_fields: values.size("root-field-limit"),
            depth: values.size("depth-limit"),
            aliases: values.size("alias-limit"),
            directives: values.size("directive-limit"),
            introspection_lists: values.size("introspection-depth-limit"),
            introspection_bytes: values.size("introspection-limit"),
        },
        variables_bytes: values.size("variables-limit"),
    }
}

fn api(name: &str) -> Option<Api> {
    Some(match name {
        "metadata" => Api::Metadata,
        "graphql" => Api::Graphql,
        "pgdump" => Api::PgDump,
        "config" => Api::Config,
        "developer" => Api::Developer,
        "metrics" => Api::Metrics,
        _ => return None,
    })
}

fn reported(values: &Values) -> Reported {
    let polling = |kind: &str| {
        let batch = format!("{kind}-queries-multiplexed-batch-size");
        let interval = format!("{kind}-queries-multiplexed-refetch-interval");
        (values.integer(&batch), values.integer(&interval))
    };
    let given = |flag: &str| {
        values
            .is_given(flag)
            .then(|| values.required(flag).to_owned())
    };
    Reported {
        infer_function_permissions: values.boolean("infer-function-permissions"),
        remote_schema_permissions: values.boolean("enable-remote-schema-permissions"),
        live_queries: polling("live"),
        streaming_queries: polling("streaming"),
        console_assets_dir: given("console-assets-dir"),
        experimental_features: values.list("experimental-features"),
        naming_convention: given("default-naming-convention"),
        apollo_federation: values.boolean("enable-apollo-federation"),
        allow_list: match values.boolean("enable-allowlist") {
            true => AllowListMode::Enforced,
            false => AllowListMode::Ignored,
        },
    }
}

fn websocket(values: &Values) -> WebsocketSettings {
    let keeps = values.boolean("disable-close-websockets-on-metadata-change")
        || !values.boolean("close-websockets-on-metadata-change");
    WebsocketSettings {
        keep_alive: values.seconds("websocket-keepalive"),
        init_timeout: values.seconds("websocket-connection-init-timeout"),
        message_bytes_max: values.size("websocket-message-limit"),
        compression: if values.boolean("websocket-compression") {
            MessageCompression::Offered
        } else {
            MessageCompression::Never
        },
        operations_max: values.size("websocket-operations-limit"),
        subscriptions_max: values.size("websocket-subscriptions-limit"),
        cookie: if values.boolean("ws-read-cookie") {
            HandshakeCookie::Read
        } else {
            HandshakeCookie::Dropped
        },
        on_metadata_change: if keeps {
            OnMetadataChange::Keep
        } else {
            OnMetadataChange::Close
        },
    }
}

fn log(values: &Values) -> LogSettings {
    let types = values.list("enabled-log-types");
    let masked = values.text("log-masked-variables").unwrap_or_default();
    let masked = masked.split(',').map(|name| name.trim().to_owned());
    LogSettings {
        types: types
            .iter()
            .filter_map(|name| LogType::parse(name))
            .collect(),
        level: Level::parse(values.required("log-level")).expect("the table gives the words"),
        format: if values
            .required("log-format")
            .trim()
            .eq_ignore_ascii_case("pretty")
        {
            LogFormat::Pretty
        } else {
            LogFormat::Json
        },
        queries: if values.boolean("http-log-query-only-on-error") {
            QueryLogging::OnError
        } else {
            QueryLogging::Always
        },
        metadata_queries: if values.boolean("enable-metadata-query-logging") {
            MetadataQueryLogging::Enabled
        } else {
            MetadataQueryLogging::Disabled
        },
        masked_variables: masked.filter(|name| !name.is_empty()).collect(),
    }
}

fn database(values: &Values) -> Result<DatabaseSettings, OptionError> {
    let default_url = match values.text("database-url") {
        Some(url) => Some(url.to_owned()),
        None => url_from_parts(values)?,
    };
    let metadata_url = values.text("metadata-database-url").map(str::to_owned);
    let Some(metadata_url) = metadata_url.or_else(|| default_url.clone()) else {
        return Err(OptionError::Conflict(
            "no database is given: set --database-url (HASURA_GRAPHQL_DATABASE_URL) or \
             --metadata-database-url (HASURA_GRAPHQL_METADATA_DATABASE_URL), for example \
             postgres://user:password@host:5432/database"
                .to_owned(),
        ));
    };
    let unless_zero = |flag: &str| Some(values.seconds(flag)).filter(|time| !time.is_zero());
    let default_origin = match values.source("database-url") {
        Source::Variable(_) => UrlOrigin::Environment,
        Source::Flag(_) | Source::Default => UrlOrigin::Options,
    };
    let sync_interval = Duration::from_millis(values.integer("schema-sync-poll-interval"));
    Ok(DatabaseSettings {
        default_url,
        default_origin,
        metadata_url,
        secrets_prefix: values
            .text("dynamic-secrets-allowed-path-prefix")
            .map(str::to_owned),
        retries: values.integer("retries"),
        connections_max: values.size("connections"),
        idle_timeout: Duration::from_secs(values.integer("timeout")),
        lifetime: unless_zero("conn-lifetime"),
        pool_timeout: values
            .is_given("pool-timeout")
            .then(|| values.seconds("pool-timeout")),
        statement_timeout: unless_zero("statement-timeout"),
        prepared_statements: values.boolean("use-prepared-statements"),
        isolation_level: values.required("tx-iso").trim().to_ascii_lowercase(),
        sync_interval: (!sync_interval.is_zero()).then_some(sync_interval),
    })
}

/// A URL from `--host`, `--port`, `--user`, `--password`, `--dbname` and `--options`, if `--host` is given.
fn url_from_parts(values: &Values) -> Result<Option<String>, OptionError> {
    let Some(host) = values.text("host") else {
        return Ok(None);
    };
    let (Some(user), Some(database)) = (values.text("user"), values.text("dbname")) else {
        let message = "--host needs --user and --dbname beside it";
        return Err(OptionError::Conflict(message.to_owned()));
    };
    let bad_host = || values.invalid("host", "expecting a host name or an address");
    let mut url = url::Url::parse("postgres://host").expect("a valid URL");
    url.set_host(Some(host)).map_err(|_| bad_host())?;
    if values.is_given("port") {
        let port = u16::try_from(values.integer("port")).expect("the table gives the range");
        url.set_port(Some(port)).map_err(|()| bad_host())?;
    }
    url.set_username(user).map_err(|()| bad_host())?;
    url.set_password(values.text("password"))
        .map_err(|()| bad_host())?;
    url.path_segments_mut()
        .map_err(|()| bad_host())?
        .push(database);
    if let Some(options) = values.text("options") {
        // A space as %20: a plus stays one in a connection URL.
        let options: String = url::form_urlencoded::byte_serialize(options.as_bytes()).collect();
        url.set_query(Some(&format!("options={}", options.replace('+', "%20"))));
    }
    Ok(Some(url.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::collections::HashMap;

    use super::*;
    use crate::options::{CommandLine, SERVE};

    fn settings(flags: &[&str]) -> Result<Settings, OptionError> {
        let line = CommandLine::parse(flags.iter().map(|&flag| flag.to_owned()), &[SERVE])?;
        let values = Values::resolve(&line, &HashMap::new(), &[SERVE])?;
        Settings::new(&values)
    }

    #[test]
    fn the_metadata_database_falls_back_to_the_default_source() {
        let both = settings(&["--database-url=postgres://a/b"])
            .unwrap()
            .database;
        assert_eq!(both.metadata_url, "postgres://a/b");
        let one = settings(&["--metadata-database-url=postgres://m/n"])
            .unwrap()
            .database;
        assert_eq!(
            (one.default_url, one.metadata_url.as_str()),
            (None, "postgres://m/n")
        );
        let error = settings(&[]).unwrap_err().to_string();
        assert!(error.starts_with("no database is given"), "{error}");
    }

    #[test]
    fn a_url_is_made_of_parts() {
        let parts = [
            "--host",
            "db",
            "--port",
            "1",
            "-u",
            "me",
            "-p",
            "p@ss/w",
            "-d",
            "my db",
            "-o",
            "-c geqo=off",
        ];
        let database = settings(&parts).unwrap().database;
        assert_eq!(
            database.metadata_url,
            "postgres://me:p%40ss%2Fw@db:1/my%20db?options=-c%20geqo%3Doff"
        );
    }

    #[test]
    fn defaults_of_metadata_are_taken_or_refused_by_name() {
        let with = |defaults: &str| {
            let flag = format!("--metadata-defaults={defaults}");
            let read = settings(&["--database-url=postgres://a/b", &flag]);
            read.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(with("{}"), Ok(()));
        assert_eq!(
            with(r#"{"backend_configs": {"dataconnector": {}}}"#),
            Ok(())
        );
        for (defaults, reason) in [
            ("[]", "expecting a JSON object"),
            ("{", "expecting a JSON object"),
            (r#"{"sources": []}"#, "\"sources\" cannot have defaults"),
            (r#"{"backend_configs": 1}"#, "is no JSON object"),
            (
                r#"{"backend_configs": {"pg": {}}}"#,
                "kind of database \"pg\"",
            ),
            (
                r#"{"backend_configs": {"dataconnector": {"sqlite": {"uri": "http://s"}}}}"#,
                "the agent \"sqlite\" is a data connector",
            ),
        ] {
            let error = with(defaults).unwrap_err();
            assert!(error.starts_with("option --metadata-defaults"), "{error}");
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        let settings = settings(&["--database-url=postgres://a/b"]).unwrap();
        assert_eq!(settings.http.cors, Cors::AllowAll);
        assert_eq!(settings.http.internal_errors, InternalErrors::Admin);
        assert_eq!(settings.http.apis.len(), 4);
        assert_eq!(
            settings.websocket.on_metadata_change,
            OnMetadataChange::Close
        );
        assert_eq!(settings.log.types.len(), 5);
        assert_eq!(settings.listen.port, 8080);
    }
}
