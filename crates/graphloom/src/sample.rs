//! The sample world of `dev`: its tables and rows, its metadata, and the query that shows them.
//!
//! Loaded once, into a database that we have just made and nobody else's. A file in the data directory
//! says that a load is due, from before the database exists until the sample is tracked, so that an
//! interrupted first start is made up for by the next.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graphloom_execute::{GraphqlRequest, SchemaKind, Transport};
use graphloom_pg::{ConnectionOptions, connect_once};
use graphloom_server::Services;
use graphloom_vocab::{Json, JsonObject, Session};
use serde_json::json;

const TABLES_AND_ROWS: &str = include_str!("../sample/sample.sql");
const METADATA: &str = include_str!("../sample/metadata.json");

/// Reads through an object relationship and an array relationship.
pub(crate) const QUERY: &str = "{ authors(order_by: {name: asc}) { name \
                                passport_info { passport_number } \
                                articles(order_by: {title: asc}) { title } } }";

/// A load that is due in a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Due(PathBuf);

impl Due {
    /// The mark of a data directory, whether it is there or not.
    pub(crate) fn of(data_dir: &Path) -> Self {
        Self(data_dir.join("sample.due"))
    }

    /// Notes that the database to come gets the sample.
    pub(crate) fn set(&self) -> io::Result<()> {
        fs::write(
            &self.0,
            "The sample is to be loaded; see `graphloom dev`.\n",
        )
    }

    /// Whether it is due.
    pub(crate) fn is_set(&self) -> bool {
        self.0.exists()
    }

    /// Notes that the sample is there.
    pub(crate) fn clear(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Makes the tables and rows in the database at `url`. What is there already stays.
pub(crate) async fn load(url: &str) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot load the sample: {error}");
    let options = ConnectionOptions::parse(url).map_err(|error| failed(&error))?;
    let mut connection = connect_once(&options)
        .await
        .map_err(|error| failed(&error))?;
    connection
        .script(TABLES_AND_ROWS)
        .await
        .map_err(|error| failed(&error))
}

/// Tracks the tables, with their relationships and the permissions of the role `user`.
pub(crate) async fn track(services: &dyn Services) -> Result<(), String> {
    let metadata: Json = serde_json::from_str(METADATA).expect("a test parses it");
    let arguments = json!({ "metadata": metadata, "allow_inconsistent_metadata": false });
    let command = json!({ "type": "replace_metadata", "version": 2, "args": arguments });
    let tracked = services.metadata(&Session::admin(), command).await;
    tracked
        .map(drop)
        .map_err(|error| format!("cannot track the sample: {}", error.message()))
}

/// Whether [`QUERY`] gives an answer: its user may have dropped or untracked the sample since.
pub(crate) async fn is_served(services: &dyn Services) -> bool {
    let request = GraphqlRequest {
        query: QUERY.to_owned(),
        operation_name: None,
        variables: JsonObject::new(),
        transport: Transport::Http,
        schema: SchemaKind::Standard,
        caller: Arc::default(),
        request_id: None,
    };
    services.graphql(&Session::admin(), &request).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_names_no_place_but_the_variable() {
        let metadata: Json = serde_json::from_str(METADATA).unwrap();
        let source = &metadata["sources"][0];
        let url = &source["configuration"]["connection_info"]["database_url"];
        assert_eq!(*url, json!({ "from_env": "HASURA_GRAPHQL_DATABASE_URL" }));
        assert_eq!(source["tables"].as_array().unwrap().len(), 3);
        assert!(!METADATA.contains("postgres://") && !METADATA.contains("postgresql://"));
    }

    #[test]
    fn the_mark_outlives_what_interrupts() {
        let dir = std::env::temp_dir();
        let due = Due(dir.join(format!("graphloom-sample-{}", std::process::id())));
        assert!(!due.is_set());
        due.clear().unwrap();
        due.set().unwrap();
        due.set().unwrap();
        assert!(due.is_set());
        due.clear().unwrap();
        assert!(!due.is_set());
    }
}
