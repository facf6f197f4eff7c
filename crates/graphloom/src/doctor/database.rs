//! Checks of a database: can we connect, which version is it, what may we do with the catalog in it.
//!
//! Reads and never writes.

use std::collections::HashMap;

use graphloom_pg::{Connection, ConnectionOptions, PgError, Statement, connect_once};
use graphloom_server::settings::DatabaseSettings;
use graphloom_vocab::Json;
use serde_json::json;

use super::{Finding, State};

const FACTS: &str = include_str!("database.sql");
const CATALOG_VERSION: &str = include_str!("catalog_version.sql");

/// The catalog version that is served.
const SERVED_VERSION: &str = "48";
/// The oldest Postgres that is tested, as `server_version_num`.
const OLDEST_TESTED: u64 = 130_000;

/// A database to look at.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    check: &'static str,
    url: String,
    /// Where files with URLs may lie.
    secrets_prefix: Option<String>,
    catalog: Catalog,
}

/// Whether the metadata catalog belongs into a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Catalog {
    Here,
    Elsewhere,
}

/// The databases that are named, else the managed one if it is running.
pub(crate) fn targets(named: Option<&DatabaseSettings>, running: Option<String>) -> Vec<Target> {
    let Some(named) = named else {
        let target = |url| Target {
            check: "managed database",
            url,
            secrets_prefix: None,
            catalog: Catalog::Here,
        };
        return running.into_iter().map(target).collect();
    };
    let mut targets = Vec::new();
    if let Some(url) = named.default_url.clone()
        && url != named.metadata_url
    {
        targets.push(Target {
            check: "source default",
            url,
            secrets_prefix: named.secrets_prefix.clone(),
            catalog: Catalog::Elsewhere,
        });
    }
    let url = named.metadata_url.clone();
    targets.push(Target {
        check: "metadata database",
        url,
        secrets_prefix: named.secrets_prefix.clone(),
        catalog: Catalog::Here,
    });
    targets
}

/// Connects and looks.
pub(crate) async fn check(target: &Target, environment: &HashMap<String, String>) -> Finding {
    let lookup = |name: &str| environment.get(name).cloned();
    let prefix = target.secrets_prefix.as_deref();
    let problem = |text: String| Finding::new(target.check, State::Problem, text);
    let options = match ConnectionOptions::parse_or_read(&target.url, prefix, &lookup) {
        Ok(options) => options,
        Err(error) => return problem(error.to_string()),
    };
    match look(&options, target.catalog).await {
        Ok((facts, version)) => judge(target, &options.redacted(), facts, version.as_deref()),
        Err(error) => problem(error.to_string()),
    }
}

/// The facts, and the catalog's version if it can be read.
async fn look(
    options: &ConnectionOptions,
    catalog: Catalog,
) -> Result<(Json, Option<String>), PgError> {
    let mut connection = connect_once(options).await?;
    let text = connection.query_json(&Statement::new(FACTS), &[]).await?;
    let facts = text.and_then(|text| serde_json::from_slice::<Json>(&text).ok());
    let facts = facts.unwrap_or_default();
    let can_read = is(&facts, "may_use_catalog_schema") && is(&facts, "may_read_version");
    let version = match catalog == Catalog::Here && can_read {
        true => catalog_version(&mut connection).await?,
        false => None,
    };
    Ok((facts, version))
}

async fn catalog_version(connection: &mut Connection) -> Result<Option<String>, PgError> {
    let statement = Statement::new(CATALOG_VERSION);
    let rows = connection.query_text_rows(&statement, &[]).await?;
    Ok(rows.into_iter().flatten().flatten().next())
}

fn is(facts: &Json, key: &str) -> bool {
    facts[key].as_bool().unwrap_or(false)
}

fn judge(target: &Target, url: &str, mut facts: Json, version: Option<&str>) -> Finding {
    let text = |key: &str| facts[key].as_str().unwrap_or_default().to_owned();
    let mut found = format!(
        "PostgreSQL {} at {url}, as user {}",
        text("server_version"),
        text("user")
    );
    let mut state = State::Ok;
    if facts["server_version_num"].as_u64().unwrap_or_default() < OLDEST_TESTED {
        state = State::Warning;
        found.push_str("\nit is older than PostgreSQL 13, the oldest that is tested");
    }
    if target.catalog == Catalog::Here {
        let (catalog_state, told) = judge_catalog(&facts, version);
        state = state.max(catalog_state);
        found.push('\n');
        found.push_str(&told);
    }
    for advice in ["grant_user", "grant_database"] {
        if let Some(facts) = facts.as_object_mut() {
            facts.remove(advice);
        }
    }
    facts["url"] = url.into();
    facts["catalog_version"] = json!(version);
    Finding::new(target.check, state, found).with(facts)
}

fn judge_catalog(facts: &Json, version: Option<&str>) -> (State, String) {
    let text = |key: &str| facts[key].as_str().unwrap_or_default();
    let (user, database) = (text("grant_user"), text("grant_database"));
    match (is(facts, "has_version_table"), version) {
        (true, Some(SERVED_VERSION)) if is(facts, "may_change_metadata") => (
            State::Ok,
            format!("it has a metadata catalog of version {SERVED_VERSION}"),
        ),
        (true, Some(SERVED_VERSION) | None) => {
            let text = format!(
                "its metadata catalog may not be used by this user; let its owner run: \
                 GRANT USAGE ON SCHEMA hdb_catalog TO {user}; GRANT SELECT, INSERT, UPDATE, DELETE ON \
                 ALL TABLES IN SCHEMA hdb_catalog TO {user};"
            );
            (State::Problem, text)
        }
        (true, Some("40" | "41" | "42" | "43" | "44" | "45" | "46" | "47")) => {
            let found = version.unwrap_or_default();
            let text = format!(
                "its metadata catalog has version {found}; `serve` brings it up to version {SERVED_VERSION}"
            );
            (State::Ok, text)
        }
        (true, Some(other)) => {
            let text = format!(
                "its metadata catalog has version {other} and not {SERVED_VERSION}; start Hasura \
                 GraphQL Engine v2.48 on it once to bring an older one up to date"
            );
            (State::Problem, text)
        }
        (false, _) => judge_creation(facts, (user, database)),
    }
}

/// There is no catalog yet: may we make one?
fn judge_creation(facts: &Json, (user, database): (&str, &str)) -> (State, String) {
    let advice = if is(facts, "has_catalog_schema") {
        // shown, not run: for the schema's owner.
        let alter = format!("ALTER SCHEMA hdb_catalog OWNER TO {user};");
        (!is(facts, "may_create_in_catalog_schema")).then_some(alter)
    } else {
        // shown, not run: for the database's owner.
        let grant = format!("GRANT CREATE ON DATABASE {database} TO {user};");
        (!is(facts, "may_create_schema")).then_some(grant)
    };
    match advice {
        None => (
            State::Ok,
            "it has no metadata catalog; the first start makes one (schema hdb_catalog)".to_owned(),
        ),
        Some(advice) => (
            State::Problem,
            format!(
                "it has no metadata catalog, and this user may not make one; let the owner run: {advice}"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(more: Json) -> Json {
        let mut facts = json!({
            "server_version": "15.4", "server_version_num": 150_004, "user": "me",
            "grant_user": "me", "grant_database": "\"My db\"",
        });
        for (key, value) in more.as_object().unwrap() {
            facts[key] = value.clone();
        }
        facts
    }

    #[test]
    fn what_cannot_be_used_comes_with_what_helps() {
        let (state, text) = judge_catalog(&facts(json!({ "may_create_schema": false })), None);
        assert_eq!(state, State::Problem);
        assert!(
            text.ends_with("GRANT CREATE ON DATABASE \"My db\" TO me;"),
            "{text}"
        );
        let (state, _) = judge_catalog(&facts(json!({ "may_create_schema": true })), None);
        assert_eq!(state, State::Ok);
        let there = facts(json!({ "has_version_table": true, "may_change_metadata": true }));
        assert_eq!(judge_catalog(&there, Some("48")).0, State::Ok);
        let (state, text) = judge_catalog(&there, Some("47"));
        assert_eq!(state, State::Ok);
        assert!(text.contains("brings it up to version 48"), "{text}");
        for version in ["39", "49"] {
            assert_eq!(judge_catalog(&there, Some(version)).0, State::Problem);
        }
        let (state, text) = judge_catalog(&there, None);
        assert_eq!(state, State::Problem);
        assert!(
            text.contains("GRANT USAGE ON SCHEMA hdb_catalog TO me;"),
            "{text}"
        );
    }

    #[test]
    fn an_old_server_is_a_warning() {
        let target = Target {
            secrets_prefix: None,
            check: "x",
            url: String::new(),
            catalog: Catalog::Elsewhere,
        };
        let old = facts(json!({ "server_version_num": 110_022 }));
        assert_eq!(
            judge(&target, "postgres://db", old, None).state,
            State::Warning
        );
        let new = judge(&target, "postgres://db", facts(json!({})), None);
        assert_eq!(new.state, State::Ok);
        assert!(new.details.get("grant_user").is_none());
    }
}
