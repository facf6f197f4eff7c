//! Commands, run one after the other on a request's work.
//!
//! Errors come out at `$.args`, those of a bulk's items at `$.args[i].args`, as v2 has them.

use std::pin::Pin;
use std::sync::Arc;

use graphloom_store::CatalogStateKind;
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, Result};
use serde_json::json;

use crate::apply::{self, View};
use crate::command::{Change, Client, Command, NativeChange, Version};
use crate::work::Work;
use crate::{check, document, legacy, look, many, run_sql};

/// Runs a command.
pub(crate) async fn run(work: &mut Work, command: Command) -> Result<Json> {
    let result = match command {
        // Boxed: it is a recursion.
        Command::Bulk(items) => Box::pin(bulk(work, items)).await,
        Command::ConcurrentBulk(items) => Box::pin(concurrently(work, items)).await,
        Command::BulkKeepGoing(items) => Box::pin(keep_going(work, items)).await,
        Command::BulkAtomic(items) => atomic(work, items).await,
        command => one(work, command).await,
    };
    result.map_err(|error| error.below(&ErrorPath::keys(&["args"])))
}

async fn one(work: &mut Work, command: Command) -> Result<Json> {
    match command {
        Command::Change(one) => change(work, one).await,
        Command::TrackTables(tables) => many::track(work, tables).await,
        Command::UntrackTables(tables) => many::untrack(work, tables).await,
        Command::Replace(replace) => document::replace(work, *replace).await,
        Command::Clear => document::clear(work).await,
        Command::DropInconsistent => document::drop_inconsistent(work).await,
        Command::Reload(reload) => document::reload(work, reload).await,
        Command::Export(version) => Ok(export(work, version)),
        Command::GetInconsistent => Ok(check::report(&work.candidate)),
        Command::GetNativeQueries(source) => apply::native_queries(view(work), &source),
        Command::GetLogicalModels(source) => apply::logical_models(view(work), &source),
        Command::GetCatalogState => get_catalog_state(work).await,
        Command::SetCatalogState(client, state) => set_catalog_state(work, client, &state).await,
        Command::RunSql(run) => run_sql::run(work, &run).await,
        Command::Insert(query) => legacy::insert(work, &query).await,
        Command::Update(query) => legacy::update(work, &query).await,
        Command::Delete(query) => legacy::delete(work, &query).await,
        Command::Select(select) => legacy::select(work, &select).await,
        Command::Count(count) => legacy::count(work, &count).await,
        Command::Look(look) => look::run(work, look).await,
        Command::NotBuilt(name) => Err(not_built(&name)),
        Command::Bulk(_)
        | Command::ConcurrentBulk(_)
        | Command::BulkKeepGoing(_)
        | Command::BulkAtomic(_) => unreachable!("run by the caller"),
    }
}

/// `{"message": "success"}`
pub(crate) fn success() -> Json {
    json!({"message": "success"})
}

fn not_built(name: &str) -> Error {
    let message = format!("the command {name:?} is not supported yet");
    Error::new(ErrorCode::NotSupported, message)
}

fn view(work: &Work) -> View<'_> {
    View {
        metadata: work.metadata(),
        schema: work.schema(),
    }
}

async fn change(work: &mut Work, change: Change) -> Result<Json> {
    if let Change::Section(change) = &change
        && let Some(answer) = apply::is_allowed_already(work.metadata(), change)
    {
        return Ok(answer);
    }
    let applied = apply::apply(view(work), change)?;
    let changed = work.change(applied.metadata, &applied.refresh, &applied.check);
    changed.await?;
    Ok(success())
}

async fn bulk(work: &mut Work, items: Vec<Command>) -> Result<Json> {
    let mut results = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let result = run(work, item).await;
        let at = ErrorPath::root().index(index);
        results.push(result.map_err(|error| error.below(&at))?);
    }
    Ok(Json::Array(results))
}

/// At most so many commands of one `concurrent_bulk` run at once; the pools have their own limits.
const CONCURRENT_MAX: usize = 16;

/// Commands that change no schema, each on a view of its own; results in order, the first error is the answer.
async fn concurrently(work: &Work, items: Vec<Command>) -> Result<Json> {
    if items.iter().any(Command::is_change) {
        return Err(Error::unexpected(
            "Only read-only queries are allowed in a concurrent_bulk",
        ));
    }
    let places = Arc::new(tokio::sync::Semaphore::new(CONCURRENT_MAX));
    let mut running = tokio::task::JoinSet::new();
    let count = items.len();
    for (index, item) in items.into_iter().enumerate() {
        let (mut own, places) = (work.another(), places.clone());
        running.spawn(async move {
            let _place = places.acquire().await;
            let result = boxed(&mut own, item).await;
            let at = ErrorPath::root().index(index);
            (index, result.map_err(|error| error.below(&at)))
        });
    }
    let mut results = vec![Json::Null; count];
    while let Some(done) = running.join_next().await {
        let (index, result) = done.map_err(|_| Error::unexpected("Internal Server Error"))?;
        results[index] = result?;
    }
    Ok(Json::Array(results))
}

/// [`run`] as a type with a name, which its own future can hold.
fn boxed(
    work: &mut Work,
    command: Command,
) -> Pin<Box<dyn Future<Output = Result<Json>> + Send + '_>> {
    Box::pin(run(work, command))
}

/// An item that fails leaves nothing behind, and its error stands in place of its result.
async fn keep_going(work: &mut Work, items: Vec<Command>) -> Result<Json> {
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let mark = work.mark();
        results.push(match run(work, item).await {
            Ok(result) => result,
            Err(error) => {
                work.go_back(mark);
                error_json(&error)
            }
        });
    }
    Ok(Json::Array(results))
}

/// `{"path", "error", "code", "internal"?}`; only admins get here.
fn error_json(error: &Error) -> Json {
    use graphloom_vocab::Internal;
    let mut json = json!({
        "path": error.path().to_string(),
        "error": error.message(),
        "code": error.code().as_str(),
    });
    if let (Some(Internal::Guarded(internal)), Some(object)) =
        (error.internal(), json.as_object_mut())
    {
        object.insert("internal".to_owned(), internal.clone());
    }
    json
}

/// All changes are made before anything is checked, so that they may depend on each other.
async fn atomic(work: &mut Work, items: Vec<Command>) -> Result<Json> {
    let mut metadata = (**work.metadata()).clone();
    for item in items {
        let Command::Change(change) = item else {
            return Err(not_atomic());
        };
        let is_allowed = matches!(
            change,
            Change::CreateRelationship(..) | Change::DropRelationship(..)
        );
        let is_allowed = is_allowed || is_tracking(&change);
        if !is_allowed {
            return Err(not_atomic());
        }
        // The schema stays the one before: only the last state must hold together.
        let seen = View {
            metadata: &metadata,
            schema: work.schema(),
        };
        metadata = apply::apply_unchecked(seen, change)?;
    }
    let refresh = crate::source::Refresh::nothing();
    let candidate = work.candidate(metadata.into(), &refresh).await;
    let new = check::new_inconsistencies(work.schema(), candidate.schema());
    check::conflicts(&new)?;
    if !new.is_empty() {
        let error = Error::new(ErrorCode::BadRequest, "Schema inconsistency");
        let each = new.iter().map(|one| candidate.render(&[one]));
        return Err(error.with_internal(each.collect()));
    }
    work.keep(candidate, &refresh);
    Ok(success())
}

/// Native queries and logical models come and go together; their permissions do not.
fn is_tracking(change: &Change) -> bool {
    let Change::Native(change) = change else {
        return false;
    };
    match **change {
        NativeChange::TrackQuery(..)
        | NativeChange::UntrackQuery(..)
        | NativeChange::TrackModel(..)
        | NativeChange::UntrackModel(..) => true,
        NativeChange::CreatePermission(..) | NativeChange::DropPermission(..) => false,
    }
}

fn not_atomic() -> Error {
    Error::unexpected("Bulk atomic does not support this command")
}

fn export(work: &Work, version: Version) -> Json {
    let metadata = work.metadata().to_json();
    match version {
        Version::V1 => metadata,
        Version::V2 => json!({
            "resource_version": work.version.number(),
            "metadata": metadata,
        }),
    }
}

async fn get_catalog_state(work: &Work) -> Result<Json> {
    let state = work.shared.store.catalog_state().await;
    let state = state.map_err(|error| error.to_error())?;
    Ok(json!({
        "id": state.id,
        "cli_state": state.cli_state,
        "console_state": state.console_state,
    }))
}

async fn set_catalog_state(work: &Work, client: Client, state: &Json) -> Result<Json> {
    let kind = match client {
        Client::Cli => CatalogStateKind::Cli,
        Client::Console => CatalogStateKind::Console,
    };
    let stored = work.shared.store.set_catalog_state(kind, state).await;
    stored.map_err(|error| error.to_error())?;
    Ok(success())
}
