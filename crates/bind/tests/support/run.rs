//! Finds world and case files and makes each a test.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use graphloom_bind::{bind, select_operation};
use graphloom_graphql as graphql;
use graphloom_schema::{SchemaKind, SchemaVariant};
use graphloom_vocab::{Error, ErrorPath, Result};
use libtest_mimic::{Arguments, Trial};

use super::case::{self, Request};
use super::world::{self, World};
use super::{audit, sdl, show};

/// Runs every world and every case, as the arguments of this process say.
pub(crate) fn run() -> ExitCode {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut trials = Vec::new();
    for path in files(&world::folder(), "world") {
        trials.push(trial(&path, check_world));
    }
    for path in files(&cases, "graphql") {
        trials.push(trial(&path, check_case));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(path: &Path, check: fn(&Path)) -> Trial {
    let name = name_of(path);
    let path = path.to_owned();
    Trial::test(name, move || {
        check(&path);
        Ok(())
    })
}

fn name_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default();
    format!("{}/{}", folder.display(), stem.display())
}

/// Files with an extension, in a folder and those below it.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension() == Some(OsStr::new(extension)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Keeps a text beside the file it is about.
fn keep(path: &Path, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(path.parent().unwrap());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_input_file(path);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn check_world(path: &Path) {
    let world = world::parse(&fs::read_to_string(path).unwrap());
    let stem = path.file_stem().unwrap().to_string_lossy();
    let reasons = show::inconsistencies(&world.cache.inconsistencies);
    keep(path, &format!("{stem}.inconsistencies"), &reasons);
    for role in &world.schemas {
        let schema = world.cache.role(role);
        keep(path, &format!("{stem}.{role}"), &sdl::print(&schema));
    }
    for role in &world.relay_schemas {
        let schema = world.cache.variant(role, variant(SchemaKind::Relay));
        keep(path, &format!("{stem}.{role}.relay"), &sdl::print(&schema));
    }
}

fn check_case(path: &Path) {
    let file = case::parse(&fs::read_to_string(path).unwrap());
    let world = world::load(&file.world);
    let mut shown = String::new();
    for request in &file.requests {
        let answer =
            answer(&world, file.schema, request).unwrap_or_else(|error| show::error(&error));
        write!(shown, "### {}\n{answer}\n", request.name).unwrap();
    }
    let stem = path.file_stem().unwrap().to_string_lossy();
    keep(path, &stem, &shown);
}

fn variant(kind: SchemaKind) -> SchemaVariant {
    SchemaVariant {
        kind,
        ..SchemaVariant::default()
    }
}

/// What the engine would do with a request, up to the values it would send to Postgres.
fn answer(world: &World, kind: SchemaKind, request: &Request) -> Result<String> {
    let document = graphql::parse(&request.document, graphql::Limits::default()).map_err(|_| {
        Error::validation("not a valid graphql query").at(ErrorPath::keys(&["query"]))
    })?;
    let operation = select_operation(&document, request.operation.as_deref())?;
    let role = &request.session.role;
    let schema: Arc<_> = world.cache.variant(role, variant(kind));
    let (bound, rules) = bind(
        &schema,
        &document,
        operation,
        &request.variables,
        request.limits,
    )?;
    audit::audit(&world.cache, role, &bound);
    let variables = rules.resolve(&request.variables)?;
    assert!(
        bound.premise.holds(&variables),
        "a premise holds for the variables it was made from: {:?}",
        bound.premise
    );
    show::operation(&bound, &request.session, &variables)
}
