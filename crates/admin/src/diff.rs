//! What SQL of a user's did to the tracked tables, and what that makes of the document.
//!
//! Tables are the same by `pg_class.oid` and columns by `pg_attribute.attnum`, so that a rename is told
//! from a drop. Pure: both states are read elsewhere, inside the transaction.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use graphloom_catalog::{Column, ForeignKey, Table};
use graphloom_metadata::types::Source;
use graphloom_schema::SourceInfo;
use graphloom_vocab::{ColumnName, Error, ErrorCode, QualifiedTable, Result, SourceName};

use crate::apply::refuse_dependents;
use crate::command::Cascade;
use crate::dependency::{self, KeyId, Target};
use crate::error::{already_exists, quoted};
use crate::rename::Renames;

/// Tables by name.
pub(crate) type Tables = HashMap<QualifiedTable, Arc<Table>>;

/// What happened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    dropped_tables: BTreeSet<QualifiedTable>,
    dropped_columns: BTreeSet<(QualifiedTable, ColumnName)>,
    dropped_keys: Vec<KeyId>,
    retyped_columns: BTreeSet<(QualifiedTable, ColumnName)>,
    renamed_columns: Vec<(QualifiedTable, ColumnName, ColumnName)>,
    renames: Renames,
}

impl Diff {
    /// Compares the tables before with all of those that are there afterwards.
    pub(crate) fn new(before: &Tables, after: &Tables) -> Self {
        let by_oid: HashMap<u32, &Arc<Table>> = after.values().map(|t| (t.oid, t)).collect();
        let mut diff = Self::default();
        for (name, old) in before {
            match by_oid.get(&old.oid) {
                Some(new) if Arc::ptr_eq(old, new) => {}
                Some(new) => diff.table(name, old, new),
                None => {
                    diff.dropped_tables.insert(name.clone());
                }
            }
        }
        // Keys last: they are compared under the new names.
        for (name, old) in before {
            if let Some(new) = by_oid.get(&old.oid)
                && !(Arc::ptr_eq(old, new) && diff.renames.is_empty())
            {
                diff.keys(name, old, new);
            }
        }
        diff
    }

    fn table(&mut self, name: &QualifiedTable, old: &Table, new: &Table) {
        if old.name != new.name {
            self.renames.table(name.clone(), new.name.clone());
        }
        let by_number: HashMap<i16, &Column> = new.columns.iter().map(|c| (c.number, c)).collect();
        for column in &old.columns {
            let place = || (name.clone(), column.name.clone());
            match by_number.get(&column.number) {
                None => {
                    self.dropped_columns.insert(place());
                }
                Some(now) => {
                    if now.name != column.name {
                        let (table, old) = place();
                        self.renames
                            .column(table.clone(), old.clone(), now.name.clone());
                        self.renamed_columns.push((table, old, now.name.clone()));
                    }
                    if now.ty != column.ty {
                        self.retyped_columns.insert(place());
                    }
                }
            }
        }
    }

    fn keys(&mut self, name: &QualifiedTable, old: &Table, new: &Table) {
        for key in &old.foreign_keys {
            let there = new
                .foreign_keys
                .iter()
                .any(|now| self.is_same_key(name, key, now));
            if !there {
                self.dropped_keys.push(KeyId {
                    table: name.clone(),
                    foreign_table: key.foreign_table.clone(),
                    columns: key.columns.iter().cloned().collect(),
                });
            }
        }
    }

    /// Whether the keys say the same, names having changed in between.
    fn is_same_key(&self, table: &QualifiedTable, old: &ForeignKey, new: &ForeignKey) -> bool {
        let foreign = &old.foreign_table;
        let renamed = |(ours, theirs): &(ColumnName, ColumnName)| {
            let ours = self.renames.new_column(table, ours);
            (ours, self.renames.new_column(foreign, theirs))
        };
        let columns: BTreeSet<_> = old.columns.iter().map(renamed).collect();
        self.renames.new_table(foreign) == new.foreign_table
            && columns == new.columns.iter().cloned().collect()
    }

    /// Whether the document is the same afterwards.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes the document accordingly, or says why that cannot be.
    ///
    /// `dependency-error` if something depends on what was dropped and nothing is to be dropped with
    /// it, or if values are bound to the type of a column that has another one now.
    pub(crate) fn apply(
        &self,
        source: &mut Source,
        info: &SourceInfo,
        cascade: Cascade,
    ) -> Result<()> {
        let name = source.name.clone();
        let mut targets: Vec<Target> = Vec::new();
        targets.extend(self.dropped_tables.iter().cloned().map(Target::Table));
        let columns = self.dropped_columns.iter().cloned();
        targets.extend(columns.map(|(table, column)| Target::Column(table, column)));
        targets.extend(self.dropped_keys.iter().cloned().map(Target::ForeignKey));
        let mut dependents = dependency::dependents(source, info, &targets);
        // What belongs to a dropped table goes with it.
        dependents.retain(|dependent| {
            let table = dependent.table();
            !table.is_some_and(|table| self.dropped_tables.contains(table))
        });
        refuse_dependents(&name, &dependents, cascade)?;
        for dependent in &dependents {
            dependent.drop_from(source);
        }
        self.refuse_bound_types(source, info, &name)?;
        self.refuse_clashes(info)?;
        for table in &self.dropped_tables {
            source.tables.shift_remove(table);
        }
        for (table, column) in &self.dropped_columns {
            if let Some(table) = source.table_mut(table) {
                table.configuration.column_config.shift_remove(column);
            }
        }
        self.renames.apply(source, info);
        Ok(())
    }

    fn refuse_bound_types(
        &self,
        source: &Source,
        info: &SourceInfo,
        name: &SourceName,
    ) -> Result<()> {
        for (table, column) in &self.retyped_columns {
            let target = Target::ColumnType(table.clone(), column.clone());
            let bound = dependency::dependents(source, info, &[target]);
            if !bound.is_empty() {
                let (table, listed) = (quoted(table), dependency::report(name, &bound));
                return Err(Error::new(
                    ErrorCode::DependencyError,
                    format!(
                        "cannot change type of column \"{column}\" in table {table} because of the \
                         following dependencies: {listed}"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// A column cannot have a relationship's name.
    fn refuse_clashes(&self, info: &SourceInfo) -> Result<()> {
        for (table, old, new) in &self.renamed_columns {
            let relationships = info.tables.get(table).map(|table| &table.relationships);
            if relationships.is_some_and(|all| all.contains_key(new.as_str())) {
                let table = quoted(table);
                return Err(already_exists(format!(
                    "cannot rename column \"{old}\" to \"{new}\" in table {table} as a relationship \
                     with the name already exists"
                )));
            }
        }
        Ok(())
    }
}
