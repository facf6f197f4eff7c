//! Relationships of a table, resolved against keys and tables that exist.

use graphloom_catalog::{Catalog, ForeignKey, Table, TableKind};
use graphloom_ir::{DependOn, JoinFacts, KeyTypes, Lookup, Partners, Sizes};
use graphloom_metadata::types::{InsertionOrder, Relationship, RelationshipUsing};
use graphloom_vocab::{ColumnName, GraphqlName, QualifiedTable, RelationshipName, SourceName};

use crate::{Naming, Part, Reason, ServedTables};

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
    /// What is known about the rows there.
    pub facts: JoinFacts,
    /// Whether an object relationship may find no row.
    pub nullable: bool,
    /// Which row a nested insert writes first.
    pub insertion_order: InsertionOrder,
    /// For people.
    pub comment: Option<String>,
}

/// Where a relationship may lead.
pub(crate) struct Place<'a> {
    /// The source both tables are in.
    pub(crate) source: &'a SourceName,
    /// How its fields are named.
    pub(crate) naming: &'a Naming,
    /// What Postgres has.
    pub(crate) catalog: &'a Catalog,
    /// What is tracked and served.
    pub(crate) tables: &'a ServedTables,
}

/// Resolves one relationship; the error is the reason of its inconsistency.
pub(crate) fn resolve(
    relationship: &Relationship,
    kind: RelationshipKind,
    table: &Table,
    place: &Place<'_>,
) -> Result<RelationshipInfo, Reason> {
    let in_place = |reason: Reason| {
        let (table, name) = (table.name.display_name(), &relationship.name);
        reason.told(|text| format!("in table \"{table}\": in relationship \"{name}\": {text}"))
    };
    let (target, mapping, nullable, order) = match &relationship.using {
        RelationshipUsing::ForeignKeyOn(columns) => {
            own_key(table, columns).map_err(|reason| in_place(reason.into()))?
        }
        RelationshipUsing::ForeignKeyOnRemote {
            table: remote,
            columns,
        } => remote_key(table, remote, columns, place).map_err(in_place)?,
        RelationshipUsing::Manual {
            remote_table,
            column_mapping,
            insertion_order,
        } => {
            let remote = place
                .catalog
                .tables
                .get(remote_table)
                .ok_or_else(|| not_tracked(remote_table))?;
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
        RelationshipUsing::ManualQuery {
            remote_native_query,
            ..
        } => return Err(format!("\"{remote_native_query}\" is no table").into()),
    };
    if !place.tables.contains_key(&target) {
        return Err(not_tracked(&target));
    }
    let facts = match place.catalog.tables.get(&target) {
        Some(target) => facts(table, target, &mapping),
        None => JoinFacts::default(),
    };
    Ok(RelationshipInfo {
        name: relationship.name.clone(),
        field: GraphqlName::parse(relationship.name.as_str()),
        kind,
        target,
        mapping,
        facts,
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
    place: &Place<'_>,
) -> Result<Resolved, Reason> {
    let remote_table = place.catalog.tables.get(remote).ok_or_else(|| {
        let part = Part::Table(remote.clone());
        let (remote, source) = (remote.display_name(), place.source);
        let text = format!("table \"{remote}\" does not exist in source: {source}");
        Reason::needs(part, text)
    })?;
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
    Err(format!("table \"{table}\" has no field named \"{column}\""))
}

pub(crate) fn not_tracked(table: &QualifiedTable) -> Reason {
    let text = format!("table \"{}\" is not tracked", table.display_name());
    Reason::needs(Part::Table(table.clone()), text)
}

/// Fewer rows are not worth a different plan.
const ROWS_MANY: u64 = 10_000;
/// So many times smaller a table must be to be walked in order first.
const TIMES_FEWER: u64 = 4;

fn facts(table: &Table, target: &Table, mapping: &[(ColumnName, ColumnName)]) -> JoinFacts {
    let same = |(ours, theirs): &(ColumnName, ColumnName)| match (
        table.column(ours),
        target.column(theirs),
    ) {
        (Some(ours), Some(theirs)) => ours.ty == theirs.ty,
        _ => false,
    };
    let keys = match !mapping.is_empty() && mapping.iter().all(same) {
        true => KeyTypes::Same,
        false => KeyTypes::Any,
    };
    let partners = match is_always_one(table, target, mapping) {
        true => Partners::One,
        false => Partners::Any,
    };
    let is_indexed =
        |(_, theirs): &(ColumnName, ColumnName)| target.reading.lookups.contains(theirs);
    let is_table = matches!(target.kind, TableKind::Table | TableKind::PartitionedTable);
    let lookup = match is_table && !mapping.iter().any(is_indexed) {
        true => Lookup::Scan,
        false => Lookup::Indexed,
    };
    JoinFacts {
        partners,
        keys,
        lookup,
        sizes: sizes(table, target, mapping),
        depend_on: depend_on(target),
    }
}

/// What a table's rows depend on.
pub(crate) fn depend_on(table: &Table) -> DependOn {
    let is_table = matches!(table.kind, TableKind::Table | TableKind::PartitionedTable);
    match is_table && table.reading.keys_hold {
        true => DependOn::Storage,
        false => DependOn::Session,
    }
}

fn is_always_one(table: &Table, target: &Table, mapping: &[(ColumnName, ColumnName)]) -> bool {
    let is_ours = |key: &&ForeignKey| {
        key.always_holds
            && key.foreign_table == target.name
            && key.columns.len() == mapping.len()
            && key.columns.iter().all(|pair| mapping.contains(pair))
    };
    let is_set = |(ours, _): &(ColumnName, ColumnName)| {
        table.column(ours).is_some_and(|column| !column.nullable)
    };
    table.reading.keys_hold
        && target.reading.keys_hold
        && table.foreign_keys.iter().any(|key| is_ours(&key))
        && mapping.iter().all(is_set)
}

fn sizes(table: &Table, target: &Table, mapping: &[(ColumnName, ColumnName)]) -> Sizes {
    let (Some(ours), Some(theirs)) = (table.reading.rows, target.reading.rows) else {
        return Sizes::Unknown;
    };
    let is_indexed =
        |(column, _): &(ColumnName, ColumnName)| table.reading.lookups.contains(column);
    if ours >= ROWS_MANY && ours / TIMES_FEWER >= theirs && mapping.iter().any(is_indexed) {
        Sizes::ManyToFew
    } else {
        Sizes::Unknown
    }
}
