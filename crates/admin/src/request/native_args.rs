//! Arguments of commands about native queries and logical models.

use graphloom_metadata::Fields;
use graphloom_metadata::decode::mismatch;
use graphloom_metadata::types::{LogicalModel, NativeQuery, Permission};
use graphloom_vocab::{Error, Json, Result};

use super::args::{Decoder, source};
use crate::command::{Change, Command, ModelId, ModelOwner, NativeChange};

/// Commands by their name behind the prefix.
pub(super) fn of_source(name: &str) -> Option<Decoder> {
    Some(match name {
        "track_native_query" => track_native_query,
        "untrack_native_query" => untrack_native_query,
        "get_native_query" => |json| Ok(Command::GetNativeQueries(only_source(json)?)),
        "track_logical_model" => track_logical_model,
        "untrack_logical_model" => untrack_logical_model,
        "get_logical_model" => |json| Ok(Command::GetLogicalModels(only_source(json)?)),
        "create_logical_model_select_permission" => create_permission,
        "drop_logical_model_select_permission" => drop_permission,
        _ => return None,
    })
}

fn change(change: NativeChange) -> Command {
    Command::Change(Change::Native(Box::new(change)))
}

fn only_source(json: &Json) -> Result<graphloom_vocab::SourceName> {
    Fields::of(json, "GetNativeQuery")?.required("source")
}

fn track_native_query(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "PostgresTrackNativeQuery")?;
    let source = fields.required("source")?;
    let query = NativeQuery::decode_fields(&mut fields)?;
    Ok(change(NativeChange::TrackQuery(source, query)))
}

fn untrack_native_query(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "UntrackNativeQuery")?;
    let source = fields.required("source")?;
    let name = fields.required("root_field_name")?;
    Ok(change(NativeChange::UntrackQuery(source, name)))
}

fn track_logical_model(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "PostgresTrackLogicalModel")?;
    let source = fields.required("source")?;
    let mut model = LogicalModel::decode_fields(&mut fields)?;
    // Permissions are created one by one; v2 reads over the key here.
    model.model.select_permissions.clear();
    Ok(change(NativeChange::TrackModel(source, model)))
}

fn untrack_logical_model(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "UntrackLogicalModel")?;
    let source = fields.required("source")?;
    Ok(change(NativeChange::UntrackModel(
        source,
        fields.required("name")?,
    )))
}

/// `{"source"?, "name", "type"?}`: a logical model, or a native query with a model of its own.
fn model_id(fields: &mut Fields<'_>) -> Result<ModelId> {
    let source = source(fields)?;
    let of_query = fields.optional_with("type", |json| match json.as_str() {
        Some("logical_model") => Ok(false),
        Some("native_query") => Ok(true),
        Some(_) => Err(Error::parse_failed("Expected string")),
        None => Err(mismatch("LogicalModelSource", "String", json)),
    })?;
    let name = fields.required("name")?;
    let owner = match of_query {
        Some(true) => ModelOwner::Query(name),
        Some(false) | None => ModelOwner::Model(name),
    };
    Ok(ModelId { source, owner })
}

fn create_permission(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "CreateLogicalModelPermission")?;
    let id = model_id(&mut fields)?;
    let permission = Permission::decode_fields(&mut fields)?;
    Ok(change(NativeChange::CreatePermission(id, permission)))
}

fn drop_permission(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "DropLogicalModelPermission")?;
    let id = model_id(&mut fields)?;
    Ok(change(NativeChange::DropPermission(
        id,
        fields.required("role")?,
    )))
}
