//! Write permissions: what a role may insert, update and delete, compiled to grants.
//!
//! The errors are the reasons of an inconsistency.

use std::sync::Arc;

use graphloom_catalog::{self as catalog, Generation};
use graphloom_ir::{DeleteGrant, InsertGrant, Preset, UpdateGrant};
use graphloom_metadata::support::{self, Object};
use graphloom_metadata::types::{
    Columns, DeletePermission, InsertPermission, Permission, UpdatePermission,
};
use graphloom_vocab::{BackendOnly, ColumnName, Json, JsonObject, RoleName};
use indexmap::IndexMap;

use crate::rule::{RuleContext, compile_rule, preset};
use crate::table::{TableInfo, exists, granted_columns};
use crate::webhook::input_webhook;
use crate::{Reason, unbuilt};

/// A role's right to write in one way, and whom it is for.
#[derive(Debug, PartialEq)]
pub struct WritePermissionInfo<G> {
    /// What may be written.
    pub grant: Arc<G>,
    /// Whether only backends have it.
    pub backend_only: bool,
}

impl<G> Clone for WritePermissionInfo<G> {
    fn clone(&self) -> Self {
        Self {
            grant: self.grant.clone(),
            backend_only: self.backend_only,
        }
    }
}

/// What roles may write of one table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritePermissions {
    /// `INSERT`.
    pub insert: IndexMap<RoleName, WritePermissionInfo<InsertGrant>>,
    /// `UPDATE`.
    pub update: IndexMap<RoleName, WritePermissionInfo<UpdateGrant>>,
    /// `DELETE`.
    pub delete: IndexMap<RoleName, WritePermissionInfo<DeleteGrant>>,
}

impl WritePermissions {
    /// The roles that may write anything.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &RoleName> {
        let inserts = self.insert.keys();
        inserts.chain(self.update.keys()).chain(self.delete.keys())
    }

    /// Whether any right of the role is for backends only.
    pub(crate) fn is_split(&self, role: &RoleName) -> bool {
        let insert = self.insert.get(role).is_some_and(|info| info.backend_only);
        let update = self.update.get(role).is_some_and(|info| info.backend_only);
        let delete = self.delete.get(role).is_some_and(|info| info.backend_only);
        insert || update || delete
    }
}

impl TableInfo {
    /// What a role may insert here.
    pub fn insert_grant(&self, role: &RoleName, backend: BackendOnly) -> Option<Arc<InsertGrant>> {
        if !self.table.mutability.insertable {
            return None;
        }
        if role.is_admin() {
            return Some(Arc::new(InsertGrant::unrestricted(&self.table)));
        }
        applicable(self.write_permissions.insert.get(role)?, backend)
    }

    /// What a role may update here.
    pub fn update_grant(&self, role: &RoleName, backend: BackendOnly) -> Option<Arc<UpdateGrant>> {
        if !self.table.mutability.updatable {
            return None;
        }
        if role.is_admin() {
            return Some(Arc::new(UpdateGrant::unrestricted(&self.table)));
        }
        applicable(self.write_permissions.update.get(role)?, backend)
    }

    /// What a role may delete here.
    pub fn delete_grant(&self, role: &RoleName, backend: BackendOnly) -> Option<Arc<DeleteGrant>> {
        if !self.table.mutability.deletable {
            return None;
        }
        if role.is_admin() {
            return Some(Arc::new(DeleteGrant::unrestricted(&self.table)));
        }
        applicable(self.write_permissions.delete.get(role)?, backend)
    }
}

fn applicable<G>(info: &WritePermissionInfo<G>, backend: BackendOnly) -> Option<Arc<G>> {
    (!info.backend_only || backend == BackendOnly::Allowed).then(|| info.grant.clone())
}

/// Compiles an insert permission.
pub(crate) fn insert_permission(
    context: &dyn RuleContext,
    table: &catalog::Table,
    permission: &Permission<InsertPermission>,
) -> Result<WritePermissionInfo<InsertGrant>, Reason> {
    let inner = &permission.permission;
    understood([
        (&support::INSERT_PERMISSION, &permission.extra),
        (&support::INSERT_GRANT, &inner.extra),
    ])?;
    let webhook = inner.validate_input.as_ref();
    let webhook = webhook.map(input_webhook).transpose()?;
    let columns = settable(table, &inner.columns, "insert")?;
    let presets = presets(table, &inner.set, "insert")?;
    let check = compile_rule(context, &table.name, &inner.check)?;
    let grant = InsertGrant::from_permission(table, &columns, presets, check);
    Ok(WritePermissionInfo {
        grant: Arc::new(grant.with_webhook(webhook)),
        backend_only: inner.backend_only,
    })
}

/// Compiles an update permission.
pub(crate) fn update_permission(
    context: &dyn RuleContext,
    table: &catalog::Table,
    permission: &Permission<UpdatePermission>,
) -> Result<WritePermissionInfo<UpdateGrant>, Reason> {
    let inner = &permission.permission;
    understood([
        (&support::UPDATE_PERMISSION, &permission.extra),
        (&support::UPDATE_GRANT, &inner.extra),
    ])?;
    let webhook = inner.validate_input.as_ref();
    let webhook = webhook.map(input_webhook).transpose()?;
    let columns = settable(table, &inner.columns, "update")?;
    let presets = presets(table, &inner.set, "update")?;
    let filter = compile_rule(context, &table.name, &inner.filter)?;
    let check = match &inner.check {
        None => None,
        Some(rule) => Some(compile_rule(context, &table.name, rule)?),
    };
    let grant = UpdateGrant::from_permission(table, &columns, presets, filter, check);
    Ok(WritePermissionInfo {
        grant: Arc::new(grant.with_webhook(webhook)),
        backend_only: inner.backend_only,
    })
}

/// Compiles a delete permission.
pub(crate) fn delete_permission(
    context: &dyn RuleContext,
    table: &catalog::Table,
    permission: &Permission<DeletePermission>,
) -> Result<WritePermissionInfo<DeleteGrant>, Reason> {
    let inner = &permission.permission;
    understood([
        (&support::DELETE_PERMISSION, &permission.extra),
        (&support::DELETE_GRANT, &inner.extra),
    ])?;
    let webhook = inner.validate_input.as_ref();
    let webhook = webhook.map(input_webhook).transpose()?;
    let filter = compile_rule(context, &table.name, &inner.filter)?;
    let grant = DeleteGrant::from_permission(table, filter);
    Ok(WritePermissionInfo {
        grant: Arc::new(grant.with_webhook(webhook)),
        backend_only: inner.backend_only,
    })
}

/// A permission with a part that is not understood is not served: it could be a restriction.
fn understood(extra: [(&'static Object, &JsonObject); 2]) -> Result<(), Reason> {
    let mut extra = extra.into_iter();
    let misfit = extra.find_map(|(object, extra)| unbuilt::misfit(object, extra));
    misfit.map_or(Ok(()), Err)
}

/// The listed columns; one that Postgres writes by itself may not be named, only covered by `"*"`.
fn settable(
    table: &catalog::Table,
    columns: &Columns,
    verb: &str,
) -> Result<Vec<ColumnName>, String> {
    if let Columns::List(names) = columns {
        for name in names {
            exists(table, name)?;
            written_by_clients(table, name, verb)?;
        }
    }
    granted_columns(table, columns)
}

fn written_by_clients(
    table: &catalog::Table,
    column: &ColumnName,
    verb: &str,
) -> Result<(), String> {
    let generation = table.column(column).map(|column| column.generation);
    if generation.is_none_or(|generation| generation == Generation::Never) {
        return Ok(());
    }
    let able = match verb {
        "insert" => "insertable",
        _ => "updatable",
    };
    Err(format!(
        "Column \"{column}\" is not {able} and so cannot have {verb} permissions defined"
    ))
}

fn presets(
    table: &catalog::Table,
    set: &IndexMap<ColumnName, Json>,
    verb: &str,
) -> Result<Vec<Preset>, String> {
    let one = |(name, value): (&ColumnName, &Json)| {
        exists(table, name)?;
        written_by_clients(table, name, verb)?;
        let column = table.column(name).expect("it exists");
        Ok(Preset {
            column: name.clone(),
            value: preset(column.ty.base(), value)?,
        })
    };
    set.iter().map(one).collect()
}
