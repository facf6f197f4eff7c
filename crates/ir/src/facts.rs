//! What is known about a relationship's rows beside the mapping.
//!
//! Facts choose between statements that give the same answer; nothing that is permitted or refused depends on them.
//! The default is to know nothing. They are gathered where a relationship is resolved (`schema`) and used where
//! SQL is shaped (`plan`).

/// What is known about a relationship.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinFacts {
    /// How many rows there are for one of ours.
    pub partners: Partners,
    /// Whether rows there can be grouped by their key before they are joined.
    pub keys: KeyTypes,
    /// How rows there are found by their key.
    pub lookup: Lookup,
    /// How large the tables are, compared with each other.
    pub sizes: Sizes,
    /// What the rows there depend on.
    pub depend_on: DependOn,
}

/// What it depends on which rows there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DependOn {
    /// On anything, also on settings of the session: a view, or policies of row security.
    #[default]
    Session,
    /// On what is stored.
    Storage,
}

/// How many rows of the other table there are for one of ours, before any filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partners {
    /// Nobody knows.
    #[default]
    Any,
    /// Exactly one for each row of our *table*: a foreign key that holds at any moment, on columns without null.
    One,
}

/// Whether the mapping's columns have the same types on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyTypes {
    /// They differ: what is equal by `=` between them need not be equal on one side.
    #[default]
    Any,
    /// They are the same.
    Same,
}

/// How rows of the other table are found by their key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lookup {
    /// By an index, for all we know.
    #[default]
    Indexed,
    /// By reading the whole table.
    Scan,
}

/// How large two tables are, by Postgres' own estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sizes {
    /// Nobody knows, or it makes no difference.
    #[default]
    Unknown,
    /// Ours is large and the other much smaller, and ours are found by an index from theirs.
    ManyToFew,
}
