//! Reading rows: what is selected, from where, in which order.

use std::sync::Arc;

use graphloom_catalog::PgType;
use graphloom_vocab::ColumnName;

use crate::{
    BoolExp, Comparison, ConnectionSelect, DependOn, FunctionCall, GrantedCall, GrantedColumn,
    JoinFacts, NodeIdSelect, TableAccess, TypedValue,
};

/// Rows of a table, each as an object of fields.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSelect {
    /// The table under the role's grant.
    pub access: TableAccess,
    /// The user's filter, order and window.
    pub arguments: SelectArguments,
    /// In response order; keys are unique.
    pub fields: Vec<Field>,
}

/// The user's filter, order and window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectArguments {
    /// `where`.
    pub filter: Option<BoolExp>,
    /// `order_by`.
    pub order_by: Vec<OrderBy>,
    /// `distinct_on`; its columns are those of the first `order_by` entries, if there are any.
    pub distinct_on: Vec<GrantedColumn>,
    /// `limit`, a non-negative integer or null (none).
    pub limit: Option<TypedValue>,
    /// `offset`, a 64-bit integer or null (none).
    pub offset: Option<TypedValue>,
}

/// A response key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The response key (the alias, or the field's name).
    pub key: Arc<str>,
    /// What stands there.
    pub value: FieldValue,
}

/// What a field of a row is.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// A text that is the same for every row: `__typename`, or a placeholder's.
    Constant(Arc<str>),
    /// A column.
    Column(ColumnSelect),
    /// A scalar computed field.
    Computed(ComputedSelect),
    /// An object relationship: an object or null. At most one row is taken.
    Object(Join, Box<TableSelect>),
    /// An array relationship: a list of objects.
    Array(Join, Box<TableSelect>),
    /// An array relationship's aggregate.
    Aggregate(Join, Box<AggregateSelect>),
    /// An array relationship as a connection.
    Connection(Join, Box<ConnectionSelect>),
    /// The row's global id.
    NodeId(NodeIdSelect),
}

/// A column in a response.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSelect {
    /// The column.
    pub column: GrantedColumn,
    /// Only the part at this path (`text[]`; json and jsonb columns).
    pub json_path: Option<TypedValue>,
    /// Its form in the response.
    pub output: Output,
}

/// A scalar computed field in a response.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputedSelect {
    /// What computes it.
    pub call: FunctionCall,
    /// What it gives.
    pub ty: PgType,
    /// The condition under which it may be seen (inherited roles).
    pub mask: Option<Arc<BoolExp>>,
    /// Only the part at this path (`text[]`; json and jsonb).
    pub json_path: Option<TypedValue>,
    /// Its form in the response.
    pub output: Output,
}

/// A column's form in the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// As Postgres writes it in JSON.
    Json,
    /// As a JSON string of its text form (stringified numerics).
    Text,
    /// As a GeoJSON object (geometry and geography).
    GeoJson,
    /// In upper case (enum tables' values under `graphql-default`).
    Upper,
}

/// Another table and how its rows match ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// The other table; inside users' conditions and selections under its own grant.
    pub access: TableAccess,
    /// Our column and theirs; all must be equal.
    pub mapping: Vec<(ColumnName, ColumnName)>,
    /// What is known about it.
    pub facts: JoinFacts,
}

impl Join {
    /// Whether which rows there are depends on nothing but what is stored.
    pub fn is_of_stored_rows(&self) -> bool {
        self.facts.depend_on == DependOn::Storage && self.access.filter().is_about_stored_rows()
    }
}

/// One sort key.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    /// By what.
    pub target: OrderTarget,
    /// Up or down.
    pub direction: Direction,
    /// Where nulls go.
    pub nulls: Nulls,
}

/// What a sort key looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderTarget {
    /// A column of the row.
    Column(GrantedColumn),
    /// A computed field of the row.
    Computed(Arc<GrantedCall>),
    /// Something of the row an object relationship leads to; null where there is none.
    Object(Join, Box<OrderTarget>),
    /// An aggregate over the rows an array relationship leads to.
    Aggregate(Join, AggregateFunction, Option<GrantedColumn>),
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `ASC`.
    Ascending,
    /// `DESC`.
    Descending,
}

/// Where nulls go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nulls {
    /// `NULLS FIRST`.
    First,
    /// `NULLS LAST`.
    Last,
}

/// Aggregates over rows, and the rows themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateSelect {
    /// The table under the role's grant. Its row limit caps `nodes` only, never the aggregates.
    pub access: TableAccess,
    /// Which rows; the window applies to what is aggregated.
    pub arguments: SelectArguments,
    /// In response order.
    pub fields: Vec<AggregateField>,
}

/// A response key and its value in an aggregate selection.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateField {
    /// The response key.
    pub key: Arc<str>,
    /// What stands there.
    pub value: AggregateFieldValue,
}

/// What a field of an aggregate selection is.
#[derive(Clone, Debug, PartialEq)]
pub enum AggregateFieldValue {
    /// `__typename`.
    Typename(Arc<str>),
    /// `aggregate {…}`.
    Aggregate(Vec<AggregateOpField>),
    /// `nodes {…}`.
    Nodes(Vec<Field>),
    /// `group_by {…}`.
    Groups(Box<GroupSelect>),
}

/// Rows put together where some columns are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSelect {
    /// The columns; none: all rows are one group.
    pub keys: Vec<GrantedColumn>,
    /// Which groups.
    pub condition: Option<GroupCondition>,
    /// In which order.
    pub order_by: Vec<GroupOrder>,
    /// At most so many of them.
    pub limit: Option<TypedValue>,
    /// Without the first so many.
    pub offset: Option<TypedValue>,
    /// In response order.
    pub fields: Vec<GroupField>,
}

/// A condition on groups.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupCondition {
    /// All hold; true of none.
    And(Vec<GroupCondition>),
    /// One holds; false of none.
    Or(Vec<GroupCondition>),
    /// It does not hold.
    Not(Box<GroupCondition>),
    /// What is asked of one value.
    Test(Box<(GroupValue, Comparison)>),
}

/// A value that a group has.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupValue {
    /// A column of its key.
    Key(GrantedColumn),
    /// How many rows it has.
    Count,
    /// An aggregate of a column, and the type it has in Postgres.
    Aggregate(AggregateFunction, GrantedColumn, PgType),
}

/// A sort key of groups.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOrder {
    /// By what.
    pub value: GroupValue,
    /// Up or down.
    pub direction: Direction,
    /// Where nulls go.
    pub nulls: Nulls,
}

/// A response key and its value in a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupField {
    /// The response key.
    pub key: Arc<str>,
    /// What stands there.
    pub value: GroupFieldValue,
}

/// What a field of a group is.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupFieldValue {
    /// `__typename`.
    Typename(Arc<str>),
    /// `group_key {…}`: columns, null where the group is not made by them.
    Key(Vec<AggregatedField>),
    /// `aggregate {…}`.
    Aggregate(Vec<AggregateOpField>),
}

/// A response key and its value inside `aggregate {…}`.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateOpField {
    /// The response key.
    pub key: Arc<str>,
    /// What stands there.
    pub value: AggregateOp,
}

/// What a field inside `aggregate {…}` is.
#[derive(Clone, Debug, PartialEq)]
pub enum AggregateOp {
    /// `__typename`.
    Typename(Arc<str>),
    /// `count`: of rows, of one column's values, or of row values `(a, b)` as Postgres counts them.
    Count {
        /// Empty: rows.
        columns: Vec<GrantedColumn>,
        /// Whether equal ones count once.
        distinct: Distinct,
    },
    /// `sum {…}`, `max {…}` and relatives: one value per column.
    Columns(AggregateFunction, Vec<AggregatedField>),
}

/// A response key and its value inside `sum {…}` and relatives.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregatedField {
    /// The response key.
    pub key: Arc<str>,
    /// What stands there.
    pub value: AggregatedValue,
}

/// What a field inside `sum {…}` and relatives is.
#[derive(Clone, Debug, PartialEq)]
pub enum AggregatedValue {
    /// `__typename`.
    Typename(Arc<str>),
    /// The function over this column.
    Column(GrantedColumn, Output),
}

/// Whether equal values count once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distinct {
    /// Every row counts.
    No,
    /// Equal ones count once.
    Yes,
}

/// An aggregate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// `count`
    Count,
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `max`
    Max,
    /// `min`
    Min,
    /// `stddev`
    Stddev,
    /// `stddev_samp`
    StddevSamp,
    /// `stddev_pop`
    StddevPop,
    /// `variance`
    Variance,
    /// `var_samp`
    VarSamp,
    /// `var_pop`
    VarPop,
}

impl AggregateFunction {
    /// The ten that take a column, in the order v2's schema lists them.
    pub const OVER_COLUMNS: &'static [Self] = &[
        Self::Avg,
        Self::Max,
        Self::Min,
        Self::Stddev,
        Self::StddevPop,
        Self::StddevSamp,
        Self::Sum,
        Self::VarPop,
        Self::VarSamp,
        Self::Variance,
    ];

    /// Its name in Postgres and in GraphQL (default naming convention).
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Max => "max",
            Self::Min => "min",
            Self::Stddev => "stddev",
            Self::StddevSamp => "stddev_samp",
            Self::StddevPop => "stddev_pop",
            Self::Variance => "variance",
            Self::VarSamp => "var_samp",
            Self::VarPop => "var_pop",
        }
    }

    /// Whether it applies to anything that can be ordered (`max`, `min`), not only to numbers.
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Max | Self::Min)
    }
}
