//! `--track all`: every table and view of the source `default` that is not tracked yet.
//!
//! By the same commands a client would send: it can do nothing that the metadata API cannot.

use std::collections::HashSet;

use graphloom_server::Services;
use graphloom_vocab::{Json, Session};
use serde_json::json;

/// Lists what can be tracked: `(schema, name)`.
const TABLES: &str = include_str!("tables.sql");
/// The source whose tables are tracked.
const SOURCE: &str = "default";

/// Schema and name of a table.
type Table = (String, String);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tracked {
    /// How many tables were not tracked before.
    pub(crate) found: usize,
    /// Why some of them still are not.
    pub(crate) warnings: Vec<String>,
}

/// Tracks them. A table that cannot be tracked, for example because its name is none in GraphQL, is a
/// warning.
pub(crate) async fn all(services: &dyn Services) -> Result<Tracked, String> {
    let failed = |error: graphloom_vocab::Error| format!("cannot track: {}", error.message());
    let admin = Session::admin();
    let list = json!({
        "type": "run_sql",
        "args": { "source": SOURCE, "sql": TABLES, "read_only": true },
    });
    let list = services.query_v2(&admin, list).await.map_err(failed)?;
    let export = json!({ "type": "export_metadata", "args": {} });
    let metadata = services.metadata(&admin, export).await.map_err(failed)?;
    let tracked = tracked_tables(&metadata);
    let untracked: Vec<Table> = listed_tables(&list)
        .filter(|table| !tracked.contains(table))
        .collect();
    if untracked.is_empty() {
        return Ok(Tracked {
            found: 0,
            warnings: Vec::new(),
        });
    }
    let tables: Vec<Json> = untracked
        .iter()
        .map(|(schema, name)| json!({ "source": SOURCE, "table": { "schema": schema, "name": name } }))
        .collect();
    let command = json!({
        "type": "pg_track_tables",
        "args": { "tables": tables, "allow_warnings": true },
    });
    let answer = services.metadata(&admin, command).await.map_err(failed)?;
    Ok(Tracked {
        found: untracked.len(),
        warnings: warnings(&answer),
    })
}

/// The rows of a `run_sql` answer, `{"result": [["schema", "name"], ["public", "authors"], …]}`.
fn listed_tables(answer: &Json) -> impl Iterator<Item = Table> {
    let rows = answer["result"].as_array().into_iter().flatten().skip(1);
    rows.filter_map(|row| Some((row[0].as_str()?.to_owned(), row[1].as_str()?.to_owned())))
}

fn tracked_tables(metadata: &Json) -> HashSet<Table> {
    let sources = metadata["sources"].as_array().into_iter().flatten();
    let source = sources.filter(|source| source["name"] == SOURCE);
    let tables = source
        .filter_map(|source| source["tables"].as_array())
        .flatten();
    tables
        .filter_map(|table| {
            let table = &table["table"];
            // Metadata may name a table of `public` by its name alone.
            let schema = table["schema"].as_str().unwrap_or("public");
            let name = table["name"].as_str().or_else(|| table.as_str())?;
            Some((schema.to_owned(), name.to_owned()))
        })
        .collect()
}

fn warnings(answer: &Json) -> Vec<String> {
    let warnings = answer["warnings"].as_array().into_iter().flatten();
    let text = |warning: &Json| warning["message"].as_str().map(str::to_owned);
    warnings.filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_in_every_spelling() {
        let answer = json!({
            "result_type": "TuplesOk",
            "result": [["schema", "name"], ["public", "a"], ["other", "b"]],
        });
        let table = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        let listed: Vec<Table> = listed_tables(&answer).collect();
        assert_eq!(listed, [table("public", "a"), table("other", "b")]);
        let metadata = json!({ "version": 3, "sources": [
            { "name": "elsewhere", "tables": [{ "table": "x" }] },
            { "name": "default", "tables": [
                { "table": "a" },
                { "table": { "name": "c" } },
                { "table": { "schema": "other", "name": "b" } },
            ] },
        ] });
        let tracked = tracked_tables(&metadata);
        let expected = [
            table("public", "a"),
            table("public", "c"),
            table("other", "b"),
        ];
        assert_eq!(tracked, HashSet::from(expected));
    }
}
