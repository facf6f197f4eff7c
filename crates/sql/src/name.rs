//! Names in SQL: what users call things, what we call things, types and functions.
//!
//! A [`Name`] is data and is quoted when printed; words written bare are `&'static str` of this engine.

use std::fmt;
use std::sync::Arc;

/// A parameter of a statement, before it has a number. Equal ids share one `$n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(u32);

impl ParameterId {
    /// The id at a position in the owner's list of values.
    pub fn new(index: u32) -> Self {
        Self(index)
    }

    /// The position in the owner's list of values.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A schema, table, column or output column name; always printed in quotes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name as it is. Postgres cuts identifiers after 63 bytes; what exists has fewer.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A table alias of our own making: `t0`, `t1` … It never collides with a user's name for it is only
/// ever written in front of a dot or as an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(u32);

impl Alias {
    /// `t<number>`.
    pub fn new(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

/// A type as a cast names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeName {
    /// A type every Postgres has, written bare: `int4`.
    Builtin(&'static str),
    /// Any other type: `"schema"."name"`.
    Qualified {
        /// The schema.
        schema: Name,
        /// The name.
        name: Name,
    },
    /// An array of the type: `int4[]`.
    Array(Box<TypeName>),
}

/// A function as a call names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// A function every Postgres has, written bare: `coalesce`.
    Builtin(&'static str),
    /// Any other function: `"schema"."name"`.
    Qualified {
        /// The schema.
        schema: Name,
        /// The name.
        name: Name,
    },
}
