//! One operation, bound: its root fields in response order.

use std::sync::Arc;

use graphloom_vocab::{ErrorPath, SourceName};

use crate::{
    AggregateSelect, ArgumentsWebhook, ConnectionSelect, Direction, Expectation, GrantedColumn,
    Mutation, Premise, TableSelect, TypedValue, Written,
};

/// A whole operation.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundOperation {
    /// Query, mutation or subscription.
    pub kind: OperationKind,
    /// In response order; keys are unique.
    pub roots: Vec<RootField>,
    /// What was assumed about the variables.
    pub premise: Premise,
}

/// Which root type an operation starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// `query`.
    Query,
    /// `mutation`.
    Mutation,
    /// `subscription`.
    Subscription,
}

/// A root field.
#[derive(Clone, Debug, PartialEq)]
pub struct RootField {
    /// The response key.
    pub key: Arc<str>,
    /// Where its errors are reported: `$.selectionSet.<key>`.
    pub path: ErrorPath,
    /// What stands there.
    pub value: RootValue,
}

/// What a root field is.
#[derive(Clone, Debug, PartialEq)]
pub enum RootValue {
    /// A JSON text known without any database: `__typename`, introspection, placeholders.
    Constant(Arc<str>),
    /// The same, and it is written when it is wanted, since it may be large: introspection.
    Written(Written),
    /// A source's namespace: an object of further root fields.
    Namespace(Vec<RootField>),
    /// Rows of a source.
    Source(SourceName, Box<SourceQuery>),
    /// Rows written to a source.
    Mutation(SourceName, Box<RootMutation>),
}

/// A root field that writes.
#[derive(Clone, Debug, PartialEq)]
pub struct RootMutation {
    /// What is written.
    pub mutation: Mutation,
    /// Who is asked about the arguments first. The webhooks of an insert come with its targets.
    pub webhook: Option<ArgumentsWebhook>,
    /// How many rows it must affect.
    pub expect: Option<Expectation>,
}

/// What is asked of a source: one statement each.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceQuery {
    /// A list of objects.
    List(TableSelect),
    /// One object or null (`_by_pk`); the filter names at most one row.
    One(TableSelect),
    /// An aggregate object.
    Aggregate(AggregateSelect),
    /// A connection object.
    Connection(ConnectionSelect),
    /// The next rows along a column.
    Stream(Box<StreamSelect>),
}

/// Rows in the order of a column, from a place on that moves with every answer.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamSelect {
    /// Which rows of the table, and their fields; it has neither order nor window.
    pub select: TableSelect,
    /// The column.
    pub column: GrantedColumn,
    /// Up or down.
    pub direction: Direction,
    /// Where it starts: the first rows are those behind it.
    pub initial: TypedValue,
    /// Rows of one answer; more only where they are equal in the column.
    pub batch_size: TypedValue,
}
