//! Commands that only look: at what is served, at what a database has, at what this server can do.
//!
//! Nothing here changes the document, and nothing here shows a connection's settings.

use std::collections::BTreeSet;

use graphloom_catalog::{ForeignKey, Table};
use graphloom_execute::Target;
use graphloom_pg::{Scope, introspect_table_names, introspect_tables};
use graphloom_schema::{Inconsistency, SchemaCache, SourceInfo, TableInfo};
use graphloom_vocab::{
    ColumnName, Error, ErrorCode, ErrorPath, GraphqlName, Json, QualifiedTable, Result, RoleName,
    SourceName,
};
use serde_json::json;

use crate::command::TableId;
use crate::error::{inconsistent_source, no_table};
use crate::source::parse_template;
use crate::work::Work;

/// A command that only looks.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    /// `dump_internal_state`
    InternalState,
    /// `list_source_kinds`
    SourceKinds,
    /// `get_source_kind_capabilities`
    Capabilities(String),
    /// `get_source_tables`
    SourceTables(SourceName),
    /// `get_table_info`
    TableInfo(TableId),
    /// `suggest_relationships`
    Suggest(Suggest),
    /// `test_connection_template`
    ConnectionTemplate(Box<TryTemplate>),
    /// `get_feature_flag`
    FeatureFlag(String),
}

/// Arguments of `test_connection_template`.
#[derive(Clone, Debug)]
pub(crate) struct TryTemplate {
    pub(crate) source: SourceName,
    /// `{"headers"?, "session"?, "query"?}`
    pub(crate) request: Json,
    /// `None`: the source's own.
    pub(crate) template: Option<Json>,
}

/// Arguments of `suggest_relationships`.
#[derive(Clone, Debug)]
pub(crate) struct Suggest {
    pub(crate) source: SourceName,
    /// `None`: between all tables.
    pub(crate) tables: Option<Vec<QualifiedTable>>,
    pub(crate) tracked: Tracked,
}

/// What becomes of suggestions that are relationships already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracked {
    Listed,
    Omitted,
}

/// Kinds of sources that v2 is built with, and whether this server serves them.
const KINDS: [(&str, bool); 5] = [
    ("pg", true),
    ("citus", true),
    ("cockroach", true),
    ("mssql", false),
    ("bigquery", false),
];

/// Runs the command.
pub(crate) async fn run(work: &Work, look: Look) -> Result<Json> {
    match look {
        Look::InternalState => Ok(internal_state(work.schema())),
        Look::SourceKinds => Ok(source_kinds()),
        Look::Capabilities(kind) => Err(no_capabilities(&kind)),
        Look::SourceTables(source) => source_tables(work, &source).await,
        Look::TableInfo(id) => table_info(work, &id).await,
        Look::Suggest(suggest) => Ok(suggestions(work.source(&suggest.source)?, &suggest)),
        Look::ConnectionTemplate(attempt) => try_template(work, &attempt),
        Look::FeatureFlag(name) => Err(Error::new(
            ErrorCode::NotFound,
            format!("there is no feature flag {name:?}"),
        )),
    }
}

/// Where a request would go, without asking any database.
fn try_template(work: &Work, attempt: &TryTemplate) -> Result<Json> {
    let routes = work.runtime(&attempt.source)?.routes.as_ref();
    let template = match &attempt.template {
        Some(given) => parse_template(given).map_err(|failure| {
            Error::parse_failed(failure.reason).at(ErrorPath::keys(&["connection_template"]))
        })?,
        None => {
            let own = routes.and_then(|routes| routes.template.clone());
            let none = || {
                let message = "the source has no connection template, and none is given";
                Error::new(ErrorCode::TemplateResolutionFailed, message)
            };
            own.ok_or_else(none)?
        }
    };
    let members = routes.iter().flat_map(|routes| routes.members.keys());
    let target = Target::resolve(&template, members.map(String::as_str), &attempt.request)?;
    Ok(json!({"result": target.to_json()}))
}

/// What is served, by source, and what is not. Not v2's own representation, which nobody can rely on.
fn internal_state(schema: &SchemaCache) -> Json {
    let sources = schema.sources.values().map(|source| {
        let tables = source.tables.values().map(|table| table_state(table));
        let functions = source
            .functions
            .keys()
            .map(|name| json!(name.display_name()));
        let names = |keys: Vec<&str>| Json::from(keys);
        json!({
            "name": source.name.as_str(),
            "tables": tables.collect::<Json>(),
            "functions": functions.collect::<Json>(),
            "logical_models": names(source.logical_models.keys().map(GraphqlName::as_str).collect()),
            "native_queries": names(source.native_queries.keys().map(GraphqlName::as_str).collect()),
        })
    });
    let inconsistent = schema.inconsistencies.iter().map(Inconsistency::to_json);
    json!({
        "sources": sources.collect::<Json>(),
        "inconsistent_objs": inconsistent.collect::<Json>(),
    })
}

fn table_state(info: &TableInfo) -> Json {
    let columns = info
        .columns
        .iter()
        .map(|column| json!({"column": column.column.as_str(), "field": column.field.as_str()}));
    let roles: BTreeSet<_> = info.select_permissions.keys().collect();
    let roles: Vec<_> = roles.into_iter().map(RoleName::as_str).collect();
    json!({
        "name": table_json(&info.table.name),
        "columns": columns.collect::<Json>(),
        "relationships": info.relationships.keys().collect::<Vec<_>>(),
        "computed_fields": info.computed_fields.keys().collect::<Vec<_>>(),
        "selected_by": roles,
    })
}

fn table_json(name: &QualifiedTable) -> Json {
    json!({"schema": name.schema.as_str(), "name": name.name.as_str()})
}

fn source_kinds() -> Json {
    let kinds = KINDS.iter().map(|(kind, available)| {
        json!({"kind": kind, "builtin": true, "available": available, "display_name": kind})
    });
    json!({"sources": kinds.collect::<Json>()})
}

/// Only data connectors have capabilities to ask for, and there are none.
fn no_capabilities(kind: &str) -> Error {
    let is_native = matches!(
        kind,
        "pg" | "postgres" | "citus" | "cockroach" | "mssql" | "bigquery"
    );
    let message = match is_native {
        true => format!("{kind} does not support Capabilities"),
        false => format!("Source Kind {kind} was not found"),
    };
    Error::new(ErrorCode::DataConnectorError, message)
}

/// All tables and views of the database, whether tracked or not, by schema and name.
async fn source_tables(work: &Work, source: &SourceName) -> Result<Json> {
    let mut connection = connect(work, source).await?;
    let names = introspect_table_names(&mut connection).await;
    let names = names.map_err(internal)?;
    Ok(names.iter().map(table_json).collect())
}

async fn table_info(work: &Work, id: &TableId) -> Result<Json> {
    let mut connection = connect(work, &id.source).await?;
    let names = [id.table.clone()];
    let found = introspect_tables(&mut connection, Scope::Only(&names)).await;
    let found = found.map_err(internal)?;
    let table = found.get(&id.table).ok_or_else(|| no_table(id))?;
    Ok(described(table))
}

fn described(table: &Table) -> Json {
    let columns = table.columns.iter().map(|column| {
        json!({
            "name": column.name.as_str(),
            "type": column.ty.name.as_ref(),
            "nullable": column.nullable,
            "description": column.comment,
        })
    });
    let key = table.primary_key.as_ref();
    let key = key.map_or_else(Vec::new, |key| texts(key.columns.iter()));
    let keys = table.foreign_keys.iter().map(|key| {
        let mapping = key.columns.iter();
        let mapping =
            mapping.map(|(ours, theirs)| (ours.as_str().to_owned(), json!(theirs.as_str())));
        json!({
            "constraint_name": key.constraint.as_str(),
            "foreign_table": table_json(&key.foreign_table),
            "column_mapping": Json::Object(mapping.collect()),
        })
    });
    json!({
        "name": table_json(&table.name),
        "description": table.comment,
        "columns": columns.collect::<Json>(),
        "primary_key": key,
        "foreign_keys": keys.collect::<Json>(),
        "insertable": table.mutability.insertable,
        "updatable": table.mutability.updatable,
        "deletable": table.mutability.deletable,
    })
}

fn texts<'a>(columns: impl Iterator<Item = &'a ColumnName>) -> Vec<&'a str> {
    columns.map(ColumnName::as_str).collect()
}

async fn connect(work: &Work, source: &SourceName) -> Result<graphloom_pg::Connection> {
    let pool = work.runtime(source)?.pool.clone();
    let pool = pool.ok_or_else(|| inconsistent_source(source))?;
    pool.get().await.map_err(internal)
}

fn internal(error: graphloom_pg::PgError) -> Error {
    error.to_error(graphloom_pg::Purpose::Internal)
}

/// For every foreign key between tracked tables, a relationship there and one back.
fn suggestions(source: &SourceInfo, suggest: &Suggest) -> Json {
    let asked = |table: &QualifiedTable| {
        let tables = suggest.tables.as_ref();
        tables.is_none_or(|tables| tables.contains(table))
    };
    let mut found = Vec::new();
    for info in source.tables.values() {
        let own = &info.table.name;
        for key in &info.table.foreign_keys {
            let theirs = &key.foreign_table;
            let is_tracked = source.tables.contains_key(theirs);
            if !is_tracked || !(asked(own) || asked(theirs)) {
                continue;
            }
            if suggest.tracked == Tracked::Omitted && follows(info, key) {
                continue;
            }
            found.extend(both_ways(info, key));
        }
    }
    json!({"relationships": found})
}

/// Whether a relationship of the table is this key.
fn follows(info: &TableInfo, key: &ForeignKey) -> bool {
    let pairs: BTreeSet<_> = key.columns.iter().collect();
    info.relationships.values().any(|relationship| {
        relationship.target == key.foreign_table
            && relationship.mapping.iter().collect::<BTreeSet<_>>() == pairs
    })
}

/// `{"type", "from": {"table", "columns", "constraint_name"?}, "to": …}`: the key's side names it.
fn both_ways(info: &TableInfo, key: &ForeignKey) -> [Json; 2] {
    let ours = texts(key.columns.iter().map(|(ours, _)| ours));
    let theirs = texts(key.columns.iter().map(|(_, theirs)| theirs));
    let holder = json!({
        "table": table_json(&info.table.name),
        "columns": ours,
        "constraint_name": key.constraint.as_str(),
    });
    let other = json!({"table": table_json(&key.foreign_table), "columns": theirs});
    let columns: BTreeSet<_> = key.columns.iter().map(|(ours, _)| ours).collect();
    let mut unique = info.table.unique_keys.iter();
    let is_unique = unique.any(|one| one.columns.iter().collect::<BTreeSet<_>>() == columns);
    let back = if is_unique { "object" } else { "array" };
    [
        json!({"type": "object", "from": holder, "to": other}),
        json!({"type": back, "from": other, "to": holder}),
    ]
}
