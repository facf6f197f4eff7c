//! `track_tables` and `untrack_tables`: as many as can be, a warning for each of the others.

use graphloom_metadata::Metadata;
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, Result};
use serde_json::json;

use crate::apply::{self, View, name};
use crate::check::{conflicts, new_inconsistencies};
use crate::command::{Cascade, Many, TableId, TrackTable, UntrackTable, Warnings};
use crate::dependency;
use crate::source::Refresh;
use crate::work::Work;

/// `{"code", "message", "name", "type"}`
struct Warning {
    code: &'static str,
    table: TableId,
    message: String,
}

impl Warning {
    fn to_json(&self) -> Json {
        json!({
            "code": self.code,
            "message": self.message,
            "name": name::table(&self.table),
            "type": "table",
        })
    }
}

/// One of several tables.
trait Item: Clone {
    /// Of its warnings.
    const CODE: &'static str;

    fn id(&self) -> &TableId;

    /// Applies it; nothing is checked.
    fn apply(&self, view: View<'_>, metadata: &mut Metadata) -> Result<()>;
}

impl Item for TrackTable {
    const CODE: &'static str = "track-table-failed";

    fn id(&self) -> &TableId {
        &self.id
    }

    fn apply(&self, _view: View<'_>, metadata: &mut Metadata) -> Result<()> {
        if let Some(source) = metadata.sources.get_mut(&self.id.source) {
            apply::track(source, self.clone());
        }
        Ok(())
    }
}

impl Item for UntrackTable {
    const CODE: &'static str = "untrack-table-failed";

    fn id(&self) -> &TableId {
        &self.id
    }

    fn apply(&self, view: View<'_>, metadata: &mut Metadata) -> Result<()> {
        let dependents = apply::untrack_blockers(view, &self.id)?;
        if let Some(source) = metadata.sources.get_mut(&self.id.source) {
            apply::untrack(source, &self.id, &dependents);
        }
        Ok(())
    }
}

/// `track_tables`
pub(crate) async fn track(work: &mut Work, tables: Many<TrackTable>) -> Result<Json> {
    refuse_duplicates(&tables.items)?;
    let mut warnings = Vec::new();
    let mut items = Vec::new();
    for item in tables.items {
        match apply::check_tracked(view(work), &item.id) {
            Ok(()) => items.push(item),
            Err(error) => warnings.push(warning(&item, error.message())),
        }
    }
    let done = as_many_as_possible(work, items, &mut warnings).await?;
    finish(
        done,
        &warnings,
        tables.warnings,
        "all tables failed to track",
    )
}

/// `untrack_tables`
pub(crate) async fn untrack(work: &mut Work, tables: Many<UntrackTable>) -> Result<Json> {
    refuse_duplicates(&tables.items)?;
    let mut warnings = Vec::new();
    let mut items = Vec::new();
    let going: Vec<TableId> = tables.items.iter().map(|item| item.id.clone()).collect();
    for item in tables.items {
        match untrackable(view(work), &item, &going) {
            Ok(()) => items.push(item),
            Err(error) => warnings.push(warning(&item, error.message())),
        }
    }
    let done = as_many_as_possible(work, items, &mut warnings).await?;
    finish(
        done,
        &warnings,
        tables.warnings,
        "all tables failed to untrack",
    )
}

/// What depends on the table from outside of all that are going.
fn untrackable(view: View<'_>, item: &UntrackTable, going: &[TableId]) -> Result<()> {
    let id = &item.id;
    apply::check_untracked(view, id)?;
    let dependents = apply::untrack_blockers(view, id)?;
    let stays = |dependent: &dependency::Dependent| {
        let table = dependent.table();
        let mut going = going.iter();
        !going.any(|other| other.source == id.source && Some(&other.table) == table)
    };
    if item.cascade == Cascade::Refuse && dependents.iter().any(stays) {
        return apply::refuse_dependents(&id.source, &dependents, Cascade::Refuse);
    }
    Ok(())
}

fn view(work: &Work) -> View<'_> {
    View {
        metadata: work.metadata(),
        schema: work.schema(),
    }
}

fn warning<T: Item>(item: &T, message: &str) -> Warning {
    Warning {
        code: T::CODE,
        table: item.id().clone(),
        message: message.to_owned(),
    }
}

fn refuse_duplicates<T: Item>(items: &[T]) -> Result<()> {
    let mut ids: Vec<&TableId> = items.iter().map(Item::id).collect();
    ids.sort();
    let mut twice: Vec<&TableId> = Vec::new();
    for pair in ids.windows(2) {
        if pair[0] == pair[1] && twice.last() != Some(&pair[0]) {
            twice.push(pair[0]);
        }
    }
    if twice.is_empty() {
        return Ok(());
    }
    let listed: Vec<_> = twice.iter().map(|id| id.display()).collect();
    let listed = listed.join(", ");
    let message = format!("The following tables occur more than once in the request: {listed}");
    Err(Error::new(ErrorCode::BadRequest, message).at(ErrorPath::keys(&["tables"])))
}

/// Applies all; if some come out inconsistent, applies the others alone. Gives how many were applied.
async fn as_many_as_possible<T: Item>(
    work: &mut Work,
    mut items: Vec<T>,
    warnings: &mut Vec<Warning>,
) -> Result<usize> {
    // The second attempt is without those that failed; a third could not be better.
    for _ in 0..2 {
        let mut metadata = (**work.metadata()).clone();
        let mut refresh = Refresh::nothing();
        for item in &items {
            item.apply(view(work), &mut metadata)?;
            let TableId { source, table } = item.id();
            refresh = refresh.table(source.as_str(), table.clone());
        }
        let candidate = work.candidate(metadata.into(), &refresh).await;
        let new = new_inconsistencies(work.schema(), candidate.schema());
        if new.is_empty() {
            work.keep(candidate, &refresh);
            return Ok(items.len());
        }
        conflicts(&new)?;
        let before = items.len();
        items.retain(|item| {
            let name = name::table(item.id());
            let reasons: Vec<_> = new
                .iter()
                .filter(|found| found.name == name)
                .map(|found| found.reason.as_str())
                .collect();
            if !reasons.is_empty() {
                warnings.push(warning(item, &reasons.join(", ")));
            }
            reasons.is_empty()
        });
        if items.len() == before {
            let message = "cannot continue due to newly found inconsistent metadata";
            let error = Error::unexpected(message).with_status(400);
            return Err(error.with_internal(candidate.render(&new)));
        }
    }
    Err(Error::unexpected("tables that failed before failed again").with_status(400))
}

fn finish(done: usize, warnings: &[Warning], policy: Warnings, none: &str) -> Result<Json> {
    let listed = || warnings.iter().map(Warning::to_json).collect::<Json>();
    if done == 0 {
        let error = Error::new(ErrorCode::InvalidConfiguration, none);
        return Err(error.with_internal(listed()));
    }
    if policy == Warnings::Refuse && !warnings.is_empty() {
        let message = "failed due to metadata warnings";
        let error = Error::new(ErrorCode::MetadataWarnings, message);
        return Err(error.with_internal(listed()));
    }
    let mut answer = json!({"message": "success"});
    if let (false, Some(object)) = (warnings.is_empty(), answer.as_object_mut()) {
        object.insert("warnings".to_owned(), listed());
    }
    Ok(answer)
}
