//! Native queries and logical models: statements that an admin wrote, and the shape of their rows.
//!
//! Nothing here is checked against a database; what the code calls its arguments is told by
//! [`NativeQuery::parts`]. Shapes are read in `decode/native.rs` and written in `encode/native.rs`.

use graphloom_vocab::{
    ColumnName, GraphqlName, JsonObject, QualifiedTable, RelationshipName, RoleName,
};
use indexmap::IndexMap;

use super::{InsertionOrder, Permission, SelectPermission};

/// A statement that is a root field.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeQuery {
    /// Its root field.
    pub root_field_name: GraphqlName,
    /// SQL with `{{argument}}` where a value belongs.
    pub code: String,
    /// The shape of its rows.
    pub returns: Returns,
    /// By name, in document order.
    pub arguments: IndexMap<String, NativeArgument>,
    /// To-many relationships of its rows.
    pub array_relationships: IndexMap<RelationshipName, NativeRelationship>,
    /// To-one relationships of its rows.
    pub object_relationships: IndexMap<RelationshipName, NativeRelationship>,
    /// Description of the root field.
    pub description: Option<String>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// The shape of a native query's rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Returns {
    /// A logical model's name.
    Named(GraphqlName),
    /// A logical model of this query alone, called like it.
    Inline(Model),
}

/// What a native query is handed.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeArgument {
    /// A Postgres type, such as `integer` or `text[]`.
    pub ty: String,
    /// Whether null may be given, and is if nothing is.
    pub nullable: bool,
    /// For people.
    pub description: Option<String>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// A relationship of a native query's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeRelationship {
    /// Unique among the fields.
    pub name: RelationshipName,
    /// Whose rows it leads to.
    pub target: NativeTarget,
    /// Ours to theirs, in document order.
    pub column_mapping: IndexMap<ColumnName, ColumnName>,
    /// Meaningless for native queries, and kept.
    pub insertion_order: Option<InsertionOrder>,
    /// For people.
    pub comment: Option<String>,
    /// Unknown keys; those below `using` under `using`.
    pub extra: JsonObject,
}

/// Whose rows a native query's relationship leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NativeTarget {
    /// `remote_table`
    Table(QualifiedTable),
    /// `remote_native_query`
    Query(GraphqlName),
}

/// A named shape of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct LogicalModel {
    /// Its name, which is its type's.
    pub name: GraphqlName,
    /// What it is made of, and who may read it.
    pub model: Model,
    /// Description of its type.
    pub description: Option<String>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// A shape of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// By name, in document order.
    pub fields: IndexMap<ColumnName, ModelField>,
    /// `select_permissions` by role.
    pub select_permissions: IndexMap<RoleName, Permission<SelectPermission>>,
    /// Unknown keys of an inline model.
    pub extra: JsonObject,
}

/// A field of a logical model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelField {
    /// The result column.
    pub name: ColumnName,
    /// What is in it.
    pub ty: ModelType,
    /// For people.
    pub description: Option<String>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// What is in a field of a logical model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelType {
    /// `{"scalar", "nullable"}`: a Postgres type.
    Scalar {
        /// Such as `integer`.
        scalar: String,
        /// Whether null may occur.
        nullable: bool,
    },
    /// `{"array", "nullable"}`
    Array {
        /// What it is of.
        of: Box<ModelType>,
        /// Whether null may occur instead of it.
        nullable: bool,
    },
    /// `{"logical_model", "nullable"}`: rows of another model; a relationship of the same name gives them.
    Model {
        /// The other model.
        name: GraphqlName,
        /// Whether null may occur instead of it.
        nullable: bool,
    },
}

/// A piece of a native query's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePart<'a> {
    /// SQL.
    Text(&'a str),
    /// The name between two pairs of braces, as it stands there.
    Argument(&'a str),
}

/// The code of a native query in pieces, `None` if a `{{` is never closed.
pub fn code_parts(code: &str) -> Option<Vec<CodePart<'_>>> {
    let mut parts = Vec::new();
    let mut rest = code;
    while let Some((text, after)) = rest.split_once("{{") {
        if !text.is_empty() {
            parts.push(CodePart::Text(text));
        }
        let (name, after) = after.split_once('}')?;
        parts.push(CodePart::Argument(name));
        rest = after.strip_prefix('}')?;
    }
    if !rest.is_empty() {
        parts.push(CodePart::Text(rest));
    }
    Some(parts)
}

impl NativeQuery {
    /// The code in pieces; a `{{` that is never closed makes all of it text (documents with such code
    /// are refused).
    pub fn parts(&self) -> Vec<CodePart<'_>> {
        code_parts(&self.code).unwrap_or_else(|| vec![CodePart::Text(&self.code)])
    }

    /// The same without the semicolons and blanks it ends in, so that it can stand inside another statement.
    pub fn trimmed_parts(&self) -> Vec<CodePart<'_>> {
        let mut parts = self.parts();
        if let Some(CodePart::Text(text)) = parts.last_mut() {
            *text = text.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
        }
        parts
    }
}

impl ModelType {
    /// Whether null may occur.
    pub fn is_nullable(&self) -> bool {
        match self {
            Self::Scalar { nullable, .. }
            | Self::Array { nullable, .. }
            | Self::Model { nullable, .. } => *nullable,
        }
    }

    /// The Postgres type of the result column, if it is a value: `text`, `text[]`.
    pub fn sql_type(&self) -> Option<String> {
        match self {
            Self::Scalar { scalar, .. } => Some(scalar.clone()),
            Self::Array { of, .. } => match &**of {
                Self::Scalar { scalar, .. } => Some(format!("{scalar}[]")),
                Self::Array { .. } | Self::Model { .. } => None,
            },
            Self::Model { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_split_at_doubled_braces() {
        use CodePart::{Argument, Text};
        let parts = code_parts("SELECT {{a}}, '{b}' || {{a}}{{c d}}");
        let expected = vec![
            Text("SELECT "),
            Argument("a"),
            Text(", '{b}' || "),
            Argument("a"),
            Argument("c d"),
        ];
        assert_eq!(parts, Some(expected));
        assert_eq!(code_parts("SELECT {{a"), None);
        assert_eq!(code_parts("SELECT {{a}, 1"), None);
        assert_eq!(code_parts(""), Some(Vec::new()));
    }
}
