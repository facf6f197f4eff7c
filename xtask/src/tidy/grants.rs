//! Who may reach rows without a role's filter: the few that the crate `ir` has constructors for.
//!
//! `ir` gives a table out only with the filter of a grant. What is without one (the admin's grants, permission
//! rules, the rows a statement has just written) has constructors of its own, and those are named here with
//! the crates that may call them. Above all, `bind` may not: what a user writes never makes an access.

use super::Problem;
use super::repo::{File, Repo};

/// A constructor, and the crates that may call it.
const UNFILTERED: &[(&str, &[&str])] = &[
    (
        "TableAccess::in_rule(",
        &["ir", "schema", "plan", "permissions"],
    ),
    ("TableAccess::written(", &["ir", "plan"]),
    (
        "Grant::unrestricted(",
        &["ir", "schema", "admin", "permissions"],
    ),
    ("Grant::from_permission(", &["ir", "schema", "permissions"]),
];

/// Checks every Rust file that is no test.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    let files = repo.rust().filter(|file| !file.is_test_code());
    files.flat_map(unfiltered).collect()
}

fn unfiltered(file: &File) -> Vec<Problem> {
    let source = file.source();
    let mut problems = Vec::new();
    for (constructor, crates) in UNFILTERED {
        let may = file.crate_name().is_none_or(|name| crates.contains(&name));
        let calls = source.code.iter().enumerate();
        let calls = calls.filter(|(_, code)| !may && code.contains(constructor));
        problems.extend(calls.map(|(index, _)| {
            let message =
                format!("`{constructor}…)` is without a role's filter: of {crates:?} alone");
            Problem::line(&file.path, index + 1, message)
        }));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_makes_no_access() {
        let text = "fn f(t: T) { let a = TableAccess::in_rule(t); SelectGrant::unrestricted(&t); }";
        let count = |path: &str| check(&Repo::of(&[(path, text)])).len();
        assert_eq!(count("crates/bind/src/rows.rs"), 2);
        assert_eq!(count("crates/plan/src/rows.rs"), 1);
        assert_eq!(count("crates/schema/src/rule.rs"), 0);
        assert_eq!(count("crates/bind/tests/rows.rs"), 0);
    }
}
