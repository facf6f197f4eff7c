//! Functions as root fields: track, untrack, configure, permit.

use graphloom_metadata::types::{Function, Source};
use graphloom_schema::FunctionInfo;
use graphloom_vocab::{
    Error, ErrorCode, JsonObject, QualifiedFunction, QualifiedTable, Result, RoleName,
};

use super::{Applied, View, name};
use crate::check::Check;
use crate::command::{FunctionId, TrackFunction};
use crate::error::{already_exists, not_exists};
use crate::source::Refresh;

pub(super) fn track(view: View<'_>, track: TrackFunction) -> Result<Applied> {
    let TrackFunction {
        id,
        configuration,
        comment,
    } = track;
    let Some(source) = view.schema.sources.get(&id.source) else {
        let source = &id.source;
        return Err(not_exists(format!(
            "\"{source}\" is not a known postgres source"
        )));
    };
    let shown = quoted(&id.function);
    if source.functions.contains_key(&id.function) {
        let message = format!("function already tracked: {shown}");
        return Err(Error::new(ErrorCode::AlreadyTracked, message));
    }
    // Both would have the same root field.
    let (schema, name) = (id.function.schema.as_str(), id.function.name.as_str());
    if source
        .tables
        .contains_key(&QualifiedTable::new(schema, name))
    {
        let message = format!("table with name {shown} already exists");
        return Err(Error::new(ErrorCode::NotSupported, message));
    }
    let tracked = Function {
        function: id.function.clone(),
        configuration,
        permissions: Vec::new(),
        comment,
        extra: JsonObject::new(),
    };
    let metadata = view.with_source(&id.source, |source| {
        source.functions.insert(id.function.clone(), tracked);
    });
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing().function(id.source.as_str(), id.function.clone()),
        check: Check::Object(name::function(&id.source, &id.function)),
    })
}

pub(super) fn untrack(view: View<'_>, id: &FunctionId) -> Result<Applied> {
    served(view, id)?;
    Ok(Applied {
        metadata: view.with_source(&id.source, |source| {
            source.functions.shift_remove(&id.function);
        }),
        refresh: Refresh::nothing(),
        check: Check::Nothing,
    })
}

pub(super) fn set_configuration(
    view: View<'_>,
    id: &FunctionId,
    configuration: JsonObject,
) -> Result<Applied> {
    served(view, id)?;
    Ok(changed(view, id, |function| {
        function.configuration = configuration;
    }))
}

pub(super) fn create_permission(
    view: View<'_>,
    id: &FunctionId,
    role: &RoleName,
) -> Result<Applied> {
    let info = served(view, id)?;
    if has_permission(view, id, role) {
        return Err(already_exists(format!(
            "permission of role \"{role}\" already exists for function {} in source: \"{}\"",
            quoted(&id.function),
            id.source
        )));
    }
    let returned = view.source(&id.source)?.tables.get(&info.returns);
    if !returned.is_some_and(|table| table.select_permissions.contains_key(role)) {
        let message = format!(
            "function permission can only be added when the function's return table \"{}\" has \
             select permission configured for role: \"{role}\"",
            info.returns.display_name()
        );
        return Err(Error::new(ErrorCode::NotSupported, message));
    }
    Ok(changed(view, id, |function| {
        function.permissions.push(role.clone());
    }))
}

pub(super) fn drop_permission(view: View<'_>, id: &FunctionId, role: &RoleName) -> Result<Applied> {
    if !has_permission(view, id, role) {
        return Err(not_exists(format!(
            "permission of role \"{role}\" does not exist for function {} in source: \"{}\"",
            quoted(&id.function),
            id.source
        )));
    }
    Ok(changed(view, id, |function| {
        function.permissions.retain(|other| other != role);
    }))
}

/// A function that is served.
fn served<'a>(view: View<'a>, id: &FunctionId) -> Result<&'a FunctionInfo> {
    let functions = &view.source(&id.source)?.functions;
    functions.get(&id.function).ok_or_else(|| {
        let shown = quoted(&id.function);
        not_exists(format!(
            "function {shown} does not exist in source: {}",
            id.source
        ))
    })
}

/// Whether the document has the permission.
fn has_permission(view: View<'_>, id: &FunctionId, role: &RoleName) -> bool {
    let source = view.metadata.sources.get(&id.source);
    let function = source.and_then(|source: &Source| source.functions.get(&id.function));
    function.is_some_and(|function| function.permissions.contains(role))
}

fn changed(view: View<'_>, id: &FunctionId, change: impl FnOnce(&mut Function)) -> Applied {
    let metadata = view.with_source(&id.source, |source| {
        if let Some(function) = source.functions.get_mut(&id.function) {
            change(function);
        }
    });
    Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Object(name::function(&id.source, &id.function)),
    }
}

/// As messages quote it: `"search"`, `"other.search"`.
fn quoted(function: &QualifiedFunction) -> String {
    format!("\"{}\"", function.display_name())
}
