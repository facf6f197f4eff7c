//! Other names for tables, columns and relationships, carried through a source's metadata.
//!
//! All of a set of renames happen at once, by the old names, so that two tables can swap theirs.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_metadata::types::{
    Columns, NativeRelationship, NativeTarget, Permission, Relationship, RelationshipUsing, Source,
    Table,
};
use graphloom_schema::{ServedTables, SourceInfo};
use graphloom_vocab::{ColumnName, Json, QualifiedTable, RelationshipName};
use indexmap::IndexMap;

use crate::rule::{self, RuleVisitor, Values};

/// Old names and new ones, within one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Renames {
    tables: HashMap<QualifiedTable, QualifiedTable>,
    /// By the table's old name.
    columns: HashMap<(QualifiedTable, ColumnName), ColumnName>,
    relationships: HashMap<(QualifiedTable, RelationshipName), RelationshipName>,
}

impl Renames {
    pub(crate) fn table(&mut self, old: QualifiedTable, new: QualifiedTable) {
        self.tables.insert(old, new);
    }

    pub(crate) fn column(&mut self, table: QualifiedTable, old: ColumnName, new: ColumnName) {
        self.columns.insert((table, old), new);
    }

    pub(crate) fn relationship(
        &mut self,
        table: QualifiedTable,
        old: RelationshipName,
        new: RelationshipName,
    ) {
        self.relationships.insert((table, old), new);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.columns.is_empty() && self.relationships.is_empty()
    }

    /// A table's name from here on.
    pub(crate) fn new_table(&self, table: &QualifiedTable) -> QualifiedTable {
        self.tables.get(table).unwrap_or(table).clone()
    }

    /// A column's name from here on; the table by its old name.
    pub(crate) fn new_column(&self, table: &QualifiedTable, column: &ColumnName) -> ColumnName {
        let key = (table.clone(), column.clone());
        self.columns.get(&key).unwrap_or(column).clone()
    }

    fn new_relationship(
        &self,
        table: &QualifiedTable,
        name: &RelationshipName,
    ) -> RelationshipName {
        let key = (table.clone(), name.clone());
        self.relationships.get(&key).unwrap_or(name).clone()
    }

    /// Rewrites a source's tables. `info` is the source as it was served under the old names.
    pub(crate) fn apply(&self, source: &mut Source, info: &SourceInfo) {
        if self.is_empty() {
            return;
        }
        let tables = std::mem::take(&mut source.tables);
        source.tables = tables
            .into_values()
            .map(|mut table| {
                self.apply_to(Arc::make_mut(&mut table), info);
                (table.table.clone(), table)
            })
            .collect();
        for query in source.native_queries.values_mut() {
            let objects = query.object_relationships.values_mut();
            for relationship in objects.chain(query.array_relationships.values_mut()) {
                self.apply_to_native(relationship);
            }
        }
    }

    /// Their side of a native query's relationship to a table.
    fn apply_to_native(&self, relationship: &mut NativeRelationship) {
        let NativeTarget::Table(table) = &relationship.target else {
            return;
        };
        let mapping = std::mem::take(&mut relationship.column_mapping);
        relationship.column_mapping = mapping
            .into_iter()
            .map(|(ours, theirs)| (ours, self.new_column(table, &theirs)))
            .collect();
        relationship.target = NativeTarget::Table(self.new_table(table));
    }

    fn apply_to(&self, table: &mut Table, info: &SourceInfo) {
        let old = table.table.clone();
        table.table = self.new_table(&old);
        let columns = std::mem::take(&mut table.configuration.column_config);
        table.configuration.column_config = columns
            .into_iter()
            .map(|(column, config)| (self.new_column(&old, &column), config))
            .collect();
        for relationships in [
            &mut table.object_relationships,
            &mut table.array_relationships,
        ] {
            *relationships = std::mem::take(relationships)
                .into_values()
                .map(|relationship| {
                    let relationship = self.of_relationship(&old, relationship);
                    (relationship.name.clone(), relationship)
                })
                .collect();
        }
        let mut rewrite = Rewrite {
            renames: self,
            tables: &info.tables,
            table: &old,
        };
        for_each(&mut table.select_permissions, |p| {
            rewrite.columns(&mut p.columns);
            rewrite.rule(&mut p.filter);
        });
        for_each(&mut table.insert_permissions, |p| {
            rewrite.columns(&mut p.columns);
            rewrite.presets(&mut p.set);
            rewrite.rule(&mut p.check);
        });
        for_each(&mut table.update_permissions, |p| {
            rewrite.columns(&mut p.columns);
            rewrite.presets(&mut p.set);
            rewrite.rule(&mut p.filter);
            if let Some(check) = &mut p.check {
                rewrite.rule(check);
            }
        });
        for_each(&mut table.delete_permissions, |p| {
            rewrite.rule(&mut p.filter);
        });
    }

    fn of_relationship(&self, table: &QualifiedTable, old: Relationship) -> Relationship {
        let columns_of = |table: &QualifiedTable, columns: Vec<ColumnName>| {
            let columns = columns.iter();
            columns.map(|c| self.new_column(table, c)).collect()
        };
        let using = match old.using {
            RelationshipUsing::ForeignKeyOn(columns) => {
                RelationshipUsing::ForeignKeyOn(columns_of(table, columns))
            }
            RelationshipUsing::ForeignKeyOnRemote {
                table: remote,
                columns,
            } => RelationshipUsing::ForeignKeyOnRemote {
                columns: columns_of(&remote, columns),
                table: self.new_table(&remote),
            },
            RelationshipUsing::Manual {
                remote_table,
                column_mapping,
                insertion_order,
            } => RelationshipUsing::Manual {
                column_mapping: column_mapping
                    .iter()
                    .map(|(ours, theirs)| {
                        let ours = self.new_column(table, ours);
                        (ours, self.new_column(&remote_table, theirs))
                    })
                    .collect(),
                remote_table: self.new_table(&remote_table),
                insertion_order,
            },
            RelationshipUsing::ManualQuery {
                remote_native_query,
                column_mapping,
                insertion_order,
            } => RelationshipUsing::ManualQuery {
                column_mapping: column_mapping
                    .into_iter()
                    .map(|(ours, theirs)| (self.new_column(table, &ours), theirs))
                    .collect(),
                remote_native_query,
                insertion_order,
            },
        };
        Relationship {
            name: self.new_relationship(table, &old.name),
            using,
            ..old
        }
    }
}

fn for_each<K, T>(permissions: &mut IndexMap<K, Permission<T>>, mut change: impl FnMut(&mut T)) {
    for permission in permissions.values_mut() {
        change(&mut permission.permission);
    }
}

/// The parts of one table's permissions.
struct Rewrite<'a> {
    renames: &'a Renames,
    tables: &'a ServedTables,
    table: &'a QualifiedTable,
}

impl Rewrite<'_> {
    fn columns(&mut self, columns: &mut Columns) {
        if let Columns::List(names) = columns {
            for name in names {
                *name = self.renames.new_column(self.table, name);
            }
        }
    }

    fn presets(&mut self, presets: &mut IndexMap<ColumnName, Json>) {
        let old = std::mem::take(presets);
        let old = old.into_iter();
        *presets = old
            .map(|(column, value)| (self.renames.new_column(self.table, &column), value))
            .collect();
    }

    fn rule(&mut self, rule: &mut Json) {
        let (tables, table) = (self.tables, self.table);
        *rule = rule::walk(tables, table, rule, self);
    }
}

impl RuleVisitor for Rewrite<'_> {
    fn column(
        &mut self,
        table: &QualifiedTable,
        column: &ColumnName,
        _values: Values,
    ) -> Option<ColumnName> {
        Some(self.renames.new_column(table, column))
    }

    fn relationship(&mut self, table: &QualifiedTable, name: &str) -> Option<String> {
        let name = RelationshipName::new(name);
        let new = self.renames.new_relationship(table, &name);
        Some(new.as_str().to_owned())
    }

    fn computed_field(&mut self, _table: &QualifiedTable, _name: &str) {}

    fn table(&mut self, table: &QualifiedTable) -> Option<QualifiedTable> {
        self.renames.tables.get(table).cloned()
    }
}
