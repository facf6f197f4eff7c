//! A source and its tracked functions.
//!
//! A source of a kind other than Postgres is kept whole and unread: its tables are not named like ours.

use std::sync::Arc;

use graphloom_vocab::{Error, Json, JsonObject, QualifiedTable, Result, RoleName};
use indexmap::IndexMap;

use super::names::graphql_name;
use super::native::tracked;
use super::table::refuse_duplicate_names;
use super::{Decode, Fields, Kept, below_index, is_empty, text};
use crate::types::{
    Dialect, Function, LogicalModel, NativeQuery, Source, SourceConfiguration, SourceCustomization,
    Table,
};

/// Keys of a source that are kept as they are, in the order of an export. A Postgres source's native
/// queries and logical models are read.
pub(crate) const KEPT: [Kept; 5] = [
    Kept::list("native_queries", "root_field_name"),
    Kept::list("stored_procedures", "stored_procedure"),
    Kept::list("logical_models", "name"),
    Kept::value("query_tags"),
    Kept::value("health_check"),
];

impl Decode for Source {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "SourceMetadata")?;
        let kind = fields.optional_with("kind", text)?.unwrap_or("postgres");
        let Some(dialect) = Dialect::parse(kind) else {
            return Self::decode_foreign(kind, fields);
        };
        let mut source = Self {
            name: fields.required("name")?,
            kind: dialect.kind().to_owned(),
            tables: tables(fields.required("tables")?),
            functions: functions(fields.or_default("functions")?),
            native_queries: tracked(&mut fields, "native_queries", |query: &NativeQuery| {
                query.root_field_name.clone()
            })?,
            logical_models: tracked(&mut fields, "logical_models", |model: &LogicalModel| {
                model.name.clone()
            })?,
            configuration: fields.required("configuration")?,
            customization: fields.or_default("customization")?,
            extra: JsonObject::new(),
        };
        // It is kept as it stands, for export; what it says is checked here.
        fields.optional_with("query_tags", super::query_tags)?;
        // What is read already is not kept besides.
        for kept in [&KEPT[1], &KEPT[3], &KEPT[4]] {
            fields.keep(kept, &mut source.extra);
        }
        source.extra.extend(fields.rest());
        Ok(source)
    }
}

impl Source {
    /// Which of the databases that speak Postgres it is; `None` for one that is not served, which keeps its
    /// tables, functions and configuration unread in `extra` and `configuration.extra`.
    pub fn dialect(&self) -> Option<Dialect> {
        Dialect::parse(&self.kind)
    }

    /// Whether it is of a kind that is served.
    pub fn is_postgres(&self) -> bool {
        self.dialect().is_some()
    }

    fn decode_foreign(kind: &str, mut fields: Fields<'_>) -> Result<Self> {
        let name = fields.required("name")?;
        let configuration = fields.optional("configuration")?.unwrap_or_default();
        let customization: SourceCustomization = fields.or_default("customization")?;
        let mut extra = JsonObject::new();
        for kept in [Kept::value("tables"), Kept::value("functions")]
            .iter()
            .chain(&KEPT)
        {
            fields.keep(kept, &mut extra);
        }
        extra.extend(fields.rest());
        Ok(Self {
            name,
            kind: kind.to_owned(),
            tables: IndexMap::new(),
            functions: IndexMap::new(),
            native_queries: IndexMap::new(),
            logical_models: IndexMap::new(),
            configuration: SourceConfiguration {
                extra: configuration,
                ..SourceConfiguration::default()
            },
            customization,
            extra,
        })
    }
}

/// Of two tables with the same name the later one counts, as with v2.
pub(super) fn tables(tables: Vec<Table>) -> IndexMap<QualifiedTable, Arc<Table>> {
    let tables = tables.into_iter();
    tables
        .map(|table| (table.table.clone(), Arc::new(table)))
        .collect()
}

/// Of two functions with the same name the later one counts, as with v2.
pub(super) fn functions(
    functions: Vec<Function>,
) -> IndexMap<graphloom_vocab::QualifiedFunction, Function> {
    let functions = functions.into_iter();
    functions
        .map(|function| (function.function.clone(), function))
        .collect()
}

impl Decode for Function {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "FunctionMetadata")?;
        let mut extra = JsonObject::new();
        let function = fields.required("function")?;
        let configuration = fields.optional_with("configuration", function_configuration)?;
        let permissions =
            fields.optional_with("permissions", |json| permissions(json, &mut extra))?;
        let comment = fields.or_default("comment")?;
        extra.extend(fields.rest());
        Ok(Self {
            function,
            configuration: configuration.unwrap_or_default(),
            permissions: permissions.unwrap_or_default(),
            comment,
            extra,
        })
    }
}

/// A function's `configuration`, checked, without nulls and without an empty `custom_root_fields`.
pub fn function_configuration(json: &Json) -> Result<JsonObject> {
    let mut fields = Fields::of(json, "FunctionConfig")?;
    fields.optional_with("session_argument", text)?;
    fields.optional_with("exposed_as", |json| match text(json)? {
        "query" | "mutation" => Ok(()),
        _ => Err(Error::parse_failed(
            "exposed_as should be 'query' or 'mutation'",
        )),
    })?;
    fields.optional_with("custom_name", graphql_name)?;
    fields.optional_with("custom_root_fields", |json| {
        let mut fields = Fields::of(json, "Object")?;
        let function = fields.optional_with("function", graphql_name)?;
        let aggregate = fields.optional_with("function_aggregate", graphql_name)?;
        let names = [function.as_deref(), aggregate.as_deref()];
        refuse_duplicate_names(names.into_iter().flatten())
    })?;
    let mut configuration = JsonObject::decode(json)?;
    if let Some(Json::Object(names)) = configuration.get_mut("custom_root_fields") {
        names.retain(|_, value| !value.is_null());
    }
    configuration
        .retain(|key, value| !value.is_null() && (key != "custom_root_fields" || !is_empty(value)));
    Ok(configuration)
}

/// `[{"role": "r"}, …]`; unknown keys go under `permissions` of `extra`, by role.
fn permissions(json: &Json, extra: &mut JsonObject) -> Result<Vec<RoleName>> {
    let items = Vec::<Json>::decode(json)?;
    let mut roles: Vec<RoleName> = Vec::with_capacity(items.len());
    let mut unknown = JsonObject::new();
    for (index, item) in items.iter().enumerate() {
        let role = Fields::of(item, "FunctionPermissionInfo").and_then(|mut fields| {
            let role: RoleName = fields.required("role")?;
            fields.rest_under(role.as_str(), &mut unknown);
            Ok(role)
        });
        let role = role.map_err(|error| below_index(error, index))?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if !unknown.is_empty() {
        extra.insert("permissions".to_owned(), Json::Object(unknown));
    }
    Ok(roles)
}
