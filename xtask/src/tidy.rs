//! The rules of the house as checks over the files of the checkout.
//!
//! Every check is a function from [`repo::Repo`] to problems and knows no other check; all of them can
//! run on files held in memory, which is how each is tested with a text it accepts and one it refuses.
//! Read next: one file per rule under `tidy/`; `source.rs` for how Rust text is read.

mod architecture;
mod case_files;
mod dependencies;
mod documents;
mod edges;
mod grants;
mod heads;
mod manifest;
mod places;
mod purity;
mod ranks;
pub(crate) mod repo;
mod source;
mod sql_text;

use std::fmt;

/// One thing wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// Path from the workspace root.
    pub(crate) path: String,
    /// Line from 1; 0 where the whole file is meant.
    pub(crate) line: usize,
    /// What is wrong and what to do about it.
    pub(crate) message: String,
}

impl Problem {
    /// A problem of a whole file, or of a file that is missing.
    pub(crate) fn file(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: 0,
            message: message.into(),
        }
    }

    /// A problem at a line, counted from 1.
    pub(crate) fn line(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.path, self.message),
            line => write!(out, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// What `tidy` found: problems fail it, notes do not.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<Problem>,
}

/// Runs every check.
pub(crate) fn check(repo: &repo::Repo) -> Report {
    const CHECKS: &[fn(&repo::Repo) -> Vec<Problem>] = &[
        edges::check,
        purity::check,
        heads::check,
        sql_text::check,
        places::check,
        grants::check,
        architecture::check,
        case_files::check,
        dependencies::check,
        documents::check,
    ];
    let mut problems: Vec<Problem> = CHECKS.iter().flat_map(|check| check(repo)).collect();
    problems.sort();
    Report {
        problems,
        notes: heads::long_files(repo),
    }
}
