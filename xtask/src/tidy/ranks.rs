//! The table of crates: which rank each has, and what it promises not to know.
//!
//! Data only, and the one place to change when a crate is added; ARCHITECTURE.md's crate map says the
//! same for people and is held against this table. Read next: `edges.rs` and `purity.rs`, which hold
//! the manifests and sources against it.

/// How high a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rank {
    /// A part of the program: it may depend on strictly lower levels.
    Level(u8),
    /// A tool of ours: no part of the program may depend on it, except to be tested.
    Dev,
}

impl std::fmt::Display for Rank {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Level(level) => write!(out, "{level}"),
            Self::Dev => out.write_str("dev"),
        }
    }
}

/// Folder under `crates/` (or `xtask`) and rank, lowest first.
pub(crate) const RANKS: &[(&str, Rank)] = &[
    ("vocab", Rank::Level(0)),
    ("graphql", Rank::Level(1)),
    ("metadata", Rank::Level(1)),
    ("catalog", Rank::Level(1)),
    ("sql", Rank::Level(1)),
    ("console", Rank::Level(1)),
    ("kriti", Rank::Level(1)),
    ("ir", Rank::Level(2)),
    ("schema", Rank::Level(3)),
    ("plan", Rank::Level(3)),
    ("bind", Rank::Level(4)),
    ("pg", Rank::Level(4)),
    ("outbound", Rank::Level(4)),
    ("auth", Rank::Level(5)),
    ("store", Rank::Level(5)),
    ("execute", Rank::Level(5)),
    ("admin", Rank::Level(6)),
    ("subscribe", Rank::Level(6)),
    ("permissions", Rank::Level(6)),
    ("server", Rank::Level(7)),
    ("managed", Rank::Level(7)),
    ("graphloom", Rank::Level(8)),
    ("testkit", Rank::Dev),
    ("xtask", Rank::Dev),
];

/// The rank of a crate by its folder name.
pub(crate) fn rank(name: &str) -> Option<Rank> {
    RANKS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, rank)| *rank)
}

/// Whether the crate is of the pure core: values in, values out. Ranks 0 to 3 and `bind`; `console` is
/// no stage of a request but as pure as one, being files in the binary.
pub(crate) fn is_core(name: &str) -> bool {
    name == "bind" || matches!(rank(name), Some(Rank::Level(0..=3)))
}

/// A crate, and crates of ours that it must not reach even through others, with the promise it keeps.
pub(crate) const STRANGERS: &[(&str, &[&str], &str)] = &[
    (
        "plan",
        &["schema", "metadata", "bind"],
        "`plan` sees no role, permission or document",
    ),
    ("bind", &["sql", "plan"], "`bind` sees no SQL"),
    (
        "ir",
        &["metadata", "sql", "schema"],
        "`ir` is types only, already permitted",
    ),
    (
        "sql",
        &["graphql", "metadata", "catalog"],
        "`sql` knows no GraphQL and no roles",
    ),
    (
        "graphql",
        &["metadata", "catalog", "sql"],
        "`graphql` knows no Postgres and no roles",
    ),
    (
        "managed",
        &["sql", "pg", "server"],
        "`managed` runs a server and speaks no SQL to it",
    ),
    (
        "outbound",
        &["metadata", "schema", "pg"],
        "`outbound` sends what it is given",
    ),
    (
        "auth",
        &["metadata", "schema", "pg", "store"],
        "`auth` turns headers into a session",
    ),
];

/// Third-party crates that only some of ours may name in `[dependencies]`, with the promise that keeps.
/// Tools (rank dev) may name any.
pub(crate) const OWNERS: &[(&str, &[&str], &str)] = &[
    ("tokio-postgres", &["pg"], "only `pg` names the driver"),
    ("postgres-types", &["pg"], "only `pg` names the driver"),
    ("deadpool-postgres", &["pg"], "only `pg` names the driver"),
    (
        "tokio-postgres-rustls",
        &["pg"],
        "only `pg` names the driver",
    ),
    (
        "reqwest",
        &["outbound"],
        "every call goes out through `outbound`",
    ),
    ("axum", &["server"], "only `server` knows the web framework"),
    (
        "hyper",
        &["server"],
        "only `server` knows the web framework",
    ),
    (
        "hyper-util",
        &["server"],
        "only `server` knows the web framework",
    ),
    (
        "tower-http",
        &["server"],
        "only `server` knows the web framework",
    ),
    (
        "bluejay-parser",
        &["graphql"],
        "the parser stays behind our own syntax tree",
    ),
    (
        "clap",
        &["server", "graphloom"],
        "options belong to the outside",
    ),
    (
        "serde_norway",
        &["metadata", "permissions"],
        "YAML is a form of metadata and of expectations",
    ),
    (
        "rust-embed",
        &["console", "server"],
        "assets are served and nothing else",
    ),
];

/// Crates whose code may read the process environment: the outside, and the finder of an installed
/// Postgres, which has to search `PATH`.
pub(crate) const READS_ENVIRONMENT: &[&str] = &["server", "graphloom", "managed"];

/// Crates that may hold `unsafe` code, each use with its reason.
pub(crate) const MAY_BE_UNSAFE: &[&str] = &["managed"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_only_known_crates() {
        let named = STRANGERS
            .iter()
            .flat_map(|(name, strangers, _)| strangers.iter().chain([name]))
            .chain(OWNERS.iter().flat_map(|(_, owners, _)| *owners))
            .chain(READS_ENVIRONMENT)
            .chain(MAY_BE_UNSAFE);
        for name in named {
            assert!(rank(name).is_some(), "{name} has no rank");
        }
    }

    #[test]
    fn the_core_is_what_the_architecture_says() {
        let core: Vec<&str> = RANKS
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| is_core(name))
            .collect();
        assert_eq!(
            core,
            [
                "vocab", "graphql", "metadata", "catalog", "sql", "console", "kriti", "ir",
                "schema", "plan", "bind"
            ]
        );
    }
}
