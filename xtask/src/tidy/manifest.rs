//! Manifests and the lock file, read: who depends on whom.
//!
//! The lock file stands in for the resolved graph: it lists what the features in use pull in, on any
//! platform, and reading it needs no child process and no network.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::repo::Repo;

/// Package names start so; folders under `crates/` do not. The binary is the package of this very name.
const PREFIX: &str = "graphloom-";

/// One of our crates.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its folder under `crates/`, or `xtask`.
    pub(crate) name: String,
    /// Path of its manifest.
    pub(crate) path: String,
    /// Ours, by folder name, in `[dependencies]` and `[build-dependencies]`.
    pub(crate) ours: Vec<String>,
    /// Third-party, by package name, in the same tables.
    pub(crate) theirs: Vec<String>,
    /// Everything in `[dev-dependencies]`, ours by folder name.
    pub(crate) dev: Vec<String>,
}

/// Reads the manifest of every crate. A manifest that is not TOML is a problem.
pub(crate) fn members(repo: &Repo) -> Result<Vec<Member>, Problem> {
    let mut members = Vec::new();
    for name in repo.crates() {
        let path = match name {
            "xtask" => "xtask/Cargo.toml".to_owned(),
            _ => format!("crates/{name}/Cargo.toml"),
        };
        let Some(text) = repo.text(&path) else {
            continue;
        };
        let manifest = parse(&path, text)?;
        let mut normal = keys(&manifest, "dependencies");
        normal.extend(keys(&manifest, "build-dependencies"));
        let (ours, theirs) = normal.into_iter().partition(|name| is_ours(name));
        members.push(Member {
            name: name.to_owned(),
            path,
            ours: folders(ours),
            theirs,
            dev: folders(keys(&manifest, "dev-dependencies")),
        });
    }
    Ok(members)
}

/// The third-party names under `[workspace.dependencies]`.
pub(crate) fn workspace_dependencies(repo: &Repo) -> Result<Vec<String>, Problem> {
    let manifest = parse("Cargo.toml", repo.text("Cargo.toml").unwrap_or_default())?;
    let workspace = manifest.get("workspace").and_then(toml::Value::as_table);
    let mut names = workspace
        .map(|table| keys(table, "dependencies"))
        .unwrap_or_default();
    names.retain(|name| !is_ours(name));
    Ok(names)
}

/// The folder name of a package of ours.
pub(crate) fn folder(package: &str) -> String {
    package.strip_prefix(PREFIX).unwrap_or(package).to_owned()
}

/// What each package of the lock file depends on, by name; versions do not matter here.
pub(crate) fn locked(repo: &Repo) -> Result<BTreeMap<String, BTreeSet<String>>, Problem> {
    let path = "Cargo.lock";
    let Some(text) = repo.text(path) else {
        return Err(Problem::file(path, "is missing: commit the lock file"));
    };
    let lock = parse(path, text)?;
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock
        .get("package")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
    {
        let Some(name) = package.get("name").and_then(toml::Value::as_str) else {
            continue;
        };
        let listed = package.get("dependencies").and_then(toml::Value::as_array);
        // An entry is "name", or "name version" where there are several.
        let names = listed.into_iter().flatten().filter_map(toml::Value::as_str);
        let names = names
            .filter_map(|entry| entry.split(' ').next())
            .map(str::to_owned);
        graph.entry(name.to_owned()).or_default().extend(names);
    }
    Ok(graph)
}

fn parse(path: &str, text: &str) -> Result<toml::Table, Problem> {
    text.parse()
        .map_err(|error| Problem::file(path, format!("is not TOML: {error}")))
}

fn keys(table: &toml::Table, section: &str) -> Vec<String> {
    let section = table.get(section).and_then(toml::Value::as_table);
    section
        .map(|section| section.keys().cloned().collect())
        .unwrap_or_default()
}

fn is_ours(package: &str) -> bool {
    package.starts_with(PREFIX) || package == "graphloom"
}

fn folders(packages: Vec<String>) -> Vec<String> {
    packages.iter().map(|package| folder(package)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn a_manifest_is_split_into_ours_and_theirs() {
        let manifest = "[dependencies]\ngraphloom-vocab.workspace = true\nserde_json = \"1\"\n\
                        [dev-dependencies]\ngraphloom-testkit.workspace = true\n";
        let repo = Repo::of(&[("crates/sql/Cargo.toml", manifest)]);
        let members = members(&repo).unwrap();
        assert_eq!(members[0].name, "sql");
        assert_eq!(members[0].ours, ["vocab"]);
        assert_eq!(members[0].theirs, ["serde_json"]);
        assert_eq!(members[0].dev, ["testkit"]);
    }

    #[test]
    fn the_lock_file_is_a_graph() {
        let lock =
            "[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"b 2.0\", \"c\"]\n";
        let graph = locked(&Repo::of(&[("Cargo.lock", lock)])).unwrap();
        assert_eq!(graph["a"], BTreeSet::from(["b".to_owned(), "c".to_owned()]));
        assert!(locked(&Repo::default()).is_err());
    }

    #[test]
    fn a_broken_manifest_is_a_problem() {
        let repo = Repo::of(&[("crates/sql/Cargo.toml", "[dependencies")]);
        assert!(members(&repo).unwrap_err().message.contains("not TOML"));
    }
}
