//! Rows and values that come from a function or a native query instead of a table's storage.

use std::sync::Arc;

use graphloom_vocab::{QualifiedFunction, QualifiedTable};

use crate::TypedValue;

/// Where the rows of a table's type come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rows {
    /// The table itself.
    #[default]
    Table,
    /// A function that returns them.
    Function(Arc<FunctionCall>),
    /// A user's statement (native queries).
    Statement(Arc<NativeStatement>),
    /// Those a mutation has just written, in the order they were written.
    Written,
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCall {
    /// The function.
    pub function: QualifiedFunction,
    /// In Postgres' order; arguments left to their defaults are absent.
    pub arguments: Vec<FunctionArgument>,
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionArgument {
    /// Its name, for `name => value`; `None`: by position.
    pub name: Option<Arc<str>>,
    /// Its value.
    pub value: ArgumentValue,
}

/// An argument's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentValue {
    /// The whole row that a computed field is of, and its table.
    Row(QualifiedTable),
    /// A value.
    Value(TypedValue),
}

/// A user's statement with values in places the user marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeStatement {
    /// In order.
    pub parts: Vec<NativePart>,
}

/// A piece of a user's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NativePart {
    /// SQL that an admin wrote.
    Text(Arc<str>),
    /// A value, sent as a parameter.
    Value(TypedValue),
}
