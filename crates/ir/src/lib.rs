//! The bound operation: what to do, already permitted.
//!
//! Binding makes these values, planning reads them. Every value in them stays symbolic (literal,
//! variable or session variable) until SQL is printed, so that one plan serves many requests and one
//! statement many subscribers. A table is reached only through [`TableAccess`], which only a role's
//! [`SelectGrant`] gives out: a forgotten row filter cannot be written down.
//!
//! Types, and the one function of their own: [`coerce::coerce`], JSON to a parameter's text.
//! Must not know documents, SQL or metadata. Read `grant.rs`, then `select.rs`.

mod call;
pub mod coerce;
mod condition;
mod connection;
mod extended;
mod facts;
mod geojson;
mod grant;
mod json_path;
mod ltree;
mod number;
pub mod opaque;
mod operation;
mod premise;
mod select;
mod value;
mod webhook;
mod write;
mod write_grant;
mod written;

pub use call::{ArgumentValue, FunctionArgument, FunctionCall, NativePart, NativeStatement, Rows};
pub use condition::{
    AggregatePredicate, BoolExp, ColumnCondition, ColumnScope, Comparison, Nullness, Operand,
    OperandValue, Operator,
};
pub use connection::{
    ConnectionField, ConnectionFieldValue, ConnectionSelect, CursorKey, CursorPath, EdgeField,
    EdgeFieldValue, End, NodeIdSelect, PageFact, PageInfoField, PageInfoFieldValue, Side, Slice,
    Split,
};
pub use extended::{Expectation, Link, NestedWork, NestedWrite, Pick};
pub use facts::{DependOn, JoinFacts, KeyTypes, Lookup, Partners, Sizes};
pub use grant::{Aggregations, ColumnGrant, GrantedCall, GrantedColumn, SelectGrant, TableAccess};
pub use operation::{
    BoundOperation, OperationKind, RootField, RootMutation, RootValue, SourceQuery, StreamSelect,
};
pub use premise::{Assumption, CellShape, Observed, Premise, RowsShape, lookup};
pub use select::{
    AggregateField, AggregateFieldValue, AggregateFunction, AggregateOp, AggregateOpField,
    AggregateSelect, AggregatedField, AggregatedValue, ColumnSelect, ComputedSelect, Direction,
    Distinct, Field, FieldValue, GroupCondition, GroupField, GroupFieldValue, GroupOrder,
    GroupSelect, GroupValue, Join, Nulls, OrderBy, OrderTarget, Output, SelectArguments,
    TableSelect,
};
pub use value::{Coercion, EnumValues, Input, RunValue, TypedValue, Value, VariableUse};
pub use webhook::{ArgumentsWebhook, ClientHeaders, HeaderSource, InputWebhook};
pub use write::{
    Change, ConflictAction, ConflictTarget, Delete, GivenColumn, Insert, InsertColumn, InsertNode,
    InsertOrder, InsertRelation, Mutation, MutationOutput, OnConflict, ResponseField,
    ResponseValue, Update, UpdateOperator, WritableOrDetermined,
};
pub use write_grant::{
    DeleteGrant, DeleteTarget, InsertGrant, InsertTarget, Preset, Reference, UpdateGrant,
    UpdateTarget, WritableColumn,
};
pub use written::{Progress, Text, Writing, Written};
