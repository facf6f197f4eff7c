//! Requests of the three endpoints as commands: everything is decoded before anything runs.
//!
//! The endpoints name their commands differently (`pg_track_table`, `track_table`), and their errors
//! stand at different paths: the older two leave the step `args` out. Arguments are read by `args.rs`;
//! `names.rs` lists what v2 knows and this build does not do.

mod args;
mod function_args;
mod names;
mod native_args;
mod section_args;

use graphloom_metadata::decode::{below_index, below_key, mismatch};
use graphloom_metadata::{Decode, Fields};
use graphloom_vocab::{Error, Json, Result};

use crate::command::{Change, Command, Version};
use args::Decoder;
use names::Backend;

/// Which endpoint a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/v1/metadata`
    Metadata,
    /// `/v1/query`
    QueryV1,
    /// `/v2/query`
    QueryV2,
}

/// A decoded request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    /// The version of the document the client has seen, if it says so.
    pub(crate) resource_version: Option<i64>,
}

/// Where the documentation of metadata commands is; part of v2's message.
const DOCUMENTATION: &str = "https://hasura.io/docs/latest/graphql/core/api-reference/metadata-api/index.html#metadata-apis";

impl Request {
    /// Decodes a body. Errors are `parse-failed`.
    pub(crate) fn parse(endpoint: Endpoint, body: &Json) -> Result<Self> {
        let resource_version = match endpoint {
            Endpoint::Metadata => {
                Fields::of(body, "RQLMetadata")?.optional::<i64>("resource_version")?
            }
            Endpoint::QueryV1 | Endpoint::QueryV2 => None,
        };
        let command = command(endpoint, body)?;
        Ok(Self {
            command,
            resource_version,
        })
    }
}

fn command(endpoint: Endpoint, json: &Json) -> Result<Command> {
    let what = match endpoint {
        Endpoint::Metadata => "RQLMetadataRequest",
        Endpoint::QueryV1 | Endpoint::QueryV2 => "Object",
    };
    let mut fields = Fields::of(json, what)?;
    let version = match endpoint {
        Endpoint::Metadata | Endpoint::QueryV1 => version(&mut fields)?,
        Endpoint::QueryV2 => Version::V1,
    };
    let name: String = fields.required("type")?;
    let envelope = Envelope {
        endpoint,
        name: &name,
        fields,
    };
    match endpoint {
        Endpoint::Metadata => metadata_command(envelope, version),
        Endpoint::QueryV1 => query_v1_command(envelope, version),
        Endpoint::QueryV2 => query_v2_command(envelope),
    }
}

fn version(fields: &mut Fields<'_>) -> Result<Version> {
    let version = fields.optional_with("version", |json| match i64::decode(json)? {
        1 => Ok(Version::V1),
        2 => Ok(Version::V2),
        other => Err(Error::parse_failed(format!(
            "expected 1 or 2, encountered {other}"
        ))),
    })?;
    Ok(version.unwrap_or(Version::V1))
}

/// A command's object, of which `type` and `version` are read.
struct Envelope<'a> {
    endpoint: Endpoint,
    name: &'a str,
    fields: Fields<'a>,
}

impl<'a> Envelope<'a> {
    /// Decodes `args`.
    fn args(mut self, decode: impl FnOnce(&'a Json) -> Result<Command>) -> Result<Command> {
        match self.endpoint {
            Endpoint::Metadata => self.fields.required_with("args", decode),
            Endpoint::QueryV1 | Endpoint::QueryV2 => decode(self.fields.required_with("args", Ok)?),
        }
    }

    /// Decodes `args` of a command that belongs to a kind of database, with v2's longer message.
    fn backend_args(mut self, command: &str, decode: Decoder) -> Result<Command> {
        let args = self.fields.required_with("args", Ok)?;
        decode(args).map_err(|error| {
            let message = format!(
                "Error when parsing command {command}.\nSee our documentation at {DOCUMENTATION}.\n\
                 Internal error message: {}",
                error.message()
            );
            let error = Error::parse_failed(message).at(error.path().clone());
            below_key(error, "args")
        })
    }

    fn bulk(self, of: fn(Vec<Command>) -> Command) -> Result<Command> {
        let endpoint = self.endpoint;
        self.args(|json| {
            let items = json
                .as_array()
                .ok_or_else(|| mismatch("[]", "Array", json))?;
            let items = items.iter().enumerate();
            let commands = items.map(|(index, item)| {
                command(endpoint, item).map_err(|error| below_index(error, index))
            });
            Ok(of(commands.collect::<Result<_>>()?))
        })
    }
}

fn metadata_command(envelope: Envelope<'_>, version: Version) -> Result<Command> {
    if version == Version::V2 {
        return versioned_command(envelope, "RQLMetadataV2");
    }
    match envelope.name {
        "bulk" => return envelope.bulk(Command::Bulk),
        "bulk_keep_going" => return envelope.bulk(Command::BulkKeepGoing),
        "bulk_atomic" => return envelope.bulk(Command::BulkAtomic),
        _ => {}
    }
    if let Some(decode) = args::of_document(envelope.name) {
        return envelope.args(decode);
    }
    if names::is_document_command(envelope.name) {
        return Ok(Command::NotBuilt(envelope.name.to_owned()));
    }
    let (prefix, command) = envelope.name.split_once('_').unwrap_or((envelope.name, ""));
    let Some(backend) = Backend::parse(prefix) else {
        let name = envelope.name;
        return Err(Error::parse_failed(format!(
            "unknown metadata command {name:?}; {prefix:?} was not recognized as a valid backend name"
        )));
    };
    let decode = args::of_source(command);
    if backend.lacks(command) || (decode.is_none() && !names::is_source_command(command)) {
        let backend = backend.name();
        return Err(Error::parse_failed(format!(
            "unknown metadata command {command:?} for backend {backend}"
        )));
    }
    match (decode, backend) {
        (Some(decode), Backend::Served(dialect)) => {
            let mut decoded = envelope.backend_args(command, decode)?;
            if let Command::Change(Change::AddSource(add)) = &mut decoded {
                add.dialect = dialect;
            }
            Ok(decoded)
        }
        _ => Ok(Command::NotBuilt(envelope.name.to_owned())),
    }
}

/// The commands that have a second version on every endpoint.
fn versioned_command(envelope: Envelope<'_>, what: &str) -> Result<Command> {
    match envelope.name {
        "replace_metadata" => envelope.args(args::replace_metadata_v2),
        "export_metadata" => Ok(Command::Export(Version::V2)),
        name => {
            let known = ["replace_metadata", "export_metadata"];
            Err(unknown_tag(what, name, &known))
        }
    }
}

fn query_v1_command(envelope: Envelope<'_>, version: Version) -> Result<Command> {
    if version == Version::V2 {
        return match envelope.name {
            "track_table" => envelope.args(args::track_table_v2),
            "set_table_custom_fields" => envelope.args(args::set_table_custom_fields),
            "replace_metadata" => envelope.args(args::replace_metadata_v2),
            "track_function" => envelope.args(function_args::track_function_v2),
            name => Err(unknown_tag(
                "Hasura.Server.API.Query.RQLQueryV2",
                name,
                names::QUERY_V2_VERSION,
            )),
        };
    }
    match envelope.name {
        "bulk" => envelope.bulk(Command::Bulk),
        "track_table" | "add_existing_table_or_view" => envelope.args(args::track_table_v1),
        "track_function" => envelope.args(function_args::track_function_v1),
        "run_sql" => envelope.args(args::run_sql),
        "insert" => envelope.args(args::insert),
        "update" => envelope.args(args::update),
        "delete" => envelope.args(args::delete),
        "select" => envelope.args(args::select),
        "count" => envelope.args(args::count),
        name if !names::QUERY_V1.contains(&name) => Err(unknown_query(name)),
        name => match args::of_source(name).or_else(|| args::of_query_v1(name)) {
            Some(decode) => envelope.args(decode),
            None => Ok(Command::NotBuilt(name.to_owned())),
        },
    }
}

fn unknown_query(name: &str) -> Error {
    unknown_tag("Hasura.Server.API.Query.RQLQueryV1", name, names::QUERY_V1)
}

fn query_v2_command(envelope: Envelope<'_>) -> Result<Command> {
    match envelope.name {
        "bulk" => envelope.bulk(Command::Bulk),
        "concurrent_bulk" => envelope.bulk(Command::ConcurrentBulk),
        "run_sql" | "pg_run_sql" | "citus_run_sql" | "cockroach_run_sql" => {
            envelope.args(args::run_sql)
        }
        "select" => envelope.args(args::select),
        "count" => envelope.args(args::count),
        "insert" => envelope.args(args::insert),
        "update" => envelope.args(args::update),
        "delete" => envelope.args(args::delete),
        name if names::QUERY_V2.contains(&name) => Ok(Command::NotBuilt(name.to_owned())),
        name => Err(unknown_tag(
            "Hasura.Server.API.V2Query.RQLQuery",
            name,
            names::QUERY_V2,
        )),
    }
}

fn unknown_tag(what: &str, name: &str, known: &[&str]) -> Error {
    let known: Vec<String> = known.iter().map(|name| format!("{name:?}")).collect();
    let known = known.join(",");
    Error::parse_failed(format!(
        "parsing {what} failed, expected tag field to be one of [{known}], but found tag {name:?}"
    ))
}

#[cfg(test)]
mod tests;
