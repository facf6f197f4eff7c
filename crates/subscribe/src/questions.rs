//! The fixed statements that say what happens in a source, and what objects are made of.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use graphloom_execute::text_array;
use graphloom_pg::{Connection, PgError, Pool, Statement};

use crate::object::Object;

/// How long a question may take; then it counts as unanswered.
pub(crate) const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// What a table or view is made of, as far as its changes can be told by triggers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Closure {
    /// Another one whenever any of it was changed by other than writing rows.
    pub(crate) mark: String,
    /// Why not every change is told, whatever triggers there are.
    pub(crate) obstacle: Option<String>,
    /// The tables whose triggers tell of it.
    pub(crate) tables: HashSet<Box<str>>,
    /// Those of them that have none.
    pub(crate) missing: HashSet<Box<str>>,
}

impl Closure {
    /// Whether every change of it is told.
    pub(crate) fn is_told(&self) -> bool {
        self.obstacle.is_none() && self.missing.is_empty()
    }
}

/// Statements that are asked again and again.
pub(crate) struct Questions {
    signal: Statement,
    steady: Statement,
    closures: Statement,
}

impl Questions {
    pub(crate) fn new() -> Self {
        Self {
            signal: Statement::new(include_str!("sql/signal.sql")),
            steady: Statement::new(include_str!("sql/steady.sql")),
            closures: Statement::new(include_str!("sql/signals/closures.sql")),
        }
    }

    /// What has happened so far; `None` if that cannot be told.
    pub(crate) async fn signal(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<Arc<str>>, PgError> {
        let rows = connection.query_text_rows(&self.signal, &[]).await?;
        let text = rows.into_iter().next().and_then(|mut row| row.pop());
        Ok(text.flatten().map(Into::into))
    }

    /// Which of these are steady; none if that cannot be told.
    pub(crate) async fn steady(&self, pool: &Pool, objects: &[&Object]) -> HashSet<Object> {
        let (tables, functions): (Vec<_>, Vec<_>) =
            objects.iter().partition(|object| object.is_table());
        let [table_schemas, table_names] = names(&tables);
        let [function_schemas, function_names] = names(&functions);
        let parameters = [table_schemas, table_names, function_schemas, function_names];
        let rows = ask(pool, &self.steady, &parameters).await;
        let object = |row: Vec<Option<String>>| {
            let mut columns = row.into_iter().flatten();
            let list = match columns.next()?.as_str() {
                "t" => &tables,
                _ => &functions,
            };
            at(list, &columns.next()?).cloned()
        };
        rows.unwrap_or_default()
            .into_iter()
            .filter_map(object)
            .collect()
    }

    /// What these tables and views are made of, as far as they are there; `None` if that cannot be told.
    pub(crate) async fn closures(
        &self,
        pool: &Pool,
        tables: &[&Object],
    ) -> Option<HashMap<Object, Closure>> {
        let rows = ask(pool, &self.closures, &names(tables)).await?;
        let list = |column: Option<String>| {
            let text = column.unwrap_or_default();
            let oids = text.split(',').filter(|oid| !oid.is_empty());
            oids.map(Box::from).collect()
        };
        let closure = |row: Vec<Option<String>>| {
            let mut columns = row.into_iter();
            let mut next = || columns.next().flatten();
            let object = at(tables, &next()?)?.clone();
            let closure = Closure {
                mark: next()?,
                obstacle: next(),
                tables: list(next()),
                missing: list(next()),
            };
            Some((object, closure))
        };
        Some(rows.into_iter().filter_map(closure).collect())
    }
}

/// The object at a position, from 1.
fn at<'o>(objects: &[&'o Object], position: &str) -> Option<&'o Object> {
    let position: usize = position.parse().ok()?;
    objects.get(position.checked_sub(1)?).copied()
}

/// Arrays of their schemas and of their names.
fn names(objects: &[&Object]) -> [String; 2] {
    [
        text_array(objects.iter().map(|object| Some(object.schema()))),
        text_array(objects.iter().map(|object| Some(object.name()))),
    ]
}

/// The rows; `None` if there was no answer in time.
async fn ask(
    pool: &Pool,
    statement: &Statement,
    parameters: &[String],
) -> Option<Vec<Vec<Option<String>>>> {
    let parameters: Vec<_> = parameters.iter().map(|text| Some(text.as_str())).collect();
    let answered = tokio::time::timeout(CHECK_LIMIT, async {
        let mut connection = pool.get().await?;
        connection.query_text_rows(statement, &parameters).await
    });
    answered.await.ok()?.ok()
}
