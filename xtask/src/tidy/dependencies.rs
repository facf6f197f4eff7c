//! Every third-party crate has its reason in docs/dependencies.md, has a user, and comes from one place.

use super::Problem;
use super::manifest;
use super::repo::Repo;

/// The page of reasons: a table whose first column holds the crate's name as code.
const PAGE: &str = "docs/dependencies.md";

/// Holds the workspace's dependencies against the page and the crates' manifests.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    let (named, members) = match (
        manifest::workspace_dependencies(repo),
        manifest::members(repo),
    ) {
        (Ok(named), Ok(members)) => (named, members),
        (Err(problem), _) | (_, Err(problem)) => return vec![problem],
    };
    let page = explained(repo.text(PAGE).unwrap_or_default());
    let mut problems = Vec::new();
    for name in &named {
        if !page.contains(&name.as_str()) {
            let message = format!("`{name}` has no line: say what it is for and why this one");
            problems.push(Problem::file(PAGE, message));
        }
        let used = members
            .iter()
            .any(|member| member.theirs.contains(name) || member.dev.contains(name));
        if !used {
            problems.push(Problem::file(
                "Cargo.toml",
                format!("no crate uses `{name}`: remove it"),
            ));
        }
    }
    for name in page
        .iter()
        .filter(|name| !named.iter().any(|known| known == *name))
    {
        let message = format!("explains `{name}`, which the workspace does not name");
        problems.push(Problem::file(PAGE, message));
    }
    for member in &members {
        for name in member.theirs.iter().chain(&member.dev) {
            let ours = super::ranks::rank(name).is_some();
            if !ours && !named.contains(name) {
                let message = format!("names `{name}` itself: use [workspace.dependencies]");
                problems.push(Problem::file(&member.path, message));
            }
        }
    }
    problems
}

/// The names in code spans in the first cell of each table row.
fn explained(page: &str) -> Vec<&str> {
    let cells = page
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.split('|').next());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "[workspace.dependencies]\ngraphloom-sql = { path = \"crates/sql\" }\n\
                             bytes = \"1\"\nurl = \"2\"\n";

    fn messages(page: &str, manifest: &str) -> Vec<String> {
        let repo = Repo::of(&[
            ("Cargo.toml", WORKSPACE),
            (PAGE, page),
            ("crates/pg/Cargo.toml", manifest),
        ]);
        check(&repo)
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    const BOTH: &str =
        "[dependencies]\nbytes.workspace = true\n[dev-dependencies]\nurl.workspace = true\n";

    #[test]
    fn explained_and_used_is_fine() {
        let page = "| crate | why |\n|---|---|\n| `bytes`, `url` | because |\n";
        assert_eq!(messages(page, BOTH), Vec::<String>::new());
    }

    #[test]
    fn a_crate_without_a_reason_a_user_or_an_entry_is_named() {
        let found = messages("| `bytes` | because |\n| `gone` | x |\n", BOTH);
        assert!(found[0].starts_with("`url` has no line"), "{found:?}");
        assert!(found[1].starts_with("explains `gone`"), "{found:?}");
        let page = "| `bytes` `url` | because |\n";
        assert_eq!(
            messages(page, "[dependencies]\nbytes = \"1\"\n"),
            ["no crate uses `url`: remove it"]
        );
        let found = messages(page, &format!("{BOTH}rand = \"1\"\n"));
        assert_eq!(found, ["names `rand` itself: use [workspace.dependencies]"]);
    }
}
