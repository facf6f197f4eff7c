//! The checkout as a list of text files.
//!
//! Reads the folder itself and asks no version control, so that a source archive can be checked too.
//! Folders that hold built or fetched things (`target`, `node_modules`, `.git`) are left out, and so
//! are files that are not UTF-8: no rule of ours speaks about those.

use std::fs;
use std::io;
use std::path::Path;

use super::source::Source;

/// What is never ours, wherever it stands: folders, and `.git` also as the file that a worktree has.
const SKIPPED: &[&str] = &[".git", "target", "node_modules"];

/// One text file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Path from the workspace root, with `/` between its parts.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

impl File {
    /// What follows the last dot of its name.
    pub(crate) fn extension(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension)
    }

    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.extension() == "rs"
    }

    /// The folder name under `crates/`, or `xtask`.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        match self.path.strip_prefix("crates/") {
            Some(rest) => rest.split_once('/').map(|(name, _)| name),
            None => self.path.starts_with("xtask/").then_some("xtask"),
        }
    }

    /// Whether the whole file is test code: under `tests/` or `benches/`, or a module named so.
    pub(crate) fn is_test_code(&self) -> bool {
        let mut folders: Vec<&str> = self.path.split('/').collect();
        let name = folders.pop().unwrap_or_default();
        name == "tests.rs"
            || name.ends_with("_tests.rs")
            || folders
                .iter()
                .any(|folder| matches!(*folder, "tests" | "benches"))
    }

    /// The text read as Rust.
    pub(crate) fn source(&self) -> Source {
        Source::read(&self.text)
    }
}

/// Every text file of the checkout, sorted by path.
#[derive(Debug, Default)]
pub(crate) struct Repo {
    files: Vec<File>,
}

impl Repo {
    /// Reads the checkout at `root`.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        read_folder(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// Every file, sorted by path.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// The text of the file at `path`.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    /// Every Rust file.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// The names of the folders under `crates/` that hold a manifest, and `xtask`.
    pub(crate) fn crates(&self) -> Vec<&str> {
        self.files
            .iter()
            .filter(|file| file.path.ends_with("/Cargo.toml"))
            .filter(|file| file.path.matches('/').count() <= 2)
            .filter_map(File::crate_name)
            .collect()
    }

    /// A checkout in memory.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            // What is not UTF-8 is a picture or an archive.
            if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
                files.push(File { path, text });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_know_their_crate_and_whether_they_are_tests() {
        let repo = Repo::of(&[
            ("crates/sql/Cargo.toml", ""),
            ("crates/sql/src/print.rs", ""),
            ("crates/sql/src/print/tests.rs", ""),
            ("crates/sql/tests/postgres.rs", ""),
            ("xtask/Cargo.toml", ""),
            ("README.md", ""),
        ]);
        assert_eq!(repo.crates(), ["sql", "xtask"]);
        let tests: Vec<bool> = repo.files().iter().map(File::is_test_code).collect();
        assert_eq!(tests, [false, false, true, true, false, false]);
        assert_eq!(repo.files()[1].crate_name(), Some("sql"));
        assert_eq!(repo.files()[5].crate_name(), None);
    }
}
