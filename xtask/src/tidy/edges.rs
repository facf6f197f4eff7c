//! Ranks go down only, and what each crate promised not to know stays unknown to it.

use std::collections::BTreeSet;

use super::Problem;
use super::manifest::{self, Member};
use super::ranks::{self, OWNERS, Rank, STRANGERS};
use super::repo::Repo;

/// Holds every manifest against the table of ranks.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    let members = match manifest::members(repo) {
        Ok(members) => members,
        Err(problem) => return vec![problem],
    };
    let mut problems = Vec::new();
    for member in &members {
        problems.extend(ranks_go_down(member));
        problems.extend(owned_elsewhere(member));
        problems.extend(strangers(member, &members));
    }
    problems
}

fn ranks_go_down(member: &Member) -> Vec<Problem> {
    let Some(own) = ranks::rank(&member.name) else {
        let message = "has no rank: add it to xtask/src/tidy/ranks.rs and to ARCHITECTURE.md";
        return vec![Problem::file(&member.path, message)];
    };
    let mut problems = Vec::new();
    for name in &member.ours {
        let allowed = match (own, ranks::rank(name)) {
            (Rank::Level(own), Some(Rank::Level(other))) => other < own,
            (Rank::Level(_), Some(Rank::Dev)) | (_, None) => false,
            (Rank::Dev, Some(_)) => true,
        };
        if !allowed {
            let other = ranks::rank(name).map_or("none".to_owned(), |rank| rank.to_string());
            let message = format!("rank {own} depends on `{name}` of rank {other}; ranks go down");
            problems.push(Problem::file(&member.path, message));
        }
    }
    problems
}

fn owned_elsewhere(member: &Member) -> Vec<Problem> {
    if ranks::rank(&member.name) == Some(Rank::Dev) {
        return Vec::new();
    }
    OWNERS
        .iter()
        .filter(|(_, owners, _)| !owners.contains(&member.name.as_str()))
        .filter(|(package, _, _)| member.theirs.iter().any(|name| name == package))
        .map(|(package, _, promise)| {
            Problem::file(
                &member.path,
                format!("depends on `{package}`, but {promise}"),
            )
        })
        .collect()
}

fn strangers(member: &Member, members: &[Member]) -> Vec<Problem> {
    let reached = reach(&member.name, members);
    STRANGERS
        .iter()
        .filter(|(name, _, _)| *name == member.name)
        .flat_map(|(_, strangers, promise)| strangers.iter().map(move |name| (name, promise)))
        .filter(|(name, _)| reached.contains(**name))
        .map(|(name, promise)| {
            Problem::file(&member.path, format!("reaches `{name}`, but {promise}"))
        })
        .collect()
}

/// Every crate of ours that `name` depends on, at any distance.
pub(crate) fn reach<'m>(name: &str, members: &'m [Member]) -> BTreeSet<&'m str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        let member = members.iter().find(|member| member.name == name);
        for next in member.into_iter().flat_map(|member| &member.ours) {
            if reached.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        check(&Repo::of(files))
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    #[test]
    fn a_lower_rank_is_fine() {
        let manifest = "[dependencies]\ngraphloom-vocab.workspace = true\n\
                        [dev-dependencies]\ngraphloom-testkit.workspace = true\n";
        assert!(messages(&[("crates/sql/Cargo.toml", manifest)]).is_empty());
    }

    #[test]
    fn the_same_rank_a_higher_one_and_a_tool_are_refused() {
        for name in ["catalog", "ir", "testkit"] {
            let manifest = format!("[dependencies]\ngraphloom-{name}.workspace = true\n");
            let found = messages(&[("crates/metadata/Cargo.toml", &manifest)]);
            assert!(found[0].contains("ranks go down"), "{name}: {found:?}");
        }
    }

    #[test]
    fn a_crate_without_a_rank_is_refused() {
        let found = messages(&[("crates/mystery/Cargo.toml", "[dependencies]\n")]);
        assert!(found[0].contains("has no rank"));
    }

    #[test]
    fn the_driver_belongs_to_one_crate() {
        let manifest = "[dependencies]\ntokio-postgres.workspace = true\n";
        assert!(messages(&[("crates/pg/Cargo.toml", manifest)]).is_empty());
        assert!(messages(&[("crates/testkit/Cargo.toml", manifest)]).is_empty());
        let found = messages(&[("crates/store/Cargo.toml", manifest)]);
        assert_eq!(
            found,
            ["depends on `tokio-postgres`, but only `pg` names the driver"]
        );
    }

    #[test]
    fn a_stranger_is_found_through_another_crate() {
        let found = messages(&[
            (
                "crates/bind/Cargo.toml",
                "[dependencies]\ngraphloom-schema.workspace = true\n",
            ),
            (
                "crates/schema/Cargo.toml",
                "[dependencies]\ngraphloom-sql.workspace = true\n",
            ),
        ]);
        assert_eq!(found, ["reaches `sql`, but `bind` sees no SQL"]);
    }
}
