//! Values that stay symbolic: each becomes one parameter of a statement.

use std::sync::Arc;

use graphloom_catalog::PgType;
use graphloom_vocab::{ColumnName, ErrorPath, GraphqlName, Json, PathSegment, SessionVariableName};

use crate::CursorPath;

/// A value and the Postgres type it is used as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypedValue {
    /// Where it comes from.
    pub value: Value,
    /// What the parameter is cast to.
    pub ty: PgType,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Known when the operation was bound: Postgres' text form; `None` is NULL.
    Literal(Option<Arc<str>>),
    /// Depends on the request's variables.
    Variable(Arc<VariableUse>),
    /// A session variable's text; absent is an error at execution.
    Session(SessionVariableName),
    /// All session variables as one JSON object (for session arguments of functions).
    SessionObject,
    /// Known only while a mutation runs or a stream is followed.
    Run(RunValue),
}

/// A value that a step of a mutation gives to a statement of the same mutation, or a stream to its next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunValue {
    /// One column of the rows to insert: a `text[]` with each row's value as text. The number is the
    /// column's position in its `InsertNode`.
    Column(usize),
    /// One column of the one row to insert: its value as text. The number is that of `Column`.
    Cell(usize),
    /// How many rows are to be inserted.
    RowCount,
    /// The rows that were written: an array of the table's row type.
    Written,
    /// How many rows were written, related ones among them.
    WrittenCount,
    /// The place in its column that a stream has come to.
    StreamAfter,
    /// The place in its column up to which a stream goes next.
    StreamUpTo,
}

/// A use of variables as one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VariableUse {
    /// The value with its variables.
    pub input: Input,
    /// How its JSON becomes Postgres text.
    pub coercion: Coercion,
    /// Where an unfit value is reported.
    pub path: ErrorPath,
}

/// An input value with variables inside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A constant of the document, as JSON.
    Constant(Json),
    /// A variable, or a part of it if the path is not empty.
    Variable {
        /// Its name without `$`.
        name: GraphqlName,
        /// Into its JSON value.
        path: Vec<PathSegment>,
    },
    /// A list of the document that has variables in it.
    List(Vec<Input>),
    /// An object of the document that has variables in it.
    Object(Vec<(Arc<str>, Input)>),
}

/// An enum table's values: the name in the schema, and the text in the table.
pub type EnumValues = Arc<[(GraphqlName, Arc<str>)]>;

/// How a JSON value becomes Postgres text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Coercion {
    /// By the rules of this type; null becomes NULL. `graphql_type` is named in errors.
    Scalar {
        /// The Postgres type.
        ty: PgType,
        /// As errors name it, such as `Int`.
        graphql_type: Arc<str>,
    },
    /// A list (a single value is a list of one) as a Postgres array literal of these elements; arrays
    /// among them are text, so that the literal is one of `text[]`.
    List {
        /// The element's Postgres type.
        element: PgType,
        /// The element as errors name it.
        graphql_type: Arc<str>,
    },
    /// One of an enum table's values.
    Enum {
        /// As errors name it, such as `colors_enum`.
        graphql_type: Arc<str>,
        /// The values, in schema order.
        values: EnumValues,
    },
    /// A list of an enum table's values as a `text[]` literal.
    EnumList {
        /// As errors name it.
        graphql_type: Arc<str>,
        /// The values, in schema order.
        values: EnumValues,
    },
    /// `limit`: a non-negative 32-bit integer; null is no limit.
    Limit,
    /// `offset`: a 64-bit integer, as number or text; null is none.
    Offset,
    /// A JSON path's text (`$.a.b[0]`) as a `text[]` literal.
    JsonPath,
    /// A value of a cursor; null becomes NULL.
    Cursor {
        /// Where it stands in the cursor.
        path: CursorPath,
        /// The Postgres type.
        ty: PgType,
    },
    /// A value of a global id's key.
    NodeId {
        /// Which of them.
        index: usize,
        /// Its column, for errors.
        column: ColumnName,
        /// The Postgres type.
        ty: PgType,
    },
}
