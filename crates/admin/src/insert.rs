//! `insert` of the legacy query language, for admins: rows into one table.
//!
//! The statement is a tree; every value is a parameter with the cast of its column's type. Conflict
//! clauses come with mutations.

use graphloom_catalog::{PgType, Table};
use graphloom_ir::coerce;
use graphloom_pg::{AccessMode, Purpose, Statement};
use graphloom_plan::typed_parameter;
use graphloom_sql as sql;
use graphloom_vocab::{ColumnName, Error, ErrorCode, ErrorPath, Json, JsonObject, Result};
use indexmap::IndexSet;

use crate::command::Insert;
use crate::error::{not_exists, quoted};
use crate::work::Work;

/// What one statement of Postgres' protocol can carry.
const PARAMETERS_MAX: usize = 65_535;

/// Inserts the objects: `{"affected_rows": n, "returning"?: […]}`.
pub(crate) async fn run(work: &mut Work, insert: &Insert) -> Result<Json> {
    if insert.on_conflict.is_some() {
        let message = "on_conflict of an insert is not supported yet";
        return Err(Error::new(ErrorCode::NotSupported, message));
    }
    let info = work.source(&insert.id.source)?.tables.get(&insert.id.table);
    let Some(info) = info else {
        let message = format!("table {} does not exist", quoted(&insert.id.table));
        return Err(not_exists(message).at(ErrorPath::keys(&["table"])));
    };
    let (statement, values) = statement(&info.table, insert)?;
    let pool = work.runtime(&insert.id.source)?.pool.clone();
    let pool = pool.ok_or_else(|| crate::error::inconsistent_source(&insert.id.source))?;
    let text = sql::print(&statement, sql::Layout::Line);
    let ids = text.parameters().iter();
    let parameters: Vec<Option<&str>> = ids.map(|id| values[id.index()].as_deref()).collect();
    let failed = |error: graphloom_pg::PgError| error.to_error(Purpose::Operation);
    let mut transaction = pool.begin(AccessMode::ReadWrite).await.map_err(failed)?;
    let statement = Statement::new(text.text());
    let answer = transaction.query_json(&statement, &parameters);
    let answer = answer.await.map_err(failed)?.unwrap_or_default();
    transaction.commit().await.map_err(failed)?;
    serde_json::from_slice(&answer)
        .map_err(|_| Error::unexpected("the statement did not answer with JSON"))
}

/// The statement, and the values at the index of each parameter.
fn statement(table: &Table, insert: &Insert) -> Result<(sql::Statement, Vec<Option<String>>)> {
    let mut names: IndexSet<&str> = IndexSet::new();
    for object in &insert.objects {
        names.extend(object.keys().map(String::as_str));
    }
    if names.is_empty() {
        // Rows of defaults need a column to say so.
        names.extend(table.columns.first().map(|column| column.name.as_str()));
    }
    let mut builder = Builder {
        table,
        values: Vec::new(),
    };
    let mut rows = Vec::with_capacity(insert.objects.len());
    for (index, object) in insert.objects.iter().enumerate() {
        let row = builder.row(&names, object);
        let at = ErrorPath::keys(&["objects"]).index(index);
        rows.push(row.map_err(|error| error.below(&at))?);
    }
    if builder.values.len() > PARAMETERS_MAX {
        let message = format!("an insert takes at most {PARAMETERS_MAX} values");
        return Err(Error::new(ErrorCode::BadRequest, message));
    }
    let returning = insert.returning.as_deref();
    let (written, read) = (sql::Alias::new(0), sql::Alias::new(1));
    let write = sql::Insert {
        schema: sql::Name::new(table.name.schema.as_str()),
        table: sql::Name::new(table.name.name.as_str()),
        alias: written,
        columns: names.iter().map(|name| sql::Name::new(*name)).collect(),
        rows: sql::InsertRows::Values(rows),
        conflict: None,
        returning: builder.returned(written, returning)?,
    };
    Ok((answer(write, read, returning), builder.values))
}

/// `WITH t1 AS (INSERT …) SELECT json_build_object('affected_rows', count(*), …) FROM t1 t2`
fn answer(write: sql::Insert, rows: sql::Alias, returning: Option<&[String]>) -> sql::Statement {
    let mut parts = vec![
        sql::Expr::text("affected_rows"),
        sql::Expr::aggregate("count", sql::AggregateArguments::Star),
    ];
    let alias = sql::Alias::new(2);
    if let Some(columns) = returning {
        let mut row = Vec::with_capacity(columns.len() * 2);
        for column in columns {
            row.push(sql::Expr::text(column));
            row.push(sql::Expr::Column(alias, sql::Name::new(column.as_str())));
        }
        let row = sql::Expr::call("json_build_object", row);
        let all = sql::AggregateArguments::All(vec![row]);
        let all = sql::Expr::aggregate("json_agg", all);
        let none = sql::Expr::text("[]").cast(sql::TypeName::Builtin("json"));
        parts.push(sql::Expr::text("returning"));
        parts.push(sql::Expr::call("coalesce", vec![all, none]));
    }
    let select = sql::Select::of(sql::Expr::call("json_build_object", parts));
    let select = select.from(sql::FromItem::CommonTable { name: rows, alias });
    sql::Statement::Select(sql::Select {
        with: vec![sql::CommonTable {
            alias: rows,
            statement: sql::Statement::Insert(write),
        }],
        ..select
    })
}

struct Builder<'a> {
    table: &'a Table,
    values: Vec<Option<String>>,
}

impl Builder<'_> {
    fn row(
        &mut self,
        names: &IndexSet<&str>,
        object: &JsonObject,
    ) -> Result<Vec<sql::InsertValue>> {
        let names = names.iter();
        let values = names.map(|name| match object.get(*name) {
            None => Ok(sql::InsertValue::Default),
            Some(json) => {
                let given = self.column_type(name).and_then(|ty| self.value(&ty, json));
                let at = ErrorPath::keys(&[name]);
                given
                    .map(sql::InsertValue::Given)
                    .map_err(|error| error.below(&at))
            }
        });
        values.collect()
    }

    fn column_type(&self, name: &str) -> Result<PgType> {
        let column = self.table.column(&ColumnName::new(name));
        let found = column.map(|column| column.ty.clone());
        found.ok_or_else(|| not_exists(format!("column \"{name}\" does not exist")))
    }

    fn value(&mut self, ty: &PgType, json: &Json) -> Result<sql::Expr> {
        let text = coerce::scalar(ty, json)?;
        let index = u32::try_from(self.values.len()).expect("fewer values than bytes of a request");
        self.values.push(text);
        Ok(typed_parameter(ty, sql::ParameterId::new(index)))
    }

    /// The columns to give back; a constant if nobody asks for any.
    fn returned(
        &self,
        alias: sql::Alias,
        returning: Option<&[String]>,
    ) -> Result<Vec<sql::Target>> {
        let columns = returning.unwrap_or_default();
        if columns.is_empty() {
            return Ok(vec![sql::Target::unnamed(sql::Expr::integer(1))]);
        }
        let columns = columns.iter().enumerate();
        let targets = columns.map(|(index, column)| {
            let at = ErrorPath::keys(&["returning"]).index(index);
            self.column_type(column).map_err(|error| error.below(&at))?;
            let name = sql::Name::new(column.as_str());
            Ok(sql::Target::unnamed(sql::Expr::Column(alias, name)))
        });
        targets.collect()
    }
}
