//! Newtypes for every identifier, with no way from one to another.
//!
//! All are cheap to clone (a shared string). None of them is checked against a database: a
//! `TableName` says which kind of name it is, not that the table exists.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type! {
    /// The name of a source in metadata, such as `default`.
    SourceName
}
name_type! {
    /// A role's name, such as `user`. `admin` is the one role that bypasses permissions.
    RoleName
}
name_type! {
    /// A Postgres schema's name, such as `public`.
    SchemaName
}
name_type! {
    /// The bare name of a table, view or other relation.
    TableName
}
name_type! {
    /// The bare name of a Postgres function.
    FunctionName
}
name_type! {
    /// The name of a column as Postgres has it.
    ColumnName
}
name_type! {
    /// The name of a unique, primary or foreign key constraint.
    ConstraintName
}
name_type! {
    /// The name of a relationship of a tracked table.
    RelationshipName
}
name_type! {
    /// A name in the GraphQL sense (`^[_a-zA-Z][_a-zA-Z0-9]*$`): a field, type, argument or enum value.
    GraphqlName
}

impl GraphqlName {
    /// The name, if the text is one in the GraphQL sense.
    pub fn parse(text: &str) -> Option<Self> {
        is_graphql_name(text).then(|| Self::new(text))
    }
}

impl RoleName {
    /// The role that bypasses every permission.
    pub fn admin() -> Self {
        Self::new("admin")
    }

    /// Whether this is the role that bypasses every permission.
    pub fn is_admin(&self) -> bool {
        self.as_str() == "admin"
    }
}

/// Whether the text is a name in the GraphQL sense (specification, section 2.1.9).
pub fn is_graphql_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// A table, view or other relation with its schema.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedTable {
    /// The Postgres schema.
    pub schema: SchemaName,
    /// The bare name.
    pub name: TableName,
}

impl QualifiedTable {
    /// `schema.name`.
    pub fn new(schema: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            schema: SchemaName::new(schema),
            name: TableName::new(name),
        }
    }

    /// As error messages and descriptions write it: the bare name in `public`, else `schema.name`.
    pub fn display_name(&self) -> String {
        display_name(&self.schema, self.name.as_str())
    }
}

impl fmt::Debug for QualifiedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// A Postgres function with its schema (overloads are not told apart).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedFunction {
    /// The Postgres schema.
    pub schema: SchemaName,
    /// The bare name.
    pub name: FunctionName,
}

impl QualifiedFunction {
    /// `schema.name`.
    pub fn new(schema: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            schema: SchemaName::new(schema),
            name: FunctionName::new(name),
        }
    }

    /// As error messages write it: the bare name in `public`, else `schema.name`.
    pub fn display_name(&self) -> String {
        display_name(&self.schema, self.name.as_str())
    }
}

impl fmt::Debug for QualifiedFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

fn display_name(schema: &SchemaName, name: &str) -> String {
    if schema.as_str() == "public" {
        name.to_owned()
    } else {
        format!("{schema}.{name}")
    }
}

/// Names of different kinds do not mix:
///
/// ```compile_fail
/// let role: graphloom_vocab::RoleName = graphloom_vocab::SourceName::new("default");
/// ```
#[cfg(doctest)]
struct NamesDoNotMix;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphql_names() {
        assert!(is_graphql_name("_a9"));
        assert!(!is_graphql_name(""));
        assert!(!is_graphql_name("9a"));
        assert!(!is_graphql_name("a-b"));
        assert!(!is_graphql_name("ä"));
    }

    #[test]
    fn display_names_hide_public() {
        assert_eq!(QualifiedTable::new("public", "t").display_name(), "t");
        assert_eq!(QualifiedTable::new("s", "t").display_name(), "s.t");
    }
}
