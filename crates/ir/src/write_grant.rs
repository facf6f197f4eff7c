//! What a role may write of a table, and the only ways to write one.
//!
//! A check, a filter and the presets of a permission come along with the target that its grant gives out:
//! a statement that leaves them behind cannot be written down.

use std::sync::Arc;

use graphloom_catalog::{
    Column, Generation, NothingElse, PgType, SideEffects, Table, TableKind, TypeKind,
};
use graphloom_vocab::{ColumnName, QualifiedTable};

use crate::{BoolExp, InputWebhook, Rows, TableAccess, TypedValue};

/// A column that the current role may give a value; only a grant makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct WritableColumn {
    name: ColumnName,
    ty: PgType,
    may_have_default: bool,
}

/// A column and the value that every row a role writes has in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// The column.
    pub column: ColumnName,
    /// Its value.
    pub value: TypedValue,
}

/// A role's right to insert into one table.
#[derive(Clone, Debug, PartialEq)]
pub struct InsertGrant {
    columns: Vec<WritableColumn>,
    target: InsertTarget,
}

/// A table to insert into under a grant: its check and its presets cannot be left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct InsertTarget {
    table: QualifiedTable,
    presets: Arc<[Preset]>,
    check: Arc<BoolExp>,
    filler: Option<ColumnName>,
    side_effects: SideEffects,
    references: Arc<[Reference]>,
    webhook: Option<Arc<InputWebhook>>,
}

/// A foreign key of a table that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where it points.
    pub table: QualifiedTable,
    /// Ours and theirs.
    pub columns: Vec<(ColumnName, ColumnName)>,
    /// Those of our columns that are null where nobody gives them a value.
    pub null_unless_given: Vec<ColumnName>,
}

/// A role's right to update rows of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateGrant {
    columns: Vec<WritableColumn>,
    target: UpdateTarget,
}

/// Rows that may be updated under a grant: filter, check and presets cannot be left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateTarget {
    table: QualifiedTable,
    presets: Arc<[Preset]>,
    filter: Arc<BoolExp>,
    check: Option<Arc<BoolExp>>,
    side_effects: SideEffects,
    webhook: Option<Arc<InputWebhook>>,
}

/// A role's right to delete rows of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteGrant {
    target: DeleteTarget,
}

/// Rows that may be deleted under a grant.
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteTarget {
    table: QualifiedTable,
    filter: Arc<BoolExp>,
    side_effects: SideEffects,
    webhook: Option<Arc<InputWebhook>>,
}

impl WritableColumn {
    fn of(table: &Table, column: &Column) -> Self {
        // A view's column takes the default of the table below, and a domain may have one of its own.
        let inherits = matches!(table.kind, TableKind::View | TableKind::ForeignTable)
            || matches!(column.ty.kind, TypeKind::Domain(_));
        Self {
            name: column.name.clone(),
            ty: column.ty.clone(),
            may_have_default: column.has_default || inherits,
        }
    }

    /// Its name in Postgres.
    pub fn name(&self) -> &ColumnName {
        &self.name
    }

    /// Its type.
    pub fn ty(&self) -> &PgType {
        &self.ty
    }

    /// Whether leaving it out may give another value than null does.
    pub fn may_have_default(&self) -> bool {
        self.may_have_default
    }
}

/// The columns of a table that Postgres does not write by itself and that are listed, less the presets.
fn writable(
    table: &Table,
    is_listed: impl Fn(&ColumnName) -> bool,
    presets: &[Preset],
) -> Vec<WritableColumn> {
    let columns = table.columns.iter().filter(|column| {
        column.generation == Generation::Never
            && is_listed(&column.name)
            && !presets.iter().any(|preset| preset.column == column.name)
    });
    columns
        .map(|column| WritableColumn::of(table, column))
        .collect()
}

fn references(table: &Table) -> impl Iterator<Item = Reference> {
    table.foreign_keys.iter().map(|key| {
        let ours = key.columns.iter().map(|(ours, _)| ours);
        let is_null = |name: &&ColumnName| {
            let column = table.column(name);
            column.is_some_and(|column| {
                column.generation == Generation::Never
                    && !WritableColumn::of(table, column).may_have_default
            })
        };
        Reference {
            table: key.foreign_table.clone(),
            columns: key.columns.clone(),
            null_unless_given: ours.filter(is_null).cloned().collect(),
        }
    })
}

fn same_presets(ours: &[Preset], theirs: &[Preset]) -> bool {
    ours.len() == theirs.len() && ours.iter().all(|preset| theirs.contains(preset))
}

impl InsertGrant {
    /// Anything: for the admin role only.
    pub fn unrestricted(table: &Table) -> Self {
        Self::new(table, |_| true, Vec::new(), BoolExp::always())
    }

    /// What a role's insert permission gives; columns the table does not have are left out.
    pub fn from_permission(
        table: &Table,
        columns: &[ColumnName],
        presets: Vec<Preset>,
        check: BoolExp,
    ) -> Self {
        Self::new(table, |name| columns.contains(name), presets, check)
    }

    fn new(
        table: &Table,
        is_listed: impl Fn(&ColumnName) -> bool,
        presets: Vec<Preset>,
        check: BoolExp,
    ) -> Self {
        Self {
            columns: writable(table, is_listed, &presets),
            target: InsertTarget {
                table: table.name.clone(),
                presets: presets.into(),
                check: Arc::new(check),
                filler: table.columns.first().map(|column| column.name.clone()),
                side_effects: match table.kind {
                    TableKind::Table => table.side_effects,
                    // What is below does as it likes.
                    _ => SideEffects {
                        on_insert: true,
                        on_update: true,
                        nothing_else: NothingElse::default(),
                    },
                },
                references: references(table).collect(),
                webhook: None,
            },
        }
    }

    /// The same, its input looked at by a webhook first.
    pub fn with_webhook(mut self, webhook: Option<Arc<InputWebhook>>) -> Self {
        self.target.webhook = webhook;
        self
    }

    /// Whether both give the same right, whatever order their parts are written in.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.target, &other.target);
        self.columns == other.columns
            && ours.table == theirs.table
            && ours.webhook == theirs.webhook
            && same_presets(&ours.presets, &theirs.presets)
            && ours.check.is_equivalent(&theirs.check)
    }

    /// The columns that may be given.
    pub fn columns(&self) -> &[WritableColumn] {
        &self.columns
    }

    /// A column that may be given.
    pub fn column(&self, name: &ColumnName) -> Option<&WritableColumn> {
        self.columns.iter().find(|column| column.name() == name)
    }

    /// The table with the check and the presets.
    pub fn target(&self) -> &InsertTarget {
        &self.target
    }
}

impl InsertTarget {
    /// Who looks at the input before anything is written.
    pub fn webhook(&self) -> Option<&Arc<InputWebhook>> {
        self.webhook.as_ref()
    }

    /// The table.
    pub fn table(&self) -> &QualifiedTable {
        &self.table
    }

    /// What every row has in some columns.
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    /// What every inserted row must satisfy.
    pub fn check(&self) -> &Arc<BoolExp> {
        &self.check
    }

    /// What writing does besides: anything, if the table is no ordinary one.
    pub fn side_effects(&self) -> SideEffects {
        self.side_effects
    }

    /// The table's foreign keys.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// A column that can be named where rows of nothing but defaults are to be written.
    pub fn filler(&self) -> Option<&ColumnName> {
        self.filler.as_ref()
    }
}

impl UpdateGrant {
    /// Anything: for the admin role only.
    pub fn unrestricted(table: &Table) -> Self {
        Self::new(table, |_| true, Vec::new(), BoolExp::always(), None)
    }

    /// What a role's update permission gives; columns the table does not have are left out.
    pub fn from_permission(
        table: &Table,
        columns: &[ColumnName],
        presets: Vec<Preset>,
        filter: BoolExp,
        check: Option<BoolExp>,
    ) -> Self {
        Self::new(table, |name| columns.contains(name), presets, filter, check)
    }

    fn new(
        table: &Table,
        is_listed: impl Fn(&ColumnName) -> bool,
        presets: Vec<Preset>,
        filter: BoolExp,
        check: Option<BoolExp>,
    ) -> Self {
        Self {
            columns: writable(table, is_listed, &presets),
            target: UpdateTarget {
                table: table.name.clone(),
                presets: presets.into(),
                filter: Arc::new(filter),
                check: check.map(Arc::new),
                side_effects: table.side_effects,
                webhook: None,
            },
        }
    }

    /// The same, its input looked at by a webhook first.
    pub fn with_webhook(mut self, webhook: Option<Arc<InputWebhook>>) -> Self {
        self.target.webhook = webhook;
        self
    }

    /// Whether both give the same right, whatever order their parts are written in.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.target, &other.target);
        let same_check = match (&ours.check, &theirs.check) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => ours.is_equivalent(theirs),
            _ => false,
        };
        self.columns == other.columns
            && ours.table == theirs.table
            && ours.webhook == theirs.webhook
            && same_presets(&ours.presets, &theirs.presets)
            && ours.filter.is_equivalent(&theirs.filter)
            && same_check
    }

    /// The columns that may be changed.
    pub fn columns(&self) -> &[WritableColumn] {
        &self.columns
    }

    /// The rows with the filter, the check and the presets.
    pub fn target(&self) -> &UpdateTarget {
        &self.target
    }
}

impl UpdateTarget {
    /// Who looks at the input before anything is written.
    pub fn webhook(&self) -> Option<&Arc<InputWebhook>> {
        self.webhook.as_ref()
    }

    /// The table.
    pub fn table(&self) -> &QualifiedTable {
        &self.table
    }

    /// What every updated row gets in some columns.
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    /// Which rows.
    pub fn filter(&self) -> &BoolExp {
        &self.filter
    }

    /// What writing does besides.
    pub fn side_effects(&self) -> SideEffects {
        self.side_effects
    }

    /// What every row must satisfy afterwards; `None`: the permission says nothing about it.
    pub fn check(&self) -> Option<&BoolExp> {
        self.check.as_deref()
    }

    /// Whether which rows, and the check, depend on nothing but what is stored, apart from functions.
    pub fn is_about_stored_rows(&self) -> bool {
        let check = self.check.as_deref();
        self.filter.is_about_stored_rows() && check.is_none_or(BoolExp::is_about_stored_rows)
    }
}

impl DeleteGrant {
    /// Anything: for the admin role only.
    pub fn unrestricted(table: &Table) -> Self {
        Self::from_permission(table, BoolExp::always())
    }

    /// What a role's delete permission gives.
    pub fn from_permission(table: &Table, filter: BoolExp) -> Self {
        Self {
            target: DeleteTarget {
                table: table.name.clone(),
                filter: Arc::new(filter),
                side_effects: table.side_effects,
                webhook: None,
            },
        }
    }

    /// The same, its input looked at by a webhook first.
    pub fn with_webhook(mut self, webhook: Option<Arc<InputWebhook>>) -> Self {
        self.target.webhook = webhook;
        self
    }

    /// Whether both give the same right.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.target.table == other.target.table
            && self.target.webhook == other.target.webhook
            && self.target.filter.is_equivalent(&other.target.filter)
    }

    /// The rows.
    pub fn target(&self) -> &DeleteTarget {
        &self.target
    }
}

impl DeleteTarget {
    /// Who looks at the input before anything is written.
    pub fn webhook(&self) -> Option<&Arc<InputWebhook>> {
        self.webhook.as_ref()
    }

    /// The table.
    pub fn table(&self) -> &QualifiedTable {
        &self.table
    }

    /// What deleting does besides.
    pub fn side_effects(&self) -> SideEffects {
        self.side_effects
    }

    /// Which rows.
    pub fn filter(&self) -> &BoolExp {
        &self.filter
    }
}

impl TableAccess {
    /// The rows that a statement has just written: whoever wrote them sees them, within the columns that
    /// a select grant shows.
    pub fn written(table: QualifiedTable) -> Self {
        Self::in_rule(table).with_rows(Rows::Written)
    }
}
