//! What the printer makes: a statement's text, its parameters, and whether it may have effects.

use crate::ParameterId;

/// The text of a statement and its parameters. Only [`crate::print()`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SqlText {
    pub(crate) text: String,
    pub(crate) parameters: Vec<ParameterId>,
    pub(crate) effects: Effects,
}

/// Whether running a statement may do more than give rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effects {
    /// It reads tables and views and calls nothing but what Postgres brings: run twice, it does as much as once.
    #[default]
    None,
    /// It writes to tables, and calls nothing but what Postgres brings.
    Writes,
    /// It runs what a user wrote, whatever that does: functions, native queries.
    Possible,
}

impl SqlText {
    /// The statement.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What `$1`, `$2` … stand for, in this order.
    pub fn parameters(&self) -> &[ParameterId] {
        &self.parameters
    }

    /// Whether running it may do more than give rows.
    pub fn effects(&self) -> Effects {
        self.effects
    }
}
