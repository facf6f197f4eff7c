//! The repository's front is complete, and what changed is written down where users look.

use super::Problem;
use super::repo::Repo;

/// Documents, and words without which each would not do its work.
const DOCUMENTS: &[(&str, &[&str])] = &[
    ("LICENSE", &["Apache License", "Version 2.0"]),
    (
        "README.md",
        &[
            "cargo run --release -- dev",
            "cargo test --workspace",
            "ARCHITECTURE.md",
        ],
    ),
    (
        "CONTRIBUTING.md",
        &[
            "cargo test --workspace",
            "cargo xtask tidy",
            "UPDATE_CASES=1",
        ],
    ),
    ("SECURITY.md", &["Reporting"]),
    ("CHANGELOG.md", &["Keep a Changelog", "## [Unreleased]"]),
    ("docs/dependencies.md", &["| crate |"]),
    (
        ".ci/run",
        &["cargo fmt", "cargo clippy", "cargo test --workspace"],
    ),
    ("deny.toml", &["[licenses]", "[advisories]", "[sources]"]),
];

/// Checks that each document exists and says what it must.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, words) in DOCUMENTS {
        let Some(text) = repo.text(path) else {
            problems.push(Problem::file(path, "is missing"));
            continue;
        };
        for word in words.iter().filter(|word| !text.contains(**word)) {
            problems.push(Problem::file(path, format!("does not say `{word}`")));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_front_is_accepted() {
        let texts: Vec<(&str, String)> = DOCUMENTS
            .iter()
            .map(|(path, words)| (*path, words.join("\n")))
            .collect();
        let files: Vec<(&str, &str)> = texts
            .iter()
            .map(|(path, text)| (*path, text.as_str()))
            .collect();
        assert!(check(&Repo::of(&files)).is_empty());
    }

    #[test]
    fn what_is_missing_is_named() {
        let found = check(&Repo::of(&[("CHANGELOG.md", "Keep a Changelog")]));
        assert!(found.contains(&Problem::file("LICENSE", "is missing")));
        assert!(found.contains(&Problem::file(
            "CHANGELOG.md",
            "does not say `## [Unreleased]`"
        )));
    }
}
