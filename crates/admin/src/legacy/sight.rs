//! A source as one role sees it.

use std::sync::Arc;

use graphloom_catalog::{Column, Table};
use graphloom_ir::{BoolExp, GrantedColumn, Operand, SelectGrant, TableAccess};
use graphloom_schema::{
    ComputedFieldInfo, ComputedReturn, RuleContext, SourceInfo, TableInfo, Texts, Through,
};
use graphloom_vocab::{ColumnName, Error, ErrorCode, QualifiedTable, Result, RoleName};

use crate::error::quoted;

/// A source as one role sees it.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) source: &'a SourceInfo,
    pub(super) role: &'a RoleName,
}

impl<'a> Sight<'a> {
    /// What the role may read of a table.
    pub(super) fn grant(self, info: &TableInfo) -> Result<Arc<SelectGrant>> {
        let grant = self.grant_if_any(info);
        grant.ok_or_else(|| self.not_allowed(&info.table.name))
    }

    pub(super) fn grant_if_any(self, info: &TableInfo) -> Option<Arc<SelectGrant>> {
        if self.role.is_admin() {
            return Some(Arc::new(SelectGrant::unrestricted(&info.table)));
        }
        let permission = info.select_permissions.get(self.role)?;
        Some(permission.grant.clone())
    }

    /// *select on "t" for role "r" is not allowed. *
    fn not_allowed(self, table: &QualifiedTable) -> Error {
        let (table, role) = (quoted(table), self.role);
        denied(format!(
            "select on {table} for role \"{role}\" is not allowed. "
        ))
    }

    /// The table that a relationship or a computed field leads to, and what the role may read of it.
    pub(super) fn related(
        self,
        target: &QualifiedTable,
        through: Through<'_>,
    ) -> Result<(&'a TableInfo, Arc<SelectGrant>)> {
        let Some(info) = self.source.tables.get(target) else {
            let message = format!("foreign table {} does not exist", quoted(target));
            return Err(Error::unexpected(message));
        };
        let grant = self.grant_if_any(info).ok_or_else(|| {
            let (table, role) = (quoted(target), self.role);
            match through {
                Through::Exists => self.not_allowed(target),
                Through::Relationship(name) => denied(format!(
                    "role \"{role}\" does not have permission to read relationship \"{name}\"; \
                     no permission on table {table}"
                )),
                Through::ComputedField(name) => denied(format!(
                    "role \"{role}\" does not have permission to read  computed field \"{name}\"; \
                     no permission on table {table}"
                )),
            }
        })?;
        Ok((info, grant))
    }

    /// A column, if it is there and the role may see it; which of the two it is not, is only said to
    /// admins.
    pub(super) fn column<'g>(
        self,
        grant: &'g SelectGrant,
        name: &ColumnName,
    ) -> Result<&'g GrantedColumn> {
        grant.column(name).ok_or_else(|| {
            let role = self.role;
            denied(match role.is_admin() {
                true => format!("no such column exists: \"{name}\""),
                false => {
                    format!("role \"{role}\" does not have permission to select column \"{name}\"")
                }
            })
        })
    }
}

fn denied(message: String) -> Error {
    Error::new(ErrorCode::PermissionDenied, message)
}

impl RuleContext for Sight<'_> {
    fn table(&self, name: &QualifiedTable) -> Option<&Table> {
        self.source.tables.get(name).map(|info| &*info.table)
    }

    fn relationship(
        &self,
        table: &QualifiedTable,
        name: &str,
    ) -> Option<(&QualifiedTable, &[(ColumnName, ColumnName)])> {
        let relationship = self.source.tables.get(table)?.relationships.get(name)?;
        Some((&relationship.target, &relationship.mapping))
    }

    fn computed_field(&self, table: &QualifiedTable, name: &str) -> Option<&ComputedFieldInfo> {
        self.source.tables.get(table)?.computed_fields.get(name)
    }

    fn operand(&self, table: &Table, column: &Column) -> Result<Operand> {
        let (_, grant) = self.related(&table.name, Through::Exists)?;
        let column = self.column(&grant, &column.name)?;
        Ok(Operand::granted(column))
    }

    fn computed_mask(
        &self,
        table: &Table,
        field: &ComputedFieldInfo,
    ) -> Result<Option<Arc<BoolExp>>> {
        // Rows are guarded by the permission on their table.
        if self.role.is_admin() || matches!(field.returns, ComputedReturn::Rows(_)) {
            return Ok(None);
        }
        let info = self.source.tables.get(&table.name);
        let permission = info.and_then(|info| info.select_permissions.get(self.role));
        let (role, name) = (self.role, &field.field);
        let granted = permission.and_then(|permission| permission.computed_field(name.as_str()));
        let granted = granted.ok_or_else(|| {
            denied(format!(
                "role \"{role}\" does not have permission to select computed field \"{name}\""
            ))
        })?;
        Ok(granted.mask.clone())
    }

    fn access(&self, table: &QualifiedTable, through: Through<'_>) -> Result<TableAccess> {
        let (_, grant) = self.related(table, through)?;
        Ok(grant.access())
    }

    fn texts(&self) -> Texts {
        Texts::Literal
    }
}
