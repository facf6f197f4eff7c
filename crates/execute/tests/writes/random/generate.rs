//! Random rows with the rows that belong to them, as JSON and as a literal of GraphQL.

use serde_json::{Map, Value, json};

use super::schema::{Kind, Rights, keys, relations};
use crate::tape::Tape;

/// Rows with `on_conflict`, as the arguments of an insert have them.
pub(crate) struct Input {
    pub(crate) rows: Vec<Value>,
    pub(crate) conflict: Option<Value>,
}

/// Makes rows that one role may ask for.
pub(crate) struct Generator<'a> {
    pub(crate) rights: fn(&str) -> Rights,
    pub(crate) tape: Tape<'a>,
    /// Rows that may still be made.
    pub(crate) left: usize,
}

impl Generator<'_> {
    /// Up to so many rows of a table; `taken` are columns that follow from elsewhere.
    pub(crate) fn input(
        &mut self,
        table: &str,
        taken: &[&str],
        most: usize,
        depth: usize,
    ) -> Input {
        let rows = 1 + self.tape.below(most);
        let rows = (0..rows).map_while(|_| {
            self.left = self.left.checked_sub(1)?;
            Some(self.row(table, taken, depth))
        });
        let rows = rows.collect();
        Input {
            rows,
            conflict: self.conflict(table),
        }
    }

    fn row(&mut self, table: &str, taken: &[&str], depth: usize) -> Value {
        let mut row = Map::new();
        let mut taken = taken.to_vec();
        for relation in relations(table) {
            let is_taken = relation.kind == Kind::Before && taken.contains(&relation.column);
            if depth == 0 || is_taken || !self.tape.once_in(3) {
                continue;
            }
            let below: &[&str] = match relation.kind {
                Kind::Before => &[],
                _ => std::slice::from_ref(&relation.column),
            };
            let most = if relation.kind == Kind::AfterMany {
                3
            } else {
                1
            };
            let mut input = self.input(relation.target, below, most, depth - 1);
            if input.rows.is_empty() {
                continue;
            }
            if relation.kind == Kind::Before {
                taken.push(relation.column);
            }
            let data = match relation.kind {
                Kind::AfterMany => Value::Array(input.rows),
                _ => input.rows.swap_remove(0),
            };
            let mut related = json!({"data": data});
            if let Some(conflict) = input.conflict {
                related["on_conflict"] = conflict;
            }
            row.insert(relation.name.to_owned(), related);
        }
        for column in (self.rights)(table).columns {
            if taken.contains(column) {
                continue;
            }
            if let Some(value) = self.value(column) {
                row.insert((*column).to_owned(), value);
            }
        }
        Value::Object(row)
    }

    /// A value, often one that is there already, seldom one that is refused.
    fn value(&mut self, column: &str) -> Option<Value> {
        let tape = &mut self.tape;
        if tape.once_in(150) {
            return Some(Value::Null);
        }
        match column {
            "name" | "title" | "number" if !tape.once_in(10) => {
                Some(json!(format!("n{}", tape.below(400))))
            }
            "name" | "title" | "number" => {
                let names = ["a", "b", "c", "kept", "mute", "bad"];
                tape.pick(&names).map(|name| json!(name))
            }
            "slogan" | "body" if tape.once_in(2) => {
                let texts = ["x", "y", "z", "v", "w", "none", "no"];
                tape.pick(&texts).map(|text| json!(text))
            }
            "score" => tape
                .once_in(3)
                .then(|| json!([1, 20, 30, 40, 50, 95][tape.below(6)])),
            "words" => tape.once_in(2).then(|| json!(tape.below(90))),
            "slogan" | "body" => None,
            // Keys: of rows that are there, that may be there by then, or that are not.
            _ => tape
                .once_in(3)
                .then(|| json!([1, 2, 3, 3, 2, 1, 2, 3, 1, 2, 5, 40][tape.below(12)])),
        }
    }

    fn conflict(&mut self, table: &str) -> Option<Value> {
        let keys = keys(table);
        let update = (self.rights)(table).update?;
        if keys.is_empty() || !self.tape.once_in(3) {
            return None;
        }
        let mut columns = self.tape.some(update.columns);
        if columns.is_empty() && self.tape.once_in(2) {
            columns = update.columns.to_vec();
        }
        let key = self.tape.pick(keys)?;
        Some(json!({"constraint": key, "update_columns": columns}))
    }
}

/// A value as a literal; the names in `on_conflict` are enum values.
pub(crate) fn literal(value: &Value) -> String {
    let list = |items: &[Value], one: fn(&Value) -> String| {
        let items: Vec<_> = items.iter().map(one).collect();
        format!("[{}]", items.join(", "))
    };
    let bare = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match value {
        Value::Array(items) => list(items, literal),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| {
                let value = match (key.as_str(), value) {
                    ("constraint", name) => bare(name),
                    ("update_columns", Value::Array(names)) => list(names, bare),
                    (_, value) => literal(value),
                };
                format!("{key}: {value}")
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
