//! Sources: add, update, drop, rename.

use graphloom_metadata::Metadata;
use graphloom_metadata::types::{Source, SourceConfiguration, SourceCustomization};
use graphloom_vocab::{Json, JsonObject, Result, SourceName};
use indexmap::IndexMap;

use super::{Applied, View, name};
use crate::check::Check;
use crate::command::{AddSource, Cascade, Existing, UpdateSource};
use crate::error;
use crate::source::Refresh;

/// A Postgres source without tables.
pub(crate) fn new_source(name: SourceName, configuration: SourceConfiguration) -> Source {
    Source {
        name,
        kind: "postgres".to_owned(),
        tables: IndexMap::new(),
        functions: IndexMap::new(),
        native_queries: IndexMap::new(),
        logical_models: IndexMap::new(),
        configuration,
        customization: SourceCustomization::default(),
        extra: JsonObject::new(),
    }
}

/// The source's connection alone.
pub(crate) fn without_content(source: &Source) -> Source {
    Source {
        kind: source.kind.clone(),
        ..new_source(source.name.clone(), source.configuration.clone())
    }
}

pub(super) fn add(view: View<'_>, add: AddSource) -> Result<Applied> {
    let AddSource {
        name,
        dialect,
        configuration,
        customization,
        health_check,
        existing,
    } = add;
    let mut metadata = view.metadata.clone();
    let is_served = view.schema.sources.contains_key(&name);
    match metadata.sources.get_mut(&name) {
        Some(_) if is_served && existing == Existing::Refuse => {
            return Err(error::already_exists(format!(
                "source with name \"{name}\" already exists"
            )));
        }
        Some(source) if is_served => {
            source.configuration = configuration;
            source.customization = customization;
            set_health_check(source, health_check);
        }
        // One that is in the document and not served is replaced, as with v2.
        _ => {
            let mut source = new_source(name.clone(), configuration);
            dialect.kind().clone_into(&mut source.kind);
            source.customization = customization;
            set_health_check(&mut source, health_check);
            metadata.sources.insert(name.clone(), source);
        }
    }
    Ok(changed(metadata, &name))
}

pub(super) fn update(view: View<'_>, update: UpdateSource) -> Result<Applied> {
    view.source(&update.name)?;
    let name = update.name;
    let metadata = view.with_source(&name, |source| {
        if let Some(configuration) = update.configuration {
            source.configuration = configuration;
        }
        if let Some(customization) = update.customization {
            source.customization = customization;
        }
        set_health_check(source, update.health_check);
    });
    Ok(changed(metadata, &name))
}

/// Replaces `query_tags` as a whole.
pub(super) fn set_query_tags(
    view: View<'_>,
    name: &SourceName,
    tags: JsonObject,
) -> Result<Applied> {
    if !view.metadata.sources.contains_key(name) {
        return Err(error::no_source(view.metadata, name));
    }
    let metadata = view.with_source(name, |source| {
        source
            .extra
            .insert("query_tags".to_owned(), Json::Object(tags));
    });
    Ok(changed(metadata, name))
}

fn set_health_check(source: &mut Source, health_check: Option<Json>) {
    if let Some(health_check) = health_check {
        source.extra.insert("health_check".to_owned(), health_check);
    }
}

fn changed(metadata: Metadata, name: &SourceName) -> Applied {
    Applied {
        metadata,
        refresh: Refresh::sources([name.as_str()]),
        check: Check::Object(name::source(name)),
    }
}

/// Nothing outside a source depends on it yet: remote relationships are not built.
pub(super) fn drop(view: View<'_>, name: &SourceName, cascade: Cascade) -> Result<Applied> {
    if !view.metadata.sources.contains_key(name) {
        return Err(error::no_source(view.metadata, name));
    }
    // Without knowing what it had, nothing can be said about what depends on it.
    if cascade == Cascade::Drop && !view.schema.sources.contains_key(name) {
        return Err(error::inconsistent_source(name));
    }
    let mut metadata = view.metadata.clone();
    metadata.sources.shift_remove(name);
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Object(name::source(name)),
    })
}

pub(super) fn rename(view: View<'_>, name: &SourceName, new_name: &SourceName) -> Result<Applied> {
    if !view.schema.sources.contains_key(name) {
        return Err(error::not_exists(format!(
            "Could not find source with name \"{name}\""
        )));
    }
    if view.schema.sources.contains_key(new_name) {
        return Err(error::already_exists(format!(
            "Source with name \"{new_name}\" already exists"
        )));
    }
    let mut metadata = view.metadata.clone();
    if let Some(mut source) = metadata.sources.shift_remove(name) {
        source.name = new_name.clone();
        metadata.sources.insert(new_name.clone(), source);
    }
    Ok(changed(metadata, new_name))
}
