//! Commands about tables themselves: track, untrack, configure them.

use std::sync::Arc;

use graphloom_metadata::types::{Source, Table, TableConfiguration};
use graphloom_vocab::{Error, ErrorCode, Json, QualifiedFunction, Result};
use indexmap::IndexMap;

use super::{Applied, View, name, refuse_dependents};
use crate::check::Check;
use crate::command::{Enumeration, TableId, TrackTable, UntrackTable};
use crate::dependency::{self, Dependent, Target};
use crate::error::quoted;
use crate::source::Refresh;

/// Fails if the table is tracked, or a function of its name is.
pub(crate) fn check_tracked(view: View<'_>, id: &TableId) -> Result<()> {
    let source = view.source(&id.source)?;
    let table = quoted(&id.table);
    if source.tables.contains_key(&id.table) {
        let message = format!("view/table already tracked: {table}");
        return Err(Error::new(ErrorCode::AlreadyTracked, message));
    }
    let function = QualifiedFunction::new(id.table.schema.as_str(), id.table.name.as_str());
    let functions = &view.source_metadata(&id.source)?.functions;
    if functions.contains_key(&function) {
        let message = format!("function with name {table} already exists");
        return Err(Error::new(ErrorCode::NotSupported, message));
    }
    Ok(())
}

/// Adds the table; one that was there and inconsistent is replaced.
pub(crate) fn track(source: &mut Source, track: TrackTable) {
    let table = track.id.table;
    let tracked = Table {
        table: table.clone(),
        is_enum: track.enumeration == Enumeration::Enum,
        configuration: track.configuration,
        object_relationships: IndexMap::new(),
        array_relationships: IndexMap::new(),
        computed_fields: IndexMap::new(),
        insert_permissions: IndexMap::new(),
        select_permissions: IndexMap::new(),
        update_permissions: IndexMap::new(),
        delete_permissions: IndexMap::new(),
        extra: track.extra,
    };
    source.tables.insert(table, Arc::new(tracked));
}

pub(super) fn track_one(view: View<'_>, command: TrackTable) -> Result<Applied> {
    check_tracked(view, &command.id)?;
    let id = command.id.clone();
    Ok(Applied {
        metadata: view.with_source(&id.source, |source| track(source, command)),
        refresh: Refresh::nothing().table(id.source.as_str(), id.table.clone()),
        check: Check::Object(name::table(&id)),
    })
}

/// Fails if the table is not tracked.
pub(crate) fn check_untracked(view: View<'_>, id: &TableId) -> Result<()> {
    let source = view.schema.sources.get(&id.source);
    if source.is_some_and(|source| source.tables.contains_key(&id.table)) {
        return Ok(());
    }
    let message = format!("view/table already untracked: {}", quoted(&id.table));
    Err(Error::new(ErrorCode::AlreadyUntracked, message))
}

/// Objects of other tables that depend on this one.
pub(crate) fn untrack_blockers(view: View<'_>, id: &TableId) -> Result<Vec<Dependent>> {
    let (source, info) = (view.source_metadata(&id.source)?, view.source(&id.source)?);
    let mut found = dependency::dependents(source, info, &[Target::Table(id.table.clone())]);
    found.retain(|dependent| dependent.table() != Some(&id.table));
    Ok(found)
}

/// Removes the table and what depends on it.
pub(crate) fn untrack(source: &mut Source, id: &TableId, dependents: &[Dependent]) {
    source.tables.shift_remove(&id.table);
    for dependent in dependents {
        dependent.drop_from(source);
    }
}

pub(super) fn untrack_one(view: View<'_>, command: &UntrackTable) -> Result<Applied> {
    let id = &command.id;
    check_untracked(view, id)?;
    let dependents = untrack_blockers(view, id)?;
    refuse_dependents(&id.source, &dependents, command.cascade)?;
    Ok(Applied {
        metadata: view.with_source(&id.source, |source| untrack(source, id, &dependents)),
        refresh: Refresh::nothing(),
        check: Check::Nothing,
    })
}

pub(super) fn set_configuration(
    view: View<'_>,
    id: &TableId,
    configuration: TableConfiguration,
) -> Result<Applied> {
    view.table(id)?;
    Ok(Applied {
        metadata: view.with_table(id, |table| table.configuration = configuration),
        refresh: Refresh::nothing(),
        check: Check::Object(name::table(id)),
    })
}

/// What it does is not built yet, so that the table would be inconsistent with it: only taking it away succeeds.
pub(super) fn set_apollo_federation(
    view: View<'_>,
    id: &TableId,
    config: Option<Json>,
) -> Result<Applied> {
    const KEY: &str = "apollo_federation_config";
    view.table(id)?;
    let metadata = view.with_table(id, |table| match config {
        Some(config) => drop(table.extra.insert(KEY.to_owned(), config)),
        None => drop(table.extra.shift_remove(KEY)),
    });
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Object(name::table(id)),
    })
}

pub(super) fn set_is_enum(
    view: View<'_>,
    id: &TableId,
    enumeration: Enumeration,
) -> Result<Applied> {
    view.table(id)?;
    Ok(Applied {
        metadata: view.with_table(id, |table| {
            table.is_enum = enumeration == Enumeration::Enum;
        }),
        // Its rows are read now, whatever they were when it last was an enum.
        refresh: Refresh::nothing().table(id.source.as_str(), id.table.clone()),
        check: Check::Object(name::table(id)),
    })
}
