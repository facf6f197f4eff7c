//! A world: catalogs and metadata in one file, and which role schemas of it are kept as snapshots.
//!
//! ```text
//! # What it is for.
//! # schemas: admin, user
//! # relay schemas: user
//! # settings: stringify, graphql-default
//!
//! source default
//! table author
//!   id int4!
//!
//! metadata
//! sources:
//! - {name: default, tables: [{table: author}]}
//! ```
//!
//! What every source would repeat (`kind`, `configuration`) and `version` are filled in; everything
//! else is a metadata document of version 3.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graphloom_metadata::Metadata;
use graphloom_schema::{
    CatalogResult, Feature, NamingConvention, NullOperands, Numerics, SchemaCache, Settings, build,
};
use graphloom_vocab::{Json, RoleName, SourceName};
use serde_json::json;

use super::catalog;

/// A world, built.
pub(crate) struct World {
    /// Role schemas to keep.
    pub(crate) schemas: Vec<RoleName>,
    /// Roles whose schema of the Relay API to keep.
    pub(crate) relay_schemas: Vec<RoleName>,
    /// Everything resolved.
    pub(crate) cache: SchemaCache,
    /// What it was resolved from.
    pub(crate) parts: Parts,
}

/// What a world is resolved from.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) metadata: Metadata,
    pub(crate) catalogs: HashMap<SourceName, CatalogResult>,
    pub(crate) settings: Settings,
}

/// The folder of world files.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds")
}

/// Reads a world by its name.
pub(crate) fn load(name: &str) -> World {
    let path = folder().join(format!("{name}.world"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    parse(&text)
}

/// Reads a world from its text.
pub(crate) fn parse(text: &str) -> World {
    let (facts, document) = text
        .split_once("\nmetadata\n")
        .expect("a line `metadata` between catalogs and metadata");
    let header = |key: &str| {
        let lines = facts.lines();
        let found = lines.filter_map(|line| line.strip_prefix("# ")?.strip_prefix(key));
        found
            .flat_map(|list| list.split(','))
            .map(|item| item.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let roles = |key: &str| header(key).into_iter().map(RoleName::new).collect();
    let parts = Parts {
        metadata: metadata(document),
        catalogs: catalogs(facts),
        settings: settings(&header("settings:")),
    };
    let cache = build(&parts.metadata, &parts.catalogs, parts.settings);
    World {
        parts,
        schemas: roles("schemas:"),
        relay_schemas: roles("relay schemas:"),
        cache,
    }
}

fn settings(words: &[String]) -> Settings {
    let mut settings = Settings::default();
    let mut features = vec![Feature::NamingConvention];
    for word in words {
        match word.as_str() {
            "stringify" => settings.numerics = Numerics::Strings,
            "graphql-default" => settings.naming_convention = NamingConvention::GraphqlDefault,
            "drop-null-operands" => settings.null_operands = NullOperands::Dropped,
            other => {
                let feature = Feature::parse(other);
                features.push(feature.unwrap_or_else(|| panic!("{other:?} is no setting")));
            }
        }
    }
    settings.features = features.into_iter().collect();
    settings
}

/// Catalogs by source; `source NAME is away` is one that could not be reached.
fn catalogs(facts: &str) -> HashMap<SourceName, CatalogResult> {
    let mut sources: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut catalogs = HashMap::new();
    for line in facts.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("source ") {
            Some(source) => match source.strip_suffix(" is away") {
                Some(source) => {
                    let reason = Err("connection refused".into());
                    catalogs.insert(SourceName::new(source), reason);
                }
                None => sources.push((source, Vec::new())),
            },
            None if line.trim().is_empty() => {}
            None => sources.last_mut().expect("a source first").1.push(line),
        }
    }
    for (source, lines) in sources {
        let catalog = Ok(Arc::new(catalog::parse(&lines)));
        catalogs.insert(SourceName::new(source), catalog);
    }
    catalogs
}

fn metadata(document: &str) -> Metadata {
    let mut json: Json = serde_norway::from_str(document).unwrap();
    json["version"] = json!(3);
    for source in json["sources"].as_array_mut().unwrap() {
        let source = source.as_object_mut().unwrap();
        source
            .entry("kind")
            .or_insert_with(|| Json::from("postgres"));
        source.entry("configuration").or_insert_with(
            || json!({"connection_info": {"database_url": {"from_env": "A_DATABASE"}}}),
        );
        source.entry("tables").or_insert_with(|| json!([]));
    }
    Metadata::from_json(&json).unwrap_or_else(|error| panic!("{error}"))
}
