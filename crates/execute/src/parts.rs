//! Large answers, in parts: a list is written while its rows arrive, and a schema while it is read (`written.rs`).
//!
//! A task of its own reads the rows, so that Postgres, we and the client's socket work at the same time; it waits when
//! the client does not take what is there, and with it Postgres. An answer that turns out small is one text after
//! all, and an error before the first part is an error like any other. Dropping the parts cancels the statement.
//! Read next: `run.rs`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graphloom_ir::OperationKind;
use graphloom_pg::{PgError, Pool, Purpose, RawRow, RowSink};
use graphloom_plan::ResultShape;
use graphloom_vocab::{Error, Result};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::guard::TimeLimit;
use crate::operation::{OperationPlan, StatementStep, StepParameters};
use crate::run::RowWriter;
use crate::{Executed, RequestKind, Statements, run, written};

/// An answer up to this size is sent as a whole.
const WHOLE_BYTES_MAX: usize = 256 << 10;
/// The size of a part, give or take a row.
const PART_BYTES: usize = 64 << 10;
/// How many parts wait for the client.
const WAITING_MAX: usize = 2;
/// How long a client may take nothing at all.
const STALL_MAX: Duration = Duration::from_mins(1);

/// A successful answer, which may still be on its way.
#[derive(Debug)]
pub struct Streamed {
    /// The `data` object, without the envelope.
    pub data: Data,
    /// What ran.
    pub kind: RequestKind,
    /// For the query log.
    pub statements: Statements,
}

impl From<Executed> for Streamed {
    fn from(executed: Executed) -> Self {
        Self {
            data: Data::Whole(executed.data),
            kind: executed.kind,
            statements: executed.statements,
        }
    }
}

/// The text of a `data` object.
#[derive(Debug)]
pub enum Data {
    /// All of it.
    Whole(Bytes),
    /// The first part of it is here.
    Parts(Parts),
}

/// A text that comes in parts.
#[derive(Debug)]
pub struct Parts {
    first: Option<Bytes>,
    /// `None` after the end.
    rest: Option<mpsc::Receiver<Part>>,
}

#[derive(Debug)]
enum Part {
    More(Bytes),
    End(Result<Bytes>),
}

impl Parts {
    /// The next part; `None` after the last. After an error there is no more, and what came before is no answer.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        match self.rest.as_mut()?.recv().await {
            Some(Part::More(part)) => Some(Ok(part)),
            Some(Part::End(end)) => {
                self.rest = None;
                Some(end)
            }
            // The task has panicked, or the runtime ends.
            None => {
                self.rest = None;
                Some(Err(Error::unexpected("the answer was cut off")))
            }
        }
    }
}

/// A query whose one root field is a list that may be large.
pub(crate) struct Large {
    pub(crate) plan: Arc<OperationPlan>,
    pub(crate) parameters: StepParameters,
    pub(crate) pool: Pool,
    pub(crate) request_id: Option<String>,
    pub(crate) limit: Option<TimeLimit>,
}

/// The statement of such a query; `None` if all of the answer is needed at once, or is known to be here soon.
pub(crate) fn step(plan: &OperationPlan) -> Option<&StatementStep> {
    if plan.kind != OperationKind::Query || plan.live.is_some() || written::is_in(plan) {
        return None;
    }
    match plan.steps().as_slice() {
        [step] => (matches!(step.result, ResultShape::Rows(_)) && !step.is_quick()).then_some(step),
        _ => None,
    }
}

/// Begins to write an answer in a task of its own, and waits until there is enough to tell how large it is.
pub(crate) async fn start<W>(
    limit: Option<TimeLimit>,
    write: impl FnOnce(Sender) -> W,
) -> Result<Data>
where
    W: Future<Output = Result<Bytes>> + Send + 'static,
{
    let (parts, mut rest) = mpsc::channel(WAITING_MAX);
    let writing = write(Sender {
        parts: parts.clone(),
        state: State::Whole,
    });
    tokio::spawn(run(writing, parts, limit));
    match rest.recv().await {
        Some(Part::More(first)) => Ok(Data::Parts(Parts {
            first: Some(first),
            rest: Some(rest),
        })),
        Some(Part::End(whole)) => whole.map(Data::Whole),
        None => Err(Error::unexpected("the answer was cut off")),
    }
}

async fn run(
    writing: impl Future<Output = Result<Bytes>>,
    parts: mpsc::Sender<Part>,
    limit: Option<TimeLimit>,
) {
    let writing = async {
        match limit {
            None => writing.await,
            Some(limit) => timeout(limit.duration(), writing)
                .await
                .unwrap_or_else(|_| Err(limit.error())),
        }
    };
    let end = tokio::select! {
        end = writing => end,
        // Nobody is there any more.
        () = parts.closed() => return,
    };
    // The receiver may have gone meanwhile.
    drop(timeout(STALL_MAX, parts.send(Part::End(end))).await);
}

/// Where parts go.
#[derive(Debug)]
pub(crate) struct Sender {
    parts: mpsc::Sender<Part>,
    state: State,
}

impl Sender {
    /// How large a part is before it goes out.
    pub(crate) fn part_bytes(&self) -> usize {
        match self.state {
            State::Whole => WHOLE_BYTES_MAX,
            State::InParts | State::Stalled => PART_BYTES,
        }
    }

    /// Sends what is there, and waits until there is room for more.
    pub(crate) async fn send(&mut self, text: &mut Vec<u8>) -> Result<()> {
        let room = Vec::with_capacity(PART_BYTES + PART_BYTES / 8);
        let part = std::mem::replace(text, room);
        let sent = timeout(STALL_MAX, self.parts.send(Part::More(part.into()))).await;
        match sent {
            Ok(Ok(())) => {
                self.state = State::InParts;
                Ok(())
            }
            _ => {
                self.state = State::Stalled;
                Err(Error::unexpected("the client takes nothing"))
            }
        }
    }
}

impl Large {
    /// Begins, and waits until there is enough to tell how large the answer is.
    pub(crate) async fn start(self) -> Result<Data> {
        let limit = self.limit;
        start(limit, |sender| self.write(sender)).await
    }

    async fn write(self, sender: Sender) -> Result<Bytes> {
        let failed = |error: PgError| error.to_error(Purpose::Operation);
        let Some(step) = step_of(&self.plan) else {
            return Err(Error::unexpected("the plan is no list"));
        };
        let ResultShape::Rows(shape) = &step.result else {
            return Err(Error::unexpected("the plan is no list"));
        };
        let [before, after] = run::around(&self.plan);
        let mut writer = Writer {
            sender,
            rows: RowWriter::list_after(shape, &before),
        };
        let mut tries = 0;
        loop {
            let result = self.attempt(step, &mut writer).await;
            tries += 1;
            match result {
                Ok(()) => break,
                // See `run.rs`: it says nothing about the statement.
                Err(error)
                    if error.is_connection_error()
                        && tries == 1
                        && writer.sender.state == State::Whole =>
                {
                    writer.rows = RowWriter::list_after(shape, &before);
                }
                Err(error) => return Err(failed(error)),
            }
        }
        let mut text = writer.rows.text;
        text.push(b']');
        text.extend_from_slice(&after);
        Ok(text.into())
    }

    async fn attempt(&self, step: &StatementStep, writer: &mut Writer<'_>) -> Result<(), PgError> {
        let values: Vec<_> = self.parameters.iter().map(Option::as_deref).collect();
        let statement = step.statement.of_request(self.request_id.as_deref());
        let mut connection = self.pool.get().await?;
        connection.query_each(&statement, &values, writer).await
    }
}

fn step_of(plan: &OperationPlan) -> Option<&StatementStep> {
    plan.steps().pop()
}

/// Writes rows as objects, and passes on what is written.
struct Writer<'a> {
    sender: Sender,
    /// What is not passed on yet.
    rows: RowWriter<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been passed on.
    Whole,
    /// Something has.
    InParts,
    /// The client takes nothing.
    Stalled,
}

impl RowSink for Writer<'_> {
    fn row(&mut self, row: &RawRow) -> Result<(), PgError> {
        if self.sender.state == State::Stalled {
            return Err(PgError::unexpected("the client takes nothing"));
        }
        self.rows.row(row)
    }

    fn is_full(&self) -> bool {
        self.rows.text.len() >= self.sender.part_bytes()
    }

    async fn room(&mut self) {
        // The next row finds out that there is none.
        drop(self.sender.send(&mut self.rows.text).await);
    }
}
