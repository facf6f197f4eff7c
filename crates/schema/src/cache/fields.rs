//! A source's fields that lead elsewhere: relationships and computed fields.
//!
//! Steps of a build, as in `resolve.rs`; which of them are left out is decided in `before.rs`. Knows no permissions.

use graphloom_catalog::Catalog;
use graphloom_metadata::support;
use graphloom_metadata::types::{
    ComputedField, Relationship, RelationshipUsing, SourceFeature, Table,
};
use graphloom_vocab::{ColumnName, QualifiedTable};
use indexmap::IndexMap;

use super::before::Making;
use super::resolve::SourceBuilder;
use super::{ServedTables, definition};
use crate::function::{self, ComputedFieldInfo};
use crate::relationship::{self, Place, RelationshipInfo, RelationshipKind};
use crate::table::TableInfo;
use crate::{Inconsistency, Naming, Part, Reason, unbuilt};

impl SourceBuilder<'_> {
    pub(super) fn relationships(
        &mut self,
        catalog: &Catalog,
        naming: &Naming,
        making: &mut Making,
    ) {
        for tracked in self.source.tables.values() {
            let Some(at) = making.position(&tracked.table) else {
                continue;
            };
            if making.has_same_relationships(at) {
                continue;
            }
            let found = self.found.len();
            let place = Place {
                source: &self.source.name,
                naming,
                catalog,
                tables: making.tables(),
            };
            let info = &making.tables()[at];
            let mut resolved: IndexMap<String, RelationshipInfo> = IndexMap::new();
            for (relationship, kind) in to_tables(tracked) {
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
            making.set_relationships(at, resolved);
            making.note_trouble(at, self.found.len() > found);
        }
    }

    pub(super) fn refuse_relationship(
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

    pub(super) fn computed_fields(&mut self, catalog: &Catalog, making: &mut Making) {
        for tracked in self.source.tables.values() {
            let Some(at) = making.position(&tracked.table) else {
                continue;
            };
            let info = &making.tables()[at];
            if tracked.computed_fields.is_empty() && info.computed_fields.is_empty() {
                continue;
            }
            let found = self.found.len();
            let mut resolved = IndexMap::new();
            for (name, field) in &tracked.computed_fields {
                let resolved_field = match self.lacks(SourceFeature::ComputedFields) {
                    Some(reason) => Err(reason),
                    None => computed_field(field, info, catalog, making.tables()),
                };
                match resolved_field {
                    Ok(field) => {
                        resolved.insert(name.clone(), field);
                    }
                    Err(reason) => self.refuse_computed_field(&tracked.table, field, reason),
                }
            }
            making.set_computed_fields(at, resolved);
            making.note_trouble(at, self.found.len() > found);
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
}

/// A table's relationships that lead to tables.
fn to_tables(tracked: &Table) -> impl Iterator<Item = (&Relationship, RelationshipKind)> {
    let objects = tracked.object_relationships.values();
    let objects = objects.map(|relationship| (relationship, RelationshipKind::Object));
    let arrays = tracked.array_relationships.values();
    let arrays = arrays.map(|relationship| (relationship, RelationshipKind::Array));
    objects.chain(arrays).filter(|(relationship, _)| {
        !matches!(relationship.using, RelationshipUsing::ManualQuery { .. })
    })
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
pub(super) fn clash(
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
    tables: &ServedTables,
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
