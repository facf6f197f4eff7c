//! One run of a subscription's statement for many cohorts, and whom its failure concerns.

use std::sync::Arc;

use bytes::Bytes;
use graphloom_execute::{LivePlan, text_array};
use graphloom_pg::{PgError, Pool, Purpose};
use graphloom_plan::LiveInput;
use graphloom_vocab::Error;

use crate::cohort::{Answer, Cause, Member};
use crate::signal::Seen;

/// Classes of SQLSTATE that one cohort's values may be the reason of: the others would do without it. Data
/// exceptions, failures of functions and what functions raise.
const OWN_CLASSES: &[&str] = &["22", "23", "2F", "38", "39", "44", "P0"];

/// Where and how a statement is run.
pub(crate) struct Runner<'a> {
    pub(crate) plan: &'a LivePlan,
    pub(crate) pool: &'a Pool,
    /// The seed of the hashes.
    pub(crate) seed: &'a str,
    /// The number of the last change that was told before.
    pub(crate) number: u64,
}

impl Runner<'_> {
    /// Asks for these cohorts' results and hands them on. Returns how many were news, and the last error as it was
    /// told.
    ///
    /// An error that one cohort's values may be the reason of is told to no others: the batch is halved until
    /// those are found.
    pub(crate) async fn run<M: Member>(&self, cohorts: &[M]) -> (usize, Option<Error>) {
        let mut news = 0;
        let mut last_error = None;
        let mut waiting = vec![cohorts];
        while let Some(cohorts) = waiting.pop() {
            match self.attempt(cohorts).await {
                Ok(answers) => {
                    for (cohort, answer) in cohorts.iter().zip(answers) {
                        news += usize::from(cohort.answered(answer));
                    }
                }
                Err(error) if is_own(&error) && cohorts.len() > 1 => {
                    let (first, second) = cohorts.split_at(cohorts.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(error) => {
                    let cause = match is_own(&error) {
                        true => Cause::Own,
                        false => Cause::Common,
                    };
                    let error = error.to_error(Purpose::Operation);
                    let told = Arc::new(error.clone());
                    for cohort in cohorts {
                        news += usize::from(cohort.failed(&told, cause));
                    }
                    last_error = Some(error);
                }
            }
        }
        (news, last_error)
    }

    /// One run; a connection that was closed meanwhile says nothing about a statement that only reads.
    async fn attempt<M: Member>(&self, cohorts: &[M]) -> Result<Vec<Answer>, PgError> {
        match self.answers(cohorts).await {
            Err(error) if error.is_connection_error() => self.answers(cohorts).await,
            answers => answers,
        }
    }

    async fn answers<M: Member>(&self, cohorts: &[M]) -> Result<Vec<Answer>, PgError> {
        let parameters = self.parameters(cohorts);
        let parameters: Vec<_> = parameters.iter().map(|text| Some(text.as_str())).collect();
        let mut connection = self.pool.get().await?;
        let rows = connection
            .query_rows(&self.plan.statement, &parameters)
            .await?;
        drop(connection);
        let mut answers: Vec<Option<Answer>> = vec![None; cohorts.len()];
        for row in rows {
            let (position, answer) = read(row, self.number)?;
            let place = position.checked_sub(1);
            if let Some(place) = place.and_then(|position| answers.get_mut(position)) {
                *place = Some(answer);
            }
        }
        let complete: Option<Vec<_>> = answers.into_iter().collect();
        complete.ok_or_else(|| PgError::unexpected("the statement left out a cohort"))
    }

    fn parameters<M: Member>(&self, cohorts: &[M]) -> Vec<String> {
        let input = |input: &LiveInput| match input {
            LiveInput::Seed => self.seed.to_owned(),
            LiveInput::Hashes => {
                let hashes = cohorts.iter().map(Member::hash);
                let hashes: Vec<_> = hashes.collect();
                text_array(hashes.iter().map(Option::as_deref))
            }
            LiveInput::Value(index) => text_array(
                cohorts
                    .iter()
                    .map(|cohort| cohort.values()[*index].as_deref()),
            ),
        };
        self.plan.inputs.iter().map(input).collect()
    }
}

/// The columns of `graphloom_plan::LiveResult`.
fn read(row: Vec<Option<Bytes>>, told: u64) -> Result<(usize, Answer), PgError> {
    let mut columns = row.into_iter();
    let mut column = || columns.next().flatten();
    let text = |bytes: Option<Bytes>| -> Option<Arc<str>> {
        bytes.and_then(|bytes| Some(std::str::from_utf8(&bytes).ok()?.into()))
    };
    let number = text(column());
    let number = number.and_then(|number| number.parse().ok());
    let number = number.ok_or_else(|| PgError::unexpected("the statement numbers no cohort"))?;
    let answer = Answer {
        root: column(),
        hash: text(column()),
        seen: Seen {
            text: text(column()),
            number: told,
        },
        cursor: text(column()),
    };
    Ok((number, answer))
}

fn is_own(error: &PgError) -> bool {
    error
        .sqlstate()
        .is_some_and(|state| OWN_CLASSES.contains(&state.class()))
}
