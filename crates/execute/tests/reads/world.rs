//! A generated schema with its rows and roles, as SQL and as metadata.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::condition::Condition;
use super::generate;
use super::tape::Tape;

/// What the session variable of every role but the admin says.
pub(crate) const USER_ID: i64 = 2;

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    Null,
    Int(i64),
    /// Of `float8` and `numeric`; a multiple of a quarter, so that no sum is rounded.
    Number(f64),
    Text(String),
    Bool(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Text,
    Bool,
    Float,
    Numeric,
}

impl Type {
    pub(crate) const ALL: [Self; 5] = [
        Self::Int,
        Self::Text,
        Self::Bool,
        Self::Float,
        Self::Numeric,
    ];

    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Int => "int4",
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Float => "float8",
            Self::Numeric => "numeric",
        }
    }

    pub(crate) fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Numeric)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// The table whose `id` it refers to.
    pub(crate) refers_to: Option<usize>,
}

/// A table; its first column is `id`, 1 for the first row and so on.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// The table whose rows it shows, if it is a view.
    pub(crate) view_of: Option<usize>,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Datum>>,
    pub(crate) relationships: Vec<Relationship>,
}

#[derive(Clone, Debug)]
pub(crate) struct Relationship {
    pub(crate) name: String,
    pub(crate) target: usize,
    /// Our column that has the other row's `id`, or their column that has ours.
    pub(crate) column: usize,
    pub(crate) is_array: bool,
}

/// What a role may read of a table.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// By position.
    pub(crate) columns: Vec<bool>,
    /// By position: where a column is not null, if not everywhere (inherited roles).
    pub(crate) masks: Vec<Option<Condition>>,
    pub(crate) filter: Condition,
    /// Most rows of one list.
    pub(crate) limit: Option<usize>,
    pub(crate) aggregates: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    /// One per table.
    pub(crate) grants: Vec<Option<Grant>>,
    /// The roles it inherits from.
    pub(crate) parents: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) tables: Vec<Table>,
    pub(crate) roles: Vec<Role>,
}

impl Role {
    pub(crate) fn grant(&self, table: usize) -> Option<&Grant> {
        self.grants[table].as_ref()
    }

    pub(crate) fn may_aggregate(&self, table: usize) -> bool {
        self.grant(table).is_some_and(|grant| grant.aggregates)
    }

    /// Whether it sees the key of every row that it sees.
    pub(crate) fn has_key(&self, table: usize) -> bool {
        self.grant(table)
            .is_some_and(|grant| grant.columns[0] && grant.masks[0].is_none())
    }

    /// The positions of the columns it sees.
    pub(crate) fn columns(&self, table: usize) -> Vec<usize> {
        let visible = self.grant(table).map_or(&[][..], |grant| &grant.columns);
        let seen = visible.iter().enumerate().filter(|(_, seen)| **seen);
        seen.map(|(position, _)| position).collect()
    }

    /// The positions of the relationships it can follow.
    pub(crate) fn relationships(&self, world: &World, table: usize) -> Vec<usize> {
        let all = world.tables[table].relationships.iter().enumerate();
        let seen = all.filter(|(_, relationship)| self.grant(relationship.target).is_some());
        seen.map(|(position, _)| position).collect()
    }
}

/// Makes the rule of a permission on a table.
type Rule<'r> = &'r dyn Fn(&mut Tape<'_>, &World, usize) -> Condition;

impl World {
    pub(crate) fn generate(tape: &mut Tape<'_>) -> Self {
        Self::with_rules(tape, &|tape, world, table| {
            generate::filter(tape, world, table, 2)
        })
    }

    /// One whose permissions have such rules.
    pub(crate) fn with_rules(tape: &mut Tape<'_>, rule: Rule<'_>) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        for number in 0..2 + tape.below(3) {
            tables.push(table(tape, number));
        }
        for child in 0..tables.len() {
            for column in 0..tables[child].columns.len() {
                if let Some(target) = tables[child].columns[column].refers_to {
                    relate(&mut tables, child, column, target);
                }
            }
        }
        for number in 0..tables.len() {
            fill(tape, &mut tables, number);
        }
        let viewed = tape.below(tables.len());
        if tape.once_in(2) {
            tables.push(view(&tables, viewed));
        }
        let mut world = Self {
            tables,
            roles: Vec::new(),
        };
        world.roles.push(world.admin());
        for name in ["reader", "guest", "clerk"] {
            let role = world.role(tape, name, rule);
            world.roles.push(role);
        }
        // What nesting means is what its flattening means.
        let member = world.inherited("member", &["reader", "guest"], &["reader", "guest"]);
        world.roles.extend(member);
        let bottom = ["reader", "guest", "clerk"];
        let circle = world.inherited("circle", &["member", "clerk"], &bottom);
        world.roles.extend(circle);
        world
    }

    fn admin(&self) -> Role {
        let grant = |table: &Table| Grant {
            columns: vec![true; table.columns.len()],
            masks: vec![None; table.columns.len()],
            filter: Condition::And(Vec::new()),
            limit: None,
            aggregates: true,
        };
        Role {
            name: "admin".to_owned(),
            grants: self.tables.iter().map(|table| Some(grant(table))).collect(),
            parents: Vec::new(),
        }
    }

    fn role(&self, tape: &mut Tape<'_>, name: &str, rule: Rule<'_>) -> Role {
        let mut grants = Vec::new();
        for (number, table) in self.tables.iter().enumerate() {
            if tape.once_in(6) {
                grants.push(None);
                continue;
            }
            let columns = table.columns.iter().map(|_| !tape.once_in(4));
            let columns: Vec<_> = columns.collect();
            let filter = match tape.below(3) {
                0 => Condition::And(Vec::new()),
                _ => rule(tape, self, number),
            };
            // Without the key nobody can say which rows a limit leaves.
            let limit = (columns[0] && tape.once_in(3)).then(|| 1 + tape.below(4));
            grants.push(Some(Grant {
                masks: vec![None; columns.len()],
                columns,
                filter,
                limit,
                aggregates: !tape.once_in(4),
            }));
        }
        let (name, parents) = (name.to_owned(), Vec::new());
        Role {
            name,
            grants,
            parents,
        }
    }

    /// A role that inherits from those `parents` that may do anything and so, in the end, from the roles at
    /// the `bottom`.
    fn inherited(&self, name: &str, parents: &[&'static str], bottom: &[&str]) -> Option<Role> {
        let is_named = |name: &&&str| {
            let mut roles = self.roles.iter();
            roles.any(|role| role.name == **name && role.grants.iter().any(Option::is_some))
        };
        let parents: Vec<_> = parents.iter().filter(is_named).copied().collect();
        let bottom = || {
            let roles = self.roles.iter();
            roles.filter(|role| bottom.contains(&role.name.as_str()))
        };
        let grants = (0..self.tables.len()).map(|table| {
            let parts: Vec<&Grant> = bottom().filter_map(|role| role.grant(table)).collect();
            let any = |parts: &[&Grant]| {
                Condition::Or(parts.iter().map(|part| part.filter.clone()).collect())
            };
            let having = |column: usize| -> Vec<&Grant> {
                let parts = parts.iter().copied();
                parts.filter(|part| part.columns[column]).collect()
            };
            let columns = 0..self.tables[table].columns.len();
            let mask = |column| {
                let having = having(column);
                (having.len() < parts.len()).then(|| any(&having))
            };
            let limits: Option<Vec<usize>> = parts.iter().map(|part| part.limit).collect();
            (!parts.is_empty()).then(|| Grant {
                columns: columns.clone().map(|at| !having(at).is_empty()).collect(),
                masks: columns.map(mask).collect(),
                filter: any(&parts),
                limit: limits.and_then(|limits| limits.into_iter().max()),
                aggregates: parts.iter().any(|part| part.aggregates),
            })
        });
        let grants = grants.collect();
        (!parents.is_empty()).then(|| Role {
            name: name.to_owned(),
            grants,
            parents,
        })
    }

    /// As the document lists them.
    pub(crate) fn inherited_roles(&self) -> Value {
        let inherited = self.roles.iter().filter(|role| !role.parents.is_empty());
        inherited
            .map(|role| json!({"role_name": role.name, "role_set": role.parents}))
            .collect()
    }

    /// Tables and rows.
    pub(crate) fn sql(&self) -> String {
        let mut sql = String::new();
        for table in &self.tables {
            if let Some(of) = table.view_of {
                let of = &self.tables[of].name;
                writeln!(sql, "CREATE VIEW {} AS SELECT * FROM {of};", table.name).unwrap();
                continue;
            }
            let columns = table.columns.iter().map(|column| {
                let key = match (column.name.as_str(), column.refers_to) {
                    ("id", _) => " PRIMARY KEY".to_owned(),
                    (_, Some(target)) => format!(" REFERENCES t{target} (id)"),
                    _ => String::new(),
                };
                format!("{} {}{key}", column.name, column.ty.sql())
            });
            let columns = columns.collect::<Vec<_>>().join(", ");
            writeln!(sql, "CREATE TABLE {} ({columns});", table.name).unwrap();
            if table.rows.is_empty() {
                continue;
            }
            let rows = table.rows.iter().map(|row| {
                let values: Vec<_> = row.iter().map(sql_value).collect();
                format!("({})", values.join(", "))
            });
            let rows = rows.collect::<Vec<_>>().join(", ");
            writeln!(sql, "INSERT INTO {} VALUES {rows};", table.name).unwrap();
        }
        sql
    }

    /// Tracked tables with their relationships and permissions.
    pub(crate) fn metadata(&self) -> Value {
        let name = |name: &str| json!({"schema": "public", "name": name});
        let tables = self.tables.iter().enumerate().map(|(number, table)| {
            let using = |of: &Relationship| {
                let target = &self.tables[of.target];
                let on = if of.is_array {
                    json!({"table": name(&target.name), "column": target.columns[of.column].name})
                } else {
                    json!(table.columns[of.column].name)
                };
                json!({"name": of.name, "using": {"foreign_key_constraint_on": on}})
            };
            let of_kind = |is_array: bool| -> Vec<Value> {
                let all = table.relationships.iter();
                all.filter(|of| of.is_array == is_array)
                    .map(using)
                    .collect()
            };
            let named = |role: &&Role| role.name != "admin" && role.parents.is_empty();
            let roles = self.roles.iter().filter(named);
            let permissions = roles.filter_map(|role| {
                let grant = role.grant(number)?;
                let columns = role.columns(number).into_iter();
                let columns: Vec<_> = columns.map(|at| table.columns[at].name.as_str()).collect();
                Some(json!({"role": role.name, "permission": {
                    "columns": columns,
                    "filter": grant.filter.argument(self, number).json(),
                    "limit": grant.limit,
                    "allow_aggregations": grant.aggregates,
                }}))
            });
            json!({
                "table": name(&table.name),
                "object_relationships": of_kind(false),
                "array_relationships": of_kind(true),
                "select_permissions": permissions.collect::<Vec<_>>(),
            })
        });
        tables.collect()
    }
}

fn table(tape: &mut Tape<'_>, number: usize) -> Table {
    let column = |name: String, ty, refers_to| Column {
        name,
        ty,
        refers_to,
    };
    let mut columns = vec![column("id".to_owned(), Type::Int, None)];
    for at in 0..=tape.below(4) {
        let ty = Type::ALL[tape.below(Type::ALL.len())];
        columns.push(column(format!("c{at}"), ty, None));
    }
    for at in 0..tape.below(3).max(usize::from(number > 0)) {
        let target = tape.below(number + 1);
        columns.push(column(format!("f{at}"), Type::Int, Some(target)));
    }
    Table {
        name: format!("t{number}"),
        view_of: None,
        columns,
        rows: Vec::new(),
        relationships: Vec::new(),
    }
}

/// A view of a table's rows; a foreign key is a number in it.
fn view(tables: &[Table], of: usize) -> Table {
    let columns = tables[of].columns.iter().map(|column| Column {
        refers_to: None,
        ..column.clone()
    });
    Table {
        name: format!("v{of}"),
        view_of: Some(of),
        columns: columns.collect(),
        rows: tables[of].rows.clone(),
        relationships: Vec::new(),
    }
}

fn relate(tables: &mut [Table], child: usize, column: usize, parent: usize) {
    let name = format!("o_{}", tables[child].columns[column].name);
    tables[child].relationships.push(Relationship {
        name,
        target: parent,
        column,
        is_array: false,
    });
    let name = format!("a{child}_{}", tables[child].columns[column].name);
    tables[parent].relationships.push(Relationship {
        name,
        target: child,
        column,
        is_array: true,
    });
}

fn fill(tape: &mut Tape<'_>, tables: &mut [Table], number: usize) {
    let count = match tape.below(8) {
        0 => 0,
        _ => 1 + tape.below(9),
    };
    for id in 1..=count {
        let columns = tables[number].columns.clone();
        let values = columns.iter().map(|column| match column.refers_to {
            _ if column.name == "id" => Datum::Int(i64::try_from(id).unwrap()),
            Some(target) => {
                let ids = if target == number {
                    count
                } else {
                    tables[target].rows.len()
                };
                match tape.below(ids + 1) {
                    0 => Datum::Null,
                    id => Datum::Int(i64::try_from(id).unwrap()),
                }
            }
            None if tape.once_in(4) => Datum::Null,
            None => value(tape, column.ty),
        });
        let row = values.collect();
        tables[number].rows.push(row);
    }
}

/// A value of a type, from so few that they meet.
pub(crate) fn value(tape: &mut Tape<'_>, ty: Type) -> Datum {
    let small = i64::try_from(tape.below(6)).unwrap() - 1;
    match ty {
        Type::Int => Datum::Int(small),
        Type::Float => Datum::Number(f64::from(i32::try_from(small).unwrap()) * 0.5),
        Type::Numeric => Datum::Number(f64::from(i32::try_from(small).unwrap()) * 0.25),
        Type::Bool => Datum::Bool(small % 2 == 0),
        Type::Text => {
            let texts = ["a", "", "b", "ab", "ba", "abc"];
            Datum::Text(texts[usize::try_from(small + 1).unwrap()].to_owned())
        }
    }
}

/// As it is written in SQL.
pub(crate) fn sql_value(datum: &Datum) -> String {
    match datum {
        Datum::Null => "NULL".to_owned(),
        Datum::Int(value) => value.to_string(),
        Datum::Number(value) => value.to_string(),
        Datum::Text(text) => format!("'{text}'"),
        Datum::Bool(value) => value.to_string(),
    }
}
