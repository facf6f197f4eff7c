//! What a document may say and this build does not serve yet: one place that names it all.

use graphloom_metadata::Metadata;
use graphloom_metadata::types::{Source, Table};
use graphloom_vocab::{Json, JsonObject};

use crate::{Inconsistency, Part, Reason};

/// Top-level sections and the kind of their objects.
const SECTIONS: &[(&str, &str)] = &[
    ("remote_schemas", "remote_schema"),
    ("actions", "action"),
    ("cron_triggers", "cron_trigger"),
    ("rest_endpoints", "rest_endpoint"),
];

/// Objects of whole features that are not built yet.
pub(crate) fn of_document(metadata: &Metadata) -> Vec<Inconsistency> {
    let mut found = Vec::new();
    for (section, kind) in SECTIONS {
        for object in items(metadata.sections.get(*section)) {
            let name = object
                .get("name")
                .and_then(Json::as_str)
                .unwrap_or_default();
            let reason = Reason::unbuilt(format!("{section} are not built yet"));
            found.push(Inconsistency::new(
                kind,
                format!("{kind} {name}"),
                reason,
                object.clone(),
            ));
        }
    }
    found
}

/// Objects of a source that are not built yet.
pub(crate) fn of_source(source: &Source) -> Vec<Inconsistency> {
    let mut found = Vec::new();
    // The source is served all the same: reading from its primary shows nothing more.
    if let Some(replicas) = source.configuration.extra.get("read_replicas")
        && !is_empty(replicas)
    {
        let name = format!("read_replicas of source {}", source.name);
        let reason =
            Reason::unbuilt("read_replicas are not built yet: every query goes to the primary");
        let definition = Json::from(source.name.as_str());
        found.push(Inconsistency::new("source", name, reason, definition));
    }
    let kinds = [("stored_procedures", "stored_procedure", "stored_procedure")];
    for (key, kind, name_key) in kinds {
        for object in items(source.extra.get(key)) {
            let name = object
                .get(name_key)
                .map(ToString::to_string)
                .unwrap_or_default();
            let name = format!(
                "{kind} {} in source {}",
                name.trim_matches('"'),
                source.name
            );
            let reason = Reason::unbuilt(format!("{key} are not built yet"));
            found.push(Inconsistency::new(kind, name, reason, object.clone()));
        }
    }
    found
}

/// Parts of a table that are not built yet; the table itself is served without them.
pub(crate) fn of_table(source: &Source, table: &Table) -> Vec<Inconsistency> {
    let place = format!(
        "in table {} in source {}",
        table.table.display_name(),
        source.name
    );
    let mut found = Vec::new();
    let kinds = [
        ("event_triggers", "event_trigger"),
        ("remote_relationships", "remote_relationship"),
    ];
    for (key, kind) in kinds {
        for object in items(table.extra.get(key)) {
            let name = object
                .get("name")
                .and_then(Json::as_str)
                .unwrap_or_default();
            let reason = Reason::unbuilt(format!("{key} are not built yet"));
            let shown = format!("{kind} {name} {place}");
            let part = Part::Field(table.table.clone(), name.to_owned());
            let one = Inconsistency::new(kind, shown, reason, object.clone());
            found.push(one.within(&source.name).about(part));
        }
    }
    found
}

/// Why a whole table cannot be served, if it says something that is not understood.
pub(crate) fn table_blocker(table: &Table) -> Option<Reason> {
    const PARTS: &[&str] = &[
        "event_triggers",
        "remote_relationships",
        "apollo_federation_config",
    ];
    let extra = table
        .extra
        .iter()
        .find(|(key, value)| !PARTS.contains(&key.as_str()) && !is_empty(value));
    if let Some((key, _)) = extra {
        return Some(Reason::unbuilt(format!(
            "the key {key:?} is not understood"
        )));
    }
    unknown_key(&table.configuration.extra)
}

/// Why an object with unknown keys is not served.
pub(crate) fn unknown_key(extra: &JsonObject) -> Option<Reason> {
    let (key, _) = extra.iter().find(|(_, value)| !is_empty(value))?;
    Some(Reason::unbuilt(format!(
        "the key {key:?} is not understood"
    )))
}

fn items(value: Option<&Json>) -> &[Json] {
    value.and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(object) => object.is_empty(),
        _ => false,
    }
}
