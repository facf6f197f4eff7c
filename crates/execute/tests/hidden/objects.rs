//! What stands in the database and in the metadata beside a world's tables: columns that nobody may read,
//! a jsonb column, computed fields, functions that read and that write, native queries, and permissions to
//! write.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::condition::Condition;
use crate::generate;
use crate::tape::Tape;
use crate::world::{Datum, Role, Table, World, sql_value};

/// Begins every value of a column that no role may read.
pub(crate) const SECRET: &str = "s3cret";

const BASE_ROLES: [&str; 3] = ["reader", "guest", "clerk"];

/// What the roles that do not inherit may write, by role and table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writes {
    grants: BTreeMap<(String, usize), Write>,
    none: Write,
}

/// What a role may write of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Write {
    /// Those that it may give a value or change.
    pub(crate) columns: Vec<usize>,
    insert_check: Option<Condition>,
    update: Option<(Condition, Option<Condition>)>,
    delete: Option<Condition>,
    preset: bool,
}

impl Write {
    /// Which rows may be written.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &Condition> {
        let update = self.update.iter().map(|(filter, _)| filter);
        update.chain(&self.delete)
    }

    /// Everything that decides what may be written.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Condition> {
        let checks = self.update.iter().filter_map(|(_, check)| check.as_ref());
        self.filters().chain(checks).chain(&self.insert_check)
    }
}

impl Writes {
    pub(crate) fn generate(tape: &mut Tape<'_>, world: &World) -> Self {
        let mut grants = BTreeMap::new();
        let tables = world.tables.iter().enumerate();
        for (number, _) in tables.filter(|(_, table)| table.view_of.is_none()) {
            // What several roles have alike, those that inherit from them have too.
            let shared = Self::grant(tape, world, number);
            for role in BASE_ROLES {
                let grant = match tape.below(4) {
                    0 => Self::grant(tape, world, number),
                    1 => Write::default(),
                    _ => shared.clone(),
                };
                grants.insert((role.to_owned(), number), grant);
            }
        }
        let none = Write::default();
        Self { grants, none }
    }

    fn grant(tape: &mut Tape<'_>, world: &World, table: usize) -> Write {
        let rule = |tape: &mut Tape<'_>| match tape.once_in(2) {
            true => Condition::And(Vec::new()),
            false => local_rule(tape, world, table),
        };
        let columns = 0..world.tables[table].columns.len();
        let insert_check = (!tape.once_in(4)).then(|| rule(tape));
        let update = (!tape.once_in(4)).then(|| {
            let check = tape.once_in(2).then(|| rule(tape));
            (rule(tape), check)
        });
        let delete = (!tape.once_in(4)).then(|| rule(tape));
        Write {
            columns: columns.filter(|at| *at == 0 || !tape.once_in(4)).collect(),
            insert_check,
            update,
            delete,
            preset: tape.once_in(4),
        }
    }

    /// The roles that a role is made of.
    pub(crate) fn parents(&self, role: &Role) -> Vec<&'static str> {
        let nested = |name: &'static str| match name {
            "member" => vec!["reader", "guest"],
            other => vec![other],
        };
        let own = BASE_ROLES.into_iter().filter(|name| role.name == *name);
        own.chain(role.parents.iter().copied().flat_map(nested))
            .collect()
    }

    pub(crate) fn of(&self, role: &str, table: usize) -> &Write {
        self.grants
            .get(&(role.to_owned(), table))
            .unwrap_or(&self.none)
    }
}

/// A rule about a row's own values. Whether a row that is written fits a rule about others depends on those
/// others by the rule's own words; and foreign keys are set to null by deletes of what they point at.
pub(crate) fn local_rule(tape: &mut Tape<'_>, world: &World, table: usize) -> Condition {
    let mut world = world.clone();
    for table in &mut world.tables {
        table.relationships.clear();
        table
            .columns
            .retain(|column| column.refers_to.is_none() && !column.name.starts_with('f'));
    }
    generate::filter(tape, &world, table, 2)
}

fn key_columns(world: &World) -> Vec<(usize, usize, usize)> {
    let tables = world.tables.iter().enumerate();
    let columns = tables.flat_map(|(child, table)| {
        let columns = table.columns.iter().enumerate();
        columns.filter_map(move |(at, column)| Some((child, at, column.refers_to?)))
    });
    columns.collect()
}

/// Tables, views and functions.
pub(crate) fn schema_sql(world: &World) -> String {
    let mut sql = String::new();
    for table in &world.tables {
        let name = &table.name;
        if let Some(of) = table.view_of {
            writeln!(sql, "CREATE VIEW {name} AS SELECT * FROM t{of};").unwrap();
            continue;
        }
        write!(sql, "CREATE TABLE {name} (doc jsonb, must int4 NOT NULL DEFAULT 0, secret text NOT NULL DEFAULT '{SECRET}'").unwrap();
        for column in &table.columns {
            let more = match column.refers_to {
                Some(target) => {
                    format!(" REFERENCES t{target} (id) ON DELETE SET NULL ON UPDATE CASCADE")
                }
                None if column.name == "id" => " PRIMARY KEY".to_owned(),
                None => String::new(),
            };
            write!(sql, ", {} {}{more}", column.name, column.ty.sql()).unwrap();
        }
        writeln!(sql, ");").unwrap();
        write!(
            sql,
            "CREATE FUNCTION note_{name}(r {name}) RETURNS text LANGUAGE sql STABLE AS
               $$ SELECT concat(r.c0, '/', r.id) $$;
             CREATE FUNCTION from_{name}(low int4) RETURNS SETOF {name} LANGUAGE sql STABLE AS
               $$ SELECT * FROM {name} WHERE id >= low $$;
             CREATE FUNCTION touch_{name}(which int4) RETURNS SETOF {name} LANGUAGE sql VOLATILE AS
               $$ UPDATE {name} SET must = must + 1 WHERE id >= which RETURNING * $$;\n"
        )
        .unwrap();
    }
    for (child, at, parent) in key_columns(world) {
        let column = &world.tables[child].columns[at].name;
        writeln!(
            sql,
            "CREATE FUNCTION kin_{child}_{column}(r t{parent}) RETURNS SETOF t{child} LANGUAGE sql STABLE AS
               $$ SELECT * FROM t{child} WHERE {column} = r.id $$;"
        )
        .unwrap();
    }
    sql
}

/// Empties the tables and puts the world's rows in. `side` is a part of every secret.
pub(crate) fn rows_sql(world: &World, side: &str) -> String {
    let base = || world.tables.iter().filter(|table| table.view_of.is_none());
    let names: Vec<_> = base().map(|table| table.name.as_str()).collect();
    let mut sql = format!("TRUNCATE {};\n", names.join(", "));
    for table in base().filter(|table| !table.rows.is_empty()) {
        let names: Vec<_> = table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let rows = table.rows.iter().map(|row| {
            let values: Vec<_> = row.iter().map(sql_value).collect();
            let (doc, must) = (doc(row), side.len());
            format!(
                "({}, '{doc}', {must}, '{SECRET} {side} {}')",
                values.join(", "),
                values[0]
            )
        });
        let rows: Vec<_> = rows.collect();
        let (name, names) = (&table.name, names.join(", "));
        writeln!(
            sql,
            "INSERT INTO {name} ({names}, doc, must, secret) VALUES {};",
            rows.join(", ")
        )
        .unwrap();
    }
    sql
}

/// It says what the column `c0` says, and is granted with it.
fn doc(row: &[Datum]) -> Value {
    let of = match &row[1] {
        Datum::Null => Value::Null,
        Datum::Int(value) => (*value).into(),
        Datum::Number(value) => (*value).into(),
        Datum::Text(text) => text.as_str().into(),
        Datum::Bool(value) => (*value).into(),
    };
    json!({"a": of, "b": {"c": [of, 1]}})
}

fn has_c0(table: &Table, permission: &Value) -> bool {
    let columns = permission["columns"].as_array().unwrap();
    columns.contains(&json!(table.columns[1].name))
}

/// The whole document.
pub(crate) fn metadata(world: &World, writes: Option<&Writes>) -> Value {
    let mut tables = world.metadata();
    let entries = tables.as_array_mut().unwrap().iter_mut();
    for (number, (entry, table)) in entries.zip(&world.tables).enumerate() {
        let is_base = table.view_of.is_none();
        for permission in entry["select_permissions"].as_array_mut().unwrap() {
            let permission = &mut permission["permission"];
            if has_c0(table, permission) {
                permission["columns"]
                    .as_array_mut()
                    .unwrap()
                    .push("doc".into());
                if is_base {
                    permission["computed_fields"] = json!(["note"]);
                }
            }
        }
        if is_base {
            entry["computed_fields"] = computed_fields(world, number);
        }
        if let (Some(writes), true) = (writes, is_base) {
            write_permissions(world, writes, number, entry);
        }
    }
    let (models, queries) = native_queries(world, &tables);
    json!({"version": 3, "inherited_roles": world.inherited_roles(), "sources": [{
        "name": "default", "kind": "postgres", "tables": tables,
        "functions": functions(world, writes), "logical_models": models, "native_queries": queries,
        "configuration": {"connection_info": {"database_url": "unused"}},
    }]})
}

fn computed_fields(world: &World, number: usize) -> Value {
    let name = &world.tables[number].name;
    let field = |name: &str, function: String| {
        let function = json!({"schema": "public", "name": function});
        json!({"name": name, "definition": {"function": function}})
    };
    let kin = key_columns(world)
        .into_iter()
        .filter(|(_, _, parent)| *parent == number);
    let kin = kin.map(|(child, at, _)| {
        let function = format!("kin_{child}_{}", world.tables[child].columns[at].name);
        field(&function, function.clone())
    });
    let note = field("note", format!("note_{name}"));
    std::iter::once(note).chain(kin).collect()
}

fn functions(world: &World, writes: Option<&Writes>) -> Value {
    let mut functions = Vec::new();
    for (number, table) in world.tables.iter().enumerate() {
        if table.view_of.is_some() {
            continue;
        }
        let function =
            |kind: &str| json!({"schema": "public", "name": format!("{kind}_{}", table.name)});
        functions.push(json!({"function": function("from")}));
        if writes.is_some() {
            let may = |role: &&Role| role.parents.is_empty() && role.name != "admin";
            let roles = world.roles.iter().filter(may);
            let roles = roles.filter(|role| role.grant(number).is_some());
            let permissions: Vec<_> = roles.map(|role| json!({"role": role.name})).collect();
            functions.push(json!({
                "function": function("touch"),
                "configuration": {"exposed_as": "mutation"},
                "permissions": permissions,
            }));
        }
    }
    functions.into()
}

/// For each view a query that gives the same rows, to the same roles.
fn native_queries(world: &World, tables: &Value) -> (Value, Value) {
    let (mut models, mut queries) = (Vec::new(), Vec::new());
    for (number, table) in world.tables.iter().enumerate() {
        let Some(of) = table.view_of else {
            continue;
        };
        let fields = table.columns.iter().map(|column| {
            let ty = json!({"scalar": column.ty.sql(), "nullable": true});
            json!({"name": column.name, "type": ty})
        });
        let permissions = tables[number]["select_permissions"].as_array().unwrap();
        let permissions = permissions.iter().map(|permission| {
            let (role, permission) = (&permission["role"], &permission["permission"]);
            let columns = permission["columns"].as_array().unwrap().iter();
            let columns: Vec<_> = columns.filter(|column| *column != "doc").collect();
            let permission = json!({"columns": columns, "filter": permission["filter"]});
            json!({"role": role, "permission": permission})
        });
        let permissions: Vec<_> = permissions.collect();
        models.push(json!({
            "name": format!("m{of}"), "fields": fields.collect::<Vec<_>>(),
            "select_permissions": permissions,
        }));
        queries.push(json!({
            "root_field_name": format!("q{of}"), "returns": format!("m{of}"), "type": "query",
            "arguments": {"low": {"type": "int4", "nullable": false}},
            "code": format!("SELECT * FROM t{of} WHERE id >= {{{{low}}}}"),
        }));
    }
    (models.into(), queries.into())
}

fn write_permissions(world: &World, writes: &Writes, number: usize, entry: &mut Value) {
    let table = &world.tables[number];
    let written = |condition: &Condition| condition.argument(world, number).json();
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for role in BASE_ROLES {
        let write = writes.of(role, number);
        let names = write
            .columns
            .iter()
            .map(|at| table.columns[*at].name.as_str());
        let columns: Vec<_> = names.chain(["doc", "must"]).collect();
        let preset = write.preset && columns.contains(&"c0") && table.columns[1].ty.is_numeric();
        let set = if preset {
            json!({"c0": "X-Hasura-User-Id"})
        } else {
            json!({})
        };
        if let Some(check) = &write.insert_check {
            let permission = json!({"columns": columns, "check": written(check), "set": set});
            all[0].push(json!({"role": role, "permission": permission}));
        }
        if let Some((filter, check)) = &write.update {
            let check = check.as_ref().map(written);
            let permission =
                json!({"columns": columns, "filter": written(filter), "check": check, "set": set});
            all[1].push(json!({"role": role, "permission": permission}));
        }
        if let Some(filter) = &write.delete {
            all[2].push(json!({"role": role, "permission": {"filter": written(filter)}}));
        }
    }
    let [insert, update, delete] = all;
    entry["insert_permissions"] = insert.into();
    entry["update_permissions"] = update.into();
    entry["delete_permissions"] = delete.into();
}
