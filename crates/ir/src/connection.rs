//! Connections of the Relay API: pages of rows with cursors, and global ids.

use std::sync::Arc;

use graphloom_vocab::QualifiedTable;

use crate::{BoolExp, Field, GrantedColumn, OrderBy, TableAccess, TypedValue, Value};

/// A page of a table's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionSelect {
    /// The table under the role's grant. Its row limit cuts the rows off before any page is taken.
    pub access: TableAccess,
    /// `where`.
    pub filter: Option<BoolExp>,
    /// `distinct_on`; its columns are those of the first keys.
    pub distinct_on: Vec<GrantedColumn>,
    /// The order of the rows; never empty, and no two rows are equal in all of them.
    pub keys: Vec<CursorKey>,
    /// `after` or `before`.
    pub split: Option<Split>,
    /// `first` or `last`.
    pub slice: Option<Slice>,
    /// In response order.
    pub fields: Vec<ConnectionField>,
}

/// A sort key that stands in cursors.
#[derive(Clone, Debug, PartialEq)]
pub struct CursorKey {
    /// The sort key.
    pub order: OrderBy,
    /// Where its value stands in a cursor's JSON.
    pub path: CursorPath,
    /// Whether it can be null.
    pub nullable: bool,
}

/// Keys into a cursor's JSON object, outermost first.
pub type CursorPath = Arc<[Arc<str>]>;

/// Which rows are left by a cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// On which side of it.
    pub side: Side,
    /// The cursor's values, one for each key; `None` is null.
    pub values: Vec<Option<TypedValue>>,
}

/// A side of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// `after`
    After,
    /// `before`
    Before,
}

/// How many rows of which end.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Which end.
    pub end: End,
    /// How many, a non-negative integer.
    pub count: TypedValue,
}

impl Slice {
    /// Whether it is known to take no row.
    pub fn is_empty(&self) -> bool {
        matches!(&self.count.value, Value::Literal(Some(count)) if &**count == "0")
    }
}

/// An end of a list of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// `first`
    First,
    /// `last`
    Last,
}

/// A response key and its value in a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionField {
    /// The response key.
    pub key: Arc<str>,
    /// What stands there.
    pub value: ConnectionFieldValue,
}

/// What a field of a connection is.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectionFieldValue {
    /// `__typename`.
    Typename(Arc<str>),
    /// `edges {…}`.
    Edges(Vec<EdgeField>),
    /// `pageInfo {…}`.
    PageInfo(Vec<PageInfoField>),
}

/// A response key and its value in an edge.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeField {
    /// The response key.
    pub key: Arc<str>,
    /// What stands there.
    pub value: EdgeFieldValue,
}

/// What a field of an edge is.
#[derive(Clone, Debug, PartialEq)]
pub enum EdgeFieldValue {
    /// `__typename`.
    Typename(Arc<str>),
    /// `cursor`.
    Cursor,
    /// `node {…}`.
    Node(Vec<Field>),
}

/// A response key and its value in `pageInfo`.
#[derive(Clone, Debug, PartialEq)]
pub struct PageInfoField {
    /// The response key.
    pub key: Arc<str>,
    /// What stands there.
    pub value: PageInfoFieldValue,
}

/// What a field of `pageInfo` is.
#[derive(Clone, Debug, PartialEq)]
pub enum PageInfoFieldValue {
    /// `__typename`.
    Typename(Arc<str>),
    /// One of the facts about the page.
    Fact(PageFact),
}

/// A fact about a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageFact {
    /// `hasNextPage`: whether a row comes after the page; false of an empty one.
    HasNextPage,
    /// `hasPreviousPage`: whether a row comes before the page; false of an empty one.
    HasPreviousPage,
    /// `startCursor`; null of an empty page.
    StartCursor,
    /// `endCursor`; null of an empty page.
    EndCursor,
}

/// A row's global id: base64 of `[1, "schema", "table", key, …]`.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeIdSelect {
    /// The row's table.
    pub table: QualifiedTable,
    /// Its primary key.
    pub key: Vec<GrantedColumn>,
}
