//! Queries: what they ask for, and how they are written.

use std::fmt::Write as _;

use super::argument::Argument;
use super::condition::Condition;
use super::world::World;

/// Rows of a table, or an aggregate over them.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) table: usize,
    pub(crate) arguments: Arguments,
    pub(crate) rows: Rows,
}

#[derive(Clone, Debug)]
pub(crate) enum Rows {
    List(Vec<(String, Field)>),
    Aggregate {
        fields: Vec<(String, AggregateField)>,
        nodes: Option<Vec<(String, Field)>>,
    },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) condition: Option<Condition>,
    pub(crate) order: Vec<(OrderKey, Direction)>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: Option<usize>,
    pub(crate) distinct: Vec<usize>,
    /// Whether the order says where every row stands.
    pub(crate) is_total: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Field {
    Typename,
    Column(usize),
    Object(usize, Vec<(String, Field)>),
    Rows(usize, Selection),
}

#[derive(Clone, Debug)]
pub(crate) enum AggregateField {
    Count(Vec<usize>, bool),
    Of(&'static str, Vec<usize>),
}

#[derive(Clone, Debug)]
pub(crate) enum OrderKey {
    Column(usize),
    Object(usize, Box<OrderKey>),
    Count(usize),
    Aggregate(usize, &'static str, usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Direction(pub(crate) &'static str);

impl Direction {
    pub(crate) const ALL: [&'static str; 6] = [
        "asc",
        "desc",
        "asc_nulls_first",
        "asc_nulls_last",
        "desc_nulls_first",
        "desc_nulls_last",
    ];

    pub(crate) fn is_descending(self) -> bool {
        self.0.starts_with("desc")
    }

    /// Without a word about it, nulls count as greater than everything.
    pub(crate) fn has_nulls_first(self) -> bool {
        self.0.ends_with("nulls_first") || self.0 == "desc"
    }
}

impl OrderKey {
    /// `{c: asc}`, `{o: {c: asc}}`, `{a_aggregate: {count: asc}}`.
    fn argument(&self, world: &World, table: usize, direction: Direction) -> Argument {
        let of = &world.tables[table];
        let leaf = Argument::Enum(direction.0.to_owned());
        match self {
            Self::Column(column) => Argument::one(&of.columns[*column].name, leaf),
            Self::Object(relationship, key) => {
                let relationship = &of.relationships[*relationship];
                let key = key.argument(world, relationship.target, direction);
                Argument::one(&relationship.name, key)
            }
            Self::Count(relationship) => {
                let name = format!("{}_aggregate", of.relationships[*relationship].name);
                Argument::one(&name, Argument::one("count", leaf))
            }
            Self::Aggregate(relationship, function, column) => {
                let relationship = &of.relationships[*relationship];
                let column = &world.tables[relationship.target].columns[*column].name;
                let name = format!("{}_aggregate", relationship.name);
                let key = Argument::one(function, Argument::one(column, leaf));
                Argument::one(&name, key)
            }
        }
    }
}

impl Arguments {
    /// Each argument with its name and its GraphQL type.
    pub(crate) fn written(
        &self,
        world: &World,
        table: usize,
    ) -> Vec<(&'static str, String, Argument)> {
        let of = &world.tables[table];
        let mut all = Vec::new();
        if !self.distinct.is_empty() {
            let names = self.distinct.iter();
            let names = names.map(|at| Argument::Enum(of.columns[*at].name.clone()));
            let ty = format!("[{}_select_column!]", of.name);
            all.push(("distinct_on", ty, Argument::List(names.collect())));
        }
        for (name, value) in [("limit", self.limit), ("offset", self.offset)] {
            if let Some(value) = value {
                all.push((name, "Int".to_owned(), Argument::int(value)));
            }
        }
        if !self.order.is_empty() {
            let keys = self.order.iter();
            let keys = keys.map(|(key, direction)| key.argument(world, table, *direction));
            let ty = format!("[{}_order_by!]", of.name);
            all.push(("order_by", ty, Argument::List(keys.collect())));
        }
        if let Some(condition) = &self.condition {
            let ty = format!("{}_bool_exp", of.name);
            all.push(("where", ty, condition.argument(world, table)));
        }
        all
    }
}

/// A document under way: its text, and the values of its variables.
#[derive(Default)]
pub(crate) struct Writer {
    text: String,
    declared: Vec<String>,
    variables: serde_json::Map<String, serde_json::Value>,
    uses_variables: bool,
}

/// The text of a query and its variables. With `uses_variables`, every argument is one.
pub(crate) fn write(
    world: &World,
    selection: &Selection,
    uses_variables: bool,
) -> (String, serde_json::Value) {
    let mut writer = Writer {
        uses_variables,
        ..Writer::default()
    };
    writer.text.push_str("root: ");
    let name = world.tables[selection.table].name.clone();
    writer.selection(world, &name, selection);
    let declared = match writer.declared.as_slice() {
        [] => String::new(),
        declared => format!("({})", declared.join(", ")),
    };
    let text = format!("query{declared} {{ {} }}", writer.text);
    (text, writer.variables.into())
}

impl Writer {
    fn selection(&mut self, world: &World, name: &str, selection: &Selection) {
        self.text.push_str(name);
        if matches!(selection.rows, Rows::Aggregate { .. }) {
            self.text.push_str("_aggregate");
        }
        self.arguments(world, selection);
        match &selection.rows {
            Rows::List(fields) => self.fields(world, selection.table, fields),
            Rows::Aggregate { fields, nodes } => {
                self.text.push_str(" { aggregate {");
                let columns = &world.tables[selection.table].columns;
                let names = |of: &[usize]| {
                    let names: Vec<_> = of.iter().map(|at| columns[*at].name.as_str()).collect();
                    names.join(" ")
                };
                for (key, field) in fields {
                    let text = match field {
                        AggregateField::Count(of, is_distinct) if of.is_empty() => {
                            format!(" {key}: count(distinct: {is_distinct})")
                        }
                        AggregateField::Count(of, is_distinct) => {
                            let names = names(of);
                            format!(" {key}: count(columns: [{names}], distinct: {is_distinct})")
                        }
                        AggregateField::Of(function, of) => {
                            format!(" {key}: {function} {{ {} }}", names(of))
                        }
                    };
                    self.text.push_str(&text);
                }
                self.text.push_str(" }");
                if let Some(nodes) = nodes {
                    self.text.push_str(" nodes");
                    self.fields(world, selection.table, nodes);
                }
                self.text.push_str(" }");
            }
        }
    }

    fn arguments(&mut self, world: &World, selection: &Selection) {
        let mut written = Vec::new();
        for (name, ty, value) in selection.arguments.written(world, selection.table) {
            if self.uses_variables {
                let variable = format!("v{}", self.declared.len());
                written.push(format!("{name}: ${variable}"));
                self.declared.push(format!("${variable}: {ty}"));
                self.variables.insert(variable, value.json());
            } else {
                written.push(format!("{name}: {}", value.graphql()));
            }
        }
        if !written.is_empty() {
            write!(self.text, "({})", written.join(", ")).unwrap();
        }
    }

    fn fields(&mut self, world: &World, table: usize, fields: &[(String, Field)]) {
        let of = &world.tables[table];
        self.text.push_str(" {");
        for (key, field) in fields {
            write!(self.text, " {key}: ").unwrap();
            match field {
                Field::Typename => self.text.push_str("__typename"),
                Field::Column(column) => self.text.push_str(&of.columns[*column].name),
                Field::Object(relationship, fields) => {
                    let relationship = &of.relationships[*relationship];
                    self.text.push_str(&relationship.name);
                    self.fields(world, relationship.target, fields);
                }
                Field::Rows(relationship, selection) => {
                    let name = of.relationships[*relationship].name.clone();
                    self.selection(world, &name, selection);
                }
            }
        }
        self.text.push_str(" }");
    }
}
