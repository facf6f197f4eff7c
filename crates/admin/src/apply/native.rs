//! Native queries and logical models: track, untrack, permissions.
//!
//! As with v2, these commands look at the document and not at what is served, so that something inconsistent
//! can be untracked; whatever hangs on it refuses by becoming inconsistent.

use graphloom_metadata::types::{LogicalModel, Model, NativeQuery, Returns, Source};
use graphloom_vocab::{Error, ErrorCode, GraphqlName, Json, Result, SourceName};

use super::{Applied, View, name};
use crate::check::Check;
use crate::command::{ModelId, ModelOwner, NativeChange};
use crate::source::Refresh;

pub(super) fn apply(view: View<'_>, change: NativeChange) -> Result<Applied> {
    match change {
        NativeChange::TrackQuery(source, query) => track_query(view, &source, query),
        NativeChange::UntrackQuery(source, name) => untrack_query(view, &source, &name),
        NativeChange::TrackModel(source, model) => track_model(view, &source, model),
        NativeChange::UntrackModel(source, name) => untrack_model(view, &source, &name),
        NativeChange::CreatePermission(id, permission) => changed(view, &id, |model| {
            let role = permission.role.clone();
            model.select_permissions.insert(role, permission);
        }),
        NativeChange::DropPermission(id, role) => changed(view, &id, |model| {
            model.select_permissions.shift_remove(&role);
        }),
    }
}

/// `pg_get_native_query`
pub(crate) fn queries(view: View<'_>, source: &SourceName) -> Result<Json> {
    let source = of_kind(view, source)?;
    let queries = source.native_queries.values();
    Ok(queries.map(NativeQuery::to_json).collect())
}

/// `pg_get_logical_model`
pub(crate) fn models(view: View<'_>, source: &SourceName) -> Result<Json> {
    let source = of_kind(view, source)?;
    let models = source.logical_models.values();
    Ok(models.map(LogicalModel::to_json).collect())
}

fn track_query(view: View<'_>, source: &SourceName, query: NativeQuery) -> Result<Applied> {
    let name = query.root_field_name.clone();
    if of_kind(view, source)?.native_queries.contains_key(&name) {
        return Err(tracked(format!(
            "Native query '{name}' is already tracked."
        )));
    }
    let metadata = view.with_source(source, |source| {
        source.native_queries.insert(name.clone(), query);
    });
    Ok(applied(metadata, name::native_query(source, &name)))
}

fn untrack_query(view: View<'_>, source: &SourceName, name: &GraphqlName) -> Result<Applied> {
    query(view, source, name)?;
    let metadata = view.with_source(source, |source| {
        source.native_queries.shift_remove(name);
    });
    Ok(applied(metadata, name::native_query(source, name)))
}

fn track_model(view: View<'_>, source: &SourceName, model: LogicalModel) -> Result<Applied> {
    let found = postgres(view, source);
    let found = found.ok_or_else(|| not_found(format!("Source {source} not found.")))?;
    let name = model.name.clone();
    if found.logical_models.contains_key(&name) {
        return Err(tracked(format!(
            "Logical model '{name}' is already tracked."
        )));
    }
    let metadata = view.with_source(source, |source| {
        source.logical_models.insert(name.clone(), model);
    });
    Ok(applied(metadata, name::logical_model(source, &name)))
}

fn untrack_model(view: View<'_>, source: &SourceName, name: &GraphqlName) -> Result<Applied> {
    model(view, source, name)?;
    let metadata = view.with_source(source, |source| {
        source.logical_models.shift_remove(name);
    });
    Ok(applied(metadata, name::logical_model(source, name)))
}

/// The document with a model's permissions changed.
fn changed(view: View<'_>, id: &ModelId, change: impl FnOnce(&mut Model)) -> Result<Applied> {
    let owner = match &id.owner {
        ModelOwner::Model(name) => {
            model(view, &id.source, name)?;
            name::logical_model(&id.source, name)
        }
        ModelOwner::Query(name) => {
            query(view, &id.source, name)?;
            name::native_query(&id.source, name)
        }
    };
    let metadata = view.with_source(&id.source, |source| {
        let model = match &id.owner {
            ModelOwner::Model(name) => {
                let model = source.logical_models.get_mut(name);
                model.map(|model| &mut model.model)
            }
            // A query that returns a named model has no permissions; v2 changes nothing then.
            ModelOwner::Query(name) => {
                let query = source.native_queries.get_mut(name);
                query.and_then(|query| match &mut query.returns {
                    Returns::Inline(model) => Some(model),
                    Returns::Named(_) => None,
                })
            }
        };
        if let Some(model) = model {
            change(model);
        }
    });
    Ok(applied(metadata, owner))
}

fn applied(metadata: graphloom_metadata::Metadata, object: String) -> Applied {
    Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Object(object),
    }
}

fn postgres<'a>(view: View<'a>, name: &SourceName) -> Option<&'a Source> {
    let found = view.metadata.sources.get(name);
    found.filter(|source| source.is_postgres())
}

fn of_kind<'a>(view: View<'a>, name: &SourceName) -> Result<&'a Source> {
    let missing = || not_found(format!("Source '{name}' of kind postgres not found."));
    postgres(view, name).ok_or_else(missing)
}

/// A source, for those that look for something in it.
fn holder<'a>(view: View<'a>, name: &SourceName) -> Result<&'a Source> {
    postgres(view, name).ok_or_else(|| not_found(format!("Source \"{name}\" not found.")))
}

fn query(view: View<'_>, source: &SourceName, name: &GraphqlName) -> Result<()> {
    match holder(view, source)?.native_queries.contains_key(name) {
        true => Ok(()),
        false => Err(not_found(format!(
            "Native query \"{name}\" not found in source \"{source}\"."
        ))),
    }
}

fn model(view: View<'_>, source: &SourceName, name: &GraphqlName) -> Result<()> {
    match holder(view, source)?.logical_models.contains_key(name) {
        true => Ok(()),
        false => Err(not_found(format!(
            "Logical model \"{name}\" not found in source \"{source}\"."
        ))),
    }
}

fn not_found(message: String) -> Error {
    Error::new(ErrorCode::NotFound, message)
}

fn tracked(message: String) -> Error {
    Error::new(ErrorCode::AlreadyTracked, message)
}
