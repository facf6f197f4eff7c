//! `graphloom metadata support`: prints the register of metadata keys, which is `crates/metadata/src/support.rs`.

use std::collections::HashMap;
use std::process::ExitCode;

use graphloom_metadata::support;
use graphloom_server::options::{CommandLine, Kind::Switch, Opt};

/// Every option of `metadata support`.
pub(crate) const OPTIONS: &[&[Opt]] =
    &[&[Opt::new("json", &[], Switch, "Print the register as JSON").or("false")]];

/// Prints the register: a line per key, or JSON.
#[allow(
    clippy::unnecessary_wraps,
    reason = "the table wants the type of every command"
)]
pub(crate) fn run(line: &CommandLine, _: HashMap<String, String>) -> Result<ExitCode, String> {
    super::print(&match line.value("json") {
        Some("true") => format!("{:#}\n", support::to_json()),
        _ => support::to_text(),
    });
    Ok(ExitCode::SUCCESS)
}
