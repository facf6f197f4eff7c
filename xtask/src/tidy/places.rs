//! What may stand in one place only: `unsafe` in one crate, and no path of anyone's machine anywhere.

use super::Problem;
use super::ranks::MAY_BE_UNSAFE;
use super::repo::{File, Repo};

/// How paths of developers' and builders' machines begin. Put together here so that this file is clean.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/ho", "me/"),
    concat!("/Use", "rs/"),
];

/// Homes that are examples of documentation or belong to well-known containers.
const PATH_EXAMPLES: &[&str] = &[concat!("/ho", "me/user"), concat!("/ho", "me/linuxbrew/")];

/// Checks every file for machine paths and every Rust file for `unsafe`.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    let machine = repo.files().iter().flat_map(machine_paths);
    machine.chain(repo.rust().flat_map(unsafe_code)).collect()
}

fn machine_paths(file: &File) -> Vec<Problem> {
    file.text
        .lines()
        .enumerate()
        .filter(|(_, line)| names_machine_path(line))
        .map(|(index, _)| {
            Problem::line(
                &file.path,
                index + 1,
                "names a path that exists on one machine only",
            )
        })
        .collect()
}

fn names_machine_path(line: &str) -> bool {
    MACHINE_PATHS.iter().any(|path| {
        line.match_indices(path).any(|(at, _)| {
            // Within a URL, or behind a relative folder, it is no absolute path.
            let before = line[..at].chars().next_back();
            let absolute = !before.is_some_and(|c| c.is_alphanumeric() || "._-/}>".contains(c));
            absolute
                && !PATH_EXAMPLES
                    .iter()
                    .any(|example| line[at..].starts_with(example))
        })
    })
}

fn unsafe_code(file: &File) -> Vec<Problem> {
    if file
        .crate_name()
        .is_some_and(|name| MAY_BE_UNSAFE.contains(&name))
    {
        return Vec::new();
    }
    let is_unsafe = |code: &str| {
        code.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == "unsafe")
    };
    let source = file.source();
    let lines = source
        .code
        .iter()
        .enumerate()
        .filter(|(_, code)| is_unsafe(code));
    lines
        .map(|(index, _)| {
            Problem::line(&file.path, index + 1, "`unsafe` stands in `managed` alone")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Repo::of(&[(path, text)])).len()
    }

    #[test]
    fn machine_paths_are_refused_in_any_file() {
        for path in MACHINE_PATHS {
            assert_eq!(
                count("docs/x.md", &format!("see `{path}main/x`\n")),
                1,
                "{path}"
            );
            assert_eq!(count(".ci/run", &format!("cd {path}x\n")), 1, "{path}");
        }
    }

    #[test]
    fn other_paths_pass() {
        let text = format!(
            "https://host{}x and ./target{}x",
            MACHINE_PATHS[0], MACHINE_PATHS[0]
        );
        assert_eq!(count("docs/x.md", &text), 0);
        assert_eq!(
            count("docs/x.md", concat!("/ho", "me/linuxbrew/.linuxbrew/opt")),
            0
        );
    }

    #[test]
    fn unsafe_stands_in_one_crate() {
        let text = "fn f() { unsafe { g() } }";
        assert_eq!(count("crates/managed/src/child.rs", text), 0);
        assert_eq!(count("crates/pg/src/lib.rs", text), 1);
        assert_eq!(
            count(
                "crates/pg/src/lib.rs",
                "// unsafe\nfn unsafe_name() { \"unsafe\"; }"
            ),
            0
        );
    }
}
