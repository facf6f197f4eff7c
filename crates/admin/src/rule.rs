//! Walking permission rules: which columns, relationships and tables they name, and other names for
//! them.
//!
//! The rule language is the metadata's own (`{"author": {"id": {"_eq": "x-hasura-user-id"}}}`). What is
//! not understood is passed over and left as it is: a rule that cannot be compiled is inconsistent, and
//! that is said elsewhere.

use graphloom_metadata::Decode;
use graphloom_schema::{ComputedReturn, ServedTables};
use graphloom_vocab::{ColumnName, Json, JsonObject, QualifiedTable, SessionVariableName};

/// What a walk tells of. Every answer is another name for the thing, if it is to have one.
pub(crate) trait RuleVisitor {
    /// A column is compared.
    fn column(
        &mut self,
        table: &QualifiedTable,
        column: &ColumnName,
        values: Values,
    ) -> Option<ColumnName>;

    /// A relationship of `table` is followed.
    fn relationship(&mut self, table: &QualifiedTable, name: &str) -> Option<String>;

    /// A computed field of `table` is looked at; it never changes its name.
    fn computed_field(&mut self, table: &QualifiedTable, name: &str);

    /// A table is looked into by itself (`_exists`).
    fn table(&mut self, table: &QualifiedTable) -> Option<QualifiedTable>;
}

/// What a column is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// At least one constant, which is of the column's type.
    Constant,
    /// Session variables or other columns, or nothing.
    Symbolic,
}

/// Rules nest no deeper than the schema takes them; deeper ones are left as they are.
const DEPTH_MAX: usize = 100;

/// Comparisons with another column.
const COLUMN_OPERATORS: [&str; 6] = ["ceq", "cne", "cgt", "clt", "cgte", "clte"];

/// Walks a rule about rows of `table` and gives it back with the visitor's names.
pub(crate) fn walk(
    tables: &ServedTables,
    table: &QualifiedTable,
    rule: &Json,
    visitor: &mut dyn RuleVisitor,
) -> Json {
    let mut walk = Walk {
        tables,
        root: table,
        visitor,
    };
    walk.boolean(table, rule, 0)
}

struct Walk<'a> {
    tables: &'a ServedTables,
    root: &'a QualifiedTable,
    visitor: &'a mut dyn RuleVisitor,
}

impl Walk<'_> {
    fn boolean(&mut self, table: &QualifiedTable, rule: &Json, depth: usize) -> Json {
        let (Json::Object(object), true) = (rule, depth < DEPTH_MAX) else {
            return rule.clone();
        };
        let entries = object.iter();
        let entries = entries.map(|(key, value)| self.entry(table, key, value, depth));
        Json::Object(entries.collect())
    }

    fn entry(
        &mut self,
        table: &QualifiedTable,
        key: &str,
        value: &Json,
        depth: usize,
    ) -> (String, Json) {
        let unchanged = |value: Json| (key.to_owned(), value);
        match key {
            "_and" | "$and" | "_or" | "$or" => match value {
                Json::Array(items) => {
                    let items = items.iter();
                    let items = items.map(|item| self.boolean(table, item, depth + 1));
                    unchanged(items.collect())
                }
                other => unchanged(other.clone()),
            },
            "_not" | "$not" => unchanged(self.boolean(table, value, depth + 1)),
            "_exists" | "$exists" => unchanged(self.exists(value, depth)),
            field => self.field(table, field, value, depth),
        }
    }

    fn exists(&mut self, value: &Json, depth: usize) -> Json {
        let mut changed = value.clone();
        let named = value.get("_table").map(QualifiedTable::decode);
        let (Json::Object(object), Some(Ok(table))) = (&mut changed, named) else {
            return changed;
        };
        if let Some(new) = self.visitor.table(&table) {
            object.insert("_table".to_owned(), table_json(&new));
        }
        if let Some(rule) = value.get("_where") {
            let rule = self.boolean(&table, rule, depth + 1);
            object.insert("_where".to_owned(), rule);
        }
        changed
    }

    fn field(
        &mut self,
        table: &QualifiedTable,
        name: &str,
        value: &Json,
        depth: usize,
    ) -> (String, Json) {
        let Some(info) = self.tables.get(table) else {
            return (name.to_owned(), value.clone());
        };
        let column = ColumnName::new(name);
        if info.table.column(&column).is_some() {
            let value = self.operators(table, value);
            let new = self.visitor.column(table, &column, values(&value));
            let new = new.map_or_else(|| name.to_owned(), |new| new.as_str().to_owned());
            return (new, value);
        }
        if let Some(relationship) = info.relationships.get(name) {
            let new = self.visitor.relationship(table, name);
            let target = relationship.target.clone();
            let value = self.boolean(&target, value, depth + 1);
            return (new.unwrap_or_else(|| name.to_owned()), value);
        }
        if let Some(field) = info.computed_fields.get(name) {
            self.visitor.computed_field(table, name);
            let value = match &field.returns {
                ComputedReturn::Scalar(_) => self.operators(table, value),
                ComputedReturn::Rows(rows) => self.boolean(&rows.clone(), value, depth + 1),
            };
            return (name.to_owned(), value);
        }
        (name.to_owned(), value.clone())
    }

    /// Operators of a column, with other columns among the operands.
    fn operators(&mut self, table: &QualifiedTable, value: &Json) -> Json {
        let Json::Object(object) = value else {
            return value.clone();
        };
        let entries = object.iter().map(|(key, operand)| {
            let operand = if COLUMN_OPERATORS.contains(&bare(key)) {
                self.operand(table, operand)
            } else {
                operand.clone()
            };
            (key.clone(), operand)
        });
        Json::Object(entries.collect::<JsonObject>())
    }

    /// `"column"`, `["column"]` or `["$", "column"]`, where `$` is the table of the permission.
    fn operand(&mut self, table: &QualifiedTable, operand: &Json) -> Json {
        let root = self.root;
        let mut named = |table: &QualifiedTable, name: &str| {
            let column = ColumnName::new(name);
            let new = self.visitor.column(table, &column, Values::Symbolic);
            Json::from(new.as_ref().unwrap_or(&column).as_str())
        };
        match operand {
            Json::String(name) => named(table, name),
            Json::Array(path) => match path.as_slice() {
                [Json::String(name)] => Json::from(vec![named(table, name)]),
                [Json::String(dollar), Json::String(name)] if dollar == "$" => {
                    Json::from(vec![Json::from("$"), named(root, name)])
                }
                _ => operand.clone(),
            },
            _ => operand.clone(),
        }
    }
}

/// An operator without what marks it as one.
fn bare(operator: &str) -> &str {
    operator
        .strip_prefix('_')
        .or_else(|| operator.strip_prefix('$'))
        .unwrap_or(operator)
}

/// What the operators of a column compare it with. A bare value means equality.
fn values(operators: &Json) -> Values {
    let has_constant = match operators {
        Json::Object(object) => object.iter().any(|(key, operand)| match bare(key) {
            "is_null" => false,
            key if COLUMN_OPERATORS.contains(&key) => false,
            _ => is_constant(operand),
        }),
        value => is_constant(value),
    };
    if has_constant {
        Values::Constant
    } else {
        Values::Symbolic
    }
}

fn is_constant(value: &Json) -> bool {
    match value {
        Json::String(text) => SessionVariableName::parse(text).is_none(),
        Json::Null => false,
        _ => true,
    }
}

/// `{"name", "schema"}`
pub(crate) fn table_json(table: &QualifiedTable) -> Json {
    serde_json::json!({"name": table.name.as_str(), "schema": table.schema.as_str()})
}
