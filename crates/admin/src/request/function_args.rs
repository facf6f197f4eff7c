//! Arguments of commands about functions and computed fields.

use graphloom_metadata::decode::function_configuration;
use graphloom_metadata::types::{Comment, ComputedField};
use graphloom_metadata::{Decode, Fields};
use graphloom_vocab::{Json, JsonObject, QualifiedFunction, Result, SourceName};

use super::args::{Decoder, cascade, source, table_id};
use crate::command::{Change, Command, FunctionId, TrackFunction};

/// Commands by their name behind the prefix.
pub(super) fn of_source(name: &str) -> Option<Decoder> {
    Some(match name {
        "track_function" => track_function_v2,
        "untrack_function" => untrack_function,
        "set_function_customization" => set_function_customization,
        "create_function_permission" => create_function_permission,
        "drop_function_permission" => drop_function_permission,
        "add_computed_field" => add_computed_field,
        "drop_computed_field" => drop_computed_field,
        _ => return None,
    })
}

fn function_id(fields: &mut Fields<'_>) -> Result<FunctionId> {
    Ok(FunctionId {
        source: source(fields)?,
        function: fields.required("function")?,
    })
}

/// The function's name and nothing else.
pub(super) fn track_function_v1(json: &Json) -> Result<Command> {
    Ok(Command::Change(Change::TrackFunction(Box::new(
        TrackFunction {
            id: bare(json)?,
            configuration: JsonObject::new(),
            comment: Comment::Automatic,
        },
    ))))
}

/// `{"function", "source"?, "configuration"?, "comment"?}`
pub(super) fn track_function_v2(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "TrackFunctionV2")?;
    let configuration = fields.optional_with("configuration", function_configuration)?;
    Ok(Command::Change(Change::TrackFunction(Box::new(
        TrackFunction {
            id: function_id(&mut fields)?,
            configuration: configuration.unwrap_or_default(),
            comment: fields.or_default("comment")?,
        },
    ))))
}

/// `{"function", "source"?}`, or the function's name and nothing else.
fn untrack_function(json: &Json) -> Result<Command> {
    let is_object = json.get("function").is_some() || json.get("source").is_some();
    let id = match is_object {
        true => function_id(&mut Fields::of(json, "UnTrackFunction")?)?,
        false => bare(json)?,
    };
    Ok(Command::Change(Change::UntrackFunction(id)))
}

fn bare(json: &Json) -> Result<FunctionId> {
    Ok(FunctionId {
        source: SourceName::new("default"),
        function: QualifiedFunction::decode(json)?,
    })
}

fn set_function_customization(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "set function customization")?;
    let id = function_id(&mut fields)?;
    let configuration = fields.required_with("configuration", function_configuration)?;
    Ok(Command::Change(Change::SetFunctionConfiguration(
        id,
        configuration,
    )))
}

fn create_function_permission(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "FunctionPermissionArgument")?;
    Ok(Command::Change(Change::CreateFunctionPermission(
        function_id(&mut fields)?,
        fields.required("role")?,
    )))
}

fn drop_function_permission(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "FunctionPermissionArgument")?;
    Ok(Command::Change(Change::DropFunctionPermission(
        function_id(&mut fields)?,
        fields.required("role")?,
    )))
}

fn add_computed_field(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "AddComputedField")?;
    let id = table_id(&mut fields)?;
    let field = Box::new(ComputedField::decode_fields(&mut fields)?);
    Ok(Command::Change(Change::AddComputedField(id, field)))
}

fn drop_computed_field(json: &Json) -> Result<Command> {
    let mut fields = Fields::of(json, "DropComputedField")?;
    Ok(Command::Change(Change::DropComputedField(
        table_id(&mut fields)?,
        fields.required("name")?,
        cascade(&mut fields)?,
    )))
}
