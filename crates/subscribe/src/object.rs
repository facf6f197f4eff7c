//! What a statement looks at.

use graphloom_plan::Reads;
use graphloom_vocab::{QualifiedFunction, QualifiedTable};

/// Something that a statement looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Object {
    Table(QualifiedTable),
    Function(QualifiedFunction),
}

impl Object {
    /// All that a statement looks at, as far as it has a name.
    pub(crate) fn of(reads: &Reads) -> impl Iterator<Item = Self> + '_ {
        let tables = reads.tables.iter().cloned().map(Self::Table);
        tables.chain(reads.functions.iter().cloned().map(Self::Function))
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self, Self::Table(_))
    }

    pub(crate) fn schema(&self) -> &str {
        match self {
            Self::Table(table) => table.schema.as_str(),
            Self::Function(function) => function.schema.as_str(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Table(table) => table.name.as_str(),
            Self::Function(function) => function.name.as_str(),
        }
    }
}
