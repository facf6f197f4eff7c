//! Running mutations: transactions, checks, answers, and when a transaction is tried again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use graphloom_ir::{Mutation, MutationOutput, ResponseValue, RunValue, TypedValue, Value};
use graphloom_pg::{
    AccessMode, Isolation, PgError, Pool, Purpose, RawRow, SqlState, Statement, Transaction,
};
use graphloom_plan::{self as plan, Gives, ResultShape, WrittenRows};
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, JsonObject, Result, Session, SourceName};
use uuid::Uuid;

use super::insert::Returned;
use super::plan::{
    Extent, InsertStep, MutationStep, Prepared, UpdateStep, Work, WriteStatement, WriteStep,
};
use super::rows::{self, Row, column_literal};
use super::{expect, told, validate};
use crate::caller::Trace;
use crate::operation::text;
use crate::{Caller, Outside};

/// How often a transaction is tried that others got in the way of.
const ATTEMPTS_MAX: u32 = 5;
/// The first pause between two attempts is about as long; each further one doubles.
const PAUSE_MILLISECONDS: u64 = 2;

/// Whose request it is.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) session: &'a Session,
    /// With defaults filled in.
    pub(crate) variables: &'a JsonObject,
    pub(crate) pools: &'a HashMap<SourceName, Pool>,
    pub(crate) caller: &'a Caller,
    /// For webhooks; `None`: there are none.
    pub(crate) outside: Option<&'a Outside>,
    /// For comments.
    pub(crate) request_id: Option<&'a str>,
}

/// A step's result, or why there is none.
pub(super) type Outcome<T> = std::result::Result<T, Failure>;

/// Why a step has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// Postgres refused a statement for the input at this path.
    Postgres(PgError, ErrorPath),
    /// Postgres refused to commit: a constraint that it looks at then, or somebody was in the way.
    Commit(PgError),
    /// We refuse.
    Refused(Error),
    /// The transaction is to be done again, one row after the other.
    Again,
}

/// Runs every mutation; the answers are in order.
///
/// `shared`: all of them are of one source and stand or fall together. Otherwise what was done before a
/// failure stays done.
pub(crate) async fn run(
    steps: &[&MutationStep],
    shared: bool,
    request: Request<'_>,
) -> Result<Vec<Bytes>> {
    for step in steps {
        check(step, request)?;
    }
    for step in steps {
        validate::ask(step, request).await?;
    }
    let marks = Marks::default();
    if shared {
        return transaction(steps, request, &marks).await;
    }
    let mut answers = Vec::with_capacity(steps.len());
    for step in steps {
        answers.extend(transaction(std::slice::from_ref(step), request, &marks).await?);
    }
    Ok(answers)
}

/// Runs one bound mutation without variables in a transaction of its own, and gives its answer as JSON.
///
/// Errors are those of a root field, at the mutation's own path.
pub async fn write(
    session: &Session,
    source: &SourceName,
    pool: &Pool,
    mutation: &Mutation,
) -> Result<Bytes> {
    if validate::is_asked_about(mutation) {
        let message =
            "this permission validates its input by a webhook, which only the GraphQL API asks";
        return Err(Error::new(ErrorCode::NotSupported, message));
    }
    let step = MutationStep::new(source, mutation);
    let pools = HashMap::from([(source.clone(), pool.clone())]);
    let request = Request {
        session,
        variables: &JsonObject::new(),
        pools: &pools,
        caller: &Caller::default(),
        outside: None,
        request_id: None,
    };
    let mut answers = run(&[&step], true, request).await?;
    Ok(answers.pop().unwrap_or_default())
}

/// Looks at every value before anything is written.
fn check(step: &MutationStep, request: Request<'_>) -> Result<()> {
    for prepared in step.texts() {
        for value in &prepared.parameters {
            if !matches!(value.value, Value::Run(_)) {
                text(value, request.session, request.variables)?;
            }
        }
    }
    if let Work::Insert(insert) = &step.work {
        read_rows(insert, request)?;
    }
    Ok(())
}

fn read_rows(insert: &InsertStep, request: Request<'_>) -> Result<Vec<Row>> {
    let input = rows::input(&insert.rows, request.variables);
    let form = match insert.output {
        MutationOutput::Response(_) => rows::Form::List,
        MutationOutput::Row(_) => rows::Form::Object,
    };
    rows::read(&insert.place, &input, (form, &[], 0), &insert.path)
}

/// Runs steps of one source in one transaction, again where that is safe: nothing was acknowledged.
async fn transaction(
    steps: &[&MutationStep],
    request: Request<'_>,
    marks: &Marks,
) -> Result<Vec<Bytes>> {
    let mut may = May {
        go_by_levels: true,
        stand_alone: true,
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        let (error, path, purpose) = match attempt(steps, request, (marks, may)).await {
            Ok(answers) => return Ok(answers),
            Err(Failure::Again) if may.go_by_levels => {
                may.go_by_levels = false;
                attempts = 0;
                continue;
            }
            Err(Failure::Again) => {
                return Err(Error::unexpected("a mutation could not be run"));
            }
            Err(Failure::Refused(error)) => return Err(error),
            Err(Failure::Postgres(error, _))
                if may.stand_alone && (is_read_only(&error) || is_refusal(&error)) =>
            {
                may.stand_alone = false;
                continue;
            }
            Err(Failure::Postgres(error, path)) => (error, path, Purpose::Operation),
            Err(Failure::Commit(error)) => (error, ErrorPath::root(), Purpose::Commit),
        };
        if attempts >= ATTEMPTS_MAX || !may_be_tried_again(&error) {
            return Err(error.to_error(purpose).at(path));
        }
        tokio::time::sleep(pause(attempts)).await;
    }
}

/// Serialization failures and deadlocks have rolled everything back. A lost connection is another matter:
/// whether the transaction was committed is not known.
fn may_be_tried_again(error: &PgError) -> bool {
    error.database().is_some_and(|database| {
        database.sqlstate == SqlState::SERIALIZATION_FAILURE
            || database.sqlstate == SqlState::DEADLOCK_DETECTED
    })
}

/// How long to wait before the next attempt: longer each time, and not the same for those that met.
fn pause(attempts: u32) -> Duration {
    let most = PAUSE_MILLISECONDS << attempts.min(8);
    let random = Uuid::new_v4().as_u64_pair().1;
    Duration::from_millis(most / 2 + random % most)
}

/// How a transaction may be gone about; once something did not do, it is not tried again.
#[derive(Clone, Copy)]
struct May {
    go_by_levels: bool,
    stand_alone: bool,
}

/// Whether a session only reads unless told otherwise, as a transaction of ours tells it.
fn is_read_only(error: &PgError) -> bool {
    error
        .database()
        .is_some_and(|database| database.sqlstate == SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// Whether a check that stands in the statement has refused a row. What else is wrong with the rows, such as a foreign
/// key, is told before the check where there is a transaction to be rolled back.
fn is_refusal(error: &PgError) -> bool {
    error.database().is_some_and(|database| {
        let routine = database.routine.as_deref();
        plan::is_refusal(database.sqlstate.as_str(), routine, &database.message)
    })
}

async fn attempt(
    steps: &[&MutationStep],
    request: Request<'_>,
    (marks, may): (&Marks, May),
) -> Outcome<Vec<Bytes>> {
    let Some(first) = steps.first() else {
        return Ok(Vec::new());
    };
    let nowhere = |error| Failure::Postgres(error, ErrorPath::root());
    let pool = request.pools.get(&first.source).ok_or_else(|| {
        let source = &first.source;
        Failure::Refused(Error::unexpected(format!(
            "source {source} has no connection pool"
        )))
    })?;
    let begun = match (steps, pool.isolation()) {
        ([only], Isolation::ReadCommitted)
            if may.stand_alone && only.extent == Extent::Statement =>
        {
            Place::Alone(pool)
        }
        _ => {
            let marks = marks.of(request);
            Place::Transaction(begin(pool, marks).await.map_err(nowhere)?)
        }
    };
    let mut runner = Runner {
        place: begun,
        request,
        may_go_by_levels: may.go_by_levels,
        written: 0,
        affected: 0,
    };
    let mut answers = Vec::with_capacity(steps.len());
    for step in steps {
        answers.push(runner.step(step).await?);
        if let Some(expect) = &step.expect {
            let affected = runner.affected;
            expect::check(expect, affected, request).map_err(Failure::Refused)?;
        }
    }
    if let Place::Transaction(transaction) = runner.place {
        transaction.commit().await.map_err(Failure::Commit)?;
    }
    Ok(answers)
}

/// What triggers can read of a request, the same in every transaction of it; made when the first one begins.
#[derive(Default)]
struct Marks(OnceLock<Mark>);

/// `hasura.tracecontext` and `hasura.user`.
struct Mark {
    trace: String,
    user: String,
}

impl Marks {
    fn of(&self, request: Request<'_>) -> &Mark {
        self.0.get_or_init(|| {
            let random = Uuid::new_v4().to_string();
            let trace = Trace::of_headers(request.caller.headers(), &random);
            Mark {
                trace: trace.to_json().to_string(),
                user: request.session.variables_json().to_string(),
            }
        })
    }
}

/// Begins a transaction that knows who writes. A connection that turns out to be closed is replaced once.
async fn begin(pool: &Pool, marks: &Mark) -> std::result::Result<Transaction, PgError> {
    let statement = Statement::new(include_str!("../sql/session_user.sql"));
    let values = [Some(marks.trace.as_str()), Some(marks.user.as_str())];
    let mut again = true;
    loop {
        let begun = async {
            let mut transaction = pool.begin(AccessMode::ReadWrite).await?;
            transaction.execute(&statement, &values).await?;
            Ok(transaction)
        };
        match begun.await {
            Err(error) if again && PgError::is_connection_error(&error) => again = false,
            other => return other,
        }
    }
}

/// Where statements run.
enum Place<'r> {
    Transaction(Transaction),
    /// Outside any transaction block: what the one statement does is done when it has ended. It shares a connection
    /// with others if it writes no more than a row.
    Alone(&'r Pool),
}

impl Place<'_> {
    /// For what is never done by one statement.
    fn transaction(&mut self) -> Outcome<&mut Transaction> {
        match self {
            Self::Transaction(transaction) => Ok(transaction),
            Self::Alone(_) => {
                let message = "a mutation of several statements has no transaction";
                Err(Failure::Refused(Error::unexpected(message)))
            }
        }
    }

    /// Runs a statement that gives texts.
    async fn rows(
        &mut self,
        (statement, parameters): (&Statement, &[Option<&str>]),
    ) -> std::result::Result<Vec<Vec<Option<Bytes>>>, PgError> {
        match self {
            Self::Transaction(transaction) => transaction.query_rows(statement, parameters).await,
            Self::Alone(pool) => {
                let mut connection = pool.get().await?;
                connection.query_rows(statement, parameters).await
            }
        }
    }

    /// Runs a statement that gives nothing back: the number of rows it wrote.
    async fn count(
        &mut self,
        (statement, parameters): (&Statement, &[Option<&str>]),
    ) -> std::result::Result<u64, PgError> {
        match self {
            Self::Transaction(transaction) => transaction.execute(statement, parameters).await,
            Self::Alone(pool) => {
                let mut connection = pool.get().await?;
                connection.execute(statement, parameters).await
            }
        }
    }

    /// The same for rows as Postgres sent them.
    async fn written_rows(
        &mut self,
        (statement, parameters): (&Statement, &[Option<&str>]),
        written: &WrittenRows,
    ) -> std::result::Result<Vec<RawRow>, PgError> {
        match self {
            Self::Transaction(transaction) => {
                transaction.query_raw_rows(statement, parameters).await
            }
            Self::Alone(pool) if written.is_one() => pool.write_rows(statement, parameters).await,
            Self::Alone(pool) => {
                let mut connection = pool.get().await?;
                connection.query_raw_rows(statement, parameters).await
            }
        }
    }
}

/// A transaction under way.
pub(super) struct Runner<'r> {
    place: Place<'r>,
    pub(super) request: Request<'r>,
    pub(super) may_go_by_levels: bool,
    /// Rows inserted by the step under way.
    pub(super) written: u64,
    /// Rows that the step has affected, once it is done.
    affected: u64,
}

/// Values that only the mutation itself knows.
#[derive(Default)]
pub(super) struct Values<'r> {
    rows: &'r [Row],
    written: Option<String>,
    count: u64,
}

impl<'r> Values<'r> {
    pub(super) fn of_rows(rows: &'r [Row]) -> Self {
        Self {
            rows,
            ..Self::default()
        }
    }

    fn of_written(returned: &Returned, count: u64) -> Self {
        let rows = returned.iter();
        let rows = rows.map(|row| row.first().and_then(Option::as_deref));
        Self {
            rows: &[],
            written: Some(column_literal(rows)),
            count,
        }
    }

    fn text(&self, value: RunValue) -> Option<String> {
        match value {
            RunValue::Column(at) => {
                let cells = self.rows.iter().map(|row| row.cells[at].as_deref());
                Some(column_literal(cells))
            }
            RunValue::Cell(at) => self.rows.first().and_then(|row| row.cells[at].clone()),
            RunValue::RowCount => Some(self.rows.len().to_string()),
            RunValue::Written => self.written.clone(),
            RunValue::WrittenCount => Some(self.count.to_string()),
            // No mutation has a stream in it.
            RunValue::StreamAfter | RunValue::StreamUpTo => None,
        }
    }
}

/// What a statement that writes gave.
pub(super) struct WriteResult {
    pub(super) count: u64,
    told: Option<Bytes>,
}

impl WriteResult {
    /// The answer.
    fn answer(self) -> Bytes {
        self.told.unwrap_or(Bytes::from_static(b"null"))
    }

    /// The rows, where they were asked for; otherwise as many empty ones.
    pub(super) fn rows(self) -> Outcome<Returned> {
        match self.told {
            None => Ok(vec![Vec::new(); usize::try_from(self.count).unwrap_or(0)]),
            Some(text) => serde_json::from_slice(&text).map_err(|_| {
                Failure::Refused(Error::unexpected("a statement did not give rows as JSON"))
            }),
        }
    }
}

impl Runner<'_> {
    async fn step(&mut self, step: &MutationStep) -> Outcome<Bytes> {
        match &step.work {
            Work::Insert(insert) => self.insert(insert).await,
            Work::Write(write) => self.update_or_delete(write).await,
            Work::Nothing(answer) => {
                self.affected = 0;
                Ok(Bytes::copy_from_slice(answer.as_bytes()))
            }
            Work::Many(writes) => {
                let mut affected = 0;
                let mut answer = Vec::from(b"[");
                for (index, write) in writes.iter().enumerate() {
                    if index > 0 {
                        answer.push(b',');
                    }
                    match write {
                        UpdateStep::Nothing(nothing) => answer.extend_from_slice(nothing),
                        UpdateStep::Write(write) => {
                            answer.extend_from_slice(&self.update_or_delete(write).await?);
                            affected += self.affected;
                        }
                    }
                }
                self.affected = affected;
                answer.push(b']');
                Ok(answer.into())
            }
            Work::Call(prepared, shape) => self.call(prepared, shape).await,
        }
    }

    async fn insert(&mut self, insert: &InsertStep) -> Outcome<Bytes> {
        let rows = read_rows(insert, self.request).map_err(Failure::Refused)?;
        let (returned, count) = match &insert.direct {
            None => self.insert_tree(insert, rows).await?,
            Some(direct) => {
                let values = Values::of_rows(&rows);
                let result = self.write(direct, &values, &insert.path).await?;
                self.affected = result.count;
                if direct.gives.is_answer() {
                    return Ok(result.answer());
                }
                let count = result.count;
                (result.rows()?, count)
            }
        };
        self.affected = count;
        match &insert.reread {
            Some(reread) => self.reread(reread, &returned, count).await,
            None => Ok(numbers(&insert.output, count).to_string().into()),
        }
    }

    async fn update_or_delete(&mut self, step: &WriteStep) -> Outcome<Bytes> {
        let root = ErrorPath::root();
        let result = self.write(&step.write, &Values::default(), &root).await?;
        let mut count = step.counted(result.count);
        self.affected = count;
        let Some(reread) = &step.reread else {
            return Ok(result.answer());
        };
        let returned = result.rows()?;
        count += self.nested(&step.nested, &returned).await?;
        self.affected = count;
        self.reread(reread, &returned, count).await
    }

    async fn reread(
        &mut self,
        reread: &Prepared,
        returned: &Returned,
        count: u64,
    ) -> Outcome<Bytes> {
        let values = Values::of_written(returned, count);
        let parameters = self.parameters(reread, &values)?;
        let parameters: Vec<_> = parameters.iter().map(Option::as_deref).collect();
        let statement = self.statement(reread);
        let transaction = self.place.transaction()?;
        let answer = transaction.query_json(&statement, &parameters).await;
        let answer = answer.map_err(|error| Failure::Postgres(error, ErrorPath::root()))?;
        Ok(answer.unwrap_or(Bytes::from_static(b"null")))
    }

    async fn call(&mut self, prepared: &Prepared, shape: &ResultShape) -> Outcome<Bytes> {
        let parameters = self.parameters(prepared, &Values::default())?;
        let parameters: Vec<_> = parameters.iter().map(Option::as_deref).collect();
        let statement = self.statement(prepared);
        let rows = self
            .place
            .transaction()?
            .query_json_rows(&statement, &parameters)
            .await;
        let mut rows = rows.map_err(|error| Failure::Postgres(error, ErrorPath::root()))?;
        match (shape, rows.pop().flatten()) {
            (_, Some(answer)) => Ok(answer),
            (ResultShape::JsonTextOrNoRow, None) => Ok(Bytes::from_static(b"null")),
            (_, None) => Ok(Bytes::from_static(b"[]")),
        }
    }

    /// Runs a statement that writes; a row that fails the check refuses everything.
    pub(super) async fn write(
        &mut self,
        write: &WriteStatement,
        values: &Values<'_>,
        path: &ErrorPath,
    ) -> Outcome<WriteResult> {
        let prepared = match self.place {
            Place::Alone(_) => write.alone(),
            Place::Transaction(_) => &write.prepared,
        };
        let parameters = self.parameters(prepared, values)?;
        let parameters: Vec<_> = parameters.iter().map(Option::as_deref).collect();
        let statement = self.statement(prepared);
        let sent = (&*statement, parameters.as_slice());
        let failed = |error| Failure::Postgres(error, path.clone());
        let told = match &write.gives {
            Gives::Written(written) => {
                let rows = self.place.written_rows(sent, written).await;
                told::of_rows(&rows.map_err(failed)?, written)
            }
            Gives::Counted(pieces) => {
                let count = self.place.count(sent).await;
                Ok(Some(told::of_count(count.map_err(failed)?, pieces)))
            }
            Gives::Answer | Gives::Rows | Gives::Nothing => {
                let rows = self.place.rows(sent).await;
                Ok(told::of_texts(rows.map_err(failed)?))
            }
        };
        let Some((count, told)) = told.map_err(failed)? else {
            let message = "check constraint of an insert/update permission has failed";
            let error = Error::new(ErrorCode::PermissionError, message);
            return Err(Failure::Refused(error.at(path.clone())));
        };
        Ok(WriteResult { count, told })
    }

    fn statement<'p>(&self, prepared: &'p Prepared) -> Cow<'p, Statement> {
        prepared.statement.of_request(self.request.request_id)
    }

    fn parameters(&self, prepared: &Prepared, values: &Values<'_>) -> Outcome<Vec<Option<String>>> {
        let request = self.request;
        let one = |value: &TypedValue| match value.value {
            Value::Run(run) => Ok(values.text(run)),
            _ => text(value, request.session, request.variables).map_err(Failure::Refused),
        };
        prepared.parameters.iter().map(one).collect()
    }
}

/// An answer without any row.
pub(super) fn numbers(output: &MutationOutput, count: u64) -> Json {
    let MutationOutput::Response(fields) = output else {
        return Json::Null;
    };
    let fields = fields.iter().map(|field| {
        let value = match &field.value {
            ResponseValue::Typename(name) => Json::from(&**name),
            ResponseValue::AffectedRows => Json::from(count),
            ResponseValue::Returning(_) => Json::Array(Vec::new()),
        };
        (field.key.to_string(), value)
    });
    Json::Object(fields.collect::<JsonObject>())
}
