//! Logical models, native queries and relationships that lead to them, within one source.
//!
//! A query that refers to one that is not served is not served either, and so on.

use std::sync::Arc;

use graphloom_catalog::{self as catalog, Catalog};
use graphloom_metadata::support;
use graphloom_metadata::types::{
    Model, NativeQuery, NativeTarget, Relationship, RelationshipUsing, Returns,
};
use graphloom_vocab::{ColumnName, GraphqlName, Json, QualifiedTable, RelationshipName, RoleName};
use indexmap::IndexMap;

use super::ServedTables;
use super::fields::clash;
use super::permission::Tables;
use super::resolve::SourceBuilder;
use crate::function::ComputedFieldInfo;
use crate::native::{
    self, LogicalModelInfo, NativeQueryInfo, NativeRelationshipInfo, Nested, Refusal,
};
use crate::relationship::{RelationshipKind, not_tracked};
use crate::rule::RuleContext;
use crate::table::TableInfo;
use crate::{Inconsistency, Naming, Part, Reason, unbuilt};

/// A source's native part.
pub(super) struct Native {
    pub(super) logical_models: IndexMap<GraphqlName, Arc<LogicalModelInfo>>,
    pub(super) native_queries: IndexMap<GraphqlName, NativeQueryInfo>,
}

/// What a rule on a model's rows may look at: their values, and tables through `_exists`.
struct ModelRules<'a> {
    model: &'a catalog::Table,
    tables: Tables<'a>,
}

impl RuleContext for ModelRules<'_> {
    fn table(&self, name: &QualifiedTable) -> Option<&catalog::Table> {
        match name == &self.model.name {
            true => Some(self.model),
            false => self.tables.table(name),
        }
    }

    fn relationship(
        &self,
        table: &QualifiedTable,
        name: &str,
    ) -> Option<(&QualifiedTable, &[(ColumnName, ColumnName)])> {
        self.tables.relationship(table, name)
    }

    fn computed_field(&self, table: &QualifiedTable, name: &str) -> Option<&ComputedFieldInfo> {
        self.tables.computed_field(table, name)
    }
}

impl SourceBuilder<'_> {
    /// Models, queries, and relationships between tables and queries (put into `tables`).
    pub(super) fn native(
        &mut self,
        catalog: &Catalog,
        naming: &Naming,
        tables: &mut ServedTables,
    ) -> Native {
        let logical_models = self.logical_models(catalog, tables);
        let mut native_queries = self.native_queries(catalog, &logical_models, tables);
        self.native_relationships(&mut native_queries, tables);
        self.native_names(naming, &mut native_queries);
        self.dangling(&mut native_queries, tables);
        for query in native_queries.values_mut() {
            for relationship in query.relationships.values_mut() {
                self.name_arguments(relationship);
            }
        }
        self.relationships_to_queries(naming, &native_queries, tables);
        Native {
            logical_models,
            native_queries,
        }
    }

    fn logical_models(
        &mut self,
        catalog: &Catalog,
        tables: &ServedTables,
    ) -> IndexMap<GraphqlName, Arc<LogicalModelInfo>> {
        let mut models = IndexMap::new();
        for declared in self.source.logical_models.values() {
            let name = &declared.name;
            let resolved = match unbuilt::misfit(&support::LOGICAL_MODEL, &declared.extra) {
                Some(reason) => Err(reason),
                None => native::model(
                    name,
                    declared.description.as_ref(),
                    &declared.model,
                    catalog,
                ),
            };
            let owner = native::model_owner(name, &self.source.name);
            match resolved {
                Ok(mut info) => {
                    self.model_permissions(&mut info, &declared.model, tables, &owner);
                    models.insert(name.clone(), Arc::new(info));
                }
                Err(reason) => {
                    let definition = declared.to_json();
                    let part = Part::LogicalModel(name.clone());
                    let found = Inconsistency::new("logical_model", owner, reason, definition);
                    self.refuse_object(found.about(part));
                }
            }
        }
        models
    }

    fn model_permissions(
        &mut self,
        info: &mut LogicalModelInfo,
        declared: &Model,
        tables: &ServedTables,
        owner: &str,
    ) {
        let context = ModelRules {
            model: &info.rows.table,
            tables: Tables::new(tables),
        };
        let mut compiled = IndexMap::new();
        for (role, permission) in &declared.select_permissions {
            match native::permission(&context, info, permission) {
                Ok(grant) => {
                    compiled.insert(role.clone(), Arc::new(grant));
                }
                Err(reason) => {
                    let reason = reason.told(|text| {
                        let name = &info.name;
                        format!(
                            "in logical model \"{name}\": in permission for role \"{role}\": {text}"
                        )
                    });
                    let definition = self.model_permission(info, role, permission.to_json());
                    self.refuse_object(Inconsistency::new(
                        "select_permission",
                        format!("select_permission {role} in {owner}"),
                        reason,
                        definition,
                    ));
                }
            }
        }
        let own = declared.select_permissions.keys().cloned().collect();
        self.roles.apply_to_model(&info.rows, &mut compiled, &own);
        info.select_permissions = compiled;
    }

    fn model_permission(
        &self,
        info: &LogicalModelInfo,
        role: &RoleName,
        mut permission: Json,
    ) -> Json {
        permission["source"] = Json::from(self.source.name.as_str());
        permission["name"] = Json::from(info.name.as_str());
        permission["role"] = Json::from(role.as_str());
        permission
    }

    fn native_queries(
        &mut self,
        catalog: &Catalog,
        models: &IndexMap<GraphqlName, Arc<LogicalModelInfo>>,
        tables: &ServedTables,
    ) -> IndexMap<GraphqlName, NativeQueryInfo> {
        let mut queries = IndexMap::new();
        for query in self.source.native_queries.values() {
            match self.native_query(query, catalog, models, tables) {
                Ok(info) => {
                    queries.insert(query.root_field_name.clone(), info);
                }
                Err(refusal) => self.refuse_query(query, refusal),
            }
        }
        queries
    }

    fn native_query(
        &mut self,
        query: &NativeQuery,
        catalog: &Catalog,
        models: &IndexMap<GraphqlName, Arc<LogicalModelInfo>>,
        tables: &ServedTables,
    ) -> Result<NativeQueryInfo, Refusal> {
        let name = &query.root_field_name;
        let (declared, model) = match &query.returns {
            Returns::Named(model) => {
                let info = models.get(model).cloned();
                let declared = self.source.logical_models.get(model);
                info.zip(declared)
                    .map(|(info, declared)| (&declared.model, info))
                    .ok_or_else(|| {
                        let text = format!("The logical model {model} could not be found");
                        Reason::needs(Part::LogicalModel(model.clone()), text)
                    })?
            }
            Returns::Inline(declared) => {
                let mut info = native::model(name, query.description.as_ref(), declared, catalog)?;
                let owner = native::query_owner(name, &self.source.name);
                self.model_permissions(&mut info, declared, tables, &owner);
                (declared, Arc::new(info))
            }
        };
        let statement = native::statement(query, declared, &model, catalog)?;
        Ok(NativeQueryInfo {
            name: name.clone(),
            model,
            statement: Arc::new(statement),
            relationships: IndexMap::new(),
            description: query.description.clone(),
        })
    }

    fn refuse_query(&mut self, query: &NativeQuery, refusal: Refusal) {
        let name = native::query_owner(&query.root_field_name, &self.source.name);
        let definition = query.to_json();
        let part = Part::NativeQuery(query.root_field_name.clone());
        let found = Inconsistency::new("native_query", name, refusal.reason, definition);
        let found = found.about(part);
        self.refuse_object(match refusal.message {
            Some(message) => found.with_message(message),
            None => found,
        });
    }

    /// Resolves the queries' own relationships; queries with one that leads nowhere go.
    fn native_relationships(
        &mut self,
        queries: &mut IndexMap<GraphqlName, NativeQueryInfo>,
        tables: &ServedTables,
    ) {
        let source = self.source;
        let declared = |name: &GraphqlName| &source.native_queries[name];
        let names: Vec<_> = queries.keys().cloned().collect();
        for name in names {
            match query_relationships(declared(&name), &queries[&name]) {
                Ok(relationships) => queries[&name].relationships = relationships,
                Err(reason) => {
                    queries.shift_remove(&name);
                    self.refuse_query(declared(&name), reason.into());
                }
            }
        }
        self.dangling(queries, tables);
    }

    /// Drops queries with a relationship that leads nowhere, until there are none.
    fn dangling(
        &mut self,
        queries: &mut IndexMap<GraphqlName, NativeQueryInfo>,
        tables: &ServedTables,
    ) {
        loop {
            let dangling = queries.values().find_map(|query| {
                let mut all = query.relationships.values();
                let reason = all.find_map(|one| leads_nowhere(one, queries, tables))?;
                Some((query.name.clone(), reason))
            });
            let Some((name, reason)) = dangling else {
                return;
            };
            queries.shift_remove(&name);
            self.refuse_query(&self.source.native_queries[&name], reason.into());
        }
    }

    /// Takes root fields and types; queries whose names somebody else has go.
    fn native_names(
        &mut self,
        naming: &Naming,
        queries: &mut IndexMap<GraphqlName, NativeQueryInfo>,
    ) {
        let mut taken = Vec::new();
        for query in queries.values() {
            if let Err(reason) = self.take_query(naming, query) {
                taken.push((query.name.clone(), reason));
            }
        }
        for (name, reason) in taken {
            queries.shift_remove(&name);
            self.refuse_query(&self.source.native_queries[&name], reason.into());
        }
    }

    fn take_query(&mut self, naming: &Naming, query: &NativeQueryInfo) -> Result<(), Reason> {
        let owner = native::query_owner(&query.name, &self.source.name);
        let namespace = self.source.customization.namespace.as_deref();
        let mut types = Vec::new();
        if !query.statement.arguments.is_empty() {
            types.push(native::arguments_type(query.name.as_str()));
        }
        let is_own = query.model.name == query.name;
        if !query.relationships.is_empty() && !is_own {
            types.push(query.name.clone());
        }
        // A model that is nobody else's, or to which relationships are added under its own name.
        let returns = &self.source.native_queries[&query.name].returns;
        let is_inline = matches!(returns, Returns::Inline(_));
        let model_owner = match is_inline || (is_own && !query.relationships.is_empty()) {
            true => owner.clone(),
            false => native::model_owner(&query.model.name, &self.source.name),
        };
        self.names
            .take_model(query.model.type_names(naming), &model_owner)?;
        let field = query.name.clone();
        self.names.take_query(field, types, namespace, &owner)
    }

    /// The type of a relationship's `args`: called like it, or like the query if somebody else has that.
    fn name_arguments(&mut self, relationship: &mut NativeRelationshipInfo) {
        if let NativeTarget::Query(query) = &relationship.target {
            let owner = native::query_owner(query, &self.source.name);
            if !self.names.take_if_free(&relationship.arguments, &owner) {
                relationship.arguments = native::arguments_type(query.as_str());
            }
        }
    }

    /// Resolves tables' relationships to native queries.
    fn relationships_to_queries(
        &mut self,
        naming: &Naming,
        queries: &IndexMap<GraphqlName, NativeQueryInfo>,
        tables: &mut ServedTables,
    ) {
        for tracked in self.source.tables.values() {
            let objects = tracked.object_relationships.values();
            let objects = objects.map(|one| (one, RelationshipKind::Object));
            let arrays = tracked.array_relationships.values();
            let arrays = arrays.map(|one| (one, RelationshipKind::Array));
            for (relationship, kind) in objects.chain(arrays) {
                let Some(info) = tables.get(&tracked.table) else {
                    continue;
                };
                let resolved = to_query(relationship, kind, info, naming, queries);
                let Some(resolved) = resolved else { continue };
                match resolved {
                    Ok(mut resolved) => {
                        self.name_arguments(&mut resolved);
                        let name = relationship.name.as_str().to_owned();
                        Arc::make_mut(&mut tables[&tracked.table])
                            .native_relationships
                            .insert(name, resolved);
                    }
                    Err(reason) => {
                        self.refuse_relationship(&tracked.table, relationship, kind, reason);
                    }
                }
            }
        }
    }
}

/// A query's relationships by name; the reason if one is no good.
fn query_relationships(
    declared: &NativeQuery,
    info: &NativeQueryInfo,
) -> Result<IndexMap<String, NativeRelationshipInfo>, Reason> {
    let name = &declared.root_field_name;
    let twice: Vec<_> = declared
        .array_relationships
        .keys()
        .filter(|name| declared.object_relationships.contains_key(*name))
        .map(RelationshipName::as_str)
        .collect();
    if !twice.is_empty() {
        let twice = twice.join(",");
        return Err(
            format!("The native query '{name}' has duplicate relationships: {twice}").into(),
        );
    }
    let mut resolved = IndexMap::new();
    for (relationships, kind) in [
        (&declared.object_relationships, RelationshipKind::Object),
        (&declared.array_relationships, RelationshipKind::Array),
    ] {
        for relationship in relationships.values() {
            let one = native::relationship(relationship, kind, info)?;
            resolved.insert(relationship.name.as_str().to_owned(), one);
        }
    }
    for (field, kind) in &info.model.nested {
        if !resolved.contains_key(field) {
            let kind = match kind {
                Nested::Object => "object",
                Nested::Array => "array",
            };
            return Err(format!("Unexpected logical model {kind} field '{field}'.").into());
        }
    }
    Ok(resolved)
}

fn query_not_tracked(name: &GraphqlName) -> Reason {
    let text = format!("native query \"{name}\" is not tracked");
    Reason::needs(Part::NativeQuery(name.clone()), text)
}

/// Why a relationship of a query cannot be followed.
fn leads_nowhere(
    relationship: &NativeRelationshipInfo,
    queries: &IndexMap<GraphqlName, NativeQueryInfo>,
    tables: &ServedTables,
) -> Option<Reason> {
    let theirs = relationship.mapping.iter().map(|(_, theirs)| theirs);
    match &relationship.target {
        NativeTarget::Table(name) => {
            let Some(info) = tables.get(name) else {
                return Some(not_tracked(name));
            };
            let mut theirs = theirs.filter(|column| info.table.column(column).is_none());
            let (column, shown) = (theirs.next()?, name.display_name());
            Some(format!("table \"{shown}\" has no field named \"{column}\"").into())
        }
        NativeTarget::Query(name) => {
            let Some(query) = queries.get(name) else {
                return Some(query_not_tracked(name));
            };
            let mut reasons = theirs.filter_map(|column| native::has_field(query, column).err());
            reasons.next().map(Reason::from)
        }
    }
}

/// A table's relationship to a native query; `None` if it leads elsewhere.
fn to_query(
    relationship: &Relationship,
    kind: RelationshipKind,
    info: &TableInfo,
    naming: &Naming,
    queries: &IndexMap<GraphqlName, NativeQueryInfo>,
) -> Option<Result<NativeRelationshipInfo, Reason>> {
    let RelationshipUsing::ManualQuery {
        remote_native_query,
        column_mapping,
        ..
    } = &relationship.using
    else {
        return None;
    };
    let resolve = || {
        if let Some(reason) = unbuilt::misfit(&support::RELATIONSHIP, &relationship.extra) {
            return Err(reason);
        }
        if let Some(reason) = clash(relationship, kind, info, &info.relationships, naming) {
            return Err(reason.into());
        }
        let name = relationship.name.as_str();
        if info.native_relationships.contains_key(name) || info.computed_fields.contains_key(name) {
            return Err(format!("conflicting definitions for field \"{name}\"").into());
        }
        let field = GraphqlName::parse(name)
            .ok_or_else(|| format!("{name} is not a valid GraphQL name"))?;
        let query = queries
            .get(remote_native_query)
            .ok_or_else(|| query_not_tracked(remote_native_query))?;
        for (ours, theirs) in column_mapping {
            if info.table.column(ours).is_none() {
                let table = info.table.name.display_name();
                return Err(format!("table \"{table}\" has no field named \"{ours}\"").into());
            }
            native::has_field(query, theirs)?;
        }
        let mapping = column_mapping.iter();
        Ok(NativeRelationshipInfo {
            name: relationship.name.clone(),
            field,
            kind,
            target: NativeTarget::Query(remote_native_query.clone()),
            mapping: mapping.map(|(a, b)| (a.clone(), b.clone())).collect(),
            arguments: native::arguments_type(name),
        })
    };
    Some(resolve())
}
