//! One role's types: what introspection shows, and what each field means.
//!
//! Every field, argument and enum value carries its meaning, so that binding walks a document along
//! these definitions and never asks for a permission again: what the role may not do is not here.

use std::sync::Arc;

use graphloom_catalog::{self as catalog, PgType};
use graphloom_graphql::TypeRef;
use graphloom_ir::{
    AggregateFunction, BoolExp, DeleteGrant, Direction, FunctionCall, GrantedCall, GrantedColumn,
    InsertGrant, InsertOrder, Join, JoinFacts, NativeStatement, NodeIdSelect, Nulls, Operator,
    Output, PageFact, Rows, SelectGrant, UpdateGrant, UpdateOperator, WritableColumn,
};
use graphloom_vocab::{
    ColumnName, ConstraintName, GraphqlName, QualifiedFunction, QualifiedTable, SourceName,
};
use indexmap::IndexMap;

use crate::function::{ArgumentInfo, implicit_call};

/// A named type.
#[derive(Clone, Debug)]
pub enum TypeDefinition {
    /// A scalar.
    Scalar(ScalarType),
    /// An enum.
    Enum(EnumType),
    /// An input object.
    InputObject(InputObjectType),
    /// An object.
    Object(ObjectType),
    /// An interface.
    Interface(InterfaceType),
}

/// A scalar type.
#[derive(Clone, Debug)]
pub struct ScalarType {
    /// Its name.
    pub name: GraphqlName,
    /// For people.
    pub description: Option<Arc<str>>,
}

/// An enum type.
#[derive(Clone, Debug)]
pub struct EnumType {
    /// Its name.
    pub name: GraphqlName,
    /// For people.
    pub description: Option<Arc<str>>,
    /// By name.
    pub values: IndexMap<GraphqlName, EnumValue>,
}

/// One value of an enum.
#[derive(Clone, Debug)]
pub struct EnumValue {
    /// For people.
    pub description: Option<Arc<str>>,
    /// What it stands for.
    pub meaning: EnumMeaning,
}

/// What an enum value stands for.
#[derive(Clone, Debug)]
pub enum EnumMeaning {
    /// A way to sort.
    Order(Direction, Nulls),
    /// A column of the table the enum is of.
    Column(GrantedColumn),
    /// A row of an enum table: its key's text.
    Value(Arc<str>),
    /// A unique or primary key of the table the enum is of.
    Constraint(ConstraintName),
    /// A column that an upsert may change.
    Writable(WritableColumn),
    /// Stands where there is nothing to choose; choosing it is an error.
    Placeholder,
    /// Only its name matters (introspection).
    Name,
}

/// An input object type.
#[derive(Clone, Debug)]
pub struct InputObjectType {
    /// Its name.
    pub name: GraphqlName,
    /// For people.
    pub description: Option<Arc<str>>,
    /// By name.
    pub fields: IndexMap<GraphqlName, InputValueDefinition>,
}

/// An argument, or a field of an input object.
#[derive(Clone, Debug)]
pub struct InputValueDefinition {
    /// For people.
    pub description: Option<Arc<str>>,
    /// Its type.
    pub ty: TypeRef,
    /// Its default in GraphQL syntax, as introspection shows it.
    pub default: Option<Arc<str>>,
    /// What it stands for.
    pub meaning: InputMeaning,
}

/// What an argument or input field stands for.
#[derive(Clone, Debug)]
pub enum InputMeaning {
    /// `where`.
    Where,
    /// `order_by`.
    OrderBy,
    /// `distinct_on`.
    DistinctOn,
    /// `limit`.
    Limit,
    /// `offset`.
    Offset,
    /// `first` of a connection.
    First,
    /// `last` of a connection.
    Last,
    /// `after` of a connection.
    After,
    /// `before` of a connection.
    Before,
    /// `node(id:)`.
    NodeId,
    /// One column of the primary key (`_by_pk`).
    KeyColumn(GrantedColumn),
    /// `path` of a json column.
    JsonPath,
    /// `count(columns:)`.
    CountColumns,
    /// `count(distinct:)`.
    CountDistinct,
    /// `group_by(keys:)`.
    GroupKeys,
    /// `column` of a grouping key.
    GroupKeyColumn,
    /// `group_key` in a condition or a sort key of groups.
    GroupKey,
    /// `aggregate` in a condition or a sort key of groups.
    GroupAggregate,
    /// `count` in a condition on groups.
    GroupCount,
    /// `max {…}` and relatives in a condition on groups.
    GroupFunction(AggregateFunction),
    /// A column's aggregate in a condition on groups, and its type.
    GroupAggregateColumn(GrantedColumn, PgType),
    /// `_and` of a condition.
    And,
    /// `_or` of a condition.
    Or,
    /// `_not` of a condition.
    Not,
    /// A column in a condition.
    ConditionColumn(GrantedColumn),
    /// A relationship in a condition.
    ConditionRelationship(Arc<RelationshipMeaning>),
    /// A computed value in a condition.
    ConditionComputed(Arc<GrantedCall>),
    /// Computed rows in a condition.
    ConditionComputedRows(Arc<RowsMeaning>),
    /// An array relationship's aggregate in a condition.
    ConditionAggregate(Arc<RelationshipMeaning>),
    /// One of the aggregates inside such a condition: its name in Postgres and its type.
    Predicate(&'static str, PgType),
    /// `arguments` of a predicate.
    PredicateArguments,
    /// `X` and `Y` inside `arguments`.
    PredicateArgument,
    /// `distinct` of a predicate.
    PredicateDistinct,
    /// `filter` of a predicate.
    PredicateFilter,
    /// `predicate` of a predicate: the comparison.
    PredicateTest,
    /// `args` of a function.
    FunctionArguments,
    /// One of a function's arguments: its position.
    FunctionArgument(usize),
    /// A comparison operator.
    Operator(Operator),
    /// `_is_null`.
    IsNull,
    /// `_cast`.
    Cast,
    /// A target type inside `_cast`.
    CastTo(PgType),
    /// `distance` inside `_st_d_within`.
    Distance,
    /// `from` inside `_st_d_within`.
    From,
    /// `use_spheroid` inside `_st_d_within`.
    UseSpheroid,
    /// `nband` inside the raster operators.
    Nband,
    /// `geommin` inside the raster operators.
    Geommin,
    /// A column to sort by.
    OrderColumn(GrantedColumn),
    /// A computed value to sort by.
    OrderComputed(Arc<GrantedCall>),
    /// Computed rows' aggregate to sort by.
    OrderComputedAggregate(Arc<RowsMeaning>),
    /// An object relationship to sort by.
    OrderRelationship(Arc<RelationshipMeaning>),
    /// An array relationship's aggregate to sort by.
    OrderAggregate(Arc<RelationshipMeaning>),
    /// `count` of an aggregate to sort by.
    OrderCount,
    /// `max {…}` and relatives of an aggregate to sort by.
    OrderFunction(AggregateFunction),
    /// `objects` of an insert.
    Objects,
    /// `object` of an insert.
    Object,
    /// `on_conflict`.
    OnConflict,
    /// A column of a row to insert.
    InsertColumn(WritableColumn),
    /// Related rows of a row to insert.
    InsertRelationship(Arc<InsertRelationship>),
    /// `data` of related rows.
    InsertData,
    /// `constraint` of `on_conflict`.
    ConflictConstraint,
    /// `update_columns` of `on_conflict`.
    ConflictColumns,
    /// `_set` and relatives.
    UpdateOperator(UpdateOperator),
    /// A column inside `_set` and relatives.
    UpdateColumn(WritableColumn),
    /// `pk_columns`.
    KeyColumns,
    /// Stands where there is nothing to give; its value is not looked at.
    Placeholder,
    /// `updates` of `update_T_many`.
    Updates,
    /// `limit` of an update or a delete; rows are picked by these columns, their primary key.
    PickLimit(Arc<[ColumnName]>),
    /// `order_by` of an update or a delete, likewise.
    PickOrder(Arc<[ColumnName]>),
    /// `expect` of a mutation.
    Expect,
    /// `affected_rows` of `expect`.
    ExpectedCount,
    /// `nested` of an update.
    Nested,
    /// A relationship inside `nested`.
    NestedRelationship(Arc<NestedMeaning>),
    /// `insert` of such a relationship.
    NestedInsert,
    /// `update` of such a relationship.
    NestedUpdate,
    /// `delete` of such a relationship.
    NestedDelete,
    /// `link` of such a relationship.
    NestedLink,
    /// `unlink` of such a relationship.
    NestedUnlink,
    /// `batch_size` of a stream.
    BatchSize,
    /// `cursor` of a stream.
    StreamCursor,
    /// `initial_value` of a cursor.
    InitialValue,
    /// `ordering` of a cursor.
    CursorOrdering,
    /// A column that a stream goes along.
    CursorColumn(GrantedColumn),
    /// `__type(name:)`.
    TypeName,
    /// `includeDeprecated`.
    IncludeDeprecated,
}

/// An object type.
#[derive(Clone, Debug)]
pub struct ObjectType {
    /// Its name.
    pub name: GraphqlName,
    /// For people.
    pub description: Option<Arc<str>>,
    /// By name.
    pub fields: IndexMap<GraphqlName, FieldDefinition>,
}

/// An interface type.
#[derive(Clone, Debug)]
pub struct InterfaceType {
    /// Its name.
    pub name: GraphqlName,
    /// For people.
    pub description: Option<Arc<str>>,
    /// By name.
    pub fields: IndexMap<GraphqlName, FieldDefinition>,
    /// The objects that implement it.
    pub possible_types: Vec<GraphqlName>,
}

/// A field of an object type.
#[derive(Clone, Debug)]
pub struct FieldDefinition {
    /// For people.
    pub description: Option<Arc<str>>,
    /// By name.
    pub arguments: IndexMap<GraphqlName, InputValueDefinition>,
    /// Its type.
    pub ty: TypeRef,
    /// What it stands for.
    pub meaning: FieldMeaning,
}

/// What a field stands for.
#[derive(Clone, Debug)]
pub enum FieldMeaning {
    /// A source's namespace.
    Namespace,
    /// The placeholder of a role that sees nothing; it answers with this text.
    Placeholder(&'static str),
    /// Rows of a table.
    Root {
        /// The source the table is in.
        source: SourceName,
        /// Which of the three forms.
        kind: RootKind,
        /// What the role may read.
        grant: Arc<SelectGrant>,
    },
    /// A column.
    Column(GrantedColumn, Output),
    /// Rows that a function returns.
    FunctionRoot {
        /// The source the function is in.
        source: SourceName,
        /// Which of the three forms.
        kind: RootKind,
        /// What the role may read of the table it returns.
        grant: Arc<SelectGrant>,
        /// The call.
        call: Arc<CallMeaning>,
    },
    /// Rows of a native query.
    NativeRoot {
        /// The source it is run in.
        source: SourceName,
        /// What the role may read of its rows.
        grant: Arc<SelectGrant>,
        /// What is run.
        statement: Arc<NativeMeaning>,
    },
    /// A native query's row that matches ours.
    NativeObject(Arc<NativeRowsMeaning>),
    /// A native query's rows that match ours.
    NativeArray(Arc<NativeRowsMeaning>),
    /// A field that writes.
    Mutation {
        /// The source the table is in.
        source: SourceName,
        /// How it writes.
        form: MutationForm,
    },
    /// `affected_rows`.
    AffectedRows,
    /// `returning`.
    Returning,
    /// A computed field that is a value.
    Computed(Arc<ComputedMeaning>),
    /// A computed field that is rows.
    ComputedRows(Arc<RowsMeaning>),
    /// An object relationship.
    Object(Arc<RelationshipMeaning>),
    /// An array relationship.
    Array(Arc<RelationshipMeaning>),
    /// An array relationship's aggregate.
    ArrayAggregate(Arc<RelationshipMeaning>),
    /// An array relationship as a connection.
    ArrayConnection(Arc<RelationshipMeaning>),
    /// `node(id:)`: the tables it can find rows of.
    NodeById(Arc<[NodeTable]>),
    /// A row's global id.
    NodeId(NodeIdSelect),
    /// A field of an interface: the objects' own fields say what it stands for.
    InterfaceField,
    /// `edges` of a connection.
    Edges,
    /// `cursor` of an edge.
    EdgeCursor,
    /// `node` of an edge.
    EdgeNode,
    /// `pageInfo` of a connection.
    PageInfo,
    /// A field of `PageInfo`.
    PageFact(PageFact),
    /// `aggregate` of an aggregate selection.
    Aggregate,
    /// `nodes` of an aggregate selection.
    Nodes,
    /// `group_by` of an aggregate selection.
    GroupBy,
    /// `group_key` of a group.
    GroupKey,
    /// `count`.
    Count,
    /// `max {…}` and relatives.
    AggregateFunction(AggregateFunction),
    /// A column inside `max {…}` and relatives.
    AggregateColumn(GrantedColumn, Output),
    /// `__schema` and `__type` of the query root; every field of the introspection types.
    Introspection,
}

/// Which form a root field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootKind {
    /// A list.
    List,
    /// One row by its primary key.
    ByPk,
    /// An aggregate.
    Aggregate,
    /// A connection.
    Connection,
    /// A stream.
    Stream,
}

/// A table whose rows have global ids.
#[derive(Clone, Debug)]
pub struct NodeTable {
    /// The source it is in.
    pub source: SourceName,
    /// The type of its rows.
    pub type_name: GraphqlName,
    /// What the role may read.
    pub grant: Arc<SelectGrant>,
}

/// How a root field writes, and what the role may write.
#[derive(Clone, Debug)]
pub enum MutationForm {
    /// `insert_T`
    Insert(Arc<InsertMeaning>),
    /// `insert_T_one`
    InsertOne(Arc<InsertMeaning>),
    /// `update_T`
    Update(Arc<UpdateGrant>),
    /// `update_T_by_pk`
    UpdateByPk(Arc<UpdateGrant>),
    /// `update_T_many`
    UpdateMany(Arc<UpdateGrant>),
    /// `delete_T`
    Delete(Arc<DeleteGrant>),
    /// `delete_T_by_pk`
    DeleteByPk(Arc<DeleteGrant>),
}

/// What a role may insert into a table.
#[derive(Clone, Debug)]
pub struct InsertMeaning {
    /// New rows.
    pub grant: Arc<InsertGrant>,
    /// Rows that are there already, for upserts.
    pub update: Option<Arc<UpdateGrant>>,
}

/// A relationship along which a role may insert.
#[derive(Clone, Debug)]
pub struct InsertRelationship {
    /// Its name in metadata.
    pub name: Arc<str>,
    /// Which row comes first.
    pub order: InsertOrder,
    /// Our column and theirs, with the types of both.
    pub mapping: Vec<(catalog::Column, catalog::Column)>,
    /// What may be inserted there.
    pub insert: InsertMeaning,
}

/// A relationship along which a role may write in an update.
#[derive(Clone, Debug)]
pub struct NestedMeaning {
    /// Which row comes first.
    pub order: InsertOrder,
    /// Our column and theirs, with the types of both.
    pub mapping: Vec<(catalog::Column, catalog::Column)>,
    /// What may be inserted there.
    pub insert: Option<InsertMeaning>,
    /// What may be updated there.
    pub update: Option<Arc<UpdateGrant>>,
    /// What may be deleted there.
    pub delete: Option<Arc<DeleteGrant>>,
    /// From there, if it is a table in between, to the rows that it links ours to.
    pub through: Option<Arc<RelationshipMeaning>>,
}

impl NestedMeaning {
    /// Whether the role may write rows in between that lead to the updated row and to a third one.
    pub fn may_link(&self) -> bool {
        let (Some(insert), Some(through)) = (&self.insert, &self.through) else {
            return false;
        };
        let presets = insert.grant.target().presets();
        let is_preset = |name: &ColumnName| presets.iter().any(|preset| preset.column == *name);
        let mut theirs = through.mapping.iter().map(|(ours, _)| ours);
        theirs.all(|name| insert.grant.column(name).is_some())
            && !self
                .mapping
                .iter()
                .any(|(_, theirs)| is_preset(&theirs.name))
    }
}

/// A relationship as one role may follow it.
#[derive(Clone, Debug)]
pub struct RelationshipMeaning {
    /// What the role may read there.
    pub grant: Arc<SelectGrant>,
    /// Our column and theirs.
    pub mapping: Vec<(ColumnName, ColumnName)>,
    /// What is known about the rows there.
    pub facts: JoinFacts,
}

/// A function as a field calls it.
#[derive(Clone, Debug)]
pub struct CallMeaning {
    /// The function.
    pub function: QualifiedFunction,
    /// In Postgres' order.
    pub arguments: Arc<[ArgumentInfo]>,
    /// The table whose row a computed field hands over.
    pub row: Option<QualifiedTable>,
}

/// A statement that an admin wrote, as a field runs it.
#[derive(Clone, Debug)]
pub struct NativeMeaning {
    /// In order.
    pub parts: Arc<[NativePiece]>,
    /// What the request gives.
    pub arguments: Arc<[NativeArgumentInfo]>,
}

/// A piece of such a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NativePiece {
    /// SQL.
    Text(Arc<str>),
    /// The argument of that position.
    Argument(usize),
}

/// An argument of such a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeArgumentInfo {
    /// Its field in `args`.
    pub field: GraphqlName,
    /// Its type.
    pub ty: PgType,
    /// Whether null may be given, and is if nothing is.
    pub nullable: bool,
    /// For people.
    pub description: Option<Arc<str>>,
}

/// A native query's rows as a relationship leads one role to them.
#[derive(Clone, Debug)]
pub struct NativeRowsMeaning {
    /// What the role may read of them.
    pub grant: Arc<SelectGrant>,
    /// What is run.
    pub statement: Arc<NativeMeaning>,
    /// Our column and theirs.
    pub mapping: Vec<(ColumnName, ColumnName)>,
}

/// Rows that a computed field returns, as one role may read them.
#[derive(Clone, Debug)]
pub struct RowsMeaning {
    /// What the role may read of their table.
    pub grant: Arc<SelectGrant>,
    /// What returns them.
    pub call: CallMeaning,
}

/// A computed field that is a value, as the role may see it.
#[derive(Clone, Debug)]
pub struct ComputedMeaning {
    /// What computes it.
    pub call: CallMeaning,
    /// What it gives.
    pub ty: PgType,
    /// The condition under which it may be seen (inherited roles).
    pub mask: Option<Arc<BoolExp>>,
    /// Its form in the response.
    pub output: Output,
}

impl CallMeaning {
    /// The call without any value of the user's.
    pub fn implicit(&self) -> FunctionCall {
        implicit_call(&self.function, &self.arguments, self.row.as_ref())
    }
}

impl NativeRowsMeaning {
    /// The rows of a statement, each under the role's grant.
    pub fn join(&self, statement: NativeStatement) -> Join {
        let rows = Rows::Statement(Arc::new(statement));
        Join {
            access: self.grant.access().with_rows(rows),
            mapping: self.mapping.clone(),
            facts: JoinFacts::default(),
        }
    }
}

impl RowsMeaning {
    /// The rows of a call, each under the role's grant.
    pub fn join(&self, call: FunctionCall) -> Join {
        let access = self
            .grant
            .access()
            .with_rows(Rows::Function(Arc::new(call)));
        Join {
            access,
            mapping: Vec::new(),
            facts: JoinFacts::default(),
        }
    }
}

impl RelationshipMeaning {
    /// The other table under the role's grant.
    pub fn join(&self) -> Join {
        Join {
            access: self.grant.access(),
            mapping: self.mapping.clone(),
            facts: self.facts,
        }
    }
}

impl TypeDefinition {
    /// The type's name.
    pub fn name(&self) -> &GraphqlName {
        match self {
            Self::Scalar(ty) => &ty.name,
            Self::Enum(ty) => &ty.name,
            Self::InputObject(ty) => &ty.name,
            Self::Object(ty) => &ty.name,
            Self::Interface(ty) => &ty.name,
        }
    }

    /// Its kind, as introspection spells it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "SCALAR",
            Self::Enum(_) => "ENUM",
            Self::InputObject(_) => "INPUT_OBJECT",
            Self::Object(_) => "OBJECT",
            Self::Interface(_) => "INTERFACE",
        }
    }

    /// The type's description.
    pub fn description(&self) -> Option<&Arc<str>> {
        match self {
            Self::Scalar(ty) => ty.description.as_ref(),
            Self::Enum(ty) => ty.description.as_ref(),
            Self::InputObject(ty) => ty.description.as_ref(),
            Self::Object(ty) => ty.description.as_ref(),
            Self::Interface(ty) => ty.description.as_ref(),
        }
    }

    /// The named types its fields and arguments mention.
    pub(crate) fn mentions(&self) -> Vec<&GraphqlName> {
        match self {
            Self::Scalar(_) | Self::Enum(_) => Vec::new(),
            Self::InputObject(ty) => ty.fields.values().map(|field| field.ty.name()).collect(),
            Self::Object(ty) => mentioned(&ty.fields).collect(),
            Self::Interface(ty) => mentioned(&ty.fields).chain(&ty.possible_types).collect(),
        }
    }
}

/// The named types that fields and their arguments mention.
pub(crate) fn mentioned(
    fields: &IndexMap<GraphqlName, FieldDefinition>,
) -> impl Iterator<Item = &GraphqlName> {
    fields.values().flat_map(|field| {
        let arguments = field.arguments.values().map(|argument| argument.ty.name());
        std::iter::once(field.ty.name()).chain(arguments)
    })
}
