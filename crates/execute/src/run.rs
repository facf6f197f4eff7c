//! Running a plan's statements and putting the response together.
//!
//! A statement's JSON goes into the response as it comes; it is never parsed.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use graphloom_ir::SourceQuery;
use graphloom_pg::{Connection, PgError, Pool, Purpose, Statement};
use graphloom_plan::ResultShape;
use graphloom_vocab::{JsonObject, Result, Session, SourceName};

use crate::operation::{
    OperationPlan, RootPlan, RootPlanValue, StatementStep, StepParameters, text,
};

/// Runs every statement in order and returns the `data` object.
pub(crate) async fn run(
    plan: &OperationPlan,
    parameters: &[StepParameters],
    pools: &HashMap<SourceName, Pool>,
    request_id: Option<&str>,
) -> Result<Bytes> {
    let steps = plan.steps();
    let mut results = Vec::with_capacity(steps.len());
    let mut connections = Connections {
        pools,
        request_id,
        current: None,
    };
    for (step, parameters) in steps.into_iter().zip(parameters) {
        results.push(connections.run(step, parameters).await?);
    }
    Ok(assemble(plan, results))
}

/// The `data` object, given the results of all statements in order.
pub(crate) fn assemble(plan: &OperationPlan, results: Vec<Option<Bytes>>) -> Bytes {
    // One root field is the common case: no reason to grow the buffer.
    let size = results.iter().flatten().map(Bytes::len).sum::<usize>();
    let mut out = BytesMut::with_capacity(size + 64 * plan.roots.len() + 2);
    let mut results = results.into_iter();
    write(&plan.roots, &mut results, &mut out);
    out.freeze()
}

fn write(
    roots: &[RootPlan],
    results: &mut impl Iterator<Item = Option<Bytes>>,
    out: &mut BytesMut,
) {
    out.put_u8(b'{');
    for (position, root) in roots.iter().enumerate() {
        if position > 0 {
            out.put_u8(b',');
        }
        out.put_slice(root.key_text.as_bytes());
        match &root.value {
            RootPlanValue::Constant(text) => out.put_slice(text.as_bytes()),
            RootPlanValue::Namespace(inner) => write(inner, results, out),
            RootPlanValue::Statement(_) | RootPlanValue::Mutation(_) => {
                match results.next().flatten() {
                    Some(json) => out.put_slice(&json),
                    None => out.put_slice(b"null"),
                }
            }
        }
    }
    out.put_u8(b'}');
}

/// The connection in use: statements of one source that follow each other share it.
struct Connections<'a> {
    pools: &'a HashMap<SourceName, Pool>,
    /// For comments.
    request_id: Option<&'a str>,
    current: Option<(SourceName, Connection)>,
}

impl Connections<'_> {
    async fn run(
        &mut self,
        step: &StatementStep,
        values: &StepParameters,
    ) -> Result<Option<Bytes>> {
        let values: Vec<_> = values.iter().map(Option::as_deref).collect();
        let mut result = self.attempt(step, &values).await;
        // A connection that Postgres closed meanwhile (a restart, say) says nothing about the
        // statement, which only reads: one more try on a fresh one.
        if let Err(error) = &result
            && error.is_connection_error()
        {
            self.current = None;
            result = self.attempt(step, &values).await;
        }
        result.map_err(|error| error.to_error(Purpose::Operation))
    }

    async fn attempt(
        &mut self,
        step: &StatementStep,
        values: &[Option<&str>],
    ) -> Result<Option<Bytes>, PgError> {
        let statement = step.statement.of_request(self.request_id);
        let connection = self.connection(&step.source).await?;
        match step.result {
            ResultShape::JsonText => connection.query_json(&statement, values).await,
            ResultShape::JsonTextOrNoRow => {
                let mut rows = connection.query_json_rows(&statement, values).await?;
                Ok(rows.pop().flatten())
            }
        }
    }

    async fn connection(&mut self, source: &SourceName) -> Result<&mut Connection, PgError> {
        let reusable = self
            .current
            .as_ref()
            .is_some_and(|(current, _)| current == source);
        if !reusable {
            self.current = None;
            let connection = pool(self.pools, source)?.get().await?;
            self.current = Some((source.clone(), connection));
        }
        let (_, connection) = self
            .current
            .as_mut()
            .expect("a connection has just been put here");
        Ok(connection)
    }
}

/// A source's pool.
pub(crate) fn pool<'p>(
    pools: &'p HashMap<SourceName, Pool>,
    source: &SourceName,
) -> Result<&'p Pool, PgError> {
    let missing = || PgError::unexpected(format!("source {source} has no connection pool"));
    pools.get(source).ok_or_else(missing)
}

/// Runs one bound query without variables on a source's pool, and gives its value as JSON.
///
/// Errors are those of a root field: `not-found` for a session variable that is not there, and Postgres' own.
pub async fn read(session: &Session, pool: &Pool, query: &SourceQuery) -> Result<Bytes> {
    let failed = |error: PgError| error.to_error(Purpose::Operation);
    let plan = graphloom_plan::plan(query);
    let none = JsonObject::new();
    let values = plan.parameters.iter();
    let values: Result<StepParameters> = values.map(|value| text(value, session, &none)).collect();
    let values = values?;
    let values: Vec<_> = values.iter().map(Option::as_deref).collect();
    let mut connection = pool.get().await.map_err(failed)?;
    let statement = Statement::new(plan.sql.text());
    let rows = connection.query_json_rows(&statement, &values).await;
    let first = rows.map_err(failed)?.pop().flatten();
    Ok(first.unwrap_or(Bytes::from_static(b"null")))
}
