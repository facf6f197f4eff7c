//! Relationships of a table, resolved against keys and tables that exist.

use graphloom_catalog::{Catalog, ForeignKey, Table};
use graphloom_metadata::types::{InsertionOrder, Relationship, RelationshipUsing};
use graphloom_vocab::{ColumnName, GraphqlName, QualifiedTable, RelationshipName};

/// To one row or to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationshipKind {
    /// An object or null.
    Object,
    /// A list of objects.
    Array,
}

/// A relationship that can be followed.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationshipInfo {
    /// Its name in metadata.
    pub name: RelationshipName,
    /// Its field; `None` if the name is no GraphQL name (rules can still use it).
    pub field: Option<GraphqlName>,
    /// To one row or to many.
    pub kind: RelationshipKind,
    /// The other table.
    pub target: QualifiedTable,
    /// Our column and theirs.
    pub mapping: Vec<(ColumnName, ColumnName)>,
    /// Whether an object relationship may find no row.
    pub nullable: bool,
    /// Which row a nested insert writes first.
    pub insertion_order: InsertionOrder,
    /// For people.
    pub comment: Option<String>,
}

/// Resolves one relationship; the error is the reason of its inconsistency.
pub(crate) fn resolve(
    relationship: &Relationship,
    kind: RelationshipKind,
    table: &Table,
    catalog: &Catalog,
    is_tracked: impl Fn(&QualifiedTable) -> bool,
) -> Result<RelationshipInfo, String> {
    let (target, mapping, nullable, order) = match &relationship.using {
        RelationshipUsing::ForeignKeyOn(columns) => own_key(table, columns)?,
        RelationshipUsing::ForeignKeyOnRemote {
            table: remote,
            columns,
        } => remote_key(table, remote, columns, catalog)?,
        RelationshipUsing::Manual {
            remote_table,
            column_mapping,
            insertion_order,
        } => {
            let remote = catalog
                .tables
                .get(remote_table)
                .ok_or_else(|| no_table(remote_table))?;
            for (ours, theirs) in column_mapping {
                has_column(table, ours)?;
                has_column(remote, theirs)?;
            }
            let mapping = column_mapping
                .iter()
                .map(|(a, b)| (a.clone(), b.clone()))
                .collect();
            let order = insertion_order.unwrap_or(InsertionOrder::BeforeParent);
            (remote_table.clone(), mapping, true, order)
        }
        RelationshipUsing::Unsupported(_) => {
            return Err("relationships to native queries are not built yet".to_owned());
        }
    };
    if !is_tracked(&target) {
        let target = target.display_name();
        return Err(format!("table {target:?} is not tracked"));
    }
    Ok(RelationshipInfo {
        name: relationship.name.clone(),
        field: GraphqlName::parse(relationship.name.as_str()),
        kind,
        target,
        mapping,
        nullable,
        insertion_order: order,
        comment: relationship.comment.clone(),
    })
}

type Resolved = (
    QualifiedTable,
    Vec<(ColumnName, ColumnName)>,
    bool,
    InsertionOrder,
);

fn own_key(table: &Table, columns: &[ColumnName]) -> Result<Resolved, String> {
    for column in columns {
        has_column(table, column)?;
    }
    let key = one_key(&table.foreign_keys, columns, |_| true)?;
    let nullable = key
        .columns
        .iter()
        .any(|(ours, _)| table.column(ours).is_none_or(|column| column.nullable));
    Ok((
        key.foreign_table.clone(),
        key.columns.clone(),
        nullable,
        InsertionOrder::BeforeParent,
    ))
}

fn remote_key(
    table: &Table,
    remote: &QualifiedTable,
    columns: &[ColumnName],
    catalog: &Catalog,
) -> Result<Resolved, String> {
    let remote_table = catalog.tables.get(remote).ok_or_else(|| no_table(remote))?;
    for column in columns {
        has_column(remote_table, column)?;
    }
    let to_us = |key: &ForeignKey| key.foreign_table == table.name;
    let key = one_key(&remote_table.foreign_keys, columns, to_us)?;
    let mapping = key
        .columns
        .iter()
        .map(|(theirs, ours)| (ours.clone(), theirs.clone()));
    Ok((
        remote.clone(),
        mapping.collect(),
        true,
        InsertionOrder::AfterParent,
    ))
}

/// The one foreign key on exactly this set of columns.
fn one_key<'a>(
    keys: &'a [ForeignKey],
    columns: &[ColumnName],
    fits: impl Fn(&ForeignKey) -> bool,
) -> Result<&'a ForeignKey, String> {
    let mut matching = keys.iter().filter(|key| {
        fits(key)
            && key.columns.len() == columns.len()
            && columns
                .iter()
                .all(|column| key.columns.iter().any(|(ours, _)| ours == column))
    });
    match (matching.next(), matching.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err("no foreign constraint exists on the given column(s)".to_owned()),
        _ => Err("more than one foreign key constraint exists on the given column(s)".to_owned()),
    }
}

fn has_column(table: &Table, column: &ColumnName) -> Result<(), String> {
    if table.column(column).is_some() {
        return Ok(());
    }
    let table = table.name.display_name();
    Err(format!(
        "column \"{column}\" does not exist in table {table:?}"
    ))
}

fn no_table(table: &QualifiedTable) -> String {
    format!("table {:?} does not exist", table.display_name())
}
