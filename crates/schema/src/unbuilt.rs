//! What a document may say and this build does not serve: held against the register, whose words are the reasons.
//!
//! The register is `metadata/src/support.rs`.

use graphloom_metadata::Metadata;
use graphloom_metadata::support::{self, DOCUMENT, Object, SOURCE, TABLE};
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
            let reason = Reason::unbuilt(support::refusal(&DOCUMENT, section));
            found.push(Inconsistency::new(
                kind,
                format!("{kind} {name}"),
                reason,
                object.clone(),
            ));
        }
    }
    for (key, value) in &metadata.sections {
        if DOCUMENT.key(key).is_none() && !is_empty(value) {
            let reason = Reason::unbuilt(support::not_understood(key));
            found.push(Inconsistency::new("metadata", key, reason, value.clone()));
        }
    }
    found
}

/// Objects of a source that are not built yet.
pub(crate) fn of_source(source: &Source) -> Vec<Inconsistency> {
    let mut found = Vec::new();
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
            let reason = Reason::unbuilt(support::refusal(&SOURCE, key));
            found.push(Inconsistency::new(kind, name, reason, object.clone()));
        }
    }
    found
}

/// Parts of a table that are not built yet; the table itself is served without them.
pub(crate) fn of_table(source: &Source, table: &Table) -> Vec<Inconsistency> {
    if table.extra.is_empty() {
        return Vec::new();
    }
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
            let reason = Reason::unbuilt(support::refusal(&TABLE, key));
            let shown = format!("{kind} {name} {place}");
            let part = Part::Field(table.table.clone(), name.to_owned());
            let one = Inconsistency::new(kind, shown, reason, object.clone());
            found.push(one.within(&source.name).about(part));
        }
    }
    found
}

/// Why a whole source cannot be served, if it says something that is refused or not understood.
pub(crate) fn of_whole_source(source: &Source) -> Option<Reason> {
    support::misfit(&SOURCE, &source.extra, &["stored_procedures"])
        .or_else(|| source.configuration.misfit())
        .or_else(|| support::misfit(&support::CUSTOMIZATION, &source.customization.extra, &[]))
        .map(Reason::unbuilt)
}

/// Why a whole table cannot be served, if it says something that is refused or not understood.
pub(crate) fn table_blocker(table: &Table) -> Option<Reason> {
    const PARTS: &[&str] = &["event_triggers", "remote_relationships"];
    let configuration = &table.configuration;
    let root_fields = configuration.custom_root_fields.values();
    let columns = configuration.column_config.values();
    support::misfit(&TABLE, &table.extra, PARTS)
        .or_else(|| support::misfit(&support::TABLE_CONFIGURATION, &configuration.extra, &[]))
        .or_else(|| first(&support::ROOT_FIELD, root_fields.map(|field| &field.extra)))
        .or_else(|| {
            first(
                &support::COLUMN_CONFIGURATION,
                columns.map(|column| &column.extra),
            )
        })
        .map(Reason::unbuilt)
}

fn first<'a>(
    object: &'static Object,
    mut extra: impl Iterator<Item = &'a JsonObject>,
) -> Option<String> {
    extra.find_map(|extra| support::misfit(object, extra, &[]))
}

/// Why an object is not served that has keys which nobody read.
pub(crate) fn misfit(object: &'static Object, extra: &JsonObject) -> Option<Reason> {
    support::misfit(object, extra, &[]).map(Reason::unbuilt)
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
