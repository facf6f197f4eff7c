//! Running a plan's statements and putting the response together.
//!
//! JSON that a statement gives goes into the response as it comes; it is never parsed. Rows are written as JSON one by
//! one (`encode.rs`).

use std::collections::HashMap;
use std::vec;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use graphloom_ir::SourceQuery;
use graphloom_pg::{Connection, PgError, Pool, Purpose, RawRow, RowSink, Statement};
use graphloom_plan::{ObjectShape, ResultShape};
use graphloom_vocab::{JsonObject, Result, Session, SourceName};

use crate::operation::{
    OperationPlan, RootPlan, RootPlanValue, StatementStep, StepParameters, text,
};
use crate::{encode, written};

/// Most root fields of one request that are asked for at once.
const AT_ONCE_MAX: usize = 8;

/// Runs every statement and returns the `data` object.
///
/// In order, and on one connection; but root fields that are quick are sent all at once, one behind the other.
pub(crate) async fn run(
    plan: &OperationPlan,
    parameters: &[StepParameters],
    pools: &HashMap<SourceName, Pool>,
    request_id: Option<&str>,
) -> Result<Bytes> {
    let steps = plan.steps();
    let results = match (steps.as_slice(), parameters) {
        ([step], [parameters]) if step.may_share() => {
            let result = shared(pools, step, parameters).await;
            vec![result.map_err(|error| error.to_error(Purpose::Operation))?]
        }
        (steps, parameters) => Box::pin(run_all(steps, parameters, pools, request_id)).await?,
    };
    if written::is_in(plan) {
        let texts = Box::pin(written::texts(plan)).await?;
        return Ok(assemble_with(plan, results, texts));
    }
    Ok(assemble(plan, results))
}

/// The results of all statements, in order.
async fn run_all(
    steps: &[&StatementStep],
    parameters: &[StepParameters],
    pools: &HashMap<SourceName, Pool>,
    request_id: Option<&str>,
) -> Result<Vec<Option<Bytes>>> {
    let mut results = Vec::with_capacity(steps.len());
    let steps = steps.iter().zip(parameters);
    if steps.len() > 1 && steps.clone().all(|(step, _)| step.is_quick()) {
        // No closure: its future would have to hold for any lifetime.
        let mut runs = Vec::with_capacity(steps.len());
        for (step, parameters) in steps {
            runs.push(shared(pools, step, parameters));
        }
        let results = stream::iter(runs).buffered(AT_ONCE_MAX).try_collect().await;
        return results.map_err(|error: PgError| error.to_error(Purpose::Operation));
    }
    let mut connections = Connections {
        pools,
        request_id,
        current: None,
    };
    for (step, parameters) in steps {
        results.push(connections.run(step, parameters).await?);
    }
    Ok(results)
}

/// What stands before and after the one result in the `data` object.
pub(crate) fn around(plan: &OperationPlan) -> [Vec<u8>; 2] {
    // No JSON has this byte in it.
    const MARK: u8 = 0;
    let marked = assemble(plan, vec![Some(Bytes::from_static(&[MARK]))]);
    let mut pieces = marked.split(|byte| *byte == MARK).map(<[u8]>::to_vec);
    [
        pieces.next().unwrap_or_default(),
        pieces.next().unwrap_or_default(),
    ]
}

/// The `data` object, given the results of all statements in order.
pub(crate) fn assemble(plan: &OperationPlan, results: Vec<Option<Bytes>>) -> Bytes {
    assemble_with(plan, results, Vec::new())
}

/// The same with texts that needed no statement, in order.
fn assemble_with(plan: &OperationPlan, results: Vec<Option<Bytes>>, texts: Vec<Bytes>) -> Bytes {
    // One root field is the common case: no reason to grow the buffer.
    let sizes = results.iter().flatten().chain(&texts).map(Bytes::len);
    let mut out = BytesMut::with_capacity(sizes.sum::<usize>() + 64 * plan.roots.len() + 2);
    let mut values = Values {
        results: results.into_iter(),
        texts: texts.into_iter(),
    };
    write(&plan.roots, &mut values, &mut out);
    out.freeze()
}

/// What root fields are, each kind in order.
struct Values {
    results: vec::IntoIter<Option<Bytes>>,
    texts: vec::IntoIter<Bytes>,
}

fn write(roots: &[RootPlan], values: &mut Values, out: &mut BytesMut) {
    out.put_u8(b'{');
    for (position, root) in roots.iter().enumerate() {
        if position > 0 {
            out.put_u8(b',');
        }
        out.put_slice(root.key_text.as_bytes());
        let value = match &root.value {
            RootPlanValue::Constant(text) => {
                out.put_slice(text.as_bytes());
                continue;
            }
            RootPlanValue::Namespace(inner) => {
                write(inner, values, out);
                continue;
            }
            RootPlanValue::Written(_) => values.texts.next(),
            RootPlanValue::Statement(_) | RootPlanValue::Mutation(_) => {
                values.results.next().flatten()
            }
        };
        out.put_slice(value.as_deref().unwrap_or(b"null"));
    }
    out.put_u8(b'}');
}

/// Rows that are written as objects.
pub(crate) struct RowWriter<'a> {
    pub(crate) text: Vec<u8>,
    shape: &'a ObjectShape,
    /// Of the columns; known from the first row on.
    types: Vec<u32>,
    count: u64,
}

impl<'a> RowWriter<'a> {
    pub(crate) fn object(shape: &'a ObjectShape) -> Self {
        Self {
            text: Vec::new(),
            shape,
            types: Vec::new(),
            count: 0,
        }
    }

    pub(crate) fn list(shape: &'a ObjectShape) -> Self {
        Self::list_after(shape, b"")
    }

    /// A list that stands behind some text.
    pub(crate) fn list_after(shape: &'a ObjectShape, before: &[u8]) -> Self {
        let mut writer = Self::object(shape);
        writer.text.extend_from_slice(before);
        writer.text.push(b'[');
        writer
    }

    pub(crate) fn rows(&mut self, rows: &[RawRow]) -> Result<(), PgError> {
        rows.iter().try_for_each(|row| self.row(row))
    }

    pub(crate) fn into_list(mut self) -> Bytes {
        self.text.push(b']');
        self.text.into()
    }

    pub(crate) fn into_object(self) -> Result<Option<Bytes>, PgError> {
        match self.count {
            0 => Ok(None),
            1 => Ok(Some(self.text.into())),
            _ => Err(PgError::unexpected("the statement gave more than one row")),
        }
    }
}

impl RowSink for RowWriter<'_> {
    fn row(&mut self, row: &RawRow) -> Result<(), PgError> {
        if self.count == 0 {
            self.types = row.types().collect();
        } else {
            self.text.extend_from_slice(encode::BETWEEN);
        }
        self.count += 1;
        encode::row(&mut self.text, self.shape, &self.types, row)
    }

    fn is_full(&self) -> bool {
        false
    }

    async fn room(&mut self) {}
}

/// Runs a statement that only reads on a connection that others may be using too.
///
/// A connection that Postgres closed meanwhile (a restart, say) says nothing about the statement: one more try
/// on another.
async fn shared(
    pools: &HashMap<SourceName, Pool>,
    step: &StatementStep,
    values: &StepParameters,
) -> Result<Option<Bytes>, PgError> {
    let pool = pool(pools, &step.source)?;
    let values: Vec<_> = values.iter().map(Option::as_deref).collect();
    match read_shared(pool, step, &values).await {
        Err(error) if error.is_connection_error() => {
            Box::pin(read_shared(pool, step, &values)).await
        }
        result => result,
    }
}

async fn read_shared(
    pool: &Pool,
    step: &StatementStep,
    values: &[Option<&str>],
) -> Result<Option<Bytes>, PgError> {
    let statement = step.statement.shared();
    match &step.result {
        ResultShape::JsonText => pool.read_json(statement, values).await,
        ResultShape::JsonTextOrNoRow => {
            let mut rows = pool.read_json_rows(statement, values).await?;
            Ok(rows.pop().flatten())
        }
        ResultShape::Rows(shape) => {
            let mut writer = RowWriter::list(shape);
            writer.rows(&pool.read_rows(statement, values).await?)?;
            Ok(Some(writer.into_list()))
        }
        ResultShape::RowOrNoRow(shape) => {
            let mut writer = RowWriter::object(shape);
            writer.rows(&pool.read_rows(statement, values).await?)?;
            writer.into_object()
        }
    }
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
        let result = if step.may_share() {
            // It needs no connection of ours, and shall not wait for one while we hold one.
            self.current = None;
            shared(self.pools, step, values).await
        } else {
            let values: Vec<_> = values.iter().map(Option::as_deref).collect();
            Box::pin(self.alone(step, &values)).await
        };
        result.map_err(|error| error.to_error(Purpose::Operation))
    }

    /// On a connection of its own. The same one more try as [`shared`]'s.
    async fn alone(
        &mut self,
        step: &StatementStep,
        values: &[Option<&str>],
    ) -> Result<Option<Bytes>, PgError> {
        match self.attempt(step, values).await {
            Err(error) if error.is_connection_error() => {
                self.current = None;
                self.attempt(step, values).await
            }
            result => result,
        }
    }

    async fn attempt(
        &mut self,
        step: &StatementStep,
        values: &[Option<&str>],
    ) -> Result<Option<Bytes>, PgError> {
        let statement = step.statement.of_request(self.request_id);
        let connection = self.connection(&step.source).await?;
        match &step.result {
            ResultShape::JsonText => connection.query_json(&statement, values).await,
            ResultShape::JsonTextOrNoRow => {
                let mut rows = connection.query_json_rows(&statement, values).await?;
                Ok(rows.pop().flatten())
            }
            ResultShape::Rows(shape) => {
                let mut writer = RowWriter::list(shape);
                let all = connection.query_each(&statement, values, &mut writer);
                all.await?;
                Ok(Some(writer.into_list()))
            }
            ResultShape::RowOrNoRow(shape) => {
                let mut writer = RowWriter::object(shape);
                let all = connection.query_each(&statement, values, &mut writer);
                all.await?;
                writer.into_object()
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
