//! References to types as documents and schemas write them: `[Int!]!`.

use std::fmt;

use graphloom_vocab::GraphqlName;

/// A reference to a type (specification, section 2.11).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeRef {
    /// `T`
    Named(GraphqlName),
    /// `[T]`
    List(Box<TypeRef>),
    /// `T!`; what is inside is never itself non-null.
    NonNull(Box<TypeRef>),
}

impl TypeRef {
    /// `name`
    pub fn named(name: impl Into<std::sync::Arc<str>>) -> Self {
        Self::Named(GraphqlName::new(name))
    }

    /// `self!`
    pub fn non_null(self) -> Self {
        match self {
            Self::NonNull(_) => self,
            _ => Self::NonNull(Box::new(self)),
        }
    }

    /// `[self]`
    pub fn list(self) -> Self {
        Self::List(Box::new(self))
    }

    /// Whether null is not among its values.
    pub fn is_non_null(&self) -> bool {
        matches!(self, Self::NonNull(_))
    }

    /// The same type with null among its values.
    pub fn nullable(&self) -> &Self {
        match self {
            Self::NonNull(inner) => inner,
            _ => self,
        }
    }

    /// The named type inside all lists and non-nulls.
    pub fn name(&self) -> &GraphqlName {
        match self {
            Self::Named(name) => name,
            Self::List(inner) | Self::NonNull(inner) => inner.name(),
        }
    }
}

impl fmt::Display for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "{name}"),
            Self::List(inner) => write!(f, "[{inner}]"),
            Self::NonNull(inner) => write!(f, "{inner}!"),
        }
    }
}
