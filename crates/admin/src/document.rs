//! Commands about the document as a whole: replace, clear, reload, drop what is inconsistent.

use std::collections::HashSet;
use std::sync::Arc;

use graphloom_metadata::types::{Source, Table};
use graphloom_metadata::{Document, Metadata};
use graphloom_schema::{RelationshipKind, SchemaCache};
use graphloom_vocab::{Error, Json, Result, SourceName};
use serde_json::json;

use crate::apply::{self, name};
use crate::check;
use crate::command::{Inconsistencies, PermissionKind, Reload, Replace, TableId, Version};
use crate::error::not_exists;
use crate::run::success;
use crate::source::Refresh;
use crate::state::Candidate;
use crate::work::Work;

/// `replace_metadata`
pub(crate) async fn replace(work: &mut Work, replace: Replace) -> Result<Json> {
    let metadata = match replace.document {
        Document::Current(metadata) => metadata,
        Document::Legacy(legacy) => legacy.replace(work.metadata())?,
    };
    apply::refuse_cycles(&metadata)?;
    let (candidate, refresh) = become_document(work, metadata).await;
    check::conflicts(&check::new_inconsistencies(
        work.schema(),
        candidate.schema(),
    ))?;
    if replace.inconsistencies == Inconsistencies::Refuse {
        check::strict(&candidate)?;
    }
    let answer = match replace.version {
        Version::V1 => success(),
        Version::V2 => check::report(&candidate),
    };
    work.keep(candidate, &refresh);
    Ok(answer)
}

/// Everything is read anew: a document is replaced after the database was changed.
async fn become_document(work: &Work, metadata: Metadata) -> (Candidate, Refresh) {
    let refresh = Refresh::sources(metadata.sources.keys().map(SourceName::as_str));
    let candidate = work.candidate(Arc::new(metadata), &refresh).await;
    (candidate, refresh)
}

/// `clear_metadata`: nothing is left but the connection of the `default` source.
pub(crate) async fn clear(work: &mut Work) -> Result<Json> {
    let mut metadata = Metadata::default();
    if let Some(default) = work.metadata().sources.get("default") {
        let default = apply::without_content(default);
        metadata.sources.insert(default.name.clone(), default);
    }
    let (candidate, refresh) = become_document(work, metadata).await;
    // A database that does not answer is no reason to keep what was tracked in it.
    work.keep(candidate, &refresh);
    Ok(success())
}

/// `reload_metadata`
pub(crate) async fn reload(work: &mut Work, reload: Reload) -> Result<Json> {
    let metadata = work.metadata().clone();
    let names = match reload {
        Reload::All => metadata.sources.keys().cloned().collect(),
        Reload::Sources(names) => names,
    };
    if let Some(name) = names
        .iter()
        .find(|name| !metadata.sources.contains_key(*name))
    {
        return Err(not_exists(format!(
            "Source with name \"{name}\" not found in metadata"
        )));
    }
    let refresh = Refresh::sources(names.iter().map(SourceName::as_str));
    let candidate = work.candidate(metadata, &refresh).await;
    let mut answer = check::report(&candidate);
    work.keep(candidate, &refresh);
    let Some(object) = answer.as_object_mut() else {
        return Ok(answer);
    };
    if object.get("is_consistent") == Some(&Json::Bool(true)) {
        object.remove("inconsistent_objects");
    }
    let mut result = json!({"message": "success"});
    if let Some(all) = result.as_object_mut() {
        all.append(object);
    }
    Ok(result)
}

/// `drop_inconsistent_metadata`. What this build does not serve yet stays.
pub(crate) async fn drop_inconsistent(work: &mut Work) -> Result<Json> {
    let mut metadata = (**work.metadata()).clone();
    purge(&mut metadata, work.schema());
    let refresh = Refresh::nothing();
    let candidate = work.candidate(Arc::new(metadata), &refresh).await;
    let left = check::faults(&candidate.schema().inconsistencies);
    if !left.is_empty() {
        let message = "cannot continue due to new inconsistent metadata";
        let error = Error::unexpected(message).with_status(400);
        return Err(error.with_internal(candidate.render(&left)));
    }
    work.keep(candidate, &refresh);
    Ok(success())
}

/// Removes every object that is inconsistent by its own fault.
fn purge(metadata: &mut Metadata, schema: &SchemaCache) {
    let faults = check::faults(&schema.inconsistencies);
    let faults: HashSet<&str> = faults.iter().map(|fault| fault.name.as_str()).collect();
    let is_fault = |name: String| faults.contains(name.as_str());
    metadata
        .sources
        .retain(|source, _| !is_fault(name::source(source)));
    metadata
        .inherited_roles
        .retain(|role, _| !is_fault(name::inherited_role(role)));
    for source in metadata.sources.values_mut() {
        purge_source(source, &is_fault);
    }
}

fn purge_source(source: &mut Source, is_fault: &dyn Fn(String) -> bool) {
    let id = |table: &Table| TableId {
        source: source.name.clone(),
        table: table.table.clone(),
    };
    source
        .tables
        .retain(|_, table| !is_fault(name::table(&id(table))));
    let name = source.name.clone();
    source
        .functions
        .retain(|function, _| !is_fault(name::function(&name, function)));
    for table in source.tables.values_mut().map(Arc::make_mut) {
        let id = TableId {
            source: source.name.clone(),
            table: table.table.clone(),
        };
        let keeps = |kind| {
            let id = &id;
            move |relationship: &str| !is_fault(name::relationship(id, kind, relationship))
        };
        let (object, array) = (
            keeps(RelationshipKind::Object),
            keeps(RelationshipKind::Array),
        );
        table
            .object_relationships
            .retain(|name, _| object(name.as_str()));
        table
            .array_relationships
            .retain(|name, _| array(name.as_str()));
        table
            .computed_fields
            .retain(|name, _| !is_fault(name::computed_field(&id, name)));
        let grants = |kind| {
            let id = &id;
            move |role: &str| !is_fault(name::permission(id, kind, role))
        };
        let select = grants(PermissionKind::Select);
        table
            .select_permissions
            .retain(|role, _| select(role.as_str()));
        let insert = grants(PermissionKind::Insert);
        table
            .insert_permissions
            .retain(|role, _| insert(role.as_str()));
        let update = grants(PermissionKind::Update);
        table
            .update_permissions
            .retain(|role, _| update(role.as_str()));
        let delete = grants(PermissionKind::Delete);
        table
            .delete_permissions
            .retain(|role, _| delete(role.as_str()));
    }
}
