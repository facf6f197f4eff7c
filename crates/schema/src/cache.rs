//! All resolved metadata at one moment, and the role schemas made from it.

mod before;
mod fields;
mod known;
mod native;
mod permission;
mod resolve;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock, RwLock};

use graphloom_catalog::Catalog;
use graphloom_metadata::Metadata;
use graphloom_metadata::types::{Dialect, QueryTags};
use graphloom_vocab::{
    BackendOnly, GraphqlName, QualifiedFunction, QualifiedTable, RoleName, SourceName,
};
use indexmap::IndexMap;

use self::before::Prepared;
use self::resolve::SourceBuilder;
use crate::conflict::{Distinct, TakenNames};
use crate::function::FunctionInfo;
use crate::guard::Guards;
use crate::inherit::InheritedRoles;
use crate::native::{LogicalModelInfo, NativeQueryInfo};
use crate::role::{Ingredients, Places, RoleSchema, SchemaVariant};
use crate::table::TableInfo;
use crate::{Inconsistency, Naming, Reason, Settings, definition, unbuilt};

/// A source's catalog, or why there is none.
pub type CatalogResult = Result<Arc<Catalog>, Reason>;

/// Sources that can be served, in document order.
pub type Sources = IndexMap<SourceName, SourceInfo>;

/// Tables that can be served, in document order. Successive builds share those that are the same in both.
pub type ServedTables = IndexMap<QualifiedTable, Arc<TableInfo>>;

/// A role's schema, once it has been built.
type RoleCell = Arc<OnceLock<Arc<RoleSchema>>>;

/// All resolved metadata at one moment.
#[derive(Debug, Default)]
pub struct SchemaCache {
    /// Sources that can be served, in document order.
    pub sources: Arc<Sources>,
    /// What is not served, and why.
    pub inconsistencies: Vec<Inconsistency>,
    /// The server's options.
    pub settings: Settings,
    /// What metadata forbids beside permissions.
    pub guards: Guards,
    roles: RwLock<HashMap<(RoleName, SchemaVariant), RoleCell>>,
    known_roles: Vec<RoleName>,
    inherited_roles: InheritedRoles,
    /// Which table a type's or root field's name leads to.
    places: OnceLock<Arc<Places>>,
}

/// A source that can be served.
#[derive(Clone, Debug)]
pub struct SourceInfo {
    /// Its name.
    pub name: SourceName,
    /// What it speaks.
    pub dialect: Dialect,
    /// Tables that can be served, in document order.
    pub tables: ServedTables,
    /// Functions that can be served, in document order.
    pub functions: IndexMap<QualifiedFunction, FunctionInfo>,
    /// Logical models that can be served, in document order.
    pub logical_models: IndexMap<GraphqlName, Arc<LogicalModelInfo>>,
    /// Native queries that can be served, in document order.
    pub native_queries: IndexMap<GraphqlName, NativeQueryInfo>,
    /// Its naming.
    pub naming: Naming,
    /// `customization.root_fields.namespace`.
    pub namespace: Option<String>,
    /// Which comments its statements carry.
    pub query_tags: Option<QueryTags>,
    /// What it was made of.
    pub(crate) origin: Origin,
}

/// What a source was made of, as far as tables do not know it themselves.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// What the database has.
    pub(crate) catalog: Arc<Catalog>,
}

/// Resolves a document against its sources' catalogs. Never fails: see `inconsistencies`.
pub fn build(
    metadata: &Metadata,
    catalogs: &HashMap<SourceName, CatalogResult>,
    settings: Settings,
) -> SchemaCache {
    resolve(metadata, catalogs, settings, None)
}

/// The same for a document and catalogs that differ in little from those that `before` was made of, with which
/// they share what they have in common: costs what differs.
pub fn rebuild(
    metadata: &Metadata,
    catalogs: &HashMap<SourceName, CatalogResult>,
    settings: Settings,
    before: &SchemaCache,
) -> SchemaCache {
    resolve(metadata, catalogs, settings, Some(before))
}

fn resolve(
    metadata: &Metadata,
    catalogs: &HashMap<SourceName, CatalogResult>,
    settings: Settings,
    before: Option<&SchemaCache>,
) -> SchemaCache {
    let mut inconsistencies = unbuilt::of_document(metadata);
    let roles = InheritedRoles::resolve(metadata, &mut inconsistencies);
    let guards = Guards::of_document(metadata, &mut inconsistencies);
    let sources = metadata.sources.values();
    let prepared = sources.map(|source| Prepared::of(source, catalogs, settings, before));
    let prepared: Vec<_> = prepared.collect();
    let mut names = TakenNames::new(metadata, catalogs, settings);
    if are_distinct(&names, &prepared) {
        names.trust();
    }
    let mut sources = IndexMap::new();
    for prepared in prepared {
        let name = prepared.source.name.clone();
        let mut builder = SourceBuilder {
            source: prepared.source,
            roles: &roles,
            has_same_roles: before.is_some_and(|before| before.inherited_roles == roles),
            found: &mut inconsistencies,
            names: &mut names,
        };
        if let Some(info) = builder.build(prepared) {
            sources.insert(name, info);
        }
    }
    let known_roles = known_roles(&sources);
    SchemaCache {
        sources: Arc::new(sources),
        inconsistencies,
        settings,
        guards,
        inherited_roles: roles,
        roles: RwLock::default(),
        known_roles,
        places: OnceLock::new(),
    }
}

/// Whether no two things that are made would have one name, so that none has to be asked about. Native queries
/// take names as they are resolved, and are asked.
fn are_distinct(names: &TakenNames, prepared: &[Prepared<'_>]) -> bool {
    let mut seen = Distinct::new(names);
    prepared.iter().all(|prepared| {
        let Ok(ready) = &prepared.ready else {
            return true;
        };
        let source = prepared.source;
        let made_of = ready.bases.iter().flatten();
        let mut made_of = made_of.filter_map(|base| base.info().made_of.as_ref());
        source.native_queries.is_empty()
            && source.logical_models.is_empty()
            && seen.add_namespace(source.customization.namespace.as_deref(), &ready.naming)
            && made_of.all(|made_of| seen.add(&made_of.names))
    })
}

fn known_roles(sources: &IndexMap<SourceName, SourceInfo>) -> Vec<RoleName> {
    let tables = sources.values().flat_map(|source| source.tables.values());
    let roles = tables.flat_map(|table| {
        let reading = table.select_permissions.keys();
        reading.chain(table.write_permissions.roles())
    });
    let queries = sources
        .values()
        .flat_map(|source| source.native_queries.values());
    let models = queries.flat_map(|query| query.model.select_permissions.keys());
    // Few roles have many permissions.
    let roles: HashSet<&RoleName> = roles.chain(models).collect();
    let mut roles: Vec<_> = roles.into_iter().cloned().collect();
    roles.sort();
    roles
}

impl SchemaCache {
    /// A role's schema, built when it is first asked for.
    ///
    /// A role that no permission names shares one schema that shows nothing, so that made-up role
    /// names cost no memory.
    pub fn role(&self, role: &RoleName) -> Arc<RoleSchema> {
        self.variant(role, SchemaVariant::default())
    }

    /// One of a role's schemas, built when it is first asked for.
    pub fn variant(&self, role: &RoleName, variant: SchemaVariant) -> Arc<RoleSchema> {
        let SchemaVariant { kind, backend } = variant;
        let known = role.is_admin() || self.known_roles.binary_search(role).is_ok();
        let role = if known {
            role.clone()
        } else {
            RoleName::new("")
        };
        let tables = || {
            self.sources
                .values()
                .flat_map(|source| source.tables.values())
        };
        // One schema serves both kinds of callers where they see the same.
        let backend = match backend {
            BackendOnly::Allowed
                if tables().any(|table| table.write_permissions.is_split(&role)) =>
            {
                BackendOnly::Allowed
            }
            _ => BackendOnly::Hidden,
        };
        let key = (role, SchemaVariant { kind, backend });
        let cell = {
            let roles = self.roles.read().expect("no panic while this lock is held");
            roles.get(&key).cloned()
        };
        let cell = cell.unwrap_or_else(|| {
            let mut roles = self
                .roles
                .write()
                .expect("no panic while this lock is held");
            roles.entry(key.clone()).or_default().clone()
        });
        let build = || Arc::new(self.build_role(key.0, key.1));
        cell.get_or_init(build).clone()
    }

    fn build_role(&self, role: RoleName, variant: SchemaVariant) -> RoleSchema {
        let places = || Arc::new(Places::of(&self.sources, self.settings));
        let ingredients = Ingredients {
            sources: self.sources.clone(),
            settings: self.settings,
            role,
            variant,
        };
        RoleSchema::new(ingredients, self.places.get_or_init(places))
    }

    /// Whether every object of the document is served.
    pub fn is_consistent(&self) -> bool {
        self.inconsistencies.is_empty()
    }
}
