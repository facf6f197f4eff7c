//! Tasks of the house, run as `cargo xtask <task>`.
//!
//! There is one so far: `tidy`, the rules of this repository that neither rustc nor clippy knows. It
//! reads files and nothing else (no network, no child process), and the same checks run as a test, so
//! that a machine that passes `cargo test --workspace` passes them too.
//! Read next: `tidy.rs`, the list of checks; `tidy/ranks.rs`, the table of crates.

mod tidy;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <task>

tasks:
  tidy    check the rules of the house: ranks, purity, file heads, documents
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words, &mut io::stdout().lock()) {
        Ok(code) => code,
        Err(error) => {
            // Standard error is the only place left; when it is closed too, the exit code still says it.
            drop(writeln!(io::stderr(), "xtask: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str], out: &mut impl Write) -> io::Result<ExitCode> {
    match words {
        ["tidy"] => tidy(out),
        ["help" | "-h" | "--help"] => {
            write!(out, "{USAGE}")?;
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            write!(out, "{USAGE}")?;
            Ok(ExitCode::from(2))
        }
    }
}

fn tidy(out: &mut impl Write) -> io::Result<ExitCode> {
    let repo = tidy::repo::Repo::read(workspace_root())?;
    let report = tidy::check(&repo);
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    for problem in &report.problems {
        writeln!(out, "{problem}")?;
    }
    if report.problems.is_empty() {
        writeln!(
            out,
            "tidy: {} files, nothing to say against them",
            repo.files().len()
        )?;
        Ok(ExitCode::SUCCESS)
    } else {
        writeln!(out, "tidy: {} problems", report.problems.len())?;
        Ok(ExitCode::FAILURE)
    }
}

/// The folder above this crate: tasks work on the checkout they were built from.
fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let repo = tidy::repo::Repo::read(workspace_root()).unwrap();
        let report = tidy::check(&repo);
        let list: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        assert!(
            list.is_empty(),
            "{} problems:\n{}",
            list.len(),
            list.join("\n")
        );
    }

    #[test]
    fn an_unknown_task_is_refused_with_the_usage() {
        let mut out = Vec::new();
        let code = run(&["tydy"], &mut out).unwrap();
        assert_eq!(code, ExitCode::from(2));
        assert!(String::from_utf8(out).unwrap().contains("tidy    check"));
    }
}
