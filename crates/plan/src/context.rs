//! What planning one statement keeps track of: aliases given out, values used, columns asked for.

use std::collections::HashMap;

use graphloom_ir::{Join, Rows, TableAccess, TypedValue};
use graphloom_sql::{Alias, Expr, Name, ParameterId, Target, TypeName};
use graphloom_vocab::{ColumnName, QualifiedTable};
use indexmap::IndexSet;

use crate::live::{Cohorts, Reads, StreamPlaces};

/// What is read of a subselect's rows.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    columns: IndexSet<ColumnName>,
    /// The table whose row is read as a whole.
    row: Option<QualifiedTable>,
    naming: Naming,
    /// The subselect that has the columns, if that is another one's.
    within: Option<Alias>,
}

/// What carried columns are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Naming {
    /// As they are in their table.
    #[default]
    Own,
    /// `k0`, `k1`: beside columns that are not the table's.
    Numbered,
    /// Beside another table's, as its partner of this number.
    With(usize),
}

impl Carried {
    /// The column, from now on one of those that are read, as it is called further out.
    fn read(&mut self, column: &ColumnName) -> Name {
        let (at, _) = self.columns.insert_full(column.clone());
        self.name(at, column)
    }

    fn name(&self, at: usize, column: &ColumnName) -> Name {
        match self.naming {
            Naming::Own => carried_name(column),
            Naming::Numbered => Name::new(format!("k{at}")),
            Naming::With(partner) => Name::new(format!("{WITH}{partner}_{at}")),
        }
    }

    /// The same of a whole row.
    fn row_name(&self) -> Name {
        match self.naming {
            Naming::Own | Naming::Numbered => Name::new(WHOLE_ROW),
            Naming::With(partner) => Name::new(format!("{WITH}{partner}_row")),
        }
    }

    /// The columns' names, in the table and further out.
    fn names(&self) -> impl Iterator<Item = (Name, Name)> {
        let columns = self.columns.iter().enumerate();
        columns.map(|(at, column)| (Name::new(column.as_str()), self.name(at, column)))
    }

    /// What either reads.
    pub(crate) fn merge(&mut self, other: Self) {
        self.columns.extend(other.columns);
        self.row = other.row.or(self.row.take());
    }
}

/// What objects are while a statement is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON.
    #[default]
    Json,
    /// Rows and records of plain values.
    Rows,
    /// The same, of which each value becomes an element of an array: none of them is an array itself.
    Columns,
}

/// A row that belongs to another one.
struct Known {
    outer: Alias,
    mapping: Vec<(ColumnName, ColumnName)>,
    row: Alias,
}

/// The state of planning one statement.
#[derive(Default)]
pub(crate) struct Context {
    aliases: u32,
    /// What objects are, in what is written now.
    pub(crate) form: Form,
    values: Vec<TypedValue>,
    ids: HashMap<TypedValue, ParameterId>,
    /// For a subselect that is written after what reads it: what was read so far.
    collected: HashMap<Alias, Carried>,
    /// Under which access a table's rows were reached.
    known: HashMap<Alias, TableAccess>,
    /// Rows that objects are read from because a condition led there already.
    partners: Vec<Known>,
    /// Where values come from if the statement serves many subscribers at once.
    pub(crate) cohorts: Option<Cohorts>,
    /// What the statement looks at.
    pub(crate) reads: Reads,
    /// Where a stream's places come from.
    pub(crate) stream: Option<StreamPlaces>,
}

impl Context {
    /// A context in which values come from cohorts.
    pub(crate) fn of_cohorts(cohorts: Cohorts) -> Self {
        Self {
            cohorts: Some(cohorts),
            ..Self::default()
        }
    }

    /// Writes something in which objects are JSON, whatever they are around it.
    pub(crate) fn in_json<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        self.in_form(Form::Json, write)
    }

    /// Writes something in which objects are of this form.
    pub(crate) fn in_form<T>(&mut self, form: Form, write: impl FnOnce(&mut Self) -> T) -> T {
        let form = std::mem::replace(&mut self.form, form);
        let written = write(self);
        self.form = form;
        written
    }

    /// A new alias.
    pub(crate) fn alias(&mut self) -> Alias {
        let alias = Alias::new(self.aliases);
        self.aliases += 1;
        alias
    }

    /// A new alias for a subselect whose columns are those that turn out to be asked for.
    pub(crate) fn collecting_alias(&mut self) -> Alias {
        let alias = self.alias();
        self.collected.insert(alias, Carried::default());
        alias
    }

    /// `alias."column"`
    pub(crate) fn column(&mut self, alias: Alias, column: &ColumnName) -> Expr {
        match self.collected.get_mut(&alias) {
            None => Expr::Column(alias, Name::new(column.as_str())),
            Some(carried) => {
                let name = carried.read(column);
                Expr::Column(carried.within.unwrap_or(alias), name)
            }
        }
    }

    /// A whole row of a table, as an argument of a function: `t0.*`.
    ///
    /// A subselect's rows have no type of a table, so there the row is carried in a column.
    pub(crate) fn whole_row(&mut self, alias: Alias, table: &QualifiedTable) -> Expr {
        match self.collected.get_mut(&alias) {
            None => Expr::Row(alias),
            Some(carried) => {
                carried.row = Some(table.clone());
                Expr::Column(carried.within.unwrap_or(alias), carried.row_name())
            }
        }
    }

    /// The same for rows that were reached under this access and have other columns beside the table's.
    pub(crate) fn numbering_alias_of(&mut self, access: &TableAccess) -> Alias {
        let alias = self.collecting_alias_of(access);
        let carried = self.collected.entry(alias).or_default();
        carried.naming = Naming::Numbered;
        alias
    }

    /// The same for the row that a subselect's rows are joined to: their columns stand beside each other.
    pub(crate) fn partner_alias_of(
        &mut self,
        access: &TableAccess,
        (within, number): (Alias, usize),
    ) -> Alias {
        let alias = self.collecting_alias_of(access);
        let carried = self.collected.entry(alias).or_default();
        carried.naming = Naming::With(number);
        carried.within = Some(within);
        alias
    }

    /// Remembers which row belongs to each of an alias.
    pub(crate) fn found_partner(&mut self, outer: Alias, join: &Join, row: Alias) {
        self.partners.push(Known {
            outer,
            mapping: join.mapping.clone(),
            row,
        });
    }

    /// The row that belongs to each of an alias, if it was reached under this access.
    pub(crate) fn partner(
        &self,
        outer: Alias,
        mapping: &[(ColumnName, ColumnName)],
        access: &TableAccess,
    ) -> Option<Alias> {
        let mut known = self.partners.iter();
        let is_it = |known: &&Known| {
            known.outer == outer
                && known.mapping == mapping
                && self.access(known.row) == Some(access)
        };
        known.find(is_it).map(|known| known.row)
    }

    /// The same for rows that were reached under this access.
    pub(crate) fn collecting_alias_of(&mut self, access: &TableAccess) -> Alias {
        let alias = self.collecting_alias();
        self.reached(alias, access);
        alias
    }

    /// Remembers the access under which the rows of an alias were reached, if they are rows of a table.
    pub(crate) fn reached(&mut self, alias: Alias, access: &TableAccess) {
        if matches!(access.rows(), Rows::Table) {
            self.known.insert(alias, access.clone());
        }
    }

    /// The access under which the rows of an alias were reached, if that is known.
    pub(crate) fn access(&self, alias: Alias) -> Option<&TableAccess> {
        self.known.get(&alias)
    }

    /// The columns asked for of a collecting alias, in order of appearance.
    pub(crate) fn collected(&mut self, alias: Alias) -> Carried {
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

    /// A parameter of its own for a value, also if there is an equal one.
    pub(crate) fn own_parameter(&mut self, value: &TypedValue) -> ParameterId {
        let index = u32::try_from(self.values.len()).expect("fewer values than bytes of a request");
        self.values.push(value.clone());
        ParameterId::new(index)
    }

    /// The values, at the index of each parameter.
    pub(crate) fn into_values(self) -> Vec<TypedValue> {
        self.values
    }

    /// The values, and what the statement looks at.
    pub(crate) fn into_parts(self) -> (Vec<TypedValue>, Reads) {
        (self.values, self.reads)
    }
}

/// What a carried whole row is called.
///
/// It starts as [`ROW_NUMBER`] does, so that no column of a table is carried under the same name.
const WHOLE_ROW: &str = "row_number_and_row";

/// What the columns of rows start with that stand beside others'. They end in a digit or a letter, and so are no
/// carried column's either.
const WITH: &str = "row_number_with";

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

/// Output columns that carry on a table's columns, and its row, one level further out.
pub(crate) fn carry(table: Alias, carried: &Carried) -> Vec<Target> {
    let column = |(name, outside)| Target::named(Expr::Column(table, name), outside);
    let row = carried.row.as_ref().map(|name| {
        let ty = TypeName::Qualified {
            schema: Name::new(name.schema.as_str()),
            name: Name::new(name.name.as_str()),
        };
        Target::named(Expr::Row(table).cast(ty), carried.row_name())
    });
    carried.names().map(column).chain(row).collect()
}

/// Output columns that carry on what a subselect of [`carry`] has.
pub(crate) fn carry_on(subselect: Alias, carried: &Carried) -> Vec<Target> {
    let target = |name: Name| Target::named(Expr::Column(subselect, name.clone()), name);
    let row = carried.row.as_ref().map(|_| carried.row_name());
    let columns = carried.names().map(|(_, outside)| outside);
    columns.chain(row).map(target).collect()
}
