//! From settings to services: the metadata database, the administration and the engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use graphloom_admin::{
    Admin, AdminEvent, AdminOptions, Changes, DefaultSource, NativeQueries, Preview,
};
use graphloom_execute::{Engine, EngineOptions, Hints, Mutations, Outside};
use graphloom_metadata::types::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions};
use graphloom_schema::{
    Feature, FunctionPermissions, NamingConvention, NullOperands, Numerics,
    Settings as SchemaSettings,
};
use graphloom_store::{InstanceId, Origin, Store, Upgrade};
use graphloom_subscribe::{ChangeSignals, Hub, Observer, Options, Polling, remove_change_signals};
use graphloom_vocab::{Internal, Json};
use serde_json::json;

use crate::log::{Level, LogType, Logs};
use crate::services::{Services, Wired};
use crate::settings::{DatabaseSettings, InternalErrors, Settings, UrlOrigin};
use crate::startup::Fatal;

/// Most connections to the metadata database: one writes at a time, and the rest only look.
const METADATA_CONNECTIONS_MAX: usize = 8;
/// Who we are in `pg_stat_activity`, unless the URL says something else.
const METADATA_IDLE_TIMEOUT: Duration = Duration::from_mins(3);

/// Opens the metadata database, creates its catalog if there is none, and serves what it says.
///
/// Errors are those of the metadata database and of what is stored in it; a source that cannot be
/// reached is logged and tried again.
pub async fn wire(
    settings: &Settings,
    environment: HashMap<String, String>,
    logs: &Logs,
) -> Result<Arc<dyn Services>, Fatal> {
    let store = open_store(settings, &environment, logs).await?;
    let outside = Outside {
        client: settings.outbound.clone(),
        environment: environment.clone(),
    };
    let engine = Arc::new(Engine::new(engine_options(settings)).with_outside(outside));
    let options = admin_options(settings, environment, logs);
    let admin = Admin::start(options, store, engine.clone()).await;
    let admin = admin.map_err(|error| {
        // The detail may have what a person needs; there is no other place to show it.
        let detail = match error.internal() {
            Some(Internal::Guarded(Json::String(detail))) => format!(": {detail}"),
            _ => String::new(),
        };
        Fatal::Services(format!("metadata: {}{detail}", error.message()))
    })?;
    let inconsistent = admin.inconsistencies();
    if !inconsistent.is_empty() {
        let info = json!({ "objects": inconsistent });
        logs.startup(Level::Warn, "inconsistent_metadata", info);
    }
    let info = json!({ "resource_version": admin.resource_version() });
    logs.startup(Level::Info, "metadata", info);
    let observed = logs.clone();
    let observer: Observer = Arc::new(move |event| observed.live(event));
    let hub = Hub::new(subscriptions(settings), Some(observer));
    if settings.changes != Changes::ReadOnly {
        tokio::spawn(tidy_up(
            Arc::clone(&engine),
            settings.change_signals.clone(),
        ));
    }
    Ok(Arc::new(Wired { engine, admin, hub }))
}

/// What the engine is told.
pub fn engine_options(settings: &Settings) -> EngineOptions {
    EngineOptions {
        allow_list: settings.http.reported.allow_list,
        document: settings.http.ceilings.document,
        operation: settings.http.ceilings.operation,
        variables_bytes: settings.http.ceilings.variables_bytes,
        hints: match settings.http.internal_errors {
            InternalErrors::Everyone => Hints::Given,
            InternalErrors::Admin | InternalErrors::Nobody => Hints::Withheld,
        },
        mutations: match settings.changes {
            Changes::Allowed | Changes::Refused => Mutations::Allowed,
            Changes::ReadOnly => Mutations::Refused,
        },
        ..EngineOptions::default()
    }
}

/// Removes the triggers that an earlier run made in sources where nobody wants them any more.
async fn tidy_up(engine: Arc<Engine>, wanted: ChangeSignals) {
    let snapshot = engine.snapshot();
    for (source, pool) in &snapshot.pools {
        if !wanted.are_in(source) {
            // A source that cannot be reached, or a user who may not: they tell what nobody hears, and that is all.
            remove_change_signals(pool).await.ok();
        }
    }
}

/// How subscriptions are polled, as `/v1alpha1/config` tells it, and where changes are told.
fn subscriptions(settings: &Settings) -> Options {
    let reported = &settings.http.reported;
    let polling = |(batch_size, interval_ms): (u64, u64)| {
        let batch_size = usize::try_from(batch_size).unwrap_or(usize::MAX);
        Polling::new(Duration::from_millis(interval_ms), batch_size)
    };
    Options {
        live: polling(reported.live_queries),
        streaming: polling(reported.streaming_queries),
        change_signals: match settings.changes {
            // Triggers would be changes, too.
            Changes::ReadOnly => ChangeSignals::Nowhere,
            Changes::Allowed | Changes::Refused => settings.change_signals.clone(),
        },
    }
}

/// The pool of the metadata database. Error: its URL.
pub(crate) fn metadata_pool(
    settings: &DatabaseSettings,
    environment: &HashMap<String, String>,
) -> Result<Pool, Fatal> {
    let lookup = |name: &str| environment.get(name).cloned();
    let prefix = settings.secrets_prefix.as_deref();
    let connect = ConnectionOptions::parse_or_read(&settings.metadata_url, prefix, &lookup);
    let connect = connect
        .map_err(|error| Fatal::Services(format!("the URL of the metadata database: {error}")))?;
    let pool = PoolOptions {
        max_connections: settings.connections_max.clamp(1, METADATA_CONNECTIONS_MAX),
        idle_timeout: METADATA_IDLE_TIMEOUT,
        connection_lifetime: settings.lifetime,
        connect_retries: u32::try_from(settings.retries).unwrap_or(u32::MAX),
        ..PoolOptions::default()
    };
    Ok(Pool::new(connect, pool))
}

async fn open_store(
    settings: &Settings,
    environment: &HashMap<String, String>,
    logs: &Logs,
) -> Result<Store, Fatal> {
    let pool = metadata_pool(&settings.database, environment)?;
    let database = pool.connection_options().redacted();
    let initial = Metadata::default().to_json();
    let upgrade = match settings.changes {
        Changes::Allowed => Upgrade::Allowed {
            default_source: default_source(&settings.database)
                .map(|source| source.configuration().to_json()),
        },
        Changes::Refused | Changes::ReadOnly => Upgrade::Refused,
    };
    let opened = Store::open(pool, InstanceId::random(), &initial, &upgrade).await;
    let opened = opened.map_err(|error| Fatal::Services(error.to_string()))?;
    let catalog = match opened.origin {
        Origin::Found => "found".to_owned(),
        Origin::Created => "created".to_owned(),
        Origin::Upgraded(from) => format!("brought up to date from version {from}"),
    };
    let info = json!({ "database": database, "catalog": catalog });
    logs.startup(Level::Info, "metadata_database", info);
    Ok(opened.store)
}

/// What `serve` would serve, without serving it: of this document or else of the stored one. Nothing is changed
/// anywhere.
pub async fn preview(
    settings: &Settings,
    environment: HashMap<String, String>,
    document: Option<Json>,
    logs: &Logs,
) -> Result<Preview, Fatal> {
    let document = match document {
        Some(document) => document,
        None => {
            let pool = metadata_pool(&settings.database, &environment)?;
            let found = Store::peek(&pool).await;
            let found = found.map_err(|error| Fatal::Services(error.to_string()))?;
            found.unwrap_or(Json::Null)
        }
    };
    let options = admin_options(settings, environment, logs);
    let preview = Preview::of(options, &document).await;
    preview.map_err(|error| Fatal::Services(format!("metadata: {}", error.message())))
}

fn admin_options(
    settings: &Settings,
    environment: HashMap<String, String>,
    logs: &Logs,
) -> AdminOptions {
    let convention = settings.http.reported.naming_convention.as_deref();
    let features = settings.http.reported.experimental_features.iter();
    let logs = logs.clone();
    AdminOptions {
        environment,
        default_source: default_source(&settings.database),
        schema: SchemaSettings {
            numerics: if settings.stringify_numeric_types {
                Numerics::Strings
            } else {
                Numerics::Numbers
            },
            naming_convention: convention
                .and_then(NamingConvention::parse)
                .unwrap_or_default(),
            function_permissions: if settings.http.reported.infer_function_permissions {
                FunctionPermissions::Inferred
            } else {
                FunctionPermissions::Explicit
            },
            null_operands: if settings.drops_null_operands {
                NullOperands::Dropped
            } else {
                NullOperands::Refused
            },
            features: features.filter_map(|name| Feature::parse(name)).collect(),
        },
        native_queries: if settings.trust_native_queries {
            NativeQueries::Trusted
        } else {
            NativeQueries::Checked
        },
        changes: settings.changes,
        sync_interval: settings.database.sync_interval,
        statement_timeout: settings.database.statement_timeout,
        secrets_prefix: settings.database.secrets_prefix.clone(),
        observer: Some(Arc::new(move |event| log_event(&logs, event))),
    }
}

fn default_source(settings: &DatabaseSettings) -> Option<DefaultSource> {
    let url = settings.default_url.as_ref()?;
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let source = match settings.default_origin {
        UrlOrigin::Environment => DefaultSource::from_environment(),
        UrlOrigin::Options => DefaultSource::from_url(url),
    };
    Some(DefaultSource {
        max_connections: u32::try_from(settings.connections_max).unwrap_or(u32::MAX),
        idle_timeout_s: seconds(settings.idle_timeout),
        retries: u32::try_from(settings.retries).unwrap_or(u32::MAX),
        connection_lifetime_s: settings.lifetime.map(seconds),
        pool_timeout_s: settings.pool_timeout.map(seconds),
        use_prepared_statements: settings.prepared_statements,
        isolation_level: settings.isolation_level.clone(),
        ..source
    })
}

fn log_event(logs: &Logs, event: &AdminEvent) {
    let (level, text, detail) = match event {
        AdminEvent::SourceUnavailable { source, reason } => (
            Level::Warn,
            "a source cannot be used; it is tried again",
            json!({ "source": source, "reason": reason }),
        ),
        AdminEvent::SourceRecovered { source } => (
            Level::Info,
            "a source can be used again",
            json!({ "source": source }),
        ),
        AdminEvent::ReplicaUnavailable {
            source,
            position,
            reason,
        } => (
            Level::Warn,
            "a read replica does not answer; others are asked in its place, and it is tried again",
            json!({ "source": source, "read_replica": position, "reason": reason }),
        ),
        AdminEvent::ReplicaRecovered { source, position } => (
            Level::Info,
            "a read replica answers again",
            json!({ "source": source, "read_replica": position }),
        ),
        AdminEvent::Synchronized { resource_version } => (
            Level::Info,
            "metadata was changed by another instance and read anew",
            json!({ "resource_version": resource_version }),
        ),
        AdminEvent::SyncFailed { reason } => (
            Level::Warn,
            "the metadata database cannot be asked for changes; it is asked again",
            json!({ "reason": reason }),
        ),
    };
    let detail = json!({ "message": text, "info": detail });
    logs.write(LogType::Metadata, level, detail);
}
