//! Changes to the document beside its sources: query collections, the allow list, limits and settings.
//!
//! These sections are JSON as documents have it; what commands put there was read by `section_args.rs`.
//! What they do to requests is not decided here: `schema` reads them and `execute` holds them against requests.
//! A section that cannot be read is inconsistent, and a change that would bring that about is refused.

use graphloom_metadata::Metadata;
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, JsonObject, Result};
use serde_json::json;

use super::{Applied, View};
use crate::check::Check;
use crate::command::Cascade;
use crate::error::{already_exists, not_exists};
use crate::source::Refresh;

/// A change to a section.
#[derive(Clone, Debug)]
pub(crate) enum SectionChange {
    /// `create_query_collection`: the collection as documents have it.
    CreateCollection(String, Json),
    /// `rename_query_collection`
    RenameCollection { name: String, new_name: String },
    /// `drop_query_collection`
    DropCollection(String, Cascade),
    /// `add_query_to_collection`: the query as documents have it.
    AddQuery {
        collection: String,
        name: String,
        query: Json,
    },
    /// `drop_query_from_collection`
    DropQuery { collection: String, name: String },
    /// `add_collection_to_allowlist`
    Allow { collection: String, scope: Json },
    /// `drop_collection_from_allowlist`
    Disallow(String),
    /// `update_scope_of_collection_in_allowlist`
    SetScope { collection: String, scope: Json },
    /// `add_host_to_tls_allowlist`: the entry as documents have it.
    AddTlsHost(String, Json),
    /// `drop_host_from_tls_allowlist`
    DropTlsHost(String),
    /// A section that is one object; an empty one goes.
    Set(&'static str, JsonObject),
    /// `set_opentelemetry_status`
    SetOpenTelemetryStatus(String),
}

/// Whether the allow list has a collection already: then adding it says so and changes nothing.
pub(crate) fn is_allowed_already(metadata: &Metadata, change: &SectionChange) -> Option<Json> {
    let SectionChange::Allow { collection, .. } = change else {
        return None;
    };
    find(items(metadata, ALLOWLIST), "collection", collection)?;
    let message = format!(
        "collection \"{collection}\" already exists in the allowlist, scope ignored; to change scope, \
         use update_scope_of_collection_in_allowlist"
    );
    Some(json!({"message": message}))
}

pub(super) fn apply(view: View<'_>, change: SectionChange) -> Result<Applied> {
    let mut metadata = view.metadata.clone();
    match change {
        SectionChange::CreateCollection(name, collection) => {
            create_collection(&mut metadata, &name, collection)?;
        }
        SectionChange::RenameCollection { name, new_name } => {
            rename_collection(&mut metadata, &name, &new_name)?;
        }
        SectionChange::DropCollection(name, cascade) => {
            drop_collection(&mut metadata, &name, cascade)?;
        }
        SectionChange::AddQuery {
            collection,
            name,
            query,
        } => add_query(&mut metadata, &collection, &name, query)?,
        SectionChange::DropQuery { collection, name } => {
            drop_query(&mut metadata, &collection, &name)?;
        }
        SectionChange::Allow { collection, scope } => {
            collection_of(&metadata, &collection)
                .map_err(|error| error.below(&ErrorPath::keys(&["collection"])))?;
            let entry = json!({"collection": collection, "scope": scope});
            list(&mut metadata, ALLOWLIST).push(entry);
        }
        SectionChange::Disallow(collection) => {
            let place = allowed(&metadata, &collection)?;
            list(&mut metadata, ALLOWLIST).remove(place);
        }
        SectionChange::SetScope { collection, scope } => {
            let place = allowed(&metadata, &collection)?;
            list(&mut metadata, ALLOWLIST)[place]["scope"] = scope;
        }
        SectionChange::AddTlsHost(host, entry) => add_tls_host(&mut metadata, &host, entry)?,
        SectionChange::DropTlsHost(host) => drop_tls_host(&mut metadata, &host)?,
        SectionChange::Set(key, object) => {
            metadata
                .sections
                .insert(key.to_owned(), Json::Object(object));
        }
        SectionChange::SetOpenTelemetryStatus(status) => {
            let settings = object(&mut metadata, OPENTELEMETRY);
            settings.insert("status".to_owned(), status.into());
        }
    }
    drop_empty(&mut metadata);
    check_open_telemetry(&metadata)?;
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Section,
    })
}

const COLLECTIONS: &str = "query_collections";
const ALLOWLIST: &str = "allowlist";
const NETWORK: &str = "network";
const OPENTELEMETRY: &str = "opentelemetry";

fn create_collection(metadata: &mut Metadata, name: &str, collection: Json) -> Result<()> {
    if find(items(metadata, COLLECTIONS), "name", name).is_some() {
        let error = already_exists(format!(
            "query collection with name \"{name}\" already exists"
        ));
        return Err(error.at(ErrorPath::keys(&["name"])));
    }
    list(metadata, COLLECTIONS).push(collection);
    Ok(())
}

fn rename_collection(metadata: &mut Metadata, name: &str, new_name: &str) -> Result<()> {
    let place = collection_of(metadata, name)?;
    if find(items(metadata, COLLECTIONS), "name", new_name).is_some() {
        let text = format!("query collection with name \"{new_name}\" already exists");
        return Err(already_exists(text).at(ErrorPath::keys(&["new_name"])));
    }
    list(metadata, COLLECTIONS)[place]["name"] = new_name.into();
    // What refers to it goes along; otherwise the allow list would let less through than before.
    for entry in list(metadata, ALLOWLIST) {
        if entry["collection"] == name {
            entry["collection"] = new_name.into();
        }
    }
    for endpoint in list(metadata, "rest_endpoints") {
        if let Some(used) = endpoint.pointer_mut("/definition/query/collection_name")
            && *used == name
        {
            *used = new_name.into();
        }
    }
    Ok(())
}

fn drop_collection(metadata: &mut Metadata, name: &str, cascade: Cascade) -> Result<()> {
    let below = |error: Error| error.below(&ErrorPath::keys(&["collection"]));
    let place = collection_of(metadata, name).map_err(below)?;
    if let Some(allowed) = find(items(metadata, ALLOWLIST), "collection", name) {
        if cascade == Cascade::Refuse {
            let message = format!(
                "query collection with name \"{name}\" is present in the allowlist; cannot proceed to \
                 drop. please use cascade to confirm you wish to drop it from the allowlist as well"
            );
            return Err(below(Error::new(ErrorCode::DependencyError, message)));
        }
        list(metadata, ALLOWLIST).remove(allowed);
    }
    list(metadata, COLLECTIONS).remove(place);
    Ok(())
}

fn add_query(metadata: &mut Metadata, collection: &str, name: &str, query: Json) -> Result<()> {
    let queries = queries(metadata, collection)?;
    if find(queries, "name", name).is_some() {
        return Err(already_exists(format!(
            "query with name \"{name}\" already exists in collection \"{collection}\""
        )));
    }
    queries.push(query);
    Ok(())
}

fn drop_query(metadata: &mut Metadata, collection: &str, name: &str) -> Result<()> {
    let queries = queries(metadata, collection)?;
    let place = find(queries, "name", name).ok_or_else(|| {
        let message =
            format!("query with name \"{name}\" not found in collection \"{collection}\"");
        Error::new(ErrorCode::NotFound, message)
    })?;
    queries.remove(place);
    Ok(())
}

fn add_tls_host(metadata: &mut Metadata, host: &str, entry: Json) -> Result<()> {
    if find(tls_hosts(metadata), "host", host).is_some() {
        let message = format!("the host \"{host}\" already exists in the allowlist");
        return Err(already_exists(message));
    }
    tls_hosts(metadata).push(entry);
    Ok(())
}

fn drop_tls_host(metadata: &mut Metadata, host: &str) -> Result<()> {
    let hosts = tls_hosts(metadata);
    let place = find(hosts, "host", host).ok_or_else(|| {
        not_exists(format!(
            "the host \"{host}\" isn't present in the allowlist"
        ))
    })?;
    hosts.remove(place);
    Ok(())
}

/// What is switched on must be able to run.
fn check_open_telemetry(metadata: &Metadata) -> Result<()> {
    const NEEDS: [(&str, &str, &str); 3] = [
        (
            "traces",
            "otlp_traces_endpoint",
            "Traces export is enabled but tracing endpoint missing",
        ),
        (
            "metrics",
            "otlp_metrics_endpoint",
            "Metrics export is enabled but metrics endpoint missing",
        ),
        (
            "logs",
            "otlp_logs_endpoint",
            "Logs export is enabled but logs endpoint missing",
        ),
    ];
    let Some(settings) = metadata.sections.get(OPENTELEMETRY) else {
        return Ok(());
    };
    if settings["status"] != "enabled" {
        return Ok(());
    }
    let types = settings["data_types"].as_array();
    let has = |ty: &str| types.is_some_and(|types| types.iter().any(|one| one == ty));
    for (ty, endpoint, message) in NEEDS {
        if has(ty) && settings["exporter_otlp"][endpoint].is_null() {
            let message = format!("Inconsistent object: {message}");
            return Err(Error::new(ErrorCode::InvalidConfiguration, message));
        }
    }
    Ok(())
}

/// The place of a collection.
fn collection_of(metadata: &Metadata, name: &str) -> Result<usize> {
    let place = find(items(metadata, COLLECTIONS), "name", name);
    place.ok_or_else(|| {
        not_exists(format!(
            "query collection with name \"{name}\" does not exist"
        ))
    })
}

/// The place of a collection's entry in the allow list. v2 asks for the collection first.
fn allowed(metadata: &Metadata, collection: &str) -> Result<usize> {
    collection_of(metadata, collection)
        .map_err(|error| error.at(ErrorPath::keys(&["collection"])))?;
    let place = find(items(metadata, ALLOWLIST), "collection", collection);
    place.ok_or_else(|| {
        let message = format!("collection \"{collection}\" doesn't exist in the allowlist");
        Error::new(ErrorCode::NotFound, message)
    })
}

fn queries<'a>(metadata: &'a mut Metadata, collection: &str) -> Result<&'a mut Vec<Json>> {
    let place = collection_of(metadata, collection)
        .map_err(|error| error.below(&ErrorPath::keys(&["collection_name"])))?;
    let definition = &mut list(metadata, COLLECTIONS)[place]["definition"];
    Ok(as_list(&mut definition["queries"]))
}

fn tls_hosts(metadata: &mut Metadata) -> &mut Vec<Json> {
    let network = object(metadata, NETWORK);
    as_list(network.entry("tls_allowlist").or_insert(Json::Null))
}

fn items<'a>(metadata: &'a Metadata, section: &str) -> &'a [Json] {
    let items = metadata.sections.get(section).and_then(Json::as_array);
    items.map_or(&[], Vec::as_slice)
}

fn find(items: &[Json], key: &str, value: &str) -> Option<usize> {
    items.iter().position(|item| item[key] == value)
}

fn list<'a>(metadata: &'a mut Metadata, section: &str) -> &'a mut Vec<Json> {
    let sections = &mut metadata.sections;
    as_list(sections.entry(section.to_owned()).or_insert(Json::Null))
}

fn object<'a>(metadata: &'a mut Metadata, section: &str) -> &'a mut JsonObject {
    let sections = &mut metadata.sections;
    let value = sections.entry(section.to_owned()).or_insert(Json::Null);
    if !value.is_object() {
        *value = Json::Object(JsonObject::new());
    }
    value.as_object_mut().expect("it was made one")
}

fn as_list(value: &mut Json) -> &mut Vec<Json> {
    if !value.is_array() {
        *value = Json::Array(Vec::new());
    }
    value.as_array_mut().expect("it was made one")
}

/// A section without anything in it is as if it were not there.
fn drop_empty(metadata: &mut Metadata) {
    metadata.sections.retain(|key, value| match value {
        Json::Array(items) => !items.is_empty(),
        Json::Object(object) if key == NETWORK => {
            object.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
            !object.is_empty()
        }
        Json::Object(object) => !object.is_empty(),
        _ => true,
    });
}
