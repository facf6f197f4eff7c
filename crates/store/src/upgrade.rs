//! Catalogs of other versions: from 40 up to the one that is served, and back as far as 43.
//!
//! Each step is a fixed script, and what it makes is what Hasura GraphQL Engine makes of the same catalog,
//! so that either engine can go on with it. Up to version 42 the metadata was in tables; the step from there
//! writes the document that they come to. Read next: `sql/upgrade/`.

use graphloom_pg::{Connection, Pool};
use graphloom_vocab::{Json, JsonObject};
use serde_json::json;

use crate::error::StoreError;
use crate::open::{CATALOG_VERSION, Identity, begin, inspect, lock, statement, stored_version};

/// What may be done with a catalog of an older version.
#[derive(Clone, Debug, PartialEq)]
pub enum Upgrade {
    /// It is brought up to date.
    Allowed {
        /// The configuration of the source `default`, for a catalog that has no sources yet: its tables are in
        /// the database that the server is given.
        default_source: Option<Json>,
    },
    /// It is left as it is, and read if that can be done (maintenance mode, read-only mode).
    Refused,
}

/// A catalog version that there is a step from.
struct Step {
    from: &'static str,
    up: Up,
    /// Back to `from`.
    down: Option<&'static str>,
}

/// How a step goes.
enum Up {
    Script(&'static str),
    /// From tables to one document.
    ToDocument,
}

macro_rules! script {
    ($name:literal) => {
        include_str!(concat!("sql/upgrade/", $name, ".sql"))
    };
}

/// In order; the last leads to [`CATALOG_VERSION`].
const STEPS: [Step; 8] = [
    Step {
        from: "40",
        up: Up::Script(script!("40_to_41")),
        down: None,
    },
    Step {
        from: "41",
        up: Up::Script(script!("41_to_42")),
        down: None,
    },
    Step {
        from: "42",
        up: Up::ToDocument,
        down: None,
    },
    Step {
        from: "43",
        up: Up::Script(script!("43_to_44")),
        down: Some(script!("44_to_43")),
    },
    Step {
        from: "44",
        up: Up::Script(script!("44_to_45")),
        down: Some(script!("45_to_44")),
    },
    Step {
        from: "45",
        up: Up::Script(script!("45_to_46")),
        down: Some(script!("46_to_45")),
    },
    Step {
        from: "46",
        up: Up::Script(script!("46_to_47")),
        down: Some(script!("47_to_46")),
    },
    Step {
        from: "47",
        up: Up::Script(script!("47_to_48")),
        down: Some(script!("48_to_47")),
    },
];

/// The oldest version whose document and notifications are where they are now, so that it can be served without
/// being changed.
const READABLE: u32 = 45;
/// The oldest version that has a document.
const WITH_DOCUMENT: u32 = 43;

/// Brings a catalog of the version `found` up to date. Run inside a transaction that holds the lock.
pub(crate) async fn upgrade(
    connection: &mut Connection,
    found: &str,
    default_source: Option<&Json>,
) -> Result<(), StoreError> {
    let Some(first) = STEPS.iter().position(|step| step.from == found) else {
        let reason = "it is of a version before 40 (Hasura GraphQL Engine v1.3.3). Back it up, start Hasura \
                      GraphQL Engine v2.48 on it once (which brings it up to date), stop it, and start again";
        return Err(older(found, reason));
    };
    for step in &STEPS[first..] {
        match step.up {
            Up::Script(script) => connection.script(script).await?,
            Up::ToDocument => to_document(connection, found, default_source).await?,
        }
    }
    set_version(connection, CATALOG_VERSION).await
}

/// Whether a catalog of this version can be served as it is; otherwise why not.
pub(crate) fn check_readable(found: &str) -> Result<(), StoreError> {
    match found.parse::<u32>() {
        Ok(version) if version >= READABLE => Ok(()),
        _ => Err(older(
            found,
            "it may not be changed in maintenance mode or read-only mode, and is too old to be served as it is",
        )),
    }
}

async fn to_document(
    connection: &mut Connection,
    found: &str,
    default_source: Option<&Json>,
) -> Result<(), StoreError> {
    let Some(configuration) = default_source else {
        let reason = "cannot migrate to catalog version 43 without --database-url or env var \
                      HASURA_GRAPHQL_DATABASE_URL";
        return Err(older(found, reason));
    };
    let has_triggers = one_text(connection, script!("has_event_triggers")).await?;
    if has_triggers == "true" {
        let reason = "it has event triggers, whose functions this version does not make anew. Start Hasura \
                      GraphQL Engine v2.48 on it once, stop it, and start again";
        return Err(older(found, reason));
    }
    let text = one_text(connection, script!("document_of_42")).await?;
    let tables: JsonObject = serde_json::from_str(&text)
        .map_err(|_| StoreError::Damaged("its tables cannot be read".to_owned()))?;
    let document = document(tables, configuration).to_string();
    connection.script(script!("42_to_43")).await?;
    let insert = statement(include_str!("sql/insert_metadata.sql"));
    connection.execute(&insert, &[Some(&document)]).await?;
    Ok(())
}

/// The document of version 3 that the tables come to.
fn document(mut tables: JsonObject, configuration: &Json) -> Json {
    let mut take = |key: &str| tables.remove(key).unwrap_or_else(|| json!([]));
    let source_tables = items(take("tables")).map(|table| match table {
        Json::Object(table) => sorted_permissions(table),
        other => other,
    });
    let source_tables: Vec<Json> = source_tables.collect();
    let functions = take("functions");
    let mut document = JsonObject::new();
    document.insert("version".to_owned(), 3.into());
    let source = json!({
        "name": "default", "kind": "postgres", "tables": source_tables, "functions": functions,
        "configuration": configuration,
    });
    document.insert("sources".to_owned(), json!([source]));
    for (key, section) in tables {
        let section = match section {
            Json::Array(list) => list.into_iter().map(without_nulls).collect(),
            other => other,
        };
        document.insert(key, section);
    }
    Json::Object(document)
}

/// A table's permissions by kind, each in the list of its own.
fn sorted_permissions(mut table: JsonObject) -> Json {
    let permissions = table.remove("permissions").unwrap_or_default();
    for permission in items(permissions) {
        let Json::Object(mut permission) = permission else {
            continue;
        };
        let kind = permission.remove("kind").unwrap_or_default();
        let key = format!("{}_permissions", kind.as_str().unwrap_or_default());
        let list = table.entry(key).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(Json::Object(permission));
        }
    }
    Json::Object(table)
}

fn items(list: Json) -> impl Iterator<Item = Json> {
    match list {
        Json::Array(items) => items,
        _ => Vec::new(),
    }
    .into_iter()
}

/// A key that says nothing is not there: documents have no nulls for that.
fn without_nulls(item: Json) -> Json {
    match item {
        Json::Object(mut object) => {
            object.retain(|_, value| !value.is_null());
            Json::Object(object)
        }
        other => other,
    }
}

async fn one_text(connection: &mut Connection, text: &'static str) -> Result<String, StoreError> {
    let rows = connection.query_text_rows(&statement(text), &[]).await?;
    let value = rows.into_iter().flatten().flatten().next();
    value.ok_or_else(|| StoreError::Damaged("a row has no value where one must be".to_owned()))
}

async fn set_version(connection: &mut Connection, version: &str) -> Result<(), StoreError> {
    let set = statement(include_str!("sql/set_version.sql"));
    connection.execute(&set, &[Some(version)]).await?;
    Ok(())
}

fn older(found: &str, reason: &str) -> StoreError {
    StoreError::OlderCatalog {
        found: found.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Whether a downgrade is done or only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downgrading {
    /// It is done.
    Run,
    /// Its statements are given and nothing is done.
    Show,
}

/// A downgrade that was done or shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downgraded {
    /// The version before.
    pub from: String,
    /// The statements, in their order; none if the catalog had the version already.
    pub statements: Vec<&'static str>,
}

/// Takes the catalog back to an older version, in one transaction.
///
/// No server may run on it meanwhile. [`StoreError::Downgrade`] says which way there is none.
pub async fn downgrade(
    pool: &Pool,
    target: &str,
    downgrading: Downgrading,
) -> Result<Downgraded, StoreError> {
    let mut transaction = begin(pool.get().await?).await?;
    lock(&mut transaction).await?;
    let found = inspect(&mut transaction).await?;
    if !found.has_version_table {
        return Err(StoreError::NoCatalog);
    }
    let from = stored_version(&mut transaction, &found.identity).await?;
    let statements = way_down(&from, target)?;
    if downgrading == Downgrading::Run && !statements.is_empty() {
        for script in &statements {
            transaction.script(script).await?;
        }
        set_version(&mut transaction, target).await?;
    }
    transaction.commit().await?;
    Ok(Downgraded { from, statements })
}

fn way_down(from: &str, to: &str) -> Result<Vec<&'static str>, StoreError> {
    let refused = |reason: &str| {
        Err(StoreError::Downgrade {
            from: from.to_owned(),
            to: to.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if from == to {
        return Ok(Vec::new());
    }
    let place = |version: &str| match version {
        CATALOG_VERSION => Some(STEPS.len()),
        version => STEPS.iter().position(|step| step.from == version),
    };
    let Some(start) = place(from) else {
        return refused("the starting version is unrecognized.");
    };
    if to
        .parse::<u32>()
        .is_ok_and(|version| version < WITH_DOCUMENT)
    {
        return refused(
            "there is no available migration back to version 42. Hasura GraphQL Engine v2.48 reads the same \
             catalog: its own downgrade command can put the metadata of one source back into tables",
        );
    }
    match place(to) {
        Some(end) if end < start => {
            let steps = STEPS[end..start].iter().rev();
            Ok(steps.filter_map(|step| step.down).collect())
        }
        _ => refused("the target version is unrecognized."),
    }
}

/// The catalog version of a release of the engine we replace, such as `2.11.0`; `None` for one that nobody made.
///
/// Where a release could go on with either of two versions it is the older one: every release brings an older
/// catalog up to date by itself.
pub fn catalog_version_of(release: &str) -> Option<&'static str> {
    let (numbers, suffix) = match release.split_once('-') {
        Some((numbers, suffix)) => (numbers, Some(suffix)),
        None => (release, None),
    };
    let numbers: Vec<u32> = numbers
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [major, minor, patch] = numbers[..] else {
        return None;
    };
    let alpha = suffix.and_then(|suffix| suffix.strip_prefix("alpha."));
    Some(match (major, minor, patch) {
        // Whatever it was, there is no way back to it.
        (1, _, _) => "42",
        (2, 0, 0) => match alpha.map(str::parse::<u32>) {
            Some(Ok(1..=6)) => "44",
            Some(Ok(7)) => "45",
            Some(Err(_)) => return None,
            Some(Ok(_)) | None => "46",
        },
        (2, 0, 1..=6) => "46",
        (2, 0..=29, _) => "47",
        (2, 30..=48, _) => CATALOG_VERSION,
        _ => return None,
    })
}

/// Removes the catalog and everything else that the engine keeps in the database.
pub async fn clean(pool: &Pool) -> Result<(), StoreError> {
    let mut transaction = begin(pool.get().await?).await?;
    lock(&mut transaction).await?;
    transaction.script(include_str!("sql/clean.sql")).await?;
    transaction.commit().await?;
    Ok(())
}

/// The stored document, of a catalog of any version that has one; null if it was never stored.
pub(crate) async fn read_document(
    connection: &mut Connection,
    identity: &Identity,
) -> Result<Json, StoreError> {
    let version = stored_version(connection, identity).await?;
    match version.parse::<u32>() {
        Ok(number) if number < WITH_DOCUMENT => {
            return Err(older(
                &version,
                "its metadata is in tables; `serve` makes a document of it",
            ));
        }
        Ok(number) if Some(number) > CATALOG_VERSION.parse().ok() => {
            return Err(StoreError::NewerCatalog { found: version });
        }
        _ => {}
    }
    let rows = connection
        .query_text_rows(&statement(include_str!("sql/export.sql")), &[])
        .await
        .map_err(|error| identity.explain_use(error))?;
    let mut texts = rows.into_iter().flatten().flatten();
    match (texts.next(), texts.next()) {
        (None, _) => Ok(Json::Null),
        (Some(text), None) => serde_json::from_str(&text).map_err(|_| {
            StoreError::Damaged("the document in hdb_metadata cannot be read".to_owned())
        }),
        (Some(_), Some(_)) => Err(StoreError::Damaged(
            "multiple rows in hdb_metadata table".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn releases_have_catalog_versions() {
        for (release, version) in [
            ("1.3.3", Some("42")),
            ("2.0.0-alpha.3", Some("44")),
            ("2.0.0-alpha.7", Some("45")),
            ("2.0.0-beta.2", Some("46")),
            ("2.0.6", Some("46")),
            ("2.0.7", Some("47")),
            ("2.11.2", Some("47")),
            ("2.48.1", Some("48")),
            ("3.0.0", None),
            ("2.1", None),
            ("2.x.0", None),
            ("", None),
        ] {
            assert_eq!(catalog_version_of(release), version, "{release}");
        }
    }

    #[test]
    fn the_way_down_is_the_way_up_backwards() {
        let scripts = way_down("48", "46").unwrap();
        assert_eq!(scripts, [script!("48_to_47"), script!("47_to_46")]);
        assert_eq!(way_down("47", "47").unwrap(), Vec::<&str>::new());
        for (from, to, reason) in [
            (
                "48",
                "40",
                "there is no available migration back to version 42.",
            ),
            ("46", "47", "the target version is unrecognized."),
            ("48", "seven", "the target version is unrecognized."),
            ("49", "48", "the starting version is unrecognized."),
        ] {
            let error = way_down(from, to).unwrap_err().to_string();
            let expected = format!(
                "This downgrade path (from {from} to {to}) is not supported, because {reason}"
            );
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
