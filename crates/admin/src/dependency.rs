//! What depends on what within a source, as far as dropping and renaming must know.
//!
//! As with v2, only served objects have dependencies, and only direct ones count: whoever drops a table
//! is told of relationships to it and of rules that look into it.

use std::collections::BTreeSet;

use graphloom_metadata::types::{Columns, NativeTarget, RelationshipUsing, Source, Table};
use graphloom_schema::{ComputedReturn, SourceInfo, TableInfo};
use graphloom_vocab::{
    ColumnName, GraphqlName, Json, QualifiedFunction, QualifiedTable, RelationshipName, RoleName,
    SourceName,
};

use crate::apply::remove_permission;
use crate::command::PermissionKind;
use crate::rule::{self, RuleVisitor, Values};

/// An object that depends on others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Dependent {
    Relationship(QualifiedTable, RelationshipName),
    Permission(QualifiedTable, RoleName, PermissionKind),
    ComputedField(QualifiedTable, String),
    Function(QualifiedFunction),
    NativeQuery(GraphqlName),
}

/// What may be depended on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A table and everything in it.
    Table(QualifiedTable),
    /// A column.
    Column(QualifiedTable, ColumnName),
    /// The values that a column is compared with or preset to are of its type.
    ColumnType(QualifiedTable, ColumnName),
    /// A relationship.
    Relationship(QualifiedTable, RelationshipName),
    /// A computed field.
    ComputedField(QualifiedTable, String),
    /// A foreign key.
    ForeignKey(KeyId),
}

/// A foreign key by what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyId {
    /// The table that has it.
    pub(crate) table: QualifiedTable,
    /// The table it points to.
    pub(crate) foreign_table: QualifiedTable,
    /// Its columns and theirs.
    pub(crate) columns: BTreeSet<(ColumnName, ColumnName)>,
}

impl Dependent {
    /// The table it belongs to; functions belong to none.
    pub(crate) fn table(&self) -> Option<&QualifiedTable> {
        match self {
            Self::Relationship(table, _)
            | Self::Permission(table, ..)
            | Self::ComputedField(table, _) => Some(table),
            Self::Function(_) | Self::NativeQuery(_) => None,
        }
    }

    /// Removes it from the document.
    pub(crate) fn drop_from(&self, source: &mut Source) {
        let mut with_table = |name: &QualifiedTable, drop: &dyn Fn(&mut Table)| {
            if let Some(table) = source.table_mut(name) {
                drop(table);
            }
        };
        match self {
            Self::Relationship(table, name) => with_table(table, &|table| {
                table.object_relationships.shift_remove(name);
                table.array_relationships.shift_remove(name);
            }),
            Self::Permission(table, role, kind) => {
                with_table(table, &|table| remove_permission(table, role, *kind));
            }
            Self::ComputedField(table, name) => with_table(table, &|table| {
                table.computed_fields.shift_remove(name);
            }),
            Self::Function(function) => {
                source.functions.shift_remove(function);
            }
            Self::NativeQuery(query) => {
                source.native_queries.shift_remove(query);
            }
        }
    }
}

/// The list that messages have: `relationship article.author in source "default", …`.
pub(crate) fn report(source: &SourceName, dependents: &[Dependent]) -> String {
    let mut texts: Vec<String> = dependents
        .iter()
        .map(|dependent| {
            let object = match dependent {
                Dependent::Relationship(table, name) => {
                    format!("relationship {}.{name}", table.display_name())
                }
                Dependent::Permission(table, role, kind) => {
                    format!(
                        "permission {}.{role}.{}",
                        table.display_name(),
                        kind.as_str()
                    )
                }
                Dependent::ComputedField(table, name) => {
                    format!("computed field {}.{name}", table.display_name())
                }
                Dependent::Function(name) => format!("function {}", name.display_name()),
                Dependent::NativeQuery(name) => format!("native query {name}"),
            };
            format!("{object} in source \"{source}\"")
        })
        .collect();
    texts.sort();
    texts.join(", ")
}

/// Every object of the source that depends on one of the targets, each once, in order.
pub(crate) fn dependents(source: &Source, info: &SourceInfo, targets: &[Target]) -> Vec<Dependent> {
    let mut found = BTreeSet::new();
    if targets.is_empty() {
        return Vec::new();
    }
    let mut add = |dependent: &Dependent, used: &Target| {
        if targets.iter().any(|target| target.contains(used)) {
            found.insert(dependent.clone());
        }
    };
    for table in source.tables.values() {
        if let Some(table_info) = info.tables.get(&table.table) {
            relationships(table, table_info, &mut add);
            permissions(table, info, &mut add);
            computed_fields(table, table_info, &mut add);
        }
    }
    for (name, function) in &info.functions {
        if source.functions.contains_key(name) {
            let dependent = Dependent::Function(name.clone());
            add(&dependent, &Target::Table(function.returns.clone()));
        }
    }
    native_queries(source, info, &mut add);
    found.into_iter().collect()
}

impl Target {
    /// Whether whatever uses `used` uses this.
    fn contains(&self, used: &Self) -> bool {
        match (self, used) {
            (Self::Table(table), used) => match used {
                Self::Table(other)
                | Self::Column(other, _)
                | Self::ColumnType(other, _)
                | Self::ComputedField(other, _)
                | Self::Relationship(other, _) => other == table,
                Self::ForeignKey(key) => &key.table == table,
            },
            (this, used) => this == used,
        }
    }
}

type Add<'a> = dyn FnMut(&Dependent, &Target) + 'a;

fn relationships(table: &Table, info: &TableInfo, add: &mut Add<'_>) {
    let all = table.object_relationships.values();
    for relationship in all.chain(table.array_relationships.values()) {
        if let Some(native) = info.native_relationships.get(relationship.name.as_str()) {
            let name = relationship.name.clone();
            let dependent = Dependent::Relationship(table.table.clone(), name);
            for (our, _) in &native.mapping {
                add(
                    &dependent,
                    &Target::Column(table.table.clone(), our.clone()),
                );
            }
        }
        let Some(resolved) = info.relationships.get(relationship.name.as_str()) else {
            continue;
        };
        let name = relationship.name.clone();
        let dependent = Dependent::Relationship(table.table.clone(), name);
        let (ours, theirs) = (&table.table, &resolved.target);
        add(&dependent, &Target::Table(theirs.clone()));
        let pairs = resolved.mapping.iter().cloned();
        match &relationship.using {
            RelationshipUsing::ForeignKeyOn(columns) => {
                let key = KeyId {
                    table: ours.clone(),
                    foreign_table: theirs.clone(),
                    columns: pairs.collect(),
                };
                add(&dependent, &Target::ForeignKey(key));
                for column in columns {
                    add(&dependent, &Target::Column(ours.clone(), column.clone()));
                }
            }
            RelationshipUsing::ForeignKeyOnRemote { columns, .. } => {
                let key = KeyId {
                    table: theirs.clone(),
                    foreign_table: ours.clone(),
                    columns: pairs.map(|(our, their)| (their, our)).collect(),
                };
                add(&dependent, &Target::ForeignKey(key));
                for column in columns {
                    add(&dependent, &Target::Column(theirs.clone(), column.clone()));
                }
            }
            RelationshipUsing::Manual { .. } | RelationshipUsing::ManualQuery { .. } => {
                for (our, their) in pairs {
                    add(&dependent, &Target::Column(ours.clone(), our));
                    add(&dependent, &Target::Column(theirs.clone(), their));
                }
            }
        }
    }
}

/// Those with relationships to tables depend on these; of what their code reads nothing is known.
fn native_queries(source: &Source, info: &SourceInfo, add: &mut Add<'_>) {
    for (name, query) in &info.native_queries {
        if !source.native_queries.contains_key(name) {
            continue;
        }
        let dependent = Dependent::NativeQuery(name.clone());
        for relationship in query.relationships.values() {
            let NativeTarget::Table(table) = &relationship.target else {
                continue;
            };
            add(&dependent, &Target::Table(table.clone()));
            for (_, theirs) in &relationship.mapping {
                add(&dependent, &Target::Column(table.clone(), theirs.clone()));
            }
        }
    }
}

/// Those that give rows depend on the rows' table.
fn computed_fields(table: &Table, info: &TableInfo, add: &mut Add<'_>) {
    for (name, field) in &info.computed_fields {
        if let ComputedReturn::Rows(rows) = &field.returns
            && table.computed_fields.contains_key(name)
        {
            let dependent = Dependent::ComputedField(table.table.clone(), name.clone());
            add(&dependent, &Target::Table(rows.clone()));
        }
    }
}

/// What one permission says, whatever its kind.
struct Parts<'a> {
    dependent: Dependent,
    columns: Option<&'a Columns>,
    computed_fields: &'a [String],
    presets: Vec<(&'a ColumnName, &'a Json)>,
    rules: Vec<&'a Json>,
}

fn permissions(table: &Table, info: &SourceInfo, add: &mut Add<'_>) {
    for parts in parts(table) {
        let name = &table.table;
        if let Some(Columns::List(columns)) = parts.columns {
            for column in columns {
                let used = Target::Column(name.clone(), column.clone());
                add(&parts.dependent, &used);
            }
        }
        for field in parts.computed_fields {
            let used = Target::ComputedField(name.clone(), field.clone());
            add(&parts.dependent, &used);
        }
        let mut collect = Collect {
            dependent: &parts.dependent,
            add: &mut *add,
        };
        for (column, value) in parts.presets {
            let values = match value {
                Json::String(text)
                    if graphloom_vocab::SessionVariableName::parse(text).is_some() =>
                {
                    Values::Symbolic
                }
                _ => Values::Constant,
            };
            collect.column(name, column, values);
        }
        for rule in parts.rules {
            rule::walk(&info.tables, name, rule, &mut collect);
        }
    }
}

fn parts(table: &Table) -> Vec<Parts<'_>> {
    let dependent =
        |role: &RoleName, kind| Dependent::Permission(table.table.clone(), role.clone(), kind);
    let mut all = Vec::new();
    for (role, outer) in &table.select_permissions {
        let inner = &outer.permission;
        all.push(Parts {
            dependent: dependent(role, PermissionKind::Select),
            columns: Some(&inner.columns),
            computed_fields: &inner.computed_fields,
            presets: Vec::new(),
            rules: vec![&inner.filter],
        });
    }
    for (role, outer) in &table.insert_permissions {
        let inner = &outer.permission;
        all.push(Parts {
            dependent: dependent(role, PermissionKind::Insert),
            columns: Some(&inner.columns),
            computed_fields: &[],
            presets: inner.set.iter().collect(),
            rules: vec![&inner.check],
        });
    }
    for (role, outer) in &table.update_permissions {
        let inner = &outer.permission;
        all.push(Parts {
            dependent: dependent(role, PermissionKind::Update),
            columns: Some(&inner.columns),
            computed_fields: &[],
            presets: inner.set.iter().collect(),
            rules: std::iter::once(&inner.filter).chain(&inner.check).collect(),
        });
    }
    for (role, outer) in &table.delete_permissions {
        all.push(Parts {
            dependent: dependent(role, PermissionKind::Delete),
            columns: None,
            computed_fields: &[],
            presets: Vec::new(),
            rules: vec![&outer.permission.filter],
        });
    }
    all
}

/// A walk that reports what is used and renames nothing.
struct Collect<'a, 'b> {
    dependent: &'a Dependent,
    add: &'a mut Add<'b>,
}

impl RuleVisitor for Collect<'_, '_> {
    fn column(
        &mut self,
        table: &QualifiedTable,
        column: &ColumnName,
        values: Values,
    ) -> Option<ColumnName> {
        (self.add)(
            self.dependent,
            &Target::Column(table.clone(), column.clone()),
        );
        if values == Values::Constant {
            let used = Target::ColumnType(table.clone(), column.clone());
            (self.add)(self.dependent, &used);
        }
        None
    }

    fn relationship(&mut self, table: &QualifiedTable, name: &str) -> Option<String> {
        let used = Target::Relationship(table.clone(), RelationshipName::new(name));
        (self.add)(self.dependent, &used);
        None
    }

    fn computed_field(&mut self, table: &QualifiedTable, name: &str) {
        let used = Target::ComputedField(table.clone(), name.to_owned());
        (self.add)(self.dependent, &used);
    }

    fn table(&mut self, table: &QualifiedTable) -> Option<QualifiedTable> {
        (self.add)(self.dependent, &Target::Table(table.clone()));
        None
    }
}
