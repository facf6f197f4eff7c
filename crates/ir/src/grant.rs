//! What a role may read of a table, and the only ways to reach one.

use std::sync::Arc;

use graphloom_catalog::{Column, PgType, Table};
use graphloom_vocab::{ColumnName, QualifiedTable};

use crate::{BoolExp, FunctionCall, Rows};

/// A role's read access to one table: visible columns, row filter, row limit.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectGrant {
    table: QualifiedTable,
    columns: Vec<GrantedColumn>,
    key: Vec<GrantedColumn>,
    filter: Arc<BoolExp>,
    limit: Option<u64>,
    aggregations: Aggregations,
}

/// Whether a role may aggregate a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregations {
    /// `_aggregate` fields, aggregation predicates, ordering by aggregates.
    Allowed,
    /// None of them.
    Hidden,
}

/// A column a grant names, with the condition under which its value may be seen (inherited roles).
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnGrant {
    /// The column.
    pub column: ColumnName,
    /// `None`: in every row the filter lets through. Otherwise null where this is not true.
    pub mask: Option<Arc<BoolExp>>,
}

/// A column that the current role may see; only a grant makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantedColumn {
    name: ColumnName,
    ty: PgType,
    nullable: bool,
    mask: Option<Arc<BoolExp>>,
}

/// A computed field that is a value, without arguments of the user's, as the current role may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantedCall {
    /// What computes it.
    pub call: Arc<FunctionCall>,
    /// What it gives.
    pub ty: PgType,
    /// The condition under which it may be seen (inherited roles).
    pub mask: Option<Arc<BoolExp>>,
}

/// A table reached under a grant: its row filter comes along and cannot be left behind.
///
/// ```
/// # use graphloom_ir::{Rows, SelectGrant, TableAccess};
/// fn from_elsewhere(grant: &SelectGrant) -> TableAccess {
///     grant.access().with_rows(Rows::Table)
/// }
/// ```
///
/// The filter can neither be taken off nor be given by whoever reads:
///
/// ```compile_fail,E0451
/// # use std::sync::Arc;
/// # use graphloom_ir::{BoolExp, SelectGrant, TableAccess};
/// fn without_its_filter(grant: &SelectGrant) -> TableAccess {
///     TableAccess { filter: Arc::new(BoolExp::always()), ..grant.access() }
/// }
/// ```
///
/// Nor does a column come without its mask:
///
/// ```compile_fail,E0451
/// # use graphloom_ir::GrantedColumn;
/// fn without_its_mask(column: &GrantedColumn) -> GrantedColumn {
///     GrantedColumn { mask: None, ..column.clone() }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TableAccess {
    table: QualifiedTable,
    rows: Rows,
    filter: Arc<BoolExp>,
    limit: Option<u64>,
}

impl SelectGrant {
    /// Everything in the table: for the admin role only.
    pub fn unrestricted(table: &Table) -> Self {
        Self {
            table: table.name.clone(),
            columns: table
                .columns
                .iter()
                .map(|column| granted(column, None))
                .collect(),
            key: key_columns(table),
            filter: Arc::new(BoolExp::always()),
            limit: None,
            aggregations: Aggregations::Allowed,
        }
    }

    /// What a role's select permission gives; columns the table does not have are left out.
    pub fn from_permission(
        table: &Table,
        columns: &[ColumnGrant],
        filter: BoolExp,
        limit: Option<u64>,
        aggregations: Aggregations,
    ) -> Self {
        let columns = columns
            .iter()
            .filter_map(|grant| Some(granted(table.column(&grant.column)?, grant.mask.clone())))
            .collect();
        let filter = Arc::new(filter);
        Self {
            table: table.name.clone(),
            columns,
            key: key_columns(table),
            filter,
            limit,
            aggregations,
        }
    }

    /// The table.
    pub fn table(&self) -> &QualifiedTable {
        &self.table
    }

    /// The visible columns.
    pub fn columns(&self) -> &[GrantedColumn] {
        &self.columns
    }

    /// A visible column.
    pub fn column(&self, name: &ColumnName) -> Option<&GrantedColumn> {
        self.columns.iter().find(|column| &column.name == name)
    }

    /// The primary key's columns, visible or not; empty if there is no key. Global ids and cursors of the
    /// Relay API are made of them for every role that may read the table.
    pub fn key(&self) -> &[GrantedColumn] {
        &self.key
    }

    /// Whether aggregates are visible.
    pub fn aggregations(&self) -> Aggregations {
        self.aggregations
    }

    /// The table under this grant's row filter and limit.
    pub fn access(&self) -> TableAccess {
        TableAccess {
            table: self.table.clone(),
            rows: Rows::Table,
            filter: self.filter.clone(),
            limit: self.limit,
        }
    }
}

fn key_columns(table: &Table) -> Vec<GrantedColumn> {
    let key = table.primary_key.iter().flat_map(|key| &key.columns);
    key.filter_map(|name| Some(granted(table.column(name)?, None)))
        .collect()
}

fn granted(column: &Column, mask: Option<Arc<BoolExp>>) -> GrantedColumn {
    let nullable = column.nullable || mask.is_some();
    GrantedColumn {
        name: column.name.clone(),
        ty: column.ty.clone(),
        nullable,
        mask,
    }
}

impl GrantedColumn {
    /// Its name in Postgres.
    pub fn name(&self) -> &ColumnName {
        &self.name
    }

    /// Its type.
    pub fn ty(&self) -> &PgType {
        &self.ty
    }

    /// Whether null may be seen in it.
    pub fn nullable(&self) -> bool {
        self.nullable
    }

    /// The condition under which its value may be seen.
    pub fn mask(&self) -> Option<&Arc<BoolExp>> {
        self.mask.as_ref()
    }
}

impl TableAccess {
    /// The raw table, as permission rules and relationship mappings inside them see it: rules
    /// are not subject to the filters of the tables they look at.
    pub fn in_rule(table: QualifiedTable) -> Self {
        Self {
            table,
            rows: Rows::Table,
            filter: Arc::new(BoolExp::always()),
            limit: None,
        }
    }

    /// The same access to rows that come from elsewhere: the filter and the limit hold for them too.
    pub fn with_rows(self, rows: Rows) -> Self {
        Self { rows, ..self }
    }

    /// The table.
    pub fn table(&self) -> &QualifiedTable {
        &self.table
    }

    /// Where the rows come from.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The row filter.
    pub fn filter(&self) -> &BoolExp {
        &self.filter
    }

    /// The most rows a list may have.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }
}
