//! Arguments of commands about the document beside its sources, and of those that only look.
//!
//! Keys that nobody knows are refused where they would be stored and could be a restriction; elsewhere
//! they are passed over, as v2 does.

use graphloom_metadata::decode::mismatch;
use graphloom_metadata::{Decode, Fields};
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, JsonObject, Result, SourceName};
use serde_json::json;

use super::args::{Decoder, cascade, source, table_id};
use crate::apply::SectionChange;
use crate::command::{Change, Command};
use crate::look::{Look, Suggest, Tracked, TryTemplate};

/// Commands of the document.
pub(super) fn of_document(name: &str) -> Option<Decoder> {
    Some(match name {
        "create_query_collection" => create_collection,
        "rename_query_collection" => rename_collection,
        "drop_query_collection" => drop_collection,
        "add_query_to_collection" => add_query,
        "drop_query_from_collection" => drop_query,
        "add_collection_to_allowlist" => allow,
        "drop_collection_from_allowlist" => disallow,
        "update_scope_of_collection_in_allowlist" => set_scope,
        "add_host_to_tls_allowlist" => add_tls_host,
        "drop_host_from_tls_allowlist" => drop_tls_host,
        "set_metrics_config" => set_metrics_config,
        "remove_metrics_config" => {
            |_| section(SectionChange::Set("metrics_config", JsonObject::new()))
        }
        "set_api_limits" => set_api_limits,
        "remove_api_limits" => |_| section(SectionChange::Set("api_limits", JsonObject::new())),
        "set_graphql_schema_introspection_options" => set_introspection,
        "set_opentelemetry_config" => set_opentelemetry,
        "set_opentelemetry_status" => set_opentelemetry_status,
        "list_source_kinds" => |_| Ok(Command::Look(Look::SourceKinds)),
        "get_source_kind_capabilities" => capabilities,
        "dump_internal_state" => |_| Ok(Command::Look(Look::InternalState)),
        "get_feature_flag" => feature_flag,
        "get_source_tables" => source_tables,
        "get_table_info" => table_info,
        _ => return None,
    })
}

/// Commands of a source.
pub(super) fn of_source(name: &str) -> Option<Decoder> {
    Some(match name {
        "get_source_tables" => source_tables,
        "get_table_info" => table_info,
        "suggest_relationships" => suggest,
        "test_connection_template" => try_template,
        _ => return None,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the last step of decoders")]
fn section(change: SectionChange) -> Result<Command> {
    Ok(Command::Change(Change::Section(Box::new(change))))
}

fn create_collection(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "CreateCollection")?;
    let name = name_of(&mut fields, "name")?;
    let queries = fields.required_with("definition", |json| {
        Fields::of(json, "CollectionDef")?.required_with("queries", listed_queries)
    })?;
    let comment: Option<String> = fields.optional("comment")?;
    let mut collection = JsonObject::new();
    collection.insert("name".to_owned(), name.as_str().into());
    collection.insert("definition".to_owned(), json!({"queries": queries}));
    if let Some(comment) = comment {
        collection.insert("comment".to_owned(), comment.into());
    }
    section(SectionChange::CreateCollection(
        name,
        Json::Object(collection),
    ))
}

fn listed_queries(json: &Json) -> Result<Vec<Json>> {
    struct Listed(String, Json);
    impl Decode for Listed {
        fn decode(json: &Json) -> Result<Self> {
            let mut fields = Fields::of(json, "ListedQuery")?;
            let name = name_of(&mut fields, "name")?;
            let query = fields.required_with("query", query_text)?;
            let item = json!({"name": name, "query": query});
            Ok(Self(name, item))
        }
    }
    let listed: Vec<Listed> = Vec::decode(json)?;
    let mut twice: Vec<String> = Vec::new();
    for (index, Listed(name, _)) in listed.iter().enumerate() {
        let shown = format!("\"{name}\"");
        if listed[..index].iter().any(|other| &other.0 == name) && !twice.contains(&shown) {
            twice.push(shown);
        }
    }
    if !twice.is_empty() {
        let message = format!("found duplicate query names {}", twice.join(", "));
        return Err(Error::new(ErrorCode::NotSupported, message));
    }
    Ok(listed.into_iter().map(|listed| listed.1).collect())
}

/// A text that is GraphQL.
fn query_text(json: &Json) -> Result<String> {
    let text = String::decode(json)?;
    match graphloom_graphql::parse(&text, graphloom_graphql::Limits::default()) {
        Ok(_) => Ok(text),
        Err(error) => Err(Error::parse_failed(error.message)),
    }
}

fn name_of(fields: &mut Fields<'_>, key: &'static str) -> Result<String> {
    fields.required_with(key, |json| {
        let text = String::decode(json)?;
        match text.is_empty() {
            true => Err(Error::parse_failed("empty string not allowed")),
            false => Ok(text),
        }
    })
}

fn rename_collection(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "RenameCollection")?;
    section(SectionChange::RenameCollection {
        name: name_of(&mut fields, "name")?,
        new_name: name_of(&mut fields, "new_name")?,
    })
}

fn drop_collection(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "DropCollection")?;
    let name = name_of(&mut fields, "collection")?;
    let cascade = cascade(&mut fields)?;
    section(SectionChange::DropCollection(name, cascade))
}

fn add_query(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "AddQueryToCollection")?;
    let collection = name_of(&mut fields, "collection_name")?;
    let name = name_of(&mut fields, "query_name")?;
    let query = fields.required_with("query", query_text)?;
    let query = json!({"name": name, "query": query});
    section(SectionChange::AddQuery {
        collection,
        name,
        query,
    })
}

fn drop_query(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "DropQueryFromCollection")?;
    section(SectionChange::DropQuery {
        collection: name_of(&mut fields, "collection_name")?,
        name: name_of(&mut fields, "query_name")?,
    })
}

fn allow(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "AllowlistEntry")?;
    let collection = name_of(&mut fields, "collection")?;
    let scope = fields.optional_with("scope", scope)?;
    let scope = scope.unwrap_or_else(|| json!({"global": true}));
    section(SectionChange::Allow { collection, scope })
}

fn disallow(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "DropCollectionFromAllowlist")?;
    section(SectionChange::Disallow(name_of(&mut fields, "collection")?))
}

fn set_scope(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "UpdateScopeOfCollectionInAllowlist")?;
    section(SectionChange::SetScope {
        collection: name_of(&mut fields, "collection")?,
        scope: fields.required_with("scope", scope)?,
    })
}

/// `{"global": true}` or `{"global": false, "roles": [...]}` with each role once.
fn scope(json: &Json) -> Result<Json> {
    let mut fields = Fields::of(json, "AllowlistScope")?;
    if fields.required::<bool>("global")? {
        if fields.has("roles") {
            return Err(Error::parse_failed(
                "roles are not allowed when global is true",
            ));
        }
        return Ok(json!({"global": true}));
    }
    let roles: Vec<String> = fields.required("roles")?;
    let at = |message: String| {
        let error = Error::parse_failed(message);
        Err(error.at(ErrorPath::keys(&["roles"])))
    };
    if roles.is_empty() {
        return at("roles cannot be empty".to_owned());
    }
    for (index, role) in roles.iter().enumerate() {
        if roles[..index].contains(role) {
            return at(format!("duplicate roles are not allowed: {role}"));
        }
    }
    Ok(json!({"global": false, "roles": roles}))
}

/// An entry, or the host alone.
fn add_tls_host(json: &Json) -> Result<Command> {
    let mut entry = JsonObject::new();
    let host = match json {
        Json::String(host) => host.clone(),
        json => {
            let mut fields = Fields::of(json, "TlsAllow")?;
            let host: String = fields.required("host")?;
            if let Some(suffix) = fields.optional::<String>("suffix")? {
                entry.insert("suffix".to_owned(), suffix.into());
            }
            if let Some(permissions) = fields.optional_with("permissions", tls_permissions)? {
                entry.insert("permissions".to_owned(), permissions.into());
            }
            host
        }
    };
    if host.is_empty() {
        let message = "key \"host\" cannot be empty";
        return Err(Error::new(ErrorCode::BadRequest, message));
    }
    entry.shift_insert(0, "host".to_owned(), host.as_str().into());
    section(SectionChange::AddTlsHost(host, Json::Object(entry)))
}

fn tls_permissions(json: &Json) -> Result<Vec<String>> {
    let permissions: Vec<String> = Vec::decode(json)?;
    match permissions.iter().find(|one| *one != "self-signed") {
        None => Ok(permissions),
        Some(other) => Err(Error::parse_failed(format!(
            "expecting only \"self-signed\", but found {other:?}"
        ))),
    }
}

fn drop_tls_host(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "DropHostFromTLSAllowlist")?;
    let host: String = fields.required("host")?;
    if host.is_empty() {
        return Err(Error::new(
            ErrorCode::BadRequest,
            "hostname cannot be empty",
        ));
    }
    section(SectionChange::DropTlsHost(host))
}

fn set_metrics_config(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "MetricsConfig")?;
    let variables: bool = fields.required("analyze_query_variables")?;
    let body: bool = fields.required("analyze_response_body")?;
    let mut config = JsonObject::new();
    // As left out of a document: that is the default.
    if variables || body {
        config.insert("analyze_query_variables".to_owned(), variables.into());
        config.insert("analyze_response_body".to_owned(), body.into());
    }
    section(SectionChange::Set("metrics_config", config))
}

fn set_api_limits(json: &Json) -> Result<Command> {
    const LIMITS: [&str; 5] = [
        "depth_limit",
        "node_limit",
        "rate_limit",
        "batch_limit",
        "time_limit",
    ];
    let mut fields = Fields::of(json, "ApiLimit")?;
    fields.optional::<bool>("disabled")?;
    for limit in LIMITS {
        fields.optional_with(limit, |json| Fields::of(json, "Limit").map(drop))?;
    }
    refuse_rest(fields)?;
    section(SectionChange::Set("api_limits", given(json)))
}

fn set_introspection(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SetGraphqlIntrospectionOptions")?;
    let mut roles: Vec<String> = fields.required("disabled_for_roles")?;
    let mut seen = std::collections::HashSet::new();
    roles.retain(|role| seen.insert(role.clone()));
    let mut options = JsonObject::new();
    if !roles.is_empty() {
        options.insert("disabled_for_roles".to_owned(), roles.into());
    }
    section(SectionChange::Set("graphql_schema_introspection", options))
}

fn set_opentelemetry(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "OpenTelemetryConfig")?;
    fields.optional_with("status", telemetry_status)?;
    fields.optional_with("data_types", |json| {
        let types: Vec<String> = Vec::decode(json)?;
        let known = ["traces", "metrics", "logs"];
        match types.iter().find(|ty| !known.contains(&ty.as_str())) {
            None => Ok(()),
            Some(ty) => Err(Error::parse_failed(format!("unexpected data type: {ty}"))),
        }
    })?;
    fields.optional_with("exporter_otlp", exporter)?;
    fields.optional_with("batch_span_processor", |json| {
        let mut fields = Fields::of(json, "OtelBatchSpanProcessorConfig")?;
        match fields.optional::<i64>("max_export_batch_size")? {
            Some(size) if size <= 0 => Err(Error::parse_failed(
                "max_export_batch_size must be a positive integer",
            )),
            _ => refuse_rest(fields),
        }
    })?;
    refuse_rest(fields)?;
    section(SectionChange::Set("opentelemetry", given(json)))
}

fn exporter(json: &Json) -> Result<()> {
    let mut fields = Fields::of(json, "OtelExporterConfig")?;
    for endpoint in [
        "otlp_traces_endpoint",
        "otlp_metrics_endpoint",
        "otlp_logs_endpoint",
    ] {
        fields.optional::<String>(endpoint)?;
    }
    fields.optional_with("protocol", |json| match String::decode(json)?.as_str() {
        "http/protobuf" => Ok(()),
        other => Err(Error::parse_failed(format!(
            "expecting \"http/protobuf\", but found {other:?}"
        ))),
    })?;
    for pairs in ["headers", "resource_attributes"] {
        fields.optional_with(pairs, named_values)?;
    }
    fields.optional_with("traces_propagators", |json| {
        let all: Vec<String> = Vec::decode(json)?;
        let known = ["b3", "tracecontext"];
        match all.iter().find(|one| !known.contains(&one.as_str())) {
            None => Ok(()),
            Some(other) => Err(Error::parse_failed(format!(
                "unexpected propagator: {other}"
            ))),
        }
    })?;
    refuse_rest(fields)
}

/// `[{"name", "value" | "value_from_env"}]`
fn named_values(json: &Json) -> Result<()> {
    let items = json
        .as_array()
        .ok_or_else(|| mismatch("[]", "Array", json))?;
    for (index, item) in items.iter().enumerate() {
        let read = || {
            let mut fields = Fields::of(item, "NameValue")?;
            fields.required::<String>("name")?;
            match fields.optional::<String>("value_from_env")? {
                Some(_) => Ok(()),
                None => fields.required::<String>("value").map(drop),
            }
        };
        read().map_err(|error: Error| graphloom_metadata::decode::below_index(error, index))?;
    }
    Ok(())
}

fn telemetry_status(json: &Json) -> Result<String> {
    let status = String::decode(json)?;
    match status.as_str() {
        "enabled" | "disabled" => Ok(status),
        other => Err(Error::parse_failed(format!(
            "unexpected OpenTelemetry status: {other:?}; it is \"enabled\" or \"disabled\""
        ))),
    }
}

fn set_opentelemetry_status(json: &Json) -> Result<Command> {
    let status = telemetry_status(json)?;
    section(SectionChange::SetOpenTelemetryStatus(status))
}

/// What was given, without nulls.
fn given(json: &Json) -> JsonObject {
    let mut object = json.as_object().cloned().unwrap_or_default();
    object.retain(|_, value| !value.is_null());
    object
}

fn refuse_rest(fields: Fields<'_>) -> Result<()> {
    match fields.rest().keys().next() {
        None => Ok(()),
        Some(key) => Err(Error::parse_failed(format!("unexpected key {key:?}"))),
    }
}

fn capabilities(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "GetSourceKindCapabilities")?;
    Ok(Command::Look(Look::Capabilities(name_of(
        &mut fields,
        "name",
    )?)))
}

fn feature_flag(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "GetFeatureFlag")?;
    Ok(Command::Look(Look::FeatureFlag(
        fields.required("identifier")?,
    )))
}

fn source_tables(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "GetSourceTables")?;
    Ok(Command::Look(Look::SourceTables(
        fields.required("source")?,
    )))
}

fn table_info(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "GetTableInfo")?;
    Ok(Command::Look(Look::TableInfo(table_id(&mut fields)?)))
}

fn try_template(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "TestConnectionTemplate")?;
    Ok(Command::Look(Look::ConnectionTemplate(Box::new(
        TryTemplate {
            source: fields
                .optional("source_name")?
                .unwrap_or_else(|| SourceName::new("default")),
            request: fields.required_with("request_context", request_context)?,
            template: fields.optional_with("connection_template", |json| Ok(json.clone()))?,
        },
    ))))
}

/// Names of headers and session variables in lower case, as templates see those of a request.
fn request_context(json: &Json) -> Result<Json> {
    let mut fields = Fields::of(json, "RequestContext")?;
    let texts = |json: &Json| {
        let mut texts = JsonObject::new();
        for (name, value) in Fields::of(json, "Object")?.rest() {
            texts.insert(name.to_lowercase(), String::decode(&value)?.into());
        }
        Ok(Json::Object(texts))
    };
    let none = || json!({});
    let mut context = json!({
        "headers": fields.optional_with("headers", texts)?.unwrap_or_else(none),
        "session": fields.optional_with("session", texts)?.unwrap_or_else(none),
    });
    if let Some(query) = fields.optional_with("query", query_context)? {
        context["query"] = query;
    }
    Ok(context)
}

fn query_context(json: &Json) -> Result<Json> {
    let mut fields = Fields::of(json, "QueryContext")?;
    let kind: String = fields.required("operation_type")?;
    if !matches!(kind.as_str(), "query" | "mutation" | "subscription") {
        let message =
            "operation type can only be one of the following: query, mutation or subscription";
        return Err(Error::parse_failed(message));
    }
    let mut query = json!({"operation_type": kind});
    if let Some(name) = fields.optional::<String>("operation_name")? {
        query["operation_name"] = name.into();
    }
    Ok(query)
}

fn suggest(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SuggestRels")?;
    let omitted: bool = fields.or_default("omit_tracked")?;
    Ok(Command::Look(Look::Suggest(Suggest {
        source: source(&mut fields)?,
        tables: fields.optional("tables")?,
        tracked: match omitted {
            true => Tracked::Omitted,
            false => Tracked::Listed,
        },
    })))
}
