//! One source, resolved step by step: tables, their fields, their permissions, functions, native queries.
//!
//! What cannot be resolved becomes an inconsistency here. Knows no other sources but by the names that they have
//! taken. Read next: `before.rs`, `fields.rs`, `permission.rs`.

use graphloom_catalog::Catalog;
use graphloom_metadata::support;
use graphloom_metadata::types::{self as metadata, Source, SourceFeature};
use graphloom_vocab::{Json, QualifiedFunction, QualifiedTable};
use indexmap::IndexMap;

use super::before::{Base, Making, Prepared, Ready};
use super::{Origin, ServedTables, SourceInfo, definition};
use crate::conflict::TakenNames;
use crate::function::{self, FunctionInfo};
use crate::inherit::InheritedRoles;
use crate::{Inconsistency, Naming, Part, Reason, unbuilt};

pub(super) struct SourceBuilder<'a> {
    pub(super) source: &'a Source,
    pub(super) roles: &'a InheritedRoles,
    /// Whether roles inherit as they did when the last build was made.
    pub(super) has_same_roles: bool,
    pub(super) found: &'a mut Vec<Inconsistency>,
    pub(super) names: &'a mut TakenNames,
}

impl SourceBuilder<'_> {
    pub(super) fn build(&mut self, prepared: Prepared<'_>) -> Option<SourceInfo> {
        let Ready {
            catalog,
            naming,
            bases,
        } = match prepared.ready {
            Ok(ready) => ready,
            Err(reason) => return self.refuse(reason),
        };
        self.found.extend(unbuilt::of_source(self.source));
        if let Err(reason) = self.take_namespace(&naming) {
            return self.refuse(reason);
        }
        let mut making = self.tables(bases, &naming);
        self.relationships(&catalog, &naming, &mut making);
        self.computed_fields(&catalog, &mut making);
        self.permissions(&mut making);
        let mut tables = making.finish();
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
            origin: Origin { catalog },
        })
    }

    /// Why the source cannot have this, if its kind of database does not.
    pub(super) fn lacks(&self, feature: SourceFeature) -> Option<Reason> {
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

    fn tables(&mut self, bases: Vec<Result<Base, Reason>>, naming: &Naming) -> Making {
        let mut making = Making::with_capacity(bases.len());
        for (tracked, base) in self.source.tables.values().zip(bases) {
            self.found.extend(unbuilt::of_table(self.source, tracked));
            let owner = self.table_name(&tracked.table);
            let namespace = self.source.customization.namespace.as_deref();
            let base = base.and_then(|base| {
                self.names.take(base.info(), naming, namespace, &owner)?;
                Ok(base)
            });
            match base {
                Ok(base) => making.push(tracked.table.clone(), base),
                Err(reason) => self.refuse_table(tracked, reason),
            }
        }
        making
    }

    /// Notes an object of this source that is not served.
    pub(super) fn refuse_object(&mut self, found: Inconsistency) {
        self.found.push(found.within(&self.source.name));
    }

    fn refuse_table(&mut self, tracked: &metadata::Table, reason: Reason) {
        let name = self.table_name(&tracked.table);
        let definition = definition::table(&tracked.table);
        let found = Inconsistency::new("table", name, reason, definition);
        let part = Part::Table(tracked.table.clone());
        self.refuse_object(found.about(part));
    }

    pub(super) fn table_name(&self, table: &QualifiedTable) -> String {
        format!(
            "table {} in source {}",
            table.display_name(),
            self.source.name
        )
    }

    fn functions(
        &mut self,
        catalog: &Catalog,
        tables: &ServedTables,
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
}
