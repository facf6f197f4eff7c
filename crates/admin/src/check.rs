//! Inconsistencies before and after a change: which are new, and which of them refuse it.

use std::collections::HashSet;

use graphloom_schema::{Cause, Inconsistency, Part, SchemaCache};
use graphloom_vocab::{Error, ErrorCode, Json, Result, SourceName};
use serde_json::json;

use crate::state::Candidate;

/// What a change must not bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Any new inconsistency; one of this object (by its name in inconsistencies) is told as the reason.
    Object(String),
    /// Any new inconsistency, for changes that drop or rename.
    Nothing,
    /// A section that this build does not enforce yet, told by its name; anything else new.
    Section,
}

impl Check {
    /// The candidate's inconsistencies against those before it.
    pub(crate) fn run(&self, before: &SchemaCache, candidate: &Candidate) -> Result<()> {
        let new = new_inconsistencies(before, candidate.schema());
        if new.is_empty() {
            return Ok(());
        }
        conflicts(&new)?;
        match self {
            Self::Object(name) => {
                let own: Vec<_> = new.iter().copied().filter(|i| &i.name == name).collect();
                if own.is_empty() {
                    let message = "cannot continue due to new inconsistent metadata";
                    return Err(refusal(message, 400, candidate, &new));
                }
                let reasons: Vec<_> = own.iter().map(|i| i.reason.as_str()).collect();
                let error = Error::new(ErrorCode::InvalidConfiguration, reasons.join(", "));
                Err(error.with_internal(candidate.render(&own)))
            }
            Self::Section if new.iter().all(|found| found.cause == Cause::Unbuilt) => {
                let reasons: Vec<_> = new.iter().map(|found| found.bare_reason()).collect();
                Err(Error::new(ErrorCode::NotSupported, reasons.join(", ")))
            }
            Self::Nothing | Self::Section => {
                let message = "cannot continue due to newly found inconsistent metadata";
                Err(refusal(message, 500, candidate, &new))
            }
        }
    }
}

fn refusal(message: &str, status: u16, candidate: &Candidate, new: &[&Inconsistency]) -> Error {
    let error = Error::unexpected(message).with_status(status);
    error.with_internal(candidate.render(new))
}

/// What is inconsistent in `after` and was not before; objects are told apart by kind and name.
pub(crate) fn new_inconsistencies<'a>(
    before: &SchemaCache,
    after: &'a SchemaCache,
) -> Vec<&'a Inconsistency> {
    let known: HashSet<_> = before.inconsistencies.iter().map(id).collect();
    let after = after.inconsistencies.iter();
    let after = after.filter(|found| found.cause != Cause::Informational);
    after.filter(|found| !known.contains(&id(found))).collect()
}

fn id(inconsistency: &Inconsistency) -> (&'static str, &str) {
    (inconsistency.kind, &inconsistency.name)
}

/// A document that is taken only if it is consistent.
///
/// What this build does not serve yet is no fault of the document's, and neither is what depends on it.
pub(crate) fn strict(candidate: &Candidate) -> Result<()> {
    let faults = faults(&candidate.schema().inconsistencies);
    if faults.is_empty() {
        return Ok(());
    }
    let message = "cannot continue due to inconsistent metadata";
    Err(refusal(message, 400, candidate, &faults))
}

/// The inconsistencies that are the document's own: neither not built yet nor because something else is
/// not.
pub(crate) fn faults(all: &[Inconsistency]) -> Vec<&Inconsistency> {
    let found = all
        .iter()
        .filter(|found| found.cause != Cause::Informational);
    let (mut excused, mut faults): (Vec<_>, Vec<_>) =
        found.partition(|found| found.cause == Cause::Unbuilt);
    let mut parts: HashSet<(&SourceName, &Part)> = HashSet::new();
    while !excused.is_empty() {
        let known = excused.iter();
        parts.extend(known.filter_map(|found| found.source.as_ref().zip(found.part.as_ref())));
        (excused, faults) = faults
            .into_iter()
            .partition(|found| needs_any(found, &parts));
    }
    faults
}

fn needs_any(found: &Inconsistency, parts: &HashSet<(&SourceName, &Part)>) -> bool {
    match (&found.cause, &found.source) {
        (Cause::Needs(part), Some(source)) => parts.contains(&(source, &**part)),
        _ => false,
    }
}

/// Fails if two new things would have one name in schemas: v2 makes no schema of such a document.
pub(crate) fn conflicts(new: &[&Inconsistency]) -> Result<()> {
    let conflict = new.iter().find(|found| found.cause == Cause::Conflict);
    match conflict {
        None => Ok(()),
        Some(found) => Err(Error::unexpected(found.bare_reason())),
    }
}

/// `{"is_consistent", "inconsistent_objects"}`
pub(crate) fn report(candidate: &Candidate) -> Json {
    let all: Vec<_> = candidate.schema().inconsistencies.iter().collect();
    json!({
        "is_consistent": all.is_empty(),
        "inconsistent_objects": candidate.render(&all),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use graphloom_schema::Reason;
    use graphloom_vocab::QualifiedTable;

    fn found(kind: &'static str, name: &str, reason: Reason, part: Option<Part>) -> Inconsistency {
        let source = SourceName::new("default");
        let found = Inconsistency::new(kind, name, reason, Json::Null).within(&source);
        match part {
            Some(part) => found.about(part),
            None => found,
        }
    }

    #[test]
    fn what_depends_on_something_not_built_is_no_fault() {
        let table = |name: &str| Part::Table(QualifiedTable::new("public", name));
        let field = Part::Field(QualifiedTable::new("public", "car"), "color".to_owned());
        let all = [
            found(
                "table",
                "table color in source default",
                Reason::unbuilt("partitions are not built yet"),
                Some(table("color")),
            ),
            found(
                "object_relation",
                "object_relation color in table car in source default",
                Reason::needs(table("color"), "table \"color\" is not tracked"),
                Some(field.clone()),
            ),
            found(
                "select_permission",
                "select_permission user in table car in source default",
                Reason::needs(field, "\"color\" does not exist"),
                None,
            ),
            found(
                "cron_trigger",
                "cron_trigger c",
                Reason::unbuilt("not built yet"),
                None,
            ),
            // The words of a fault do not excuse it.
            found(
                "table",
                "table gone in source default",
                "no such table/view exists in source: \"are not built yet\"".into(),
                Some(table("gone")),
            ),
            found(
                "object_relation",
                "object_relation gone in table car in source default",
                Reason::needs(table("gone"), "table \"gone\" is not tracked"),
                None,
            ),
        ];
        let faults: Vec<_> = faults(&all)
            .iter()
            .map(|found| found.name.as_str())
            .collect();
        assert_eq!(
            faults,
            [
                "table gone in source default",
                "object_relation gone in table car in source default"
            ]
        );
    }
}
