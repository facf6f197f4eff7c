//! The core stays pure: no I/O, clock, environment, randomness or async, neither by its own words nor
//! by what it depends on; and the environment is read at the outside alone.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::manifest::{self, Member};
use super::ranks::{self, READS_ENVIRONMENT, Rank};
use super::repo::{File, Repo};

/// Packages that bring an async runtime, a network, a database or randomness.
const IMPURE_PACKAGES: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "hyper",
    "hyper-util",
    "axum",
    "tower",
    "reqwest",
    "tokio-postgres",
    "postgres",
    "deadpool-postgres",
    "rustls",
    "aws-lc-rs",
    "native-tls",
    "openssl",
    "rand",
    "getrandom",
    "fastrand",
    "redis",
    "tracing-subscriber",
];

/// Words of Rust that reach outside the process or make a value nobody passed in.
const IMPURE_WORDS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "rand::",
    "new_v4",
    "async fn",
    "async move",
    ".await",
];

/// Checks the core, and who reads the environment.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    let mut problems: Vec<Problem> = repo.rust().flat_map(words).collect();
    match (manifest::members(repo), manifest::locked(repo)) {
        (Ok(members), Ok(locked)) => problems.extend(packages(&members, &locked)),
        (Err(problem), _) | (_, Err(problem)) => problems.push(problem),
    }
    problems
}

fn words(file: &File) -> Vec<Problem> {
    let Some(name) = file.crate_name().filter(|_| !file.is_test_code()) else {
        return Vec::new();
    };
    let core = ranks::is_core(name);
    let outside = READS_ENVIRONMENT.contains(&name) || ranks::rank(name) == Some(Rank::Dev);
    let mut problems = Vec::new();
    for (line, code) in file.source().live_code() {
        let word = IMPURE_WORDS.iter().find(|word| core && says(code, word));
        if let Some(word) = word {
            let message = format!("`{word}` in the core: have the value passed in");
            problems.push(Problem::line(&file.path, line, message));
        } else if !outside && says(code, "env::var") {
            let message = "reads the environment: only the outside does, and passes it in";
            problems.push(Problem::line(&file.path, line, message));
        }
    }
    problems
}

/// Whether `code` holds `word` and not merely a longer word that ends with it.
fn says(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        word.starts_with('.') || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn packages(members: &[Member], locked: &BTreeMap<String, BTreeSet<String>>) -> Vec<Problem> {
    let core = members.iter().filter(|member| ranks::is_core(&member.name));
    let mut problems = Vec::new();
    for member in core {
        for direct in &member.theirs {
            if let Some(path) = way_to_impure(direct, locked) {
                let message = format!("the core depends on {}", path.join(" → "));
                problems.push(Problem::file(&member.path, message));
            }
        }
    }
    problems
}

/// The packages from `start` to the first impure one, both included.
fn way_to_impure(start: &str, locked: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut open = vec![vec![start.to_owned()]];
    while let Some(path) = open.pop() {
        let Some(last) = path.last() else { continue };
        if IMPURE_PACKAGES.contains(&last.as_str()) {
            return Some(path);
        }
        if !seen.insert(last.clone()) {
            continue;
        }
        for next in locked.get(last).into_iter().flatten() {
            let mut path = path.clone();
            path.push(next.clone());
            open.push(path);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "[[package]]\nname = \"indexmap\"\ndependencies = [\"hashbrown\"]\n\
                        [[package]]\nname = \"hashbrown\"\n\
                        [[package]]\nname = \"convenient\"\ndependencies = [\"helper\"]\n\
                        [[package]]\nname = \"helper\"\ndependencies = [\"tokio 1.0\"]\n";

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        let mut files = files.to_vec();
        files.push(("Cargo.lock", LOCK));
        check(&Repo::of(&files))
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    #[test]
    fn a_pure_dependency_is_fine() {
        assert!(
            messages(&[("crates/ir/Cargo.toml", "[dependencies]\nindexmap = \"2\"\n")]).is_empty()
        );
    }

    #[test]
    fn an_impure_dependency_is_found_at_a_distance() {
        let manifest = "[dependencies]\nconvenient = \"1\"\n";
        let found = messages(&[("crates/ir/Cargo.toml", manifest)]);
        assert_eq!(found, ["the core depends on convenient → helper → tokio"]);
        assert!(messages(&[("crates/pg/Cargo.toml", manifest)]).is_empty());
    }

    #[test]
    fn the_core_says_no_word_of_the_outside() {
        for word in [
            "std::env::args()",
            "SystemTime::now()",
            "f().await",
            "rand::random()",
        ] {
            let text = format!("//! x\nfn f() {{ {word}; }}\n");
            assert_eq!(
                messages(&[("crates/bind/src/lib.rs", &text)]).len(),
                1,
                "{word}"
            );
            assert!(
                messages(&[("crates/server/src/lib.rs", &text)]).is_empty(),
                "{word}"
            );
        }
    }

    #[test]
    fn comments_tests_and_longer_words_are_no_words() {
        let text = "//! No std::env here.\nfn operand() { operand::x(); }\n\
                    #[cfg(test)]\nmod tests { use std::fs; }\n";
        assert!(messages(&[("crates/sql/src/lib.rs", text)]).is_empty());
        assert!(messages(&[("crates/sql/tests/all.rs", "use std::fs;")]).is_empty());
    }

    #[test]
    fn the_environment_is_read_at_the_outside() {
        let text = "use std::env;\nfn f() { env::var(\"X\"); }\n";
        assert!(messages(&[("crates/server/src/options.rs", text)]).is_empty());
        let found = messages(&[("crates/store/src/lib.rs", text)]);
        assert!(found[0].starts_with("reads the environment"));
    }
}
