//! A source's permissions, compiled; those of tables where nothing that their rules looked at has changed stay.
//!
//! Rules see raw tables through [`Tables`], which notes at which ones they look. Knows no SQL and no document beyond
//! its source. Read next: `before.rs` for what is kept, `rule.rs` for the language.

use std::cell::RefCell;

use graphloom_catalog as catalog;
use graphloom_metadata::types as metadata;
use graphloom_vocab::{ColumnName, QualifiedTable, RoleName};
use indexmap::IndexMap;
use std::sync::Arc;

use super::before::{Compiled, Making};
use super::known::Known;
use super::resolve::SourceBuilder;
use super::{ServedTables, definition};
use crate::function::ComputedFieldInfo;
use crate::inherit::OwnRoles;
use crate::rule::RuleContext;
use crate::table::TableInfo;
use crate::write::{self, WritePermissions};
use crate::{Inconsistency, Reason, table};

/// What rules may look at while a source is being resolved; keeps which tables they looked at.
pub(super) struct Tables<'a> {
    tables: &'a ServedTables,
    consulted: RefCell<Vec<QualifiedTable>>,
}

impl<'a> Tables<'a> {
    pub(super) fn new(tables: &'a ServedTables) -> Self {
        let consulted = RefCell::default();
        Self { tables, consulted }
    }

    fn info(&self, name: &QualifiedTable) -> Option<&'a TableInfo> {
        let mut consulted = self.consulted.borrow_mut();
        if !consulted.contains(name) {
            consulted.push(name.clone());
        }
        self.tables.get(name).map(|info| &**info)
    }

    /// The tables that rules looked at, besides one's own.
    fn others(self, own: &QualifiedTable) -> Box<[QualifiedTable]> {
        let mut consulted = self.consulted.into_inner();
        consulted.retain(|name| name != own);
        consulted.into()
    }
}

impl RuleContext for Tables<'_> {
    fn table(&self, name: &QualifiedTable) -> Option<&catalog::Table> {
        self.info(name).map(|info| &*info.table)
    }

    fn relationship(
        &self,
        table: &QualifiedTable,
        name: &str,
    ) -> Option<(&QualifiedTable, &[(ColumnName, ColumnName)])> {
        let relationship = self.info(table)?.relationships.get(name)?;
        Some((&relationship.target, &relationship.mapping))
    }

    fn computed_field(&self, table: &QualifiedTable, name: &str) -> Option<&ComputedFieldInfo> {
        self.info(table)?.computed_fields.get(name)
    }
}

impl SourceBuilder<'_> {
    pub(super) fn permissions(&mut self, making: &mut Making) {
        let mut compiled = Vec::new();
        for tracked in self.source.tables.values() {
            let Some(at) = making.position(&tracked.table) else {
                continue;
            };
            if self.has_same_roles && making.has_same_permissions(at) {
                continue;
            }
            let found = self.found.len();
            let info = &making.tables()[at];
            let context = Tables::new(making.tables());
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
            let consulted = context.others(&tracked.table);
            let is_whole = self.found.len() == found;
            let made = Compiled {
                select,
                write,
                consulted,
            };
            compiled.push((at, tracked, made, is_whole));
        }
        for (at, tracked, made, is_whole) in compiled {
            let found = self.found.len();
            let info = making.set_permissions(at, made);
            self.inherited_permissions(info, tracked);
            making.note_trouble(at, !is_whole || self.found.len() > found);
        }
    }

    fn inherited_permissions(&mut self, info: &mut TableInfo, tracked: &metadata::Table) {
        let shown = info.table.name.display_name();
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
