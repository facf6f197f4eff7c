//! Conditions, orders and whole queries that a role may ask, chosen from a tape.

use super::condition::{Comparison, Condition, Predicate, Test};
use super::query::{AggregateField, Arguments, Direction, Field, OrderKey, Rows, Selection};
use super::tape::Tape;
use super::world::{self, Datum, Role, Type, World};

const PATTERNS: [&str; 6] = ["%", "a%", "%b", "_", "a_%", "ab"];

/// A permission's rule: it may speak of every column and row.
pub(crate) fn filter(tape: &mut Tape<'_>, world: &World, table: usize, depth: usize) -> Condition {
    let mut maker = Maker {
        tape,
        world,
        role: None,
    };
    maker.condition(table, depth)
}

/// A query over a table that the role may ask; `None` if it may ask nothing.
pub(crate) fn query(tape: &mut Tape<'_>, world: &World, role: &Role) -> Option<Selection> {
    let mut maker = Maker {
        tape,
        world,
        role: Some(role),
    };
    let tables: Vec<_> = (0..world.tables.len())
        .filter(|table| role.grant(*table).is_some())
        .collect();
    let table = *maker.tape.pick(&tables)?;
    Some(maker.selection(table, 3))
}

struct Maker<'a, 'b> {
    tape: &'a mut Tape<'b>,
    world: &'a World,
    /// `None` in a permission's rule.
    role: Option<&'a Role>,
}

impl Maker<'_, '_> {
    fn columns(&self, table: usize) -> Vec<usize> {
        match self.role {
            Some(role) => role.columns(table),
            None => (0..self.world.tables[table].columns.len()).collect(),
        }
    }

    fn columns_where(&self, table: usize, fits: impl Fn(Type) -> bool) -> Vec<usize> {
        let types = &self.world.tables[table].columns;
        let mut columns = self.columns(table);
        columns.retain(|at| fits(types[*at].ty));
        columns
    }

    fn relationships(&self, table: usize) -> Vec<usize> {
        match self.role {
            Some(role) => role.relationships(self.world, table),
            None => (0..self.world.tables[table].relationships.len()).collect(),
        }
    }

    /// Array relationships whose rows the role may aggregate.
    fn aggregable(&self, table: usize) -> Vec<usize> {
        let relationships = &self.world.tables[table].relationships;
        let mut all = self.relationships(table);
        let may = |target| self.role.is_some_and(|role| role.may_aggregate(target));
        all.retain(|at| relationships[*at].is_array && may(relationships[*at].target));
        all
    }

    fn target(&self, table: usize, relationship: usize) -> usize {
        self.world.tables[table].relationships[relationship].target
    }

    fn comparison(&mut self) -> Comparison {
        Comparison::ALL[self.tape.below(Comparison::ALL.len())]
    }

    fn condition(&mut self, table: usize, depth: usize) -> Condition {
        let nothing = Condition::And(Vec::new());
        let columns = self.columns(table);
        let relationships = self.relationships(table);
        let choice = if depth == 0 { 0 } else { self.tape.below(8) };
        match choice {
            0..=2 => match self.tape.pick(&columns) {
                Some(&column) => Condition::Column(column, self.test(table, column)),
                None => nothing,
            },
            3 => Condition::And(self.conditions(table, depth)),
            4 => Condition::Or(self.conditions(table, depth)),
            5 => Condition::Not(Box::new(self.condition(table, depth - 1))),
            6 => match self.tape.pick(&relationships) {
                Some(&at) => {
                    let inner = self.condition(self.target(table, at), depth - 1);
                    Condition::Related(at, Box::new(inner))
                }
                None => nothing,
            },
            _ => {
                let aggregable = self.aggregable(table);
                match self.tape.pick(&aggregable) {
                    Some(&at) => {
                        let predicate = self.predicate(self.target(table, at), depth - 1);
                        Condition::Aggregate(at, Box::new(predicate))
                    }
                    None => nothing,
                }
            }
        }
    }

    fn conditions(&mut self, table: usize, depth: usize) -> Vec<Condition> {
        let count = self.tape.below(4);
        (0..count)
            .map(|_| self.condition(table, depth - 1))
            .collect()
    }

    fn test(&mut self, table: usize, column: usize) -> Test {
        let of = &self.world.tables[table];
        let ty = of.columns[column].ty;
        let in_rule = self.role.is_none();
        let same_type = self.columns_where(table, |other| other == ty);
        match self.tape.below(10) {
            4 => Test::IsNull(self.tape.once_in(2)),
            5 => Test::In(self.values(ty)),
            6 => Test::NotIn(self.values(ty)),
            7 if ty == Type::Text => {
                let pattern = PATTERNS[self.tape.below(PATTERNS.len())];
                match self.tape.below(3) {
                    0 => Test::Like(pattern.to_owned()),
                    1 => Test::NotLike(pattern.to_owned()),
                    _ => Test::Ilike(pattern.to_uppercase()),
                }
            }
            8 if in_rule && ty == Type::Int => Test::User(self.comparison()),
            9 if in_rule => match self.tape.pick(&same_type) {
                Some(&other) => Test::Other(self.comparison(), other),
                None => Test::IsNull(false),
            },
            _ => {
                let comparison = self.comparison();
                Test::Compare(comparison, world::value(self.tape, ty))
            }
        }
    }

    fn values(&mut self, ty: Type) -> Vec<Datum> {
        let count = self.tape.below(4);
        (0..count).map(|_| world::value(self.tape, ty)).collect()
    }

    fn predicate(&mut self, table: usize, depth: usize) -> Predicate {
        let booleans = self.columns_where(table, |ty| ty == Type::Bool);
        let floats = self.columns_where(table, |ty| ty == Type::Float);
        let columns = self.columns(table);
        let filter = match self.tape.below(3) {
            0 => None,
            _ => Some(self.condition(table, depth)),
        };
        let mut predicate = Predicate {
            function: "count",
            columns: Vec::new(),
            distinct: self.tape.once_in(3),
            filter,
            comparison: self.comparison(),
            value: Datum::Int(i64::try_from(self.tape.below(4)).unwrap()),
        };
        match self.tape.below(4) {
            2 if !booleans.is_empty() => {
                predicate.function = ["bool_and", "bool_or"][self.tape.below(2)];
                predicate.columns.extend(self.tape.pick(&booleans));
                predicate.value = world::value(self.tape, Type::Bool);
            }
            3 if !floats.is_empty() => {
                predicate.function = ["max", "min", "sum"][self.tape.below(3)];
                predicate.columns.extend(self.tape.pick(&floats));
                predicate.value = world::value(self.tape, Type::Float);
            }
            1 => predicate.columns = self.tape.some(&columns),
            _ => {}
        }
        predicate
    }

    fn selection(&mut self, table: usize, depth: usize) -> Selection {
        let arguments = self.arguments(table);
        let may_aggregate = self.role.is_some_and(|role| role.may_aggregate(table));
        let rows = if may_aggregate && self.tape.once_in(3) {
            let nodes = self.tape.once_in(2);
            Rows::Aggregate {
                fields: self.aggregates(table),
                nodes: nodes.then(|| self.fields(table, depth)),
            }
        } else {
            Rows::List(self.fields(table, depth))
        };
        Selection {
            table,
            arguments,
            rows,
        }
    }

    fn arguments(&mut self, table: usize) -> Arguments {
        let mut arguments = Arguments::default();
        if !self.tape.once_in(3) {
            arguments.condition = Some(self.condition(table, 3));
        }
        let columns = self.columns(table);
        // Without the key nobody can say which rows a limit leaves.
        if !self.role.is_some_and(|role| role.has_key(table)) {
            return arguments;
        }
        if self.tape.once_in(4) {
            arguments.distinct = self.tape.some(&columns);
        }
        let mut keys: Vec<_> = arguments
            .distinct
            .iter()
            .copied()
            .map(OrderKey::Column)
            .collect();
        for _ in 0..self.tape.below(3) {
            keys.extend(self.order_key(table, 2));
        }
        keys.push(OrderKey::Column(0));
        let direction = |tape: &mut Tape<'_>| Direction(Direction::ALL[tape.below(6)]);
        let keys = keys.into_iter().map(|key| (key, direction(self.tape)));
        arguments.order = keys.collect();
        arguments.is_total = true;
        if self.tape.once_in(3) {
            arguments.limit = Some(self.tape.below(5));
        }
        if self.tape.once_in(4) {
            arguments.offset = Some(self.tape.below(4));
        }
        arguments
    }

    fn order_key(&mut self, table: usize, depth: usize) -> Option<OrderKey> {
        let columns = self.columns(table);
        let relationships = self.world.tables[table].relationships.clone();
        let mut objects = self.relationships(table);
        objects.retain(|at| !relationships[*at].is_array);
        let aggregable = self.aggregable(table);
        match self.tape.below(5) {
            2 if depth > 0 && !objects.is_empty() => {
                let at = *self.tape.pick(&objects)?;
                let key = self.order_key(self.target(table, at), depth - 1)?;
                Some(OrderKey::Object(at, Box::new(key)))
            }
            3 if !aggregable.is_empty() => Some(OrderKey::Count(*self.tape.pick(&aggregable)?)),
            4 if !aggregable.is_empty() => {
                let at = *self.tape.pick(&aggregable)?;
                let (function, column) = self.function(self.target(table, at))?;
                Some(OrderKey::Aggregate(at, function, column))
            }
            _ => self.tape.pick(&columns).copied().map(OrderKey::Column),
        }
    }

    fn function(&mut self, table: usize) -> Option<(&'static str, usize)> {
        let functions = ["max", "min", "sum", "avg", "stddev_pop", "var_samp"];
        let function = functions[self.tape.below(functions.len())];
        let columns = self.columns_where(table, |ty| fits(function, ty));
        Some((function, *self.tape.pick(&columns)?))
    }

    fn aggregates(&mut self, table: usize) -> Vec<(String, AggregateField)> {
        let columns = self.columns(table);
        let mut fields = Vec::new();
        for number in 0..=self.tape.below(3) {
            let count = AggregateField::Count(Vec::new(), false);
            let field = match self.tape.below(4) {
                0 => count,
                1 => AggregateField::Count(self.tape.some(&columns), self.tape.once_in(2)),
                _ => self.function(table).map_or(count, |(function, column)| {
                    AggregateField::Of(function, vec![column])
                }),
            };
            fields.push((format!("k{number}"), field));
        }
        fields
    }

    fn fields(&mut self, table: usize, depth: usize) -> Vec<(String, Field)> {
        let columns = self.columns(table);
        let relationships = self.relationships(table);
        let mut fields = Vec::new();
        for number in 0..=self.tape.below(4) {
            let column = self.tape.pick(&columns).copied();
            let related = match self.tape.below(3) {
                2 if depth > 0 => self.tape.pick(&relationships).copied(),
                _ => None,
            };
            let field = match (related, column) {
                (Some(at), _) => {
                    let target = self.target(table, at);
                    if self.world.tables[table].relationships[at].is_array {
                        Field::Rows(at, self.selection(target, depth - 1))
                    } else {
                        Field::Object(at, self.fields(target, depth - 1))
                    }
                }
                (None, Some(column)) => Field::Column(column),
                (None, None) => Field::Typename,
            };
            fields.push((format!("k{number}"), field));
        }
        fields
    }
}

fn fits(function: &str, ty: Type) -> bool {
    match function {
        "max" | "min" => ty != Type::Bool,
        _ => ty.is_numeric(),
    }
}
