//! Arguments of commands, read with the pieces that read documents.
//!
//! Keys of a command that nobody knows are passed over, as v2 does.

use graphloom_metadata::types::{
    Dialect, InheritedRole, Permission, Relationship, TableConfiguration,
};
use graphloom_metadata::{Decode, Document, Fields};
use graphloom_schema::RelationshipKind;
use graphloom_vocab::{Error, Json, JsonObject, QualifiedTable, Result, SourceName};

use super::{function_args, native_args, section_args};
use crate::command::{
    AddSource, AnyPermission, Cascade, Change, Client, Command, Enumeration, Existing,
    Inconsistencies, Many, MetadataCheck, PermissionKind, Reload, Replace, RunSql, SqlMode,
    TableId, TrackTable, UntrackTable, UpdateSource, Version, Warnings,
};
use crate::legacy::{self, Count, DeleteQuery, InsertQuery, Query, Select, UpdateQuery};

/// Reads a command's arguments.
pub(super) type Decoder = fn(&Json) -> Result<Command>;

/// Commands about the document as a whole, the same on every endpoint that has them.
pub(super) fn of_document(name: &str) -> Option<Decoder> {
    Some(match name {
        "rename_source" => rename_source,
        "set_query_tags" => set_query_tags,
        "replace_metadata" => replace_metadata,
        "export_metadata" => |_| Ok(Command::Export(Version::V1)),
        "clear_metadata" => |_| Ok(Command::Clear),
        "reload_metadata" => reload_metadata,
        "get_inconsistent_metadata" => |_| Ok(Command::GetInconsistent),
        "drop_inconsistent_metadata" => |_| Ok(Command::DropInconsistent),
        "get_catalog_state" => |_| Ok(Command::GetCatalogState),
        "set_catalog_state" => set_catalog_state,
        "add_inherited_role" => |json| {
            let role = Box::new(InheritedRole::decode(json)?);
            Ok(Command::Change(Change::AddInheritedRole(role)))
        },
        "drop_inherited_role" => |json| {
            let role = Fields::of(json, "DropInheritedRole")?.required("role_name")?;
            Ok(Command::Change(Change::DropInheritedRole(role)))
        },
        name => return section_args::of_document(name),
    })
}

/// Those of the document that the older endpoint has.
pub(super) fn of_query_v1(name: &str) -> Option<Decoder> {
    match name {
        "rename_source" | "get_catalog_state" | "set_catalog_state" => None,
        // Newer than the endpoint.
        name if !super::names::QUERY_V1.contains(&name) => None,
        name => of_document(name),
    }
}

/// Commands about a source and what is in it, by their name behind the prefix.
pub(super) fn of_source(name: &str) -> Option<Decoder> {
    Some(match name {
        "add_source" => add_source,
        "update_source" => update_source,
        "drop_source" => drop_source,
        "track_table" => track_table_v2,
        "untrack_table" => |json| Ok(Command::Change(Change::UntrackTable(untrack_table(json)?))),
        "track_tables" => track_tables,
        "untrack_tables" => untrack_tables,
        "set_table_customization" => set_table_customization,
        "set_table_is_enum" => set_table_is_enum,
        "set_apollo_federation_config" => set_apollo_federation_config,
        "create_object_relationship" => create_object_relationship,
        "create_array_relationship" => create_array_relationship,
        "drop_relationship" => drop_relationship,
        "rename_relationship" => rename_relationship,
        "set_relationship_comment" => set_relationship_comment,
        "create_insert_permission" => |json| create_permission(json, AnyPermission::Insert),
        "create_select_permission" => |json| create_permission(json, AnyPermission::Select),
        "create_update_permission" => |json| create_permission(json, AnyPermission::Update),
        "create_delete_permission" => |json| create_permission(json, AnyPermission::Delete),
        "drop_insert_permission" => |json| drop_permission(json, PermissionKind::Insert),
        "drop_select_permission" => |json| drop_permission(json, PermissionKind::Select),
        "drop_update_permission" => |json| drop_permission(json, PermissionKind::Update),
        "drop_delete_permission" => |json| drop_permission(json, PermissionKind::Delete),
        "set_permission_comment" => set_permission_comment,
        name => {
            let of_function = function_args::of_source(name);
            return of_function
                .or_else(|| native_args::of_source(name))
                .or_else(|| section_args::of_source(name));
        }
    })
}

fn add_source(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "AddSource")?;
    let replaces: bool = fields.or_default("replace_configuration")?;
    Ok(Command::Change(Change::AddSource(Box::new(AddSource {
        name: fields.required("name")?,
        dialect: Dialect::default(),
        configuration: fields.required("configuration")?,
        customization: fields.or_default("customization")?,
        health_check: fields.optional("health_check")?,
        existing: if replaces {
            Existing::Replace
        } else {
            Existing::Refuse
        },
    }))))
}

fn update_source(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "UpdateSource")?;
    Ok(Command::Change(Change::UpdateSource(Box::new(
        UpdateSource {
            name: fields.required("name")?,
            configuration: fields.optional("configuration")?,
            customization: fields.optional("customization")?,
            health_check: fields.optional("health_check")?,
        },
    ))))
}

fn drop_source(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "DropSource")?;
    Ok(Command::Change(Change::DropSource {
        name: fields.required("name")?,
        cascade: cascade(&mut fields)?,
    }))
}

fn rename_source(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "RenameSource")?;
    Ok(Command::Change(Change::RenameSource {
        name: fields.required("name")?,
        new_name: fields.required("new_name")?,
    }))
}

/// `source_name`, and the keys of `query_tags` beside it.
fn set_query_tags(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SetQueryTagsConfig")?;
    let name = fields.required("source_name")?;
    let mut tags = json.as_object().cloned().unwrap_or_default();
    tags.remove("source_name");
    graphloom_metadata::decode::query_tags(&Json::Object(tags.clone()))?;
    Ok(Command::Change(Change::SetQueryTags(name, tags)))
}

pub(super) fn cascade(fields: &mut Fields<'_>) -> Result<Cascade> {
    let cascade: bool = fields.or_default("cascade")?;
    Ok(if cascade {
        Cascade::Drop
    } else {
        Cascade::Refuse
    })
}

pub(super) fn source(fields: &mut Fields<'_>) -> Result<SourceName> {
    let source = fields.optional("source")?;
    Ok(source.unwrap_or_else(|| SourceName::new("default")))
}

pub(super) fn table_id(fields: &mut Fields<'_>) -> Result<TableId> {
    Ok(TableId {
        source: source(fields)?,
        table: fields.required("table")?,
    })
}

/// The table itself, or an object with options beside it; without configuration.
pub(super) fn track_table_v1(json: &Json) -> Result<Command> {
    let (id, enumeration, extra) = tracked(json)?;
    Ok(Command::Change(Change::TrackTable(Box::new(TrackTable {
        id,
        enumeration,
        configuration: TableConfiguration::default(),
        extra,
    }))))
}

/// The same with a configuration.
pub(super) fn track_table_v2(json: &Json) -> Result<Command> {
    Ok(Command::Change(Change::TrackTable(Box::new(
        track_table_item(json)?,
    ))))
}

fn track_table_item(json: &Json) -> Result<TrackTable> {
    let mut fields = Fields::of(json, "TrackTableV2")?;
    let (id, enumeration, extra) = tracked(json)?;
    Ok(TrackTable {
        id,
        enumeration,
        configuration: fields.or_default("configuration")?,
        extra,
    })
}

/// An object with options; if it cannot be read as one, the whole value is a table's name.
fn tracked(json: &Json) -> Result<(TableId, Enumeration, JsonObject)> {
    let with_options = || {
        let mut fields = Fields::of(json, "TrackTable")?;
        let id = table_id(&mut fields)?;
        let enumeration = enumeration(fields.or_default("is_enum")?);
        let mut extra = JsonObject::new();
        for key in ["apollo_federation_config", "logical_model"] {
            if let Some(value) = fields.raw(key).filter(|value| !value.is_null()) {
                extra.insert(key.to_owned(), value.clone());
            }
        }
        Ok((id, enumeration, extra))
    };
    let read: Result<_> = with_options();
    read.or_else(|_| {
        let id = TableId {
            source: SourceName::new("default"),
            table: QualifiedTable::decode(json)?,
        };
        Ok((id, Enumeration::Plain, JsonObject::new()))
    })
}

fn enumeration(is_enum: bool) -> Enumeration {
    if is_enum {
        Enumeration::Enum
    } else {
        Enumeration::Plain
    }
}

fn untrack_table(json: &Json) -> Result<UntrackTable> {
    let mut fields = Fields::of(json, "UntrackTable")?;
    Ok(UntrackTable {
        id: table_id(&mut fields)?,
        cascade: cascade(&mut fields)?,
    })
}

struct Item<T>(T);

impl Decode for Item<TrackTable> {
    fn decode(json: &Json) -> Result<Self> {
        track_table_item(json).map(Self)
    }
}

impl Decode for Item<UntrackTable> {
    fn decode(json: &Json) -> Result<Self> {
        untrack_table(json).map(Self)
    }
}

fn many<T>(json: &Json, what: &str) -> Result<Many<T>>
where
    Item<T>: Decode,
{
    let mut fields = Fields::of(json, what)?;
    let items: Vec<Item<T>> = fields.required("tables")?;
    let allowed: Option<bool> = fields.optional("allow_warnings")?;
    Ok(Many {
        items: items.into_iter().map(|item| item.0).collect(),
        warnings: if allowed.unwrap_or(true) {
            Warnings::Allow
        } else {
            Warnings::Refuse
        },
    })
}

fn track_tables(json: &Json) -> Result<Command> {
    Ok(Command::TrackTables(many(json, "TrackTables")?))
}

fn untrack_tables(json: &Json) -> Result<Command> {
    Ok(Command::UntrackTables(many(json, "UntrackTables")?))
}

fn set_table_customization(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SetTableCustomization")?;
    let id = table_id(&mut fields)?;
    let configuration = Box::new(fields.required("configuration")?);
    Ok(Command::Change(Change::SetTableConfiguration(
        id,
        configuration,
    )))
}

/// The older form, whose parts of the configuration stand beside the table.
pub(super) fn set_table_custom_fields(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SetTableCustomFields")?;
    let id = table_id(&mut fields)?;
    let mut configuration = JsonObject::new();
    for key in ["custom_root_fields", "custom_column_names"] {
        if let Some(value) = fields.raw(key) {
            configuration.insert(key.to_owned(), value.clone());
        }
    }
    let configuration = TableConfiguration::decode(&Json::Object(configuration))?;
    Ok(Command::Change(Change::SetTableConfiguration(
        id,
        Box::new(configuration),
    )))
}

fn set_table_is_enum(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SetTableIsEnum")?;
    let id = table_id(&mut fields)?;
    let enumeration = enumeration(fields.required("is_enum")?);
    Ok(Command::Change(Change::SetTableIsEnum(id, enumeration)))
}

/// `{"table", "source"?, "apollo_federation_config"?: {"enable": "v1"} | null}`
fn set_apollo_federation_config(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SetApolloFederationConfig")?;
    let id = table_id(&mut fields)?;
    let config = fields.optional_with("apollo_federation_config", |json| {
        let mut fields = Fields::of(json, "ApolloFederationConfig")?;
        fields.required_with("enable", |json| match String::decode(json)?.as_str() {
            "v1" => Ok(()),
            _ => Err(Error::parse_failed(
                "enable takes the version of apollo federation. Supported value is v1 only.",
            )),
        })?;
        Ok(json.clone())
    })?;
    Ok(Command::Change(Change::SetApolloFederation(id, config)))
}

fn create_object_relationship(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "CreateObjRel")?;
    let id = table_id(&mut fields)?;
    let relationship = Box::new(Relationship::decode_object(&mut fields)?);
    let kind = RelationshipKind::Object;
    Ok(Command::Change(Change::CreateRelationship(
        id,
        kind,
        relationship,
    )))
}

fn create_array_relationship(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "CreateArrRel")?;
    let id = table_id(&mut fields)?;
    let relationship = Box::new(Relationship::decode_array(&mut fields)?);
    let kind = RelationshipKind::Array;
    Ok(Command::Change(Change::CreateRelationship(
        id,
        kind,
        relationship,
    )))
}

fn drop_relationship(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "DropRel")?;
    Ok(Command::Change(Change::DropRelationship(
        table_id(&mut fields)?,
        fields.required("relationship")?,
        cascade(&mut fields)?,
    )))
}

fn rename_relationship(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "RenameRel")?;
    Ok(Command::Change(Change::RenameRelationship(
        table_id(&mut fields)?,
        fields.required("name")?,
        fields.required("new_name")?,
    )))
}

fn set_relationship_comment(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SetRelComment")?;
    Ok(Command::Change(Change::SetRelationshipComment(
        table_id(&mut fields)?,
        fields.required("relationship")?,
        fields.optional("comment")?,
    )))
}

fn create_permission<T: Decode>(
    json: &Json,
    of: fn(Permission<T>) -> AnyPermission,
) -> Result<Command> {
    let mut fields = Fields::of(json, "CreatePerm")?;
    let id = table_id(&mut fields)?;
    let permission = Box::new(of(Permission::decode_fields(&mut fields)?));
    Ok(Command::Change(Change::CreatePermission(id, permission)))
}

fn drop_permission(json: &Json, kind: PermissionKind) -> Result<Command> {
    let mut fields = Fields::of(json, "DropPerm")?;
    Ok(Command::Change(Change::DropPermission(
        table_id(&mut fields)?,
        fields.required("role")?,
        kind,
    )))
}

fn set_permission_comment(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SetPermComment")?;
    let id = table_id(&mut fields)?;
    let kind = fields.required_with("type", |json| {
        let text = String::decode(json)?;
        PermissionKind::parse(&text).ok_or_else(|| {
            Error::parse_failed(
                "perm_type should be one of 'insert', 'select', 'update' or 'delete'",
            )
        })
    })?;
    Ok(Command::Change(Change::SetPermissionComment(
        id,
        fields.required("role")?,
        kind,
        fields.optional("comment")?,
    )))
}

/// The document itself, or an object that has it under `metadata`.
fn replace_metadata(json: &Json) -> Result<Command> {
    if json.get("metadata").is_some() {
        return replace_metadata_v2(json);
    }
    Ok(Command::Replace(Box::new(Replace {
        document: Document::decode(json)?,
        inconsistencies: Inconsistencies::Refuse,
        version: Version::V1,
    })))
}

/// `{"metadata", "allow_inconsistent_metadata"?, "allow_warnings"?}`; nothing here warns yet.
pub(super) fn replace_metadata_v2(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "ReplaceMetadataV2")?;
    let allowed: bool = fields.or_default("allow_inconsistent_metadata")?;
    fields.optional::<bool>("allow_warnings")?;
    Ok(Command::Replace(Box::new(Replace {
        document: fields.required("metadata")?,
        inconsistencies: if allowed {
            Inconsistencies::Allow
        } else {
            Inconsistencies::Refuse
        },
        version: Version::V2,
    })))
}

/// Each key is `true`, `false` or a list of names; without arguments everything is reloaded.
fn reload_metadata(json: &Json) -> Result<Command> {
    if !json.is_object() {
        return Ok(Command::Reload(Reload::All));
    }
    let mut fields = Fields::of(json, "ReloadMetadata")?;
    for key in ["reload_remote_schemas", "reload_data_connectors"] {
        fields.optional_with(key, reload_spec)?;
    }
    fields.optional_with("recreate_event_triggers", reload_spec)?;
    let sources = fields.optional_with("reload_sources", reload_spec)?;
    Ok(Command::Reload(sources.unwrap_or(Reload::All)))
}

fn reload_spec(json: &Json) -> Result<Reload> {
    Ok(match json {
        Json::Bool(true) => Reload::All,
        Json::Bool(false) => Reload::Sources(Vec::new()),
        json => Reload::Sources(Vec::decode(json)?),
    })
}

fn set_catalog_state(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "SetCatalogState")?;
    let client = fields.required_with("type", |json| match String::decode(json)?.as_str() {
        "cli" => Ok(Client::Cli),
        "console" => Ok(Client::Console),
        other => Err(Error::parse_failed(format!(
            "unexpected catalog state type: {other}"
        ))),
    })?;
    let state = fields.required("state")?;
    Ok(Command::SetCatalogState(client, state))
}

/// Postgres' protocol ends a text where this character stands.
fn sql(json: &Json) -> Result<String> {
    let text = String::decode(json)?;
    match text.contains('\0') {
        true => Err(Error::parse_failed(
            "the character U+0000 cannot stand in SQL",
        )),
        false => Ok(text),
    }
}

pub(super) fn run_sql(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "RunSQL")?;
    let check = match fields.optional::<bool>("check_metadata_consistency")? {
        None => MetadataCheck::Automatic,
        Some(true) => MetadataCheck::Always,
        Some(false) => MetadataCheck::Never,
    };
    let read_only: bool = fields.or_default("read_only")?;
    let no_transaction: bool = fields.or_default("no_transaction")?;
    Ok(Command::RunSql(RunSql {
        sql: fields.required_with("sql", sql)?,
        source: source(&mut fields)?,
        cascade: cascade(&mut fields)?,
        check,
        mode: match (read_only, no_transaction) {
            // Without a transaction nothing could hold the text to reading.
            (true, _) => SqlMode::ReadOnly,
            (false, true) => SqlMode::NoTransaction,
            (false, false) => SqlMode::ReadWrite,
        },
    }))
}

pub(super) fn select(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "query")?;
    let id = table_id(&mut fields)?;
    let query = Query::decode_fields(&mut fields)?;
    Ok(Command::Select(Box::new(Select { id, query })))
}

pub(super) fn count(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "count query")?;
    Ok(Command::Count(Box::new(Count {
        id: table_id(&mut fields)?,
        distinct: fields.or_default("distinct")?,
        filter: fields.optional_with("where", legacy::condition)?,
    })))
}

pub(super) fn insert(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "InsertQuery")?;
    let id = table_id(&mut fields)?;
    let query = InsertQuery::decode_fields(id, &mut fields)?;
    Ok(Command::Insert(Box::new(query)))
}

pub(super) fn update(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "update query")?;
    let id = table_id(&mut fields)?;
    let query = UpdateQuery::decode_fields(id, &mut fields)?;
    Ok(Command::Update(Box::new(query)))
}

pub(super) fn delete(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "delete query")?;
    let id = table_id(&mut fields)?;
    let query = DeleteQuery::decode_fields(id, &mut fields)?;
    Ok(Command::Delete(Box::new(query)))
}
