//! Trying an expectation: its fixture and its operations in one transaction, which is rolled back.

use std::future::Future;

use graphloom_execute::GraphqlRequest;
use graphloom_vocab::{Error, ErrorCode, Json, Result, Session, SourceName};
use serde_json::json;

use crate::answer;
use crate::expectation::{Expectation, Fixture, Step, Wanted};
use crate::world::{Stage, World};

/// What became of one expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub verdict: Verdict,
}

/// Whether an expectation holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It does.
    Holds,
    /// It does not: never empty.
    Fails(Vec<Mismatch>),
    /// It could not be tried, and why.
    NotTried(String),
}

/// Something that is not as expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Which operation, counted from one.
    pub step: usize,
    /// What was looked at: `rows at orders`.
    pub what: String,
    /// What was expected.
    pub expected: Json,
    /// What was found.
    pub found: Json,
}

/// Tries one expectation of a file. Nothing stays of it.
pub async fn try_out(world: &World, fixture: &[Fixture], expectation: &Expectation) -> Outcome {
    let stage = world.stage();
    let verdict = match perform(&stage, fixture, expectation).await {
        Err(error) => Verdict::NotTried(error.message().to_owned()),
        Ok(mismatches) if mismatches.is_empty() => Verdict::Holds,
        Ok(mismatches) => Verdict::Fails(mismatches),
    };
    let ended = stage.end().await;
    Outcome {
        name: expectation.name.clone(),
        verdict: match (verdict, ended) {
            (Verdict::Holds, Err(error)) => Verdict::NotTried(error.message().to_owned()),
            (verdict, _) => verdict,
        },
    }
}

async fn perform(
    stage: &Stage,
    fixture: &[Fixture],
    expectation: &Expectation,
) -> Result<Vec<Mismatch>> {
    for part in fixture.iter().chain(&expectation.fixture) {
        let source = match &part.source {
            Some(source) => source.clone(),
            None => usual_source(stage)?,
        };
        let run = stage.run_sql(&source, &part.sql).await;
        run.map_err(|error| Error::validation(format!("in `setup`: {}", error.message())))?;
    }
    let mut mismatches = Vec::new();
    for (index, step) in expectation.steps.iter().enumerate() {
        let found = step_by_step(stage, step).await?;
        let found = found.into_iter().map(|(what, expected, found)| Mismatch {
            step: index + 1,
            what,
            expected,
            found,
        });
        mismatches.extend(found);
        if !mismatches.is_empty() {
            // What comes after it starts from something else than was meant.
            break;
        }
    }
    Ok(mismatches)
}

/// The only source there is, or the one that is called `default`.
fn usual_source(stage: &Stage) -> Result<SourceName> {
    let mut sources = stage.schema.sources.keys();
    match (sources.next(), sources.next()) {
        (None, _) => Err(Error::validation("no source is served")),
        (Some(only), None) => Ok(only.clone()),
        _ => match stage.schema.sources.contains_key("default") {
            true => Ok(SourceName::new("default")),
            false => Err(Error::validation(
                "there are several sources; `source` says which one `setup` is for",
            )),
        },
    }
}

type Difference = (String, Json, Json);

async fn step_by_step(stage: &Stage, step: &Step) -> Result<Vec<Difference>> {
    let request = GraphqlRequest::from_json(step.request.clone())?;
    let answer = boxed(stage.engine.graphql(&step.session, &request)).await;
    let answer = match answer {
        Ok(executed) => Ok(serde_json::from_slice::<Json>(&executed.data)
            .map_err(|_| Error::unexpected("the answer is not JSON"))?),
        Err(error) if cannot_be_tried(&error) => return Err(error),
        Err(error) => Err(error),
    };
    let wanted = step.wanted.iter();
    let mut differences = Vec::new();
    for wanted in wanted {
        let difference = match (&answer, wanted) {
            (Ok(data), Wanted::Denied { .. }) => Some((
                "the operation".to_owned(),
                Json::from("denied"),
                json!({ "data": data }),
            )),
            (Ok(data), wanted) => look(data, wanted),
            (Err(error), Wanted::Denied { .. }) => denial(stage, error, (&request, wanted)),
            (Err(error), _) => {
                // One error, however much was expected instead of it.
                differences.clear();
                differences.push(("the operation".to_owned(), Json::from("data"), told(error)));
                break;
            }
        };
        differences.extend(difference);
    }
    Ok(differences)
}

/// The state machine of a request is large; this one is not held on the stack of every caller.
fn boxed<'a, T>(
    future: impl Future<Output = T> + Send + 'a,
) -> std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(future)
}

/// Some things do not run inside of a transaction, or would not be undone with it.
fn cannot_be_tried(error: &Error) -> bool {
    match error.code() {
        // A subscription, and a permission that asks a webhook.
        ErrorCode::UnexpectedPayload | ErrorCode::NotSupported => true,
        ErrorCode::Unexpected => error.internal().is_none(),
        _ => false,
    }
}

fn told(error: &Error) -> Json {
    json!({
        "code": error.code().as_str(),
        "message": error.message(),
        "path": error.path().to_string(),
    })
}

fn look(data: &Json, wanted: &Wanted) -> Option<Difference> {
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    match wanted {
        Wanted::Data(expected) => (!answer::is_same(data, expected))
            .then(|| ("data".to_owned(), expected.clone(), data.clone())),
        Wanted::Rows(place, expected) => {
            let found = answer::at(data, place).map(|found| count(answer::rows(found).len()));
            (found != Some(*expected))
                .then(|| (format!("rows at {place}"), json!(expected), json!(found)))
        }
        Wanted::Affected(place, expected) => {
            let found = answer::at(data, place).and_then(|found| found.get("affected_rows"));
            let is_right = found.is_some_and(|found| answer::is_same(found, &json!(expected)));
            let difference = || {
                let what = format!("affected_rows of {place}");
                (what, json!(expected), json!(found))
            };
            (!is_right).then(difference)
        }
        Wanted::Includes(place, row) | Wanted::Excludes(place, row) => {
            let Some(found) = answer::at(data, place) else {
                return Some((format!("rows at {place}"), row.clone(), Json::Null));
            };
            let is_there = answer::rows(found)
                .into_iter()
                .any(|one| answer::has(one, row));
            let (is_right, what) = match wanted {
                Wanted::Includes(..) => (is_there, format!("a row at {place}")),
                _ => (!is_there, format!("no such row at {place}")),
            };
            (!is_right).then(|| (what, row.clone(), found.clone()))
        }
        Wanted::Denied { .. } => None,
    }
}

/// A refusal is a denial only if it comes from what the role may do: an operation that the admin could not run
/// either is a mistake in the expectation.
fn denial(
    stage: &Stage,
    error: &Error,
    (request, wanted): (&GraphqlRequest, &Wanted),
) -> Option<Difference> {
    let Wanted::Denied {
        code,
        message,
        path,
    } = wanted
    else {
        return None;
    };
    let what = || "the denial".to_owned();
    let pairs = [
        ("code", code, error.code().as_str().to_owned()),
        ("message", message, error.message().to_owned()),
        ("path", path, error.path().to_string()),
    ];
    for (key, expected, found) in pairs {
        if let Some(expected) = expected
            && *expected != found
        {
            let expected = json!({ key: expected });
            return Some((what(), expected, told(error)));
        }
    }
    let is_refusal = matches!(
        error.code(),
        ErrorCode::ValidationFailed
            | ErrorCode::PermissionError
            | ErrorCode::PermissionDenied
            | ErrorCode::AccessDenied
            | ErrorCode::NotFound
            | ErrorCode::Custom(_)
    );
    if !is_refusal && code.is_none() {
        let expected = Json::from("a denial");
        return Some((what(), expected, told(error)));
    }
    let as_admin = stage.engine.check(&Session::admin(), request).err();
    if let Some(refused) = as_admin.filter(|_| *error.code() == ErrorCode::ValidationFailed) {
        let expected = Json::from("an operation that the admin may run");
        return Some((what(), expected, told(&refused)));
    }
    None
}
