//! The case files: every `.yaml` under a folder is a test.
//!
//! A test binary with `harness = false` calls [`run_all`] from its `main` and needs no other line, so
//! adding a case adds no Rust. `cargo test NAME` filters cases as it filters functions; with
//! `UPDATE_CASES=1` in the environment the answers are written into the files instead of compared.
//!
//! The format is described in `cases/README.md`. Read next: `cases/format.rs` for what a case may say,
//! `cases/run.rs` for what is done with it.

mod commands;
mod compare;
mod format;
mod pool;
mod pretty;
mod register;
mod run;
mod update;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{Failure, postgres};
use run::Mode;

/// Runs every case under `folder` against `binary`, as the arguments of this process say.
pub fn run_all(folder: &Path, binary: &str) -> ExitCode {
    let arguments = Arguments::from_args();
    let pool = Arc::new(pool::Pool::new(PathBuf::from(binary)));
    let trials = match files(folder) {
        Ok(files) if !files.is_empty() => files.into_iter().map(|(name, path)| {
            let pool = Arc::clone(&pool);
            Trial::test(name, move || one(&path, &pool).map_err(Failed::from))
        }),
        Ok(_) => return refuse(&format!("no case in {}", folder.display())),
        Err(error) => return refuse(&format!("reading {}: {error}", folder.display())),
    };
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // The servers first, then the database they use.
    drop(pool);
    postgres::stop();
    conclusion.exit_code()
}

/// What the register `folder/register.yaml` and the cases under `folder` do not agree about: rows without a case that
/// accepts or one that refuses, and cases of rows that it does not know.
pub fn uncovered(folder: &Path) -> Result<Vec<String>, Failure> {
    let register = register::load(&folder.join("register.yaml"))?;
    let mut covered = register::Covered::default();
    for (name, path) in files(folder).map_err(Failure::while_doing("listing the cases"))? {
        let case = format::load(&path).map_err(Failure::while_doing(name))?;
        covered.add(&case);
    }
    Ok(register.gaps(&covered))
}

/// What the list `folder/commands.yaml` and the cases under `folder` do not agree about: commands without a case that
/// is answered or one that is refused.
pub fn untried_commands(folder: &Path) -> Result<Vec<String>, Failure> {
    let commands = commands::load(&folder.join("commands.yaml"))?;
    let mut sent = commands::Sent::default();
    for (name, path) in files(folder).map_err(Failure::while_doing("listing the cases"))? {
        let case = format::load(&path).map_err(Failure::while_doing(name))?;
        sent.add(&case);
    }
    Ok(commands.gaps(&sent))
}

/// Reads every case under `folder` without running any: what cannot be read, with its reason.
pub fn unreadable(folder: &Path) -> io::Result<Vec<(String, Failure)>> {
    let read = |(name, path): (String, PathBuf)| Some((name, format::load(&path).err()?));
    Ok(files(folder)?.into_iter().filter_map(read).collect())
}

fn refuse(reason: &str) -> ExitCode {
    // The way a test harness fails that cannot run a test.
    let trial = Trial::test("cases", {
        let reason = reason.to_owned();
        move || Err(Failed::from(reason))
    });
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn one(path: &Path, pool: &pool::Pool) -> Result<(), Failure> {
    let mode = match std::env::var_os("UPDATE_CASES") {
        Some(value) if value != "0" => Mode::Update,
        _ => Mode::Check,
    };
    let case = format::load(path)?;
    for observed in run::run(&case, pool, mode)? {
        let text = fs::read_to_string(path).map_err(Failure::while_doing("reading the case"))?;
        let text = update::with_answer(&text, &observed)?;
        fs::write(path, text).map_err(Failure::while_doing("writing the case"))?;
    }
    Ok(())
}

/// Every case file under `folder`, as `area/name`, sorted.
fn files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for area in fs::read_dir(folder)? {
        let area = area?;
        if !area.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(area.path())? {
            let path = file?.path();
            if path.extension() == Some(OsStr::new("yaml")) {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let name = format!("{}/{stem}", area.file_name().to_string_lossy());
                files.push((name, path));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn every_case_of_the_repository_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases");
        assert!(!files(&folder).unwrap().is_empty());
        let unreadable = unreadable(&folder).unwrap();
        assert!(unreadable.is_empty(), "{unreadable:#?}");
    }

    #[test]
    fn every_row_of_the_register_has_a_case_that_accepts_and_one_that_refuses() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases");
        let gaps = uncovered(&folder).unwrap();
        assert!(gaps.is_empty(), "{gaps:#?}");
    }

    #[test]
    fn every_command_has_a_case_that_is_answered_and_one_that_is_refused() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases");
        let gaps = untried_commands(&folder).unwrap();
        assert!(gaps.is_empty(), "{gaps:#?}");
    }

    #[test]
    fn a_case_that_cannot_be_read_is_named() {
        let folder = std::env::temp_dir().join(format!("testkit-cases-{}", std::process::id()));
        fs::create_dir_all(folder.join("area")).unwrap();
        fs::write(folder.join("area/good.yaml"), "steps:\n- query: a\n").unwrap();
        fs::write(folder.join("area/bad.yaml"), "steps: 1\n").unwrap();
        fs::write(folder.join("area/world.sql"), "").unwrap();
        let names: Vec<String> = files(&folder)
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["area/bad", "area/good"]);
        let unreadable = unreadable(&folder).unwrap();
        assert_eq!(unreadable.len(), 1);
        assert_eq!(unreadable[0].0, "area/bad");
        fs::remove_dir_all(&folder).unwrap();
    }
}
