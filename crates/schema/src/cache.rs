//! All resolved metadata at one moment, and the role schemas made from it.

mod known;
mod native;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use graphloom_catalog::{self as catalog, Catalog};
use graphloom_metadata::Metadata;
use graphloom_metadata::support;
use graphloom_metadata::types::{
    self as metadata, ComputedField, Dialect, QueryTags, Relationship, RelationshipUsing, Source,
    SourceFeature,
};
use graphloom_vocab::{
    BackendOnly, ColumnName, GraphqlName, Json, QualifiedFunction, QualifiedTable, RoleName,
    SourceName,
};
use indexmap::IndexMap;

use self::known::Known;
use crate::conflict::TakenNames;
use crate::function::{self, ComputedFieldInfo, FunctionInfo};
use crate::guard::Guards;
use crate::inherit::{InheritedRoles, OwnRoles};
use crate::native::{LogicalModelInfo, NativeQueryInfo};
use crate::relationship::{self, Place, RelationshipInfo, RelationshipKind};
use crate::role::{Ingredients, Places, RoleSchema, SchemaVariant};
use crate::rule::RuleContext;
use crate::table::{self, TableInfo};
use crate::write::{self, WritePermissions};
use crate::{
    Feature, Inconsistency, Naming, NamingConvention, Part, Reason, Settings, arrays, definition,
    unbuilt,
};

/// A source's catalog, or why there is none.
pub type CatalogResult = Result<Arc<Catalog>, Reason>;

/// Sources that can be served, in document order.
pub type Sources = IndexMap<SourceName, SourceInfo>;

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
    pub tables: IndexMap<QualifiedTable, TableInfo>,
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
}

/// Resolves a document against its sources' catalogs. Never fails: see `inconsistencies`.
pub fn build(
    metadata: &Metadata,
    catalogs: &HashMap<SourceName, CatalogResult>,
    settings: Settings,
) -> SchemaCache {
    let mut inconsistencies = unbuilt::of_document(metadata);
    let roles = InheritedRoles::resolve(metadata, &mut inconsistencies);
    let guards = Guards::of_document(metadata, &mut inconsistencies);
    let mut sources = IndexMap::new();
    let mut names = TakenNames::new(metadata, catalogs, settings);
    for source in metadata.sources.values() {
        let mut builder = SourceBuilder {
            source,
            roles: &roles,
            found: &mut inconsistencies,
            names: &mut names,
        };
        if let Some(info) = builder.build(catalogs.get(&source.name), settings) {
            sources.insert(source.name.clone(), info);
        }
    }
    let known_roles = known_roles(&sources);
    SchemaCache {
        sources: Arc::new(sources),
        inconsistencies,
        settings,
        guards,
        roles: RwLock::default(),
        known_roles,
        places: OnceLock::new(),
    }
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
    let mut roles: Vec<_> = roles.chain(models).cloned().collect();
    roles.sort();
    roles.dedup();
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

/// What rules may look at while a source is being resolved.
struct Tables<'a> {
    tables: &'a IndexMap<QualifiedTable, TableInfo>,
}

impl RuleContext for Tables<'_> {
    fn table(&self, name: &QualifiedTable) -> Option<&catalog::Table> {
        self.tables.get(name).map(|info| &*info.table)
    }

    fn relationship(
        &self,
        table: &QualifiedTable,
        name: &str,
    ) -> Option<(&QualifiedTable, &[(ColumnName, ColumnName)])> {
        let relationship = self.tables.get(table)?.relationships.get(name)?;
        Some((&relationship.target, &relationship.mapping))
    }

    fn computed_field(&self, table: &QualifiedTable, name: &str) -> Option<&ComputedFieldInfo> {
        self.tables.get(table)?.computed_fields.get(name)
    }
}

struct SourceBuilder<'a> {
    source: &'a Source,
    roles: &'a InheritedRoles,
    found: &'a mut Vec<Inconsistency>,
    names: &'a mut TakenNames,
}

impl SourceBuilder<'_> {
    fn build(&mut self, catalog: Option<&CatalogResult>, settings: Settings) -> Option<SourceInfo> {
        let catalog = match (self.blocker(), catalog) {
            (Some(reason), _) => return self.refuse(reason),
            (None, Some(Ok(catalog))) => catalog.clone(),
            (None, Some(Err(reason))) => return self.refuse(reason.clone()),
            (None, None) => return self.refuse("the source was not introspected".into()),
        };
        let catalog = match settings.features.has(Feature::DisablePostgresArrays) {
            true => arrays::as_scalars(&catalog),
            false => catalog,
        };
        self.found.extend(unbuilt::of_source(self.source));
        let naming = settings.naming(&self.source.customization);
        if let Err(reason) = self.take_namespace(&naming) {
            return self.refuse(reason);
        }
        let mut tables = self.tables(&catalog, &naming);
        self.relationships(&catalog, &naming, &mut tables);
        self.computed_fields(&catalog, &mut tables);
        self.permissions(&mut tables);
        let functions = self.functions(&catalog, &tables);
        let native = self.native(&catalog, &naming, &mut tables);
        Some(SourceInfo {
            functions,
            logical_models: native.logical_models,
            native_queries: native.native_queries,
            name: self.source.name.clone(),
            dialect: self.source.dialect().unwrap_or_default(),
            tables,
            naming,
            namespace: self.source.customization.namespace.clone(),
            query_tags: self.source.query_tags(),
        })
    }

    fn blocker(&self) -> Option<Reason> {
        if self.source.dialect().is_none() {
            let kind = &self.source.kind;
            let text = format!("sources of kind {kind:?} are not served");
            return Some(Reason::unbuilt(text));
        }
        let customization = &self.source.customization;
        let convention = customization.naming_convention.as_deref();
        if let Some(name) = convention.filter(|name| NamingConvention::parse(name).is_none()) {
            return Some(format!("{name:?} is not a naming convention").into());
        }
        unbuilt::of_whole_source(self.source)
    }

    /// Why the source cannot have this, if its kind of database does not.
    fn lacks(&self, feature: SourceFeature) -> Option<Reason> {
        let dialect = self.source.dialect().unwrap_or_default();
        let text = || format!("{} sources have no {}", dialect.kind(), feature.as_str());
        (!dialect.has(feature)).then(|| text().into())
    }

    fn take_namespace(&mut self, naming: &Naming) -> Result<(), Reason> {
        match &self.source.customization.namespace {
            None => Ok(()),
            Some(namespace) => {
                let owner = format!("source {}", self.source.name);
                let ty = naming.namespace_type(namespace);
                self.names.take_namespace(namespace, ty, &owner)
            }
        }
    }

    fn refuse(&mut self, reason: Reason) -> Option<SourceInfo> {
        let name = format!("source {}", self.source.name);
        let definition = Json::from(self.source.name.as_str());
        self.refuse_object(Inconsistency::new("source", name, reason, definition));
        None
    }

    fn tables(
        &mut self,
        catalog: &Catalog,
        naming: &Naming,
    ) -> IndexMap<QualifiedTable, TableInfo> {
        let mut tables = IndexMap::with_capacity(self.source.tables.len());
        for tracked in self.source.tables.values() {
            self.found.extend(unbuilt::of_table(self.source, tracked));
            let resolved = match catalog.tables.get(&tracked.table) {
                Some(table) => table::resolve(tracked, table, catalog, naming),
                None => {
                    let name = tracked.table.display_name();
                    Err(format!("no such table/view exists in source: \"{name}\"").into())
                }
            };
            let owner = self.table_name(&tracked.table);
            let namespace = self.source.customization.namespace.as_deref();
            let resolved = resolved.and_then(|info| {
                self.names.take(&info, naming, namespace, &owner)?;
                Ok(info)
            });
            match resolved {
                Ok(info) => {
                    tables.insert(tracked.table.clone(), info);
                }
                Err(reason) => self.refuse_table(tracked, reason),
            }
        }
        tables
    }

    /// Notes an object of this source that is not served.
    fn refuse_object(&mut self, found: Inconsistency) {
        self.found.push(found.within(&self.source.name));
    }

    fn refuse_table(&mut self, tracked: &metadata::Table, reason: Reason) {
        let name = self.table_name(&tracked.table);
        let definition = definition::table(&tracked.table);
        let found = Inconsistency::new("table", name, reason, definition);
        let part = Part::Table(tracked.table.clone());
        self.refuse_object(found.about(part));
    }

    fn table_name(&self, table: &QualifiedTable) -> String {
        format!(
            "table {} in source {}",
            table.display_name(),
            self.source.name
        )
    }

    fn relationships(
        &mut self,
        catalog: &Catalog,
        naming: &Naming,
        tables: &mut IndexMap<QualifiedTable, TableInfo>,
    ) {
        for tracked in self.source.tables.values() {
            let Some(info) = tables.get(&tracked.table) else {
                continue;
            };
            let place = Place {
                source: &self.source.name,
                naming,
                catalog,
                tables,
            };
            let mut resolved: IndexMap<String, RelationshipInfo> = IndexMap::new();
            let all = tracked
                .object_relationships
                .values()
                .map(|relationship| (relationship, RelationshipKind::Object))
                .chain(
                    tracked
                        .array_relationships
                        .values()
                        .map(|relationship| (relationship, RelationshipKind::Array)),
                );
            let to_tables = all.filter(|(relationship, _)| {
                !matches!(relationship.using, RelationshipUsing::ManualQuery { .. })
            });
            for (relationship, kind) in to_tables {
                let result = relationship_info(relationship, kind, info, &resolved, &place);
                match result {
                    Ok(relationship) => {
                        resolved.insert(relationship.name.as_str().to_owned(), relationship);
                    }
                    Err(reason) => {
                        self.refuse_relationship(&tracked.table, relationship, kind, reason);
                    }
                }
            }
            if let Some(info) = tables.get_mut(&tracked.table) {
                info.relationships = resolved;
            }
        }
    }

    fn refuse_relationship(
        &mut self,
        table: &QualifiedTable,
        relationship: &Relationship,
        kind: RelationshipKind,
        reason: Reason,
    ) {
        let kind = match kind {
            RelationshipKind::Object => "object_relation",
            RelationshipKind::Array => "array_relation",
        };
        let name = format!("{kind} {} in {}", relationship.name, self.table_name(table));
        let definition = definition::relationship(&self.source.name, table, relationship);
        let found = Inconsistency::new(kind, name, reason, definition);
        let part = Part::Field(table.clone(), relationship.name.as_str().to_owned());
        self.refuse_object(found.about(part));
    }

    fn computed_fields(
        &mut self,
        catalog: &Catalog,
        tables: &mut IndexMap<QualifiedTable, TableInfo>,
    ) {
        for tracked in self.source.tables.values() {
            let mut resolved = IndexMap::new();
            for (name, field) in &tracked.computed_fields {
                let Some(info) = tables.get(&tracked.table) else {
                    continue;
                };
                let resolved_field = match self.lacks(SourceFeature::ComputedFields) {
                    Some(reason) => Err(reason),
                    None => computed_field(field, info, catalog, tables),
                };
                match resolved_field {
                    Ok(field) => {
                        resolved.insert(name.clone(), field);
                    }
                    Err(reason) => self.refuse_computed_field(&tracked.table, field, reason),
                }
            }
            if let Some(info) = tables.get_mut(&tracked.table) {
                info.computed_fields = resolved;
            }
        }
    }

    fn refuse_computed_field(
        &mut self,
        table: &QualifiedTable,
        field: &ComputedField,
        reason: Reason,
    ) {
        let name = format!(
            "computed_field {} in {}",
            field.name,
            self.table_name(table)
        );
        let definition = definition::computed_field(&self.source.name, table, field);
        let found = Inconsistency::new("computed_field", name, reason, definition);
        let part = Part::Field(table.clone(), field.name.clone());
        self.refuse_object(found.about(part));
    }

    fn functions(
        &mut self,
        catalog: &Catalog,
        tables: &IndexMap<QualifiedTable, TableInfo>,
    ) -> IndexMap<QualifiedFunction, FunctionInfo> {
        let mut functions = IndexMap::new();
        for tracked in self.source.functions.values() {
            let is_tracked = |table: &QualifiedTable| tables.contains_key(table);
            let lacks = self.lacks(SourceFeature::Functions);
            let resolved =
                match lacks.or_else(|| unbuilt::misfit(&support::FUNCTION, &tracked.extra)) {
                    Some(reason) => Err(reason),
                    None => function::resolve(tracked, catalog, is_tracked),
                };
            match resolved {
                Ok(mut info) => {
                    self.roles.apply_to_function(&mut info);
                    functions.insert(tracked.function.clone(), info);
                }
                Err(reason) => {
                    let shown = tracked.function.display_name();
                    let name = format!("function {shown} in source {}", self.source.name);
                    let reason = reason.told(|text| format!("in function \"{shown}\": {text}"));
                    let definition = definition::function(&self.source.name, tracked);
                    let found = Inconsistency::new("function", name, reason, definition);
                    let part = Part::Function(tracked.function.clone());
                    self.refuse_object(found.about(part));
                }
            }
        }
        functions
    }

    fn permissions(&mut self, tables: &mut IndexMap<QualifiedTable, TableInfo>) {
        let mut compiled = Vec::new();
        for tracked in self.source.tables.values() {
            let Some(info) = tables.get(&tracked.table) else {
                continue;
            };
            let context = Tables { tables };
            let mut select = IndexMap::new();
            let mut known = Known::new();
            for (role, permission) in &tracked.select_permissions {
                let compile = || table::select_permission(&context, info, permission).map(Arc::new);
                match known.compile(permission, compile) {
                    Ok(permission) => {
                        select.insert(role.clone(), permission);
                    }
                    Err(reason) => {
                        self.refuse_permission("select_permission", tracked, role, reason);
                    }
                }
            }
            let write = self.write_permissions(&context, tracked, &info.table);
            compiled.push((tracked.table.clone(), select, write));
        }
        for (name, select, write) in compiled {
            if let Some(info) = tables.get_mut(&name) {
                info.select_permissions = select;
                info.write_permissions = write;
                self.inherited_permissions(info);
            }
        }
    }

    fn inherited_permissions(&mut self, info: &mut TableInfo) {
        let name = &info.table.name;
        let Some(tracked) = self.source.tables.get(name) else {
            return;
        };
        let shown = name.display_name();
        let conflicts = self.roles.apply_to_table(info, &OwnRoles::of(tracked));
        for (role, kind) in conflicts {
            let conflict = Inconsistency::inherited(&role, kind, &shown, &self.source.name);
            self.found.push(conflict);
        }
    }

    fn write_permissions(
        &mut self,
        context: &Tables<'_>,
        tracked: &metadata::Table,
        table: &catalog::Table,
    ) -> WritePermissions {
        let mut compiled = WritePermissions::default();
        let mut refused = Vec::new();
        let mut known = Known::new();
        for (role, permission) in &tracked.insert_permissions {
            let compile = || write::insert_permission(context, table, permission);
            match known.compile(permission, compile) {
                Ok(info) => {
                    compiled.insert.insert(role.clone(), info);
                }
                Err(reason) => refused.push(("insert_permission", role, reason)),
            }
        }
        let mut known = Known::new();
        for (role, permission) in &tracked.update_permissions {
            let compile = || write::update_permission(context, table, permission);
            match known.compile(permission, compile) {
                Ok(info) => {
                    compiled.update.insert(role.clone(), info);
                }
                Err(reason) => refused.push(("update_permission", role, reason)),
            }
        }
        let mut known = Known::new();
        for (role, permission) in &tracked.delete_permissions {
            let compile = || write::delete_permission(context, table, permission);
            match known.compile(permission, compile) {
                Ok(info) => {
                    compiled.delete.insert(role.clone(), info);
                }
                Err(reason) => refused.push(("delete_permission", role, reason)),
            }
        }
        for (kind, role, reason) in refused {
            self.refuse_permission(kind, tracked, role, reason);
        }
        compiled
    }

    fn refuse_permission(
        &mut self,
        kind: &'static str,
        tracked: &metadata::Table,
        role: &RoleName,
        reason: Reason,
    ) {
        let table = &tracked.table;
        let name = format!("{kind} {role} in {}", self.table_name(table));
        let shown = table.display_name();
        let reason = reason.told(|text| {
            format!("in table \"{shown}\": in permission for role \"{role}\": {text}")
        });
        let definition = definition::permission(&self.source.name, tracked, kind, role);
        self.refuse_object(Inconsistency::new(kind, name, reason, definition));
    }
}

fn relationship_info(
    relationship: &Relationship,
    kind: RelationshipKind,
    info: &TableInfo,
    others: &IndexMap<String, RelationshipInfo>,
    place: &Place<'_>,
) -> Result<RelationshipInfo, Reason> {
    if let Some(reason) = unbuilt::misfit(&support::RELATIONSHIP, &relationship.extra) {
        return Err(reason);
    }
    if let Some(reason) = clash(relationship, kind, info, others, place.naming) {
        return Err(reason.into());
    }
    relationship::resolve(relationship, kind, &info.table, place)
}

/// What else has one of the relationship's names.
fn clash(
    relationship: &Relationship,
    kind: RelationshipKind,
    info: &TableInfo,
    others: &IndexMap<String, RelationshipInfo>,
    naming: &Naming,
) -> Option<String> {
    let name = relationship.name.as_str();
    if info.table.column(&ColumnName::new(name)).is_some() {
        return Some("field definition conflicts with postgres column".to_owned());
    }
    let aggregate = naming.suffixed_field(name, "aggregate");
    let takes = |field: &str| {
        field == name || (kind == RelationshipKind::Array && field == aggregate.as_str())
    };
    if let Some(column) = info.columns.iter().find(|c| takes(c.field.as_str())) {
        return Some(format!(
            "field definition conflicts with custom field name for postgres column \"{}\"",
            column.column
        ));
    }
    let taken = others.contains_key(name);
    taken.then(|| format!("conflicting definitions for field \"{name}\""))
}

fn computed_field(
    field: &ComputedField,
    info: &TableInfo,
    catalog: &Catalog,
    tables: &IndexMap<QualifiedTable, TableInfo>,
) -> Result<ComputedFieldInfo, Reason> {
    if let Some(reason) = unbuilt::misfit(&support::COMPUTED_FIELD, &field.extra) {
        return Err(reason);
    }
    let name = field.name.as_str();
    let is_column = info.table.column(&ColumnName::new(name)).is_some();
    let is_field = info
        .columns
        .iter()
        .any(|column| column.field.as_str() == name);
    if info.relationships.contains_key(name) || (is_field && !is_column) {
        let table = info.table.name.display_name();
        let text = format!("field with name \"{name}\" already exists in table \"{table}\"");
        return Err(text.into());
    }
    let is_tracked = |table: &QualifiedTable| tables.contains_key(table);
    function::resolve_computed(field, &info.table, catalog, is_tracked)
}
