//! What the program does with the metadata database besides serving it: print the metadata, remove everything,
//! take the catalog back to an older version. Each gives the text that the binary prints.
//!
//! No server may run on the database while it is cleaned or taken back. Read next: `crates/store/src/upgrade.rs`.

use std::collections::HashMap;

use graphloom_metadata::types::Metadata;
use graphloom_pg::Pool;
use graphloom_store::{Downgrading, Store, StoreError, catalog_version_of};

use crate::options::{CommandLine, DOWNGRADE, OptionError, SERVE, Values};
use crate::settings::Settings;
use crate::startup::Fatal;
use crate::wiring::metadata_pool;

/// `export`: the stored metadata as one line of JSON, in the order of an export.
pub async fn export(
    line: &CommandLine,
    environment: &HashMap<String, String>,
) -> Result<String, Fatal> {
    let (_, pool) = open(line, environment)?;
    let document = Store::peek(&pool).await.map_err(store_error)?;
    let document = document.ok_or_else(|| store_error(StoreError::NoCatalog))?;
    if document.is_null() {
        return Ok(format!("{}\n", Metadata::default().to_json()));
    }
    let metadata = Metadata::from_json(&document).map_err(|error| {
        let (message, path) = (error.message(), error.path());
        Fatal::Services(format!(
            "the stored metadata cannot be read: {message} (at {path})"
        ))
    })?;
    Ok(format!("{}\n", metadata.to_json()))
}

/// `clean`: removes the catalog, with the metadata and all events, from the metadata database, and the triggers that
/// tell subscriptions of changes.
pub async fn clean(
    line: &CommandLine,
    environment: &HashMap<String, String>,
) -> Result<String, Fatal> {
    let (_, pool) = open(line, environment)?;
    graphloom_store::clean(&pool).await.map_err(store_error)?;
    // Where the metadata's database is a source, too. That they cannot be removed is no reason to fail: they do nothing.
    graphloom_subscribe::remove_change_signals(&pool).await.ok();
    Ok("successfully cleaned graphql-engine related data\n".to_owned())
}

/// `downgrade --to-vX`, `downgrade --to-catalog-version N`: what was done, or with `--dryRun` the statements.
pub async fn downgrade(
    line: &CommandLine,
    environment: &HashMap<String, String>,
) -> Result<String, Fatal> {
    let (values, pool) = open(line, environment)?;
    let target = target(&values)?;
    let downgrading = match values.boolean("dryRun") {
        true => Downgrading::Show,
        false => Downgrading::Run,
    };
    let done = graphloom_store::downgrade(&pool, &target, downgrading).await;
    let done = done.map_err(store_error)?;
    Ok(match (done.statements.is_empty(), downgrading) {
        (true, _) => format!("The catalog has version {target} already; nothing to do.\n"),
        (false, Downgrading::Show) => done.statements.concat(),
        (false, Downgrading::Run) => {
            let from = done.from;
            format!("Successfully took the catalog from version {from} to version {target}.\n")
        }
    })
}

/// The catalog version that is wanted. Errors: neither or both ways of saying it, or a release that nobody made.
fn target(values: &Values) -> Result<String, Fatal> {
    let conflict = |message: String| Err(OptionError::Conflict(message).into());
    match (values.text("to-v"), values.text("to-catalog-version")) {
        (Some(release), None) => match catalog_version_of(release) {
            Some(version) => Ok(version.to_owned()),
            None => conflict(format!(
                "--to-v{release}: there is no such release of Hasura GraphQL Engine that a catalog can be taken \
                 back to; see --to-catalog-version"
            )),
        },
        (None, Some(version)) => Ok(version.trim().to_owned()),
        (None, None) => conflict(
            "downgrade needs a version: --to-v2.11.2, for example, or --to-catalog-version 47"
                .to_owned(),
        ),
        (Some(_), Some(_)) => {
            conflict("--to-catalog-version and a --to-v flag exclude each other".to_owned())
        }
    }
}

fn open(
    line: &CommandLine,
    environment: &HashMap<String, String>,
) -> Result<(Values, Pool), Fatal> {
    let values = Values::resolve(line, environment, &[SERVE, DOWNGRADE])?;
    let settings = Settings::new(&values)?;
    let pool = metadata_pool(&settings.database, environment)?;
    Ok((values, pool))
}

fn store_error(error: StoreError) -> Fatal {
    Fatal::Services(error.to_string())
}
