//! What planning one statement keeps track of: aliases given out, values used, columns asked for.

use std::collections::HashMap;

use graphloom_ir::TypedValue;
use graphloom_sql::{Alias, Expr, Name, ParameterId, Target};
use graphloom_vocab::ColumnName;
use indexmap::IndexSet;

/// The state of planning one statement.
#[derive(Default)]
pub(crate) struct Context {
    aliases: u32,
    values: Vec<TypedValue>,
    ids: HashMap<TypedValue, ParameterId>,
    /// For a subselect that is written after what reads it: the columns read so far.
    collected: HashMap<Alias, IndexSet<ColumnName>>,
}

impl Context {
    /// A new alias.
    pub(crate) fn alias(&mut self) -> Alias {
        let alias = Alias::new(self.aliases);
        self.aliases += 1;
        alias
    }

    /// A new alias for a subselect whose columns are those that turn out to be asked for.
    pub(crate) fn collecting_alias(&mut self) -> Alias {
        let alias = self.alias();
        self.collected.insert(alias, IndexSet::new());
        alias
    }

    /// `alias."column"`
    pub(crate) fn column(&mut self, alias: Alias, column: &ColumnName) -> Expr {
        match self.collected.get_mut(&alias) {
            None => Expr::Column(alias, Name::new(column.as_str())),
            Some(columns) => {
                columns.insert(column.clone());
                Expr::Column(alias, carried_name(column))
            }
        }
    }

    /// The columns asked for of a collecting alias, in order of appearance.
    pub(crate) fn collected(&mut self, alias: Alias) -> IndexSet<ColumnName> {
        self.collected.remove(&alias).unwrap_or_default()
    }

    /// The parameter that stands for a value; the same for equal ones.
    pub(crate) fn parameter(&mut self, value: &TypedValue) -> ParameterId {
        if let Some(id) = self.ids.get(value) {
            return *id;
        }
        let index = u32::try_from(self.values.len()).expect("fewer values than bytes of a request");
        let id = ParameterId::new(index);
        self.values.push(value.clone());
        self.ids.insert(value.clone(), id);
        id
    }

    /// The values, at the index of each parameter.
    pub(crate) fn into_values(self) -> Vec<TypedValue> {
        self.values
    }
}

/// A column of the rows we number ourselves.
pub(crate) const ROW_NUMBER: &str = "row_number";

/// What a table's column is called one level further out: the same, unless it could be [`ROW_NUMBER`].
fn carried_name(column: &ColumnName) -> Name {
    let name = column.as_str();
    if name.starts_with(ROW_NUMBER) {
        Name::new(format!("{name}_"))
    } else {
        Name::new(name)
    }
}

/// Output columns that carry a table's columns one level further out.
pub(crate) fn carry(table: Alias, columns: &IndexSet<ColumnName>) -> Vec<Target> {
    let target = |column: &ColumnName| {
        let value = Expr::Column(table, Name::new(column.as_str()));
        Target::named(value, carried_name(column))
    };
    columns.iter().map(target).collect()
}

/// Output columns that carry on what a subselect of [`carry`] has.
pub(crate) fn carry_on(subselect: Alias, columns: &IndexSet<ColumnName>) -> Vec<Target> {
    let target = |column: &ColumnName| {
        let name = carried_name(column);
        Target::named(Expr::Column(subselect, name.clone()), name)
    };
    columns.iter().map(target).collect()
}
