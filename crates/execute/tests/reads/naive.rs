//! The answer by nested loops over the rows: what a query means, written as plainly as can be.

use std::cmp::Ordering;

use super::condition::Condition;
use super::query::{AggregateField, Arguments, Direction, Field, OrderKey, Rows, Selection};
use super::world::{Datum, Relationship, Role, World};

/// Who looks: a role, or a permission's rule, which sees every row.
pub(crate) struct Viewer<'a> {
    pub(crate) world: &'a World,
    role: Option<&'a Role>,
    /// By table: the rows that it sees.
    pub(crate) rows: Vec<Vec<Row<'a>>>,
}

/// A row, and what is seen of it.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    /// What relationships follow.
    pub(crate) all: &'a [Datum],
    /// Null where a column is masked.
    pub(crate) seen: Vec<Datum>,
}

/// An answer, with what its order says.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    Value(Datum),
    Object(Vec<(String, Expected)>),
    /// In this order.
    List(Vec<Expected>),
    /// In any order.
    Bag(Vec<Expected>),
}

impl<'a> Viewer<'a> {
    pub(crate) fn of_rule(world: &'a World) -> Self {
        let rows = world.tables.iter().map(|table| {
            let rows = table.rows.iter().map(|row| Row {
                all: row,
                seen: row.clone(),
            });
            rows.collect()
        });
        Self {
            world,
            role: None,
            rows: rows.collect(),
        }
    }

    pub(crate) fn of_role(world: &'a World, role: &'a Role) -> Self {
        let rule = Self::of_rule(world);
        let seen = |table: usize| {
            let Some(grant) = role.grant(table) else {
                return Vec::new();
            };
            let holds = |condition: &Condition, row: &Row<'_>| {
                condition.holds(&rule, table, row) == Some(true)
            };
            let rows = rule.rows[table].iter();
            let rows = rows.filter(|row| holds(&grant.filter, row)).map(|row| {
                let cells = row.all.iter().zip(&grant.masks).map(|(cell, mask)| {
                    let shows = mask.as_ref().is_none_or(|mask| holds(mask, row));
                    if shows { cell.clone() } else { Datum::Null }
                });
                Row {
                    all: row.all,
                    seen: cells.collect(),
                }
            });
            rows.collect()
        };
        Self {
            world,
            role: Some(role),
            rows: (0..world.tables.len()).map(seen).collect(),
        }
    }

    /// The rows at the other end of a relationship.
    pub(crate) fn related(&self, relationship: &Relationship, row: &Row<'_>) -> Vec<Row<'a>> {
        let mut rows = self.rows[relationship.target].clone();
        let (ours, theirs) = if relationship.is_array {
            (0, relationship.column)
        } else {
            (relationship.column, 0)
        };
        rows.retain(|other| compare(&row.all[ours], &other.all[theirs]) == Some(Ordering::Equal));
        rows
    }

    /// What a selection of a table's rows answers.
    pub(crate) fn select(&self, selection: &Selection) -> Expected {
        let rows = self.rows[selection.table].clone();
        self.answer(selection, rows)
    }

    fn answer(&self, selection: &Selection, mut rows: Vec<Row<'a>>) -> Expected {
        let table = selection.table;
        self.apply(&selection.arguments, table, &mut rows);
        // A permission's limit is one of rows that are shown, and not of those that are counted.
        let grant = self.role.and_then(|role| role.grant(table));
        let limit = grant.and_then(|grant| grant.limit).unwrap_or(usize::MAX);
        let objects = |fields: &[(String, Field)]| {
            let rows = rows.iter().take(limit);
            let rows = rows.map(|row| self.object(table, fields, row));
            let objects = rows.collect();
            if selection.arguments.is_total {
                Expected::List(objects)
            } else {
                Expected::Bag(objects)
            }
        };
        match &selection.rows {
            Rows::List(fields) => objects(fields),
            Rows::Aggregate { fields, nodes } => {
                let columns = &self.world.tables[table].columns;
                let values = fields.iter().map(|(key, field)| {
                    let value = match field {
                        AggregateField::Count(columns, distinct) => {
                            Expected::Value(count(&rows, columns, *distinct))
                        }
                        AggregateField::Of(function, of) => {
                            let values = of.iter().map(|at| {
                                let value = aggregate(function, &rows, *at, false);
                                (columns[*at].name.clone(), Expected::Value(value))
                            });
                            Expected::Object(values.collect())
                        }
                    };
                    (key.clone(), value)
                });
                let mut answer = vec![("aggregate".to_owned(), Expected::Object(values.collect()))];
                if let Some(nodes) = nodes {
                    answer.push(("nodes".to_owned(), objects(nodes)));
                }
                Expected::Object(answer)
            }
        }
    }

    fn apply(&self, arguments: &Arguments, table: usize, rows: &mut Vec<Row<'a>>) {
        if let Some(condition) = &arguments.condition {
            rows.retain(|row| condition.holds(self, table, row) == Some(true));
        }
        rows.sort_by(|left, right| {
            let orders = arguments.order.iter().map(|(key, direction)| {
                let value = |row| self.sort_value(key, table, row);
                in_direction(*direction, &value(left), &value(right))
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
        if !arguments.distinct.is_empty() {
            // Nulls are alike here.
            let key = |row: &Row<'_>| -> Vec<Datum> {
                let columns = arguments.distinct.iter();
                columns.map(|at| row.seen[*at].clone()).collect()
            };
            rows.dedup_by_key(|row| key(row));
        }
        let offset = arguments.offset.unwrap_or(0).min(rows.len());
        rows.drain(..offset);
        rows.truncate(arguments.limit.unwrap_or(usize::MAX));
    }

    fn sort_value(&self, key: &OrderKey, table: usize, row: &Row<'_>) -> Datum {
        let relationships = &self.world.tables[table].relationships;
        match key {
            OrderKey::Column(column) => row.seen[*column].clone(),
            OrderKey::Object(relationship, key) => {
                let relationship = &relationships[*relationship];
                let related = self.related(relationship, row);
                related.first().map_or(Datum::Null, |other| {
                    self.sort_value(key, relationship.target, other)
                })
            }
            OrderKey::Count(relationship) => {
                let related = self.related(&relationships[*relationship], row);
                count(&related, &[], false)
            }
            OrderKey::Aggregate(relationship, function, column) => {
                let related = self.related(&relationships[*relationship], row);
                aggregate(function, &related, *column, false)
            }
        }
    }

    fn object(&self, table: usize, fields: &[(String, Field)], row: &Row<'_>) -> Expected {
        let of = &self.world.tables[table];
        let values = fields.iter().map(|(key, field)| {
            let value = match field {
                Field::Typename => Expected::Value(Datum::Text(of.name.clone())),
                Field::Column(column) => Expected::Value(row.seen[*column].clone()),
                Field::Object(relationship, fields) => {
                    let relationship = &of.relationships[*relationship];
                    let related = self.related(relationship, row);
                    related
                        .first()
                        .map_or(Expected::Value(Datum::Null), |other| {
                            self.object(relationship.target, fields, other)
                        })
                }
                Field::Rows(relationship, selection) => {
                    let related = self.related(&of.relationships[*relationship], row);
                    self.answer(selection, related)
                }
            };
            (key.clone(), value)
        });
        Expected::Object(values.collect())
    }
}

/// `None` if either is null.
pub(crate) fn compare(left: &Datum, right: &Datum) -> Option<Ordering> {
    match (left, right) {
        (Datum::Int(left), Datum::Int(right)) => Some(left.cmp(right)),
        (Datum::Text(left), Datum::Text(right)) => Some(left.cmp(right)),
        (Datum::Bool(left), Datum::Bool(right)) => Some(left.cmp(right)),
        _ => number(left)?.partial_cmp(&number(right)?),
    }
}

fn number(datum: &Datum) -> Option<f64> {
    match datum {
        Datum::Int(value) => Some(f64::from(i32::try_from(*value).unwrap())),
        Datum::Number(value) => Some(*value),
        Datum::Null | Datum::Text(_) | Datum::Bool(_) => None,
    }
}

fn in_direction(direction: Direction, left: &Datum, right: &Datum) -> Ordering {
    let nulls = |is_first: bool| {
        if is_first {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    };
    match (left == &Datum::Null, right == &Datum::Null) {
        (true, true) => Ordering::Equal,
        (true, false) => nulls(direction.has_nulls_first()),
        (false, true) => nulls(direction.has_nulls_first()).reverse(),
        (false, false) => {
            let order = compare(left, right).expect("of one type");
            if direction.is_descending() {
                order.reverse()
            } else {
                order
            }
        }
    }
}

/// `%` is any text, `_` any character.
pub(crate) fn like(text: &str, pattern: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    let after = |text: &str| text.chars().next().map_or(0, char::len_utf8);
    match first {
        '%' => like(text, rest) || (!text.is_empty() && like(&text[after(text)..], pattern)),
        '_' => !text.is_empty() && like(&text[after(text)..], rest),
        first => text.starts_with(first) && like(&text[first.len_utf8()..], rest),
    }
}

fn distinct(values: &mut Vec<Vec<Datum>>) {
    let mut seen: Vec<Vec<Datum>> = Vec::new();
    values.retain(|value| {
        let is_new = !seen.contains(value);
        seen.push(value.clone());
        is_new
    });
}

/// `count(*)`, `count(c)`, and `count((c, d))`, for which a row of nulls is a row.
pub(crate) fn count(rows: &[Row<'_>], columns: &[usize], is_distinct: bool) -> Datum {
    let values = rows
        .iter()
        .map(|row| columns.iter().map(|at| row.seen[*at].clone()).collect());
    let mut values: Vec<Vec<Datum>> = values.collect();
    if columns.len() == 1 {
        values.retain(|value| value[0] != Datum::Null);
    }
    if is_distinct && !columns.is_empty() {
        distinct(&mut values);
    }
    Datum::Int(i64::try_from(values.len()).unwrap())
}

/// An aggregate of a column; null where Postgres says null.
pub(crate) fn aggregate(
    function: &str,
    rows: &[Row<'_>],
    column: usize,
    is_distinct: bool,
) -> Datum {
    let values = rows.iter().map(|row| vec![row.seen[column].clone()]);
    let mut values: Vec<_> = values.filter(|value| value[0] != Datum::Null).collect();
    if is_distinct {
        distinct(&mut values);
    }
    let values: Vec<Datum> = values.into_iter().flatten().collect();
    let Some(first) = values.first() else {
        return Datum::Null;
    };
    let best = |wanted: Ordering| {
        let better = |best: Datum, next: &Datum| {
            let is_better = compare(next, &best) == Some(wanted);
            if is_better { next.clone() } else { best }
        };
        values.iter().fold(first.clone(), better)
    };
    let is_true = |value: &Datum| *value == Datum::Bool(true);
    let numbers: Vec<f64> = values.iter().filter_map(number).collect();
    let length = f64::from(u32::try_from(values.len()).unwrap());
    let sum: f64 = numbers.iter().sum();
    let squares: f64 = numbers
        .iter()
        .map(|value| (value - sum / length).powi(2))
        .sum();
    match function {
        "max" => best(Ordering::Greater),
        "min" => best(Ordering::Less),
        "bool_and" => Datum::Bool(values.iter().all(is_true)),
        "bool_or" => Datum::Bool(values.iter().any(is_true)),
        "sum" => Datum::Number(sum),
        "avg" => Datum::Number(sum / length),
        "stddev_pop" => Datum::Number((squares / length).sqrt()),
        "var_samp" if values.len() < 2 => Datum::Null,
        "var_samp" => Datum::Number(squares / (length - 1.0)),
        other => panic!("{other} is no aggregate here"),
    }
}
