//! Conditions: how they are written, and what they mean row by row in three-valued logic.

use std::cmp::Ordering;

use super::argument::Argument;
use super::naive::{self, Row, Viewer};
use super::world::{Datum, USER_ID, World};

#[derive(Clone, Debug)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// A column of this position.
    Column(usize, Test),
    /// Some row at the other end of this relationship.
    Related(usize, Box<Condition>),
    /// An aggregate over the rows at the other end.
    Aggregate(usize, Box<Predicate>),
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Compare(Comparison, Datum),
    /// `_in`, or `_nin`.
    In(Vec<Datum>),
    NotIn(Vec<Datum>),
    IsNull(bool),
    Like(String),
    NotLike(String),
    Ilike(String),
    /// With the session's user; in permissions only.
    User(Comparison),
    /// With another column of the row; in permissions only.
    Other(Comparison, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Neq,
    Gt,
    Lt,
    Gte,
    Lte,
}

impl Comparison {
    pub(crate) const ALL: [Self; 6] = [
        Self::Eq,
        Self::Neq,
        Self::Gt,
        Self::Lt,
        Self::Gte,
        Self::Lte,
    ];

    fn operator(self) -> &'static str {
        match self {
            Self::Eq => "_eq",
            Self::Neq => "_neq",
            Self::Gt => "_gt",
            Self::Lt => "_lt",
            Self::Gte => "_gte",
            Self::Lte => "_lte",
        }
    }

    fn column_operator(self) -> &'static str {
        match self {
            Self::Eq => "_ceq",
            Self::Neq => "_cne",
            Self::Gt => "_cgt",
            Self::Lt => "_clt",
            Self::Gte => "_cgte",
            Self::Lte => "_clte",
        }
    }

    /// `None` if either side is null.
    fn holds(self, left: &Datum, right: &Datum) -> Option<bool> {
        let order = naive::compare(left, right)?;
        Some(match self {
            Self::Eq => order == Ordering::Equal,
            Self::Neq => order != Ordering::Equal,
            Self::Gt => order == Ordering::Greater,
            Self::Lt => order == Ordering::Less,
            Self::Gte => order != Ordering::Less,
            Self::Lte => order != Ordering::Greater,
        })
    }
}

/// A condition on an aggregate of related rows.
#[derive(Clone, Debug)]
pub(crate) struct Predicate {
    /// `count`, `bool_and`, `bool_or`, `max`, `min` or `sum`.
    pub(crate) function: &'static str,
    /// Of the other table; exactly one unless it is `count`.
    pub(crate) columns: Vec<usize>,
    pub(crate) distinct: bool,
    pub(crate) filter: Option<Condition>,
    pub(crate) comparison: Comparison,
    pub(crate) value: Datum,
}

impl Condition {
    /// As it is written about this table.
    pub(crate) fn argument(&self, world: &World, table: usize) -> Argument {
        let list = |conditions: &[Self]| {
            let conditions = conditions.iter();
            let written = conditions.map(|condition| condition.argument(world, table));
            Argument::List(written.collect())
        };
        let of = &world.tables[table];
        match self {
            // The empty condition has a form of its own.
            Self::And(conditions) if conditions.is_empty() => Argument::Object(Vec::new()),
            Self::And(conditions) => Argument::one("_and", list(conditions)),
            Self::Or(conditions) => Argument::one("_or", list(conditions)),
            Self::Not(condition) => Argument::one("_not", condition.argument(world, table)),
            Self::Column(column, test) => {
                let (operator, value) = test.written(|at| of.columns[at].name.clone());
                Argument::one(&of.columns[*column].name, Argument::one(operator, value))
            }
            Self::Related(relationship, condition) => {
                let relationship = &of.relationships[*relationship];
                let condition = condition.argument(world, relationship.target);
                Argument::one(&relationship.name, condition)
            }
            Self::Aggregate(relationship, predicate) => {
                let relationship = &of.relationships[*relationship];
                let name = format!("{}_aggregate", relationship.name);
                Argument::one(&name, predicate.argument(world, relationship.target))
            }
        }
    }

    /// What it says about a row, as this viewer sees other rows; `None` is unknown.
    pub(crate) fn holds(&self, viewer: &Viewer<'_>, table: usize, row: &Row<'_>) -> Option<bool> {
        match self {
            Self::And(conditions) => {
                let each = conditions.iter().map(|one| one.holds(viewer, table, row));
                decided(false, each)
            }
            Self::Or(conditions) => {
                let each = conditions.iter().map(|one| one.holds(viewer, table, row));
                decided(true, each)
            }
            Self::Not(condition) => condition.holds(viewer, table, row).map(|holds| !holds),
            Self::Column(column, test) => test.holds(&row.seen, &row.seen[*column]),
            Self::Related(relationship, condition) => {
                let relationship = &viewer.world.tables[table].relationships[*relationship];
                let related = viewer.related(relationship, row);
                let mut holding = related
                    .into_iter()
                    .map(|other| condition.holds(viewer, relationship.target, &other));
                Some(holding.any(|holds| holds == Some(true)))
            }
            Self::Aggregate(relationship, predicate) => {
                let relationship = &viewer.world.tables[table].relationships[*relationship];
                let mut rows = viewer.related(relationship, row);
                if let Some(filter) = &predicate.filter {
                    let holds = |row: &Row<'_>| filter.holds(viewer, relationship.target, row);
                    rows.retain(|row| holds(row) == Some(true));
                }
                let value = predicate.value_over(&rows);
                // It is the existence of a row that fits, so that unknown is "no" also when negated.
                Some(predicate.comparison.holds(&value, &predicate.value) == Some(true))
            }
        }
    }
}

/// What decides does so whatever the others say; then the unknown wins.
fn decided(by: bool, each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let each: Vec<_> = each.collect();
    if each.contains(&Some(by)) {
        Some(by)
    } else if each.contains(&None) {
        None
    } else {
        Some(!by)
    }
}

impl Test {
    fn written(&self, name: impl Fn(usize) -> String) -> (&'static str, Argument) {
        let datum = |datum: &Datum| Argument::Datum(datum.clone());
        let text = |text: &str| Argument::Datum(Datum::Text(text.to_owned()));
        let list = |items: &[Datum]| Argument::List(items.iter().map(datum).collect());
        match self {
            Self::Compare(comparison, value) => (comparison.operator(), datum(value)),
            Self::In(values) => ("_in", list(values)),
            Self::NotIn(values) => ("_nin", list(values)),
            Self::IsNull(value) => ("_is_null", Argument::Datum(Datum::Bool(*value))),
            Self::Like(pattern) => ("_like", text(pattern)),
            Self::NotLike(pattern) => ("_nlike", text(pattern)),
            Self::Ilike(pattern) => ("_ilike", text(pattern)),
            Self::User(comparison) => (comparison.operator(), text("X-Hasura-User-Id")),
            Self::Other(comparison, column) => (comparison.column_operator(), text(&name(*column))),
        }
    }

    fn holds(&self, row: &[Datum], value: &Datum) -> Option<bool> {
        let like = |pattern: &str, fold: fn(&str) -> String| match value {
            Datum::Text(text) => Some(naive::like(&fold(text), &fold(pattern))),
            _ => None,
        };
        // `= ANY`: true if one is equal, and unknown rather than false if the value is null.
        let is_in = |values: &[Datum]| {
            let mut equal = values.iter().map(|one| Comparison::Eq.holds(value, one));
            match value {
                _ if values.is_empty() => Some(false),
                Datum::Null => None,
                _ => Some(equal.any(|equal| equal == Some(true))),
            }
        };
        match self {
            Self::Compare(comparison, other) => comparison.holds(value, other),
            Self::In(values) => is_in(values),
            Self::NotIn(values) => is_in(values).map(|is_in| !is_in),
            Self::IsNull(expected) => Some((*value == Datum::Null) == *expected),
            Self::Like(pattern) => like(pattern, str::to_owned),
            Self::NotLike(pattern) => like(pattern, str::to_owned).map(|like| !like),
            Self::Ilike(pattern) => like(pattern, str::to_lowercase),
            Self::User(comparison) => comparison.holds(value, &Datum::Int(USER_ID)),
            Self::Other(comparison, column) => comparison.holds(value, &row[*column]),
        }
    }
}

impl Predicate {
    fn argument(&self, world: &World, table: usize) -> Argument {
        let columns = &world.tables[table].columns;
        let name = |at: &usize| Argument::Enum(columns[*at].name.clone());
        let mut fields = Vec::new();
        if self.function != "count" {
            fields.push(("arguments".to_owned(), name(&self.columns[0])));
        } else if !self.columns.is_empty() {
            let names = self.columns.iter().map(name).collect();
            fields.push(("arguments".to_owned(), Argument::List(names)));
        }
        if self.distinct {
            let distinct = Argument::Datum(Datum::Bool(true));
            fields.push(("distinct".to_owned(), distinct));
        }
        if let Some(filter) = &self.filter {
            fields.push(("filter".to_owned(), filter.argument(world, table)));
        }
        let value = Argument::Datum(self.value.clone());
        let test = Argument::one(self.comparison.operator(), value);
        fields.push(("predicate".to_owned(), test));
        Argument::one(self.function, Argument::Object(fields))
    }

    fn value_over(&self, rows: &[Row<'_>]) -> Datum {
        if self.function == "count" {
            return naive::count(rows, &self.columns, self.distinct);
        }
        naive::aggregate(self.function, rows, self.columns[0], self.distinct)
    }
}
