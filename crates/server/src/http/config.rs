//! The small endpoints: version, health, configuration.

use bytes::Bytes;
use graphloom_admin::Health;
use graphloom_auth::{AuthConfig, JwtConfig};
use graphloom_execute::AllowListMode;
use graphloom_vocab::{Json, JsonObject};
use http::StatusCode;
use serde_json::json;

use super::reply::Reply;
use crate::settings::HttpSettings;
use crate::version;

/// `{"version": …, "graphloom_version": …}`
pub(crate) fn version() -> Reply {
    let json = json!({ "version": version::API_VERSION, "graphloom_version": version::VERSION });
    Reply::json(Bytes::from(json.to_string()))
}

/// What a probe asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    Ordinary,
    Strict,
}

/// Whether the query string says `strict=true`.
pub(crate) fn is_strict(query: Option<&str>) -> Strictness {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let strict = pairs.filter(|(name, _)| name == "strict").last();
    match strict.as_ref().map(|(_, value)| value.as_ref()) {
        Some("true") => Strictness::Strict,
        _ => Strictness::Ordinary,
    }
}

/// `OK`, `WARN …` or `ERROR …`
pub(crate) fn health(health: Health, strict: Strictness) -> Reply {
    let error = StatusCode::INTERNAL_SERVER_ERROR;
    match (health, strict) {
        (Health::Ok, _) => Reply::text(StatusCode::OK, "OK"),
        (Health::Inconsistent, Strictness::Ordinary) => {
            Reply::text(StatusCode::OK, "WARN: inconsistent objects in schema")
        }
        (Health::Inconsistent, Strictness::Strict) => {
            Reply::text(error, "ERROR: inconsistent objects in schema")
        }
        (Health::MetadataDatabaseDown, _) => Reply::text(error, "ERROR"),
    }
}

/// How subscriptions are polled: batch size, and the interval in seconds as v2 reports it.
pub(crate) fn polling((batch_size, refetch_delay_ms): (u64, u64)) -> Json {
    let seconds = std::time::Duration::from_millis(refetch_delay_ms).as_secs_f64();
    json!({ "batch_size": batch_size, "refetch_delay": number(seconds) })
}

/// `GET /v1alpha1/config`: what is configured, with what metadata adds in its place.
pub(crate) fn config(settings: &HttpSettings, auth: &AuthConfig, more: JsonObject) -> JsonObject {
    let reported = &settings.reported;
    let naming = reported.naming_convention.as_deref();
    let mut config = JsonObject::new();
    let mut set = |name: &str, value: Json| drop(config.insert(name.to_owned(), value));
    set("version", version::API_VERSION.into());
    set("graphloom_version", version::VERSION.into());
    set(
        "is_function_permissions_inferred",
        reported.infer_function_permissions.into(),
    );
    set(
        "is_remote_schema_permissions_enabled",
        reported.remote_schema_permissions.into(),
    );
    set("is_admin_secret_set", auth.is_admin_secret_set().into());
    set("is_auth_hook_set", auth.is_webhook_set().into());
    set("is_jwt_set", (!auth.jwts().is_empty()).into());
    set("jwt", auth.jwts().iter().map(JwtConfig::to_json).collect());
    set(
        "is_allow_list_enabled",
        (reported.allow_list == AllowListMode::Enforced).into(),
    );
    set("live_queries", polling(reported.live_queries));
    set("streaming_queries", polling(reported.streaming_queries));
    set(
        "console_assets_dir",
        reported.console_assets_dir.as_deref().into(),
    );
    set(
        "experimental_features",
        reported.experimental_features.clone().into(),
    );
    set("is_prometheus_metrics_enabled", false.into());
    set("default_naming_convention", naming.into());
    set("feature_flags", json!([]));
    set(
        "is_apollo_federation_enabled",
        reported.apollo_federation.into(),
    );
    config.extend(more);
    config
}

/// A whole number without a fraction, as v2 prints it.
fn number(seconds: f64) -> Json {
    let whole = seconds.trunc();
    if (whole - seconds).abs() < f64::EPSILON {
        let text = format!("{whole:.0}");
        return serde_json::from_str(&text).unwrap_or(Json::Null);
    }
    seconds.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_settings;

    #[test]
    fn health_speaks_v2s_words() {
        let say = |state, query| {
            let reply = health(state, is_strict(query));
            (
                reply.status.as_u16(),
                String::from_utf8_lossy(&reply.body).into_owned(),
            )
        };
        assert_eq!(say(Health::Ok, Some("strict=true")), (200, "OK".to_owned()));
        let warn = "WARN: inconsistent objects in schema".to_owned();
        assert_eq!(say(Health::Inconsistent, None), (200, warn.clone()));
        assert_eq!(say(Health::Inconsistent, Some("strict=false")), (200, warn));
        let error = "ERROR: inconsistent objects in schema".to_owned();
        assert_eq!(
            say(Health::Inconsistent, Some("a=b&strict=true")),
            (500, error)
        );
        assert_eq!(
            say(Health::MetadataDatabaseDown, None),
            (500, "ERROR".to_owned())
        );
    }

    #[test]
    fn config_has_v2s_keys_and_metadatas_last_word() {
        let settings = test_settings(&["--admin-secret=k"]);
        let more = json!({ "is_allow_list_enabled": true, "extra": 1 });
        let Json::Object(more) = more else {
            unreachable!()
        };
        let config = Json::Object(config(&settings.http, &settings.auth, more));
        assert_eq!(config["is_admin_secret_set"], true);
        assert_eq!(config["is_allow_list_enabled"], true);
        assert_eq!(
            config["live_queries"].to_string(),
            r#"{"batch_size":100,"refetch_delay":1}"#
        );
        assert_eq!(config["extra"], 1);
    }
}
