//! The legacy query language: `select`, `count`, `insert`, `update` and `delete`, for admins and for roles.
//!
//! A query is decoded (`decode.rs`), made into what GraphQL makes of a root field (`select.rs`) under
//! the role's own grants (`sight.rs`), and planned and run like one. What writes is in `write.rs`. Errors
//! stand at paths into the arguments.

mod decode;
mod select;
mod sight;
mod write;

use graphloom_ir::{SourceQuery, TypedValue, Value};
use graphloom_pg::{Purpose, Statement};
use graphloom_plan::StatementPlan;
use graphloom_schema::{SourceInfo, TableInfo};
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, Result, Session, SourceName};
use serde_json::json;

use crate::command::TableId;
use crate::error::{not_exists, quoted};
use crate::work::Work;

pub(crate) use decode::{Count, Query, Select, condition};
use select::Reader;
pub(crate) use write::{DeleteQuery, InsertQuery, UpdateQuery, delete, insert, update};

/// What one statement of Postgres' protocol can carry.
const PARAMETERS_MAX: usize = 65_535;

/// `select`: a list of rows.
pub(crate) async fn select(work: &Work, select: &Select) -> Result<Json> {
    let id = &select.id;
    let source = work.source(&id.source)?;
    let info = table(source, id).map_err(|error| error.below(&ErrorPath::keys(&["table"])))?;
    let reader = Reader::new(source, &work.session.role, work.schema().settings.numerics);
    let rows = reader.rows(info, &select.query)?;
    run(work, &id.source, &SourceQuery::List(rows)).await
}

/// `count`: `{"count": n}`.
pub(crate) async fn count(work: &Work, count: &Count) -> Result<Json> {
    let id = &count.id;
    let source = work.source(&id.source)?;
    let info = table(source, id)?;
    let reader = Reader::new(source, &work.session.role, work.schema().settings.numerics);
    let query = SourceQuery::Aggregate(reader.count(info, count)?);
    let answer = run(work, &id.source, &query).await?;
    let number = answer.get("aggregate").and_then(|all| all.get("count"));
    Ok(json!({"count": number}))
}

fn table<'a>(source: &'a SourceInfo, id: &TableId) -> Result<&'a TableInfo> {
    let found = source.tables.get(&id.table).map(|table| &**table);
    found.ok_or_else(|| not_exists(format!("table {} does not exist", quoted(&id.table))))
}

async fn run(work: &Work, source: &SourceName, query: &SourceQuery) -> Result<Json> {
    let plan = graphloom_plan::plan(query);
    let values = parameters(&plan, &work.session)?;
    let values: Vec<_> = values.iter().map(Option::as_deref).collect();
    let pool = work.runtime(source)?.pool.clone();
    let pool = pool.ok_or_else(|| crate::error::inconsistent_source(source))?;
    let failed = |error: graphloom_pg::PgError| error.to_error(Purpose::Operation);
    let mut connection = pool.get().await.map_err(failed)?;
    let statement = Statement::new(plan.sql.text());
    let answer = connection.query_json(&statement, &values).await;
    let answer = answer.map_err(failed)?.unwrap_or_default();
    serde_json::from_slice(&answer)
        .map_err(|_| Error::unexpected("the statement did not answer with JSON"))
}

fn parameters(plan: &StatementPlan, session: &Session) -> Result<Vec<Option<String>>> {
    if plan.parameters.len() > PARAMETERS_MAX {
        let message = format!("a query takes at most {PARAMETERS_MAX} values");
        return Err(Error::new(ErrorCode::BadRequest, message));
    }
    let values = plan.parameters.iter();
    values.map(|value| parameter(value, session)).collect()
}

fn parameter(value: &TypedValue, session: &Session) -> Result<Option<String>> {
    match &value.value {
        Value::Literal(text) => Ok(text.as_deref().map(str::to_owned)),
        Value::Session(name) => match session.variable(name) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(Error::new(
                ErrorCode::InvalidParams,
                format!("\"{name}\" not found in session variables"),
            )),
        },
        Value::SessionObject => Ok(Some(session.variables_json().to_string())),
        Value::Run(_) | Value::Variable(_) => {
            Err(Error::unexpected("legacy queries have no variables"))
        }
    }
}
