//! Permissions of the four kinds: create, drop, comment.

use graphloom_metadata::types::Table;
use graphloom_vocab::{Error, ErrorCode, Result, RoleName};

use super::{Applied, View, name};
use crate::check::Check;
use crate::command::{AnyPermission, PermissionKind, TableId};
use crate::error::{already_exists, no_table, quoted};
use crate::source::Refresh;

pub(super) fn create(view: View<'_>, id: &TableId, permission: AnyPermission) -> Result<Applied> {
    view.table(id)?;
    let (kind, role) = (permission.kind(), permission.role().clone());
    // The admin has every permission already.
    if role.is_admin() || exists(view, id, &role, kind)? {
        let (kind, table) = (kind.as_str(), quoted(&id.table));
        return Err(already_exists(format!(
            "{kind} permission already defined on table {table} with role \"{role}\""
        )));
    }
    let metadata = view.with_table(id, |table| {
        let role = role.clone();
        match permission {
            AnyPermission::Insert(p) => drop_old(table.insert_permissions.insert(role, p)),
            AnyPermission::Select(p) => drop_old(table.select_permissions.insert(role, p)),
            AnyPermission::Update(p) => drop_old(table.update_permissions.insert(role, p)),
            AnyPermission::Delete(p) => drop_old(table.delete_permissions.insert(role, p)),
        }
    });
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Object(name::permission(id, kind, role.as_str())),
    })
}

fn drop_old<T>(_old: Option<T>) {}

/// Whether the document has the permission, served or not.
fn exists(view: View<'_>, id: &TableId, role: &RoleName, kind: PermissionKind) -> Result<bool> {
    let source = view.source_metadata(&id.source)?;
    let table = source.tables.get(&id.table).ok_or_else(|| no_table(id))?;
    Ok(match kind {
        PermissionKind::Insert => table.insert_permissions.contains_key(role),
        PermissionKind::Select => table.select_permissions.contains_key(role),
        PermissionKind::Update => table.update_permissions.contains_key(role),
        PermissionKind::Delete => table.delete_permissions.contains_key(role),
    })
}

fn assert_exists(
    view: View<'_>,
    id: &TableId,
    role: &RoleName,
    kind: PermissionKind,
) -> Result<()> {
    view.table(id)?;
    if exists(view, id, role, kind)? {
        return Ok(());
    }
    let (kind, table) = (kind.as_str(), quoted(&id.table));
    Err(Error::new(
        ErrorCode::PermissionDenied,
        format!("'{kind}' permission on {table} for role \"{role}\" does not exist"),
    ))
}

/// Removes a permission, if it is there.
pub(crate) fn remove(table: &mut Table, role: &RoleName, kind: PermissionKind) {
    match kind {
        PermissionKind::Insert => drop_old(table.insert_permissions.shift_remove(role)),
        PermissionKind::Select => drop_old(table.select_permissions.shift_remove(role)),
        PermissionKind::Update => drop_old(table.update_permissions.shift_remove(role)),
        PermissionKind::Delete => drop_old(table.delete_permissions.shift_remove(role)),
    }
}

pub(super) fn drop(
    view: View<'_>,
    id: &TableId,
    role: &RoleName,
    kind: PermissionKind,
) -> Result<Applied> {
    assert_exists(view, id, role, kind)?;
    Ok(Applied {
        metadata: view.with_table(id, |table| remove(table, role, kind)),
        refresh: Refresh::nothing(),
        check: Check::Nothing,
    })
}

pub(super) fn set_comment(
    view: View<'_>,
    id: &TableId,
    role: &RoleName,
    kind: PermissionKind,
    comment: Option<String>,
) -> Result<Applied> {
    assert_exists(view, id, role, kind)?;
    let metadata = view.with_table(id, |table| {
        let place = match kind {
            PermissionKind::Insert => table
                .insert_permissions
                .get_mut(role)
                .map(|p| &mut p.comment),
            PermissionKind::Select => table
                .select_permissions
                .get_mut(role)
                .map(|p| &mut p.comment),
            PermissionKind::Update => table
                .update_permissions
                .get_mut(role)
                .map(|p| &mut p.comment),
            PermissionKind::Delete => table
                .delete_permissions
                .get_mut(role)
                .map(|p| &mut p.comment),
        };
        if let Some(place) = place {
            *place = comment;
        }
    });
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Object(name::permission(id, kind, role.as_str())),
    })
}
