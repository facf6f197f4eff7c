//! Relationships: create, drop, rename, comment.

use graphloom_metadata::types::{Relationship, Table};
use graphloom_schema::{RelationshipKind, TableInfo};
use graphloom_vocab::{ColumnName, Error, ErrorCode, RelationshipName, Result};
use indexmap::IndexMap;

use super::{Applied, View, name, refuse_dependents};
use crate::check::Check;
use crate::command::{Cascade, TableId};
use crate::dependency::{self, Target};
use crate::error::{already_exists, not_exists, quoted};
use crate::rename::Renames;
use crate::source::Refresh;

pub(super) fn create(
    view: View<'_>,
    id: &TableId,
    kind: RelationshipKind,
    relationship: Relationship,
) -> Result<Applied> {
    let info = view.table(id)?;
    let new = relationship.name.clone();
    if has_field(view, id, info, &new)? {
        let table = quoted(&id.table);
        return Err(already_exists(format!(
            "field with name \"{new}\" already exists in table {table}"
        )));
    }
    let metadata = view.with_table(id, |table| {
        map(table, kind).insert(new.clone(), relationship);
    });
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Object(name::relationship(id, kind, new.as_str())),
    })
}

/// Whether the table has a column or a served relationship of that name. One that an earlier change of
/// the same request dropped is not there any more.
fn has_field(
    view: View<'_>,
    id: &TableId,
    info: &TableInfo,
    name: &RelationshipName,
) -> Result<bool> {
    let has_column = info.table.column(&ColumnName::new(name.as_str())).is_some();
    let is_served = info.relationships.contains_key(name.as_str())
        || info.native_relationships.contains_key(name.as_str());
    let tables = &view.source_metadata(&id.source)?.tables;
    let is_defined = tables.get(&id.table).is_some_and(|table| {
        table.object_relationships.contains_key(name)
            || table.array_relationships.contains_key(name)
    });
    Ok(has_column || (is_served && is_defined))
}

fn map(table: &mut Table, kind: RelationshipKind) -> &mut IndexMap<RelationshipName, Relationship> {
    match kind {
        RelationshipKind::Object => &mut table.object_relationships,
        RelationshipKind::Array => &mut table.array_relationships,
    }
}

/// The kind of a relationship that is served.
fn kind(info: &TableInfo, name: &RelationshipName) -> Result<RelationshipKind> {
    if let Some(relationship) = info.relationships.get(name.as_str()) {
        return Ok(relationship.kind);
    }
    if let Some(relationship) = info.native_relationships.get(name.as_str()) {
        return Ok(relationship.kind);
    }
    if info.table.column(&ColumnName::new(name.as_str())).is_some() {
        return Err(Error::new(
            ErrorCode::UnexpectedPayload,
            format!("expecting a relationship; but \"{name}\" is not; "),
        ));
    }
    Err(not_exists(format!(
        "relationship \"{name}\" does not exist"
    )))
}

pub(super) fn drop(
    view: View<'_>,
    id: &TableId,
    name: &RelationshipName,
    cascade: Cascade,
) -> Result<Applied> {
    kind(view.table(id)?, name)?;
    let target = Target::Relationship(id.table.clone(), name.clone());
    let (source, info) = (view.source_metadata(&id.source)?, view.source(&id.source)?);
    let dependents = dependency::dependents(source, info, &[target]);
    refuse_dependents(&id.source, &dependents, cascade)?;
    let metadata = view.with_source(&id.source, |source| {
        for dependent in &dependents {
            dependent.drop_from(source);
        }
        if let Some(table) = source.table_mut(&id.table) {
            table.object_relationships.shift_remove(name);
            table.array_relationships.shift_remove(name);
        }
    });
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Nothing,
    })
}

pub(super) fn rename(
    view: View<'_>,
    id: &TableId,
    name: &RelationshipName,
    new_name: &RelationshipName,
) -> Result<Applied> {
    let info = view.table(id)?;
    kind(info, name)?;
    if has_field(view, id, info, new_name)? {
        let table = quoted(&id.table);
        return Err(already_exists(format!(
            "cannot rename relationship \"{name}\" to \"{new_name}\" in table {table} as a \
             column/relationship with the name already exists"
        )));
    }
    let mut renames = Renames::default();
    renames.relationship(id.table.clone(), name.clone(), new_name.clone());
    let source_info = view.source(&id.source)?;
    let metadata = view.with_source(&id.source, |source| renames.apply(source, source_info));
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Nothing,
    })
}

pub(super) fn set_comment(
    view: View<'_>,
    id: &TableId,
    name: &RelationshipName,
    comment: Option<String>,
) -> Result<Applied> {
    let kind = kind(view.table(id)?, name)?;
    let metadata = view.with_table(id, |table| {
        if let Some(relationship) = map(table, kind).get_mut(name) {
            relationship.comment = comment;
        }
    });
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Object(name::relationship(id, kind, name.as_str())),
    })
}
