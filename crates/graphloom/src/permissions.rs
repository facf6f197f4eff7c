//! `permissions test` and `permissions why`: what roles see and may do, tried before anybody is let in.
//!
//! Options, files and output; what is tried and how is `graphloom_permissions`' affair. The exit code is 0 if all is
//! as expected (or allowed), 1 if it is not, 2 if that could not be found out. Read next: `permissions/test.rs`,
//! `permissions/why.rs`.

mod junit;
pub(crate) mod test;
pub(crate) mod why;

use std::collections::HashMap;
use std::fs;
use std::process::ExitCode;

use graphloom_permissions::World;
use graphloom_server::options::Kind::{Switch, Text};
use graphloom_server::options::{CommandLine, Opt, Values};
use graphloom_server::settings::Settings;
use graphloom_server::{Logs, startup};
use graphloom_vocab::Json;

use crate::local;

/// Options of both commands.
const COMMON: &[Opt] = &[
    Opt::new(
        "metadata",
        &[],
        Text,
        "File with metadata (JSON or YAML, as exported) to look at instead of the stored one",
    ),
    Opt::new("json", &[], Switch, "Print the result as JSON").or("false"),
];

/// Stands in for the metadata database where a file takes its place.
const PLACEHOLDER: (&str, &str) = ("metadata-database-url", "postgresql:///none");

/// It could not be found out.
const NOT_DONE: u8 = 2;

/// What is tried, and what was found out about it on the way.
struct Opened {
    world: World,
    inconsistencies: Vec<String>,
}

/// Runs a command's work, and ends with 2 if it cannot be done.
fn finish(work: impl Future<Output = Result<(String, bool), String>>) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(1)
        .thread_stack_size(crate::threads::STACK_BYTES)
        .build();
    let runtime = runtime.map_err(|error| format!("cannot start the runtime: {error}"))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(match done {
        Ok((text, is_well)) => {
            crate::print(&text);
            match is_well {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(message) => {
            crate::complain(&message);
            ExitCode::from(NOT_DONE)
        }
    })
}

/// Opens what the options name, without changing anything.
async fn open(
    line: &CommandLine,
    values: &Values,
    environment: HashMap<String, String>,
) -> Result<Opened, String> {
    let document = values.text("metadata").map(read_document).transpose()?;
    let mut line = line.clone();
    if document.is_some() && !local::names_a_database(values) {
        line.flags.push((PLACEHOLDER.0, PLACEHOLDER.1.to_owned()));
    }
    let (settings, _) = startup::read_options(&line, &environment).map_err(|e| e.to_string())?;
    world(&settings, environment, document).await
}

async fn world(
    settings: &Settings,
    environment: HashMap<String, String>,
    document: Option<Json>,
) -> Result<Opened, String> {
    let logs = Logs::start(settings.log.clone(), std::io::sink());
    let preview = startup::preview(settings, environment, document, &logs).await;
    let preview = preview.map_err(|error| error.to_string())?;
    if !preview.unreachable.is_empty() {
        return Err(preview.unreachable.join("\n"));
    }
    Ok(Opened {
        world: World {
            metadata: preview.metadata,
            schema: preview.snapshot.schema.clone(),
            pools: preview.snapshot.pools.clone(),
            options: startup::engine_options(settings),
        },
        inconsistencies: preview.inconsistencies,
    })
}

/// A document as it is exported: alone, or with its version beside it.
fn read_document(path: &str) -> Result<Json, String> {
    let text = read(path)?;
    let json = graphloom_permissions::read_document(&text);
    json.map_err(|error| format!("{path}: {}", error.message()))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}
