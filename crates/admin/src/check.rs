//! Inconsistencies before and after a change: which are new, and which of them refuse it.

use std::collections::HashSet;

use graphloom_schema::{Inconsistency, SchemaCache};
use graphloom_vocab::{Error, ErrorCode, Json, Result};
use serde_json::json;

use crate::state::Candidate;

/// What a change must not bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Any new inconsistency; one of this object (by its name in inconsistencies) is told as the reason.
    Object(String),
    /// Any new inconsistency, for changes that drop or rename.
    Nothing,
}

impl Check {
    /// The candidate's inconsistencies against those before it.
    pub(crate) fn run(&self, before: &SchemaCache, candidate: &Candidate) -> Result<()> {
        let new = new_inconsistencies(before, candidate.schema());
        if new.is_empty() {
            return Ok(());
        }
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
            Self::Nothing => {
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
    let (mut excused, mut faults): (Vec<_>, Vec<_>) =
        all.iter().partition(|found| found.is_unbuilt());
    let mut names: Vec<String> = Vec::new();
    while !excused.is_empty() {
        names.extend(excused.iter().filter_map(|found| quoted_name(found)));
        let depends = |found: &&Inconsistency| {
            let mut names = names.iter();
            names.any(|name| found.reason.contains(name.as_str()))
        };
        (excused, faults) = faults.into_iter().partition(depends);
    }
    faults
}

/// Kinds of objects that others are made of.
const NEEDED: [&str; 8] = [
    "table",
    "object_relation",
    "array_relation",
    "computed_field",
    "remote_relationship",
    "function",
    "logical_model",
    "native_query",
];

/// The object's own name as reasons quote it: of `object_relation author in table …`, `"author"`.
/// `None` if nothing else could depend on it.
fn quoted_name(inconsistency: &Inconsistency) -> Option<String> {
    if !NEEDED.contains(&inconsistency.kind) {
        return None;
    }
    let rest = inconsistency.name.strip_prefix(inconsistency.kind)?;
    let name = rest.trim_start().split(" in ").next()?;
    (!name.is_empty()).then(|| format!("\"{name}\""))
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

    fn found(kind: &'static str, name: &str, reason: &str) -> Inconsistency {
        Inconsistency::new(kind, name, reason, Json::Null)
    }

    #[test]
    fn what_depends_on_something_not_built_is_no_fault() {
        let all = [
            found(
                "table",
                "table color in source default",
                "enum tables are not built yet",
            ),
            found(
                "object_relation",
                "object_relation color in table car in source default",
                "table \"color\" is not tracked",
            ),
            found(
                "select_permission",
                "select_permission user in table car in source default",
                "field \"color\" does not exist in table \"car\"",
            ),
            found(
                "cron_trigger",
                "cron_trigger gone",
                "cron_triggers are not built yet",
            ),
            found(
                "table",
                "table gone in source default",
                "no such table/view exists in source: \"gone\"",
            ),
        ];
        let faults: Vec<_> = faults(&all)
            .iter()
            .map(|found| found.name.as_str())
            .collect();
        assert_eq!(faults, ["table gone in source default"]);
    }
}
