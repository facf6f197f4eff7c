//! Nested inserts by plain SQL, a row at a time: what comes before a row, the row, what comes after it.
//!
//! Nothing of the engine is used but its connections.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use graphloom_pg::{PgError, Statement, Transaction};
use serde_json::{Map, Value, json};

use super::schema::{Kind, Relation, Rights, relations};

/// Where and how an insert was refused, as the engine tells it.
pub(crate) type Refusal = Value;

/// A row that was written: its columns as texts.
type Written = BTreeMap<String, Option<String>>;

type Outcome<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + 'a>>;

/// Inserts in one transaction.
pub(crate) struct Reference<'a> {
    pub(crate) transaction: Transaction,
    pub(crate) rights: &'a dyn Fn(&str) -> Rights,
    pub(crate) affected: usize,
}

/// Columns that follow from a row above.
type Determined = Vec<(String, Option<String>)>;

impl Reference<'_> {
    /// Rows of a list; those that are there now.
    pub(crate) fn list<'s>(
        &'s mut self,
        table: &'s str,
        (rows, conflict): (&'s [Value], Option<&'s Value>),
        above: Determined,
        path: String,
    ) -> Outcome<'s, Vec<Written>> {
        Box::pin(async move {
            let brings = |row: &Value| {
                let related = relations(table).iter();
                related
                    .clone()
                    .any(|relation| row.get(relation.name).is_some())
            };
            if !rows.iter().any(brings) {
                let rows: Vec<_> = rows
                    .iter()
                    .map(|row| self.columns(table, row, &above))
                    .collect();
                return self.write(table, &rows, conflict, &path).await;
            }
            let mut all = Vec::new();
            for (index, row) in rows.iter().enumerate() {
                let path = format!("{path}[{index}]");
                all.extend(
                    self.one(table, (row, conflict), above.clone(), path)
                        .await?,
                );
            }
            Ok(all)
        })
    }

    fn one<'s>(
        &'s mut self,
        table: &'s str,
        (row, conflict): (&'s Value, Option<&'s Value>),
        above: Determined,
        path: String,
    ) -> Outcome<'s, Option<Written>> {
        Box::pin(async move {
            let mut known = above;
            for relation in related(table, row, |kind| kind == Kind::Before) {
                let input = &row[relation.name];
                let path = format!("{path}.{}", relation.name);
                let below = (&input["data"], input.get("on_conflict"));
                let at = format!("{path}.data");
                let Some(written) = self.one(relation.target, below, Vec::new(), at).await? else {
                    let (name, target) = (relation.name, relation.target);
                    return Err(refused(
                        &path,
                        "not-supported",
                        format!(
                            "cannot proceed to insert object relation \"{name}\" since insert to table \
                         \"{target}\" affects zero rows"
                        ),
                    ));
                };
                known.push((relation.column.to_owned(), written["id"].clone()));
            }
            let own = vec![self.columns(table, row, &known)];
            let written = self.write(table, &own, conflict, &path).await?.pop();
            let many = related(table, row, |kind| kind == Kind::AfterMany);
            let one = related(table, row, |kind| kind == Kind::AfterOne);
            for relation in many.into_iter().chain(one) {
                let Some(written) = &written else {
                    return Err(refused(
                        &path,
                        "not-supported",
                        format!(
                            "cannot proceed to insert array relations since insert to table \"{table}\" \
                         affects zero rows"
                        ),
                    ));
                };
                let input = &row[relation.name];
                let rows = match &input["data"] {
                    Value::Array(rows) => rows.as_slice(),
                    row => std::slice::from_ref(row),
                };
                let known = vec![(relation.column.to_owned(), written["id"].clone())];
                let path = format!("{path}.{}.data", relation.name);
                self.list(
                    relation.target,
                    (rows, input.get("on_conflict")),
                    known,
                    path,
                )
                .await?;
            }
            Ok(written)
        })
    }

    /// A row's columns as SQL.
    fn columns(&self, table: &str, row: &Value, known: &Determined) -> BTreeMap<String, String> {
        let presets = (self.rights)(table).presets;
        let presets = presets
            .iter()
            .map(|(column, value)| ((*column).to_owned(), quoted(Some(value))));
        let mut columns: BTreeMap<_, _> = presets.collect();
        for (column, value) in known {
            columns.insert(column.clone(), quoted(value.as_deref()));
        }
        for (key, value) in row.as_object().unwrap_or(&Map::new()) {
            let text = match value {
                Value::Object(_) => continue,
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            columns.insert(key.clone(), quoted(text.as_deref()));
        }
        columns
    }

    /// One statement, then the checks.
    async fn write(
        &mut self,
        table: &str,
        rows: &[BTreeMap<String, String>],
        conflict: Option<&Value>,
        path: &str,
    ) -> Result<Vec<Written>, Refusal> {
        let mut names: Vec<&str> = rows
            .iter()
            .flat_map(BTreeMap::keys)
            .map(String::as_str)
            .collect();
        names.extend((self.rights)(table).columns);
        names.sort_unstable();
        names.dedup();
        let tuples = rows.iter().map(|row| {
            let cell = |name: &&str| row.get(*name).map_or("DEFAULT", String::as_str);
            format!(
                "({})",
                names.iter().map(cell).collect::<Vec<_>>().join(", ")
            )
        });
        let tuples: Vec<_> = tuples.collect();
        let clause = self.conflict_clause(table, conflict);
        let sql = format!(
            "INSERT INTO {table} AS r ({}) VALUES {} {clause} RETURNING to_json(r)::text, (xmax::text <> '0')::text",
            names.join(", "),
            tuples.join(", "),
        );
        let answer = self
            .transaction
            .query_text_rows(&Statement::new(sql.as_str()), &[])
            .await;
        let answer = answer.map_err(|error| postgres(&error, path))?;
        self.affected += answer.len();
        let rights = (self.rights)(table);
        let updates = clause.contains("DO UPDATE");
        let update_check = rights.update.as_ref().and_then(|update| update.check);
        let mut all = Vec::new();
        for row in answer {
            let json: Value = serde_json::from_str(row[0].as_deref().unwrap_or("{}")).unwrap();
            let was_there = row[1].as_deref() == Some("true");
            let check = match update_check {
                Some(check) if updates && was_there => check,
                _ => rights.check,
            };
            let id = &json["id"];
            let sql =
                format!("SELECT coalesce({check}, false)::text FROM {table} r WHERE r.id = {id}");
            let holds = self
                .transaction
                .query_text_rows(&Statement::new(sql.as_str()), &[])
                .await
                .unwrap();
            if holds[0][0].as_deref() != Some("true") {
                let message = "check constraint of an insert/update permission has failed";
                return Err(refused(path, "permission-error", message.to_owned()));
            }
            let text = |value: &Value| match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            let columns = json.as_object().unwrap().iter();
            all.push(
                columns
                    .map(|(key, value)| (key.clone(), text(value)))
                    .collect(),
            );
        }
        Ok(all)
    }

    fn conflict_clause(&self, table: &str, conflict: Option<&Value>) -> String {
        let Some(conflict) = conflict else {
            return String::new();
        };
        let constraint = conflict["constraint"].as_str().unwrap_or_default();
        let columns = conflict["update_columns"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let rights = (self.rights)(table);
        let Some(update) = rights.update.filter(|_| !columns.is_empty()) else {
            return format!("ON CONFLICT ON CONSTRAINT {constraint} DO NOTHING");
        };
        let columns = columns.iter().filter_map(Value::as_str);
        let mut set: Vec<_> = columns
            .map(|column| format!("{column} = EXCLUDED.{column}"))
            .collect();
        let presets = update.presets.iter();
        set.extend(presets.map(|(column, value)| format!("{column} = {value}")));
        let (set, filter) = (set.join(", "), update.filter);
        format!("ON CONFLICT ON CONSTRAINT {constraint} DO UPDATE SET {set} WHERE {filter}")
    }
}

fn related<'t>(table: &'t str, row: &Value, of: fn(Kind) -> bool) -> Vec<&'t Relation> {
    let all = relations(table).iter();
    all.filter(|relation| of(relation.kind) && row.get(relation.name).is_some())
        .collect()
}

fn quoted(text: Option<&str>) -> String {
    text.map_or("NULL".to_owned(), |text| {
        format!("'{}'", text.replace('\'', "''"))
    })
}

fn refused(path: &str, code: &str, message: String) -> Refusal {
    json!({"code": code, "path": path, "message": message})
}

fn postgres(error: &PgError, path: &str) -> Refusal {
    let database = error
        .database()
        .expect("Postgres refuses, the connection holds");
    let (code, prefix) = match database.sqlstate.as_str() {
        "23502" => ("constraint-violation", "Not-NULL violation. "),
        "23503" => ("constraint-violation", "Foreign key violation. "),
        "23505" => ("constraint-violation", "Uniqueness violation. "),
        "23514" => ("permission-error", "Check constraint violation. "),
        "21000" => return refused(path, "unexpected", "database query error".to_owned()),
        other => panic!("{other}: {}", database.message),
    };
    refused(path, code, format!("{prefix}{}", database.message))
}
