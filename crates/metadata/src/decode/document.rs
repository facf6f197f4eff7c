//! The whole document, in its three versions.
//!
//! Version 3 has `sources`. Versions 1 and 2 have one database's `tables` and `functions` at the top,
//! and stand for the `default` source. What a document of any version says beside sources and
//! inherited roles is kept as it is, by section.

use std::sync::Arc;

use graphloom_vocab::{
    Error, ErrorCode, Json, JsonObject, QualifiedFunction, QualifiedTable, Result, RoleName,
    SourceName,
};
use indexmap::IndexMap;

use super::source::{functions, tables};
use super::{Decode, Fields, Kept, mismatch};
use crate::types::{Comment, Function, InheritedRole, Metadata, Source, Table};

/// A top-level key that is kept as it is.
pub(crate) struct Section {
    /// The key, and for a list what its items are told apart by.
    pub(crate) kept: Kept,
    /// For a list that refuses two items with the same name: its plural in that error.
    things: Option<&'static str>,
}

const fn list(key: &'static str, sort_key: &'static str, things: Option<&'static str>) -> Section {
    let kept = Kept::list(key, sort_key);
    Section { kept, things }
}

const fn object(key: &'static str) -> Section {
    let kept = Kept::value(key);
    Section { kept, things: None }
}

/// In the order of an export; `inherited_roles` come before `graphql_schema_introspection`.
pub(crate) const SECTIONS: [Section; 13] = [
    list("remote_schemas", "name", Some("remote schemas")),
    list("query_collections", "name", Some("query collections")),
    list("allowlist", "collection", Some("allowlist entries")),
    list("actions", "name", Some("actions")),
    object("custom_types"),
    list("cron_triggers", "name", Some("cron triggers")),
    // v2 sorts these by URL, and of two with the same name the later one counts.
    list("rest_endpoints", "url", None),
    object("api_limits"),
    object("metrics_config"),
    object("graphql_schema_introspection"),
    object("network"),
    object("backend_configs"),
    object("opentelemetry"),
];

/// A document of version 1 or 2: one database's tables and functions, without the database.
#[derive(Clone, Debug, PartialEq)]
pub struct LegacyMetadata {
    /// Tracked tables in document order.
    pub tables: IndexMap<QualifiedTable, Arc<Table>>,
    /// Tracked functions in document order.
    pub functions: IndexMap<QualifiedFunction, Function>,
    /// Roles made of other roles.
    pub inherited_roles: IndexMap<RoleName, InheritedRole>,
    /// Every other top-level key.
    pub sections: JsonObject,
}

/// A document of any version.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// Version 3.
    Current(Metadata),
    /// Version 1 or 2.
    Legacy(LegacyMetadata),
}

impl Decode for Document {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "Metadata")?;
        match version(&mut fields)? {
            3 => decode_current(fields).map(Self::Current),
            version => decode_legacy(version, fields).map(Self::Legacy),
        }
    }
}

impl Metadata {
    /// Reads a document of version 3, as it is stored.
    pub fn from_json(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "Metadata")?;
        match version(&mut fields)? {
            3 => decode_current(fields),
            version => Err(Error::parse_failed(format!(
                "unexpected metadata version from storage: {version}"
            ))),
        }
    }

    /// Reads a document of any version as what `existing` is to be replaced with.
    ///
    /// A document of version 1 or 2 replaces the `default` source's tables and functions and drops
    /// every other source (code `not-supported` if there is no `default` source).
    pub fn from_json_any(json: &Json, existing: &Self) -> Result<Self> {
        match Document::decode(json)? {
            Document::Current(metadata) => Ok(metadata),
            Document::Legacy(legacy) => legacy.replace(existing),
        }
    }
}

impl LegacyMetadata {
    /// The metadata that this document makes of `existing`.
    pub fn replace(self, existing: &Metadata) -> Result<Metadata> {
        let Some(default) = existing
            .sources
            .get("default")
            .filter(|source| source.is_postgres())
        else {
            return Err(Error::new(
                ErrorCode::NotSupported,
                "cannot import metadata without sources since no default source is defined",
            ));
        };
        let source = Source {
            tables: self.tables,
            functions: self.functions,
            ..default.clone()
        };
        let mut sections = self.sections;
        // A document of these versions does not know REST endpoints, so v2 leaves them as they are.
        let kept = "rest_endpoints";
        if let (Some(endpoints), false) = (existing.sections.get(kept), sections.contains_key(kept))
        {
            sections.insert(kept.to_owned(), endpoints.clone());
        }
        Ok(Metadata {
            sources: IndexMap::from([(SourceName::new("default"), source)]),
            inherited_roles: self.inherited_roles,
            sections,
        })
    }
}

fn version(fields: &mut Fields<'_>) -> Result<i64> {
    let version = fields.optional_with("version", |json| match i64::decode(json)? {
        version @ 1..=3 => Ok(version),
        version => Err(Error::parse_failed(format!(
            "expected 1, 2 or 3, encountered {version}"
        ))),
    })?;
    Ok(version.unwrap_or(1))
}

fn decode_current(mut fields: Fields<'_>) -> Result<Metadata> {
    // Of two sources with the same name the later one counts, as with v2.
    let sources: Vec<Source> = fields.required("sources")?;
    let sources = sources.into_iter();
    Ok(Metadata {
        sources: sources
            .map(|source| (source.name.clone(), source))
            .collect(),
        inherited_roles: read_inherited_roles(&mut fields)?,
        sections: read_sections(fields)?,
    })
}

fn decode_legacy(version: i64, mut fields: Fields<'_>) -> Result<LegacyMetadata> {
    let tables = tables(fields.required("tables")?);
    let functions = if version == 1 {
        let names: Vec<QualifiedFunction> = fields.or_default("functions")?;
        functions(names.into_iter().map(plain_function).collect())
    } else {
        functions(fields.or_default("functions")?)
    };
    Ok(LegacyMetadata {
        tables,
        functions,
        inherited_roles: read_inherited_roles(&mut fields)?,
        sections: read_sections(fields)?,
    })
}

/// Version 1 names functions without saying more about them.
fn plain_function(function: QualifiedFunction) -> Function {
    Function {
        function,
        configuration: JsonObject::new(),
        permissions: Vec::new(),
        comment: Comment::Automatic,
        extra: JsonObject::new(),
    }
}

fn read_inherited_roles(fields: &mut Fields<'_>) -> Result<IndexMap<RoleName, InheritedRole>> {
    fields.map_of("inherited_roles", "inherited roles", |r: &InheritedRole| {
        r.role_name.clone()
    })
}

impl Decode for InheritedRole {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "Role")?;
        let mut role = Self {
            role_name: fields.required("role_name")?,
            role_set: Vec::new(),
            extra: JsonObject::new(),
        };
        let parents: Vec<RoleName> = fields.required("role_set")?;
        for parent in parents {
            if !role.role_set.contains(&parent) {
                role.role_set.push(parent);
            }
        }
        role.extra = fields.rest();
        Ok(role)
    }
}

fn read_sections(mut fields: Fields<'_>) -> Result<JsonObject> {
    let mut sections = JsonObject::new();
    for Section { kept, things } in &SECTIONS {
        fields.optional_with(kept.key, |json| check_section(kept, json))?;
        fields.keep(kept, &mut sections);
        let items = sections.get(kept.key).and_then(Json::as_array);
        if let (Some(things), Some(items), Some(name)) = (things, items, kept.sort_key) {
            refuse_duplicates(items, name, things)?;
        }
    }
    sections.extend(fields.rest());
    Ok(sections)
}

fn check_section(kept: &Kept, json: &Json) -> Result<()> {
    match (kept.sort_key, json) {
        (Some(_), Json::Array(_)) | (None, Json::Object(_)) => Ok(()),
        (Some(_), _) => Err(mismatch("[]", "Array", json)),
        (None, _) => Err(mismatch(kept.key, "Object", json)),
    }
}

fn refuse_duplicates(items: &[Json], name: &str, things: &str) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    let names = items.iter().filter_map(|item| item.get(name)?.as_str());
    let duplicates: Vec<&str> = names.filter(|name| !seen.insert(*name)).collect();
    if duplicates.is_empty() {
        return Ok(());
    }
    let duplicates = duplicates.join(", ");
    Err(Error::parse_failed(format!(
        "multiple declarations exist for the following {things}: {duplicates}"
    )))
}
