//! Writing rows: what is inserted, updated and deleted, and what is told about it.

use std::sync::Arc;

use graphloom_vocab::{ColumnName, ConstraintName, ErrorPath, QualifiedTable};

use crate::{
    BoolExp, Coercion, DeleteTarget, Field, FieldValue, Input, InsertTarget, NestedWrite, Pick,
    SourceQuery, TypedValue, UpdateTarget, WritableColumn,
};

/// A root field that writes.
#[derive(Clone, Debug, PartialEq)]
pub enum Mutation {
    /// `insert_T`, `insert_T_one`.
    Insert(Box<Insert>),
    /// `update_T`, `update_T_by_pk`.
    Update(Update),
    /// `update_T_many`: one after the other.
    UpdateMany(Vec<Update>),
    /// `delete_T`, `delete_T_by_pk`.
    Delete(Delete),
    /// Rows of a function that may write.
    Call(Box<SourceQuery>),
    /// Nothing is written; this is the answer, as JSON text.
    Nothing(Arc<str>),
}

/// What is told about the rows that were written.
#[derive(Clone, Debug, PartialEq)]
pub enum MutationOutput {
    /// `{affected_rows, returning}`, in response order.
    Response(Vec<ResponseField>),
    /// The one row, or null.
    Row(Vec<Field>),
}

/// A response key of `T_mutation_response` and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseField {
    /// The response key.
    pub key: Arc<str>,
    /// What stands there.
    pub value: ResponseValue,
}

/// What a field of `T_mutation_response` is.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseValue {
    /// `__typename`.
    Typename(Arc<str>),
    /// `affected_rows`.
    AffectedRows,
    /// `returning {…}`.
    Returning(Vec<Field>),
}

/// Rows to insert, each with the rows that belong to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// Into which table, and what below it.
    pub node: InsertNode,
    /// The rows: a list of objects, or one object.
    pub rows: Input,
    /// `$.selectionSet.insert_T.args.objects`, or `….object`.
    pub path: ErrorPath,
    /// What is told.
    pub output: MutationOutput,
}

/// One place in the tree of a nested insert: all rows that are inserted there are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct InsertNode {
    /// Into which table.
    pub target: InsertTarget,
    /// The columns that any row gives or is given, in no particular order.
    pub columns: Vec<InsertColumn>,
    /// What to do about conflicts: by position, as rows refer to it.
    pub conflicts: Vec<Option<OnConflict>>,
    /// The values of `on_conflict` that the entries of `conflicts` were made from. Compared only where
    /// there are several.
    pub conflict_inputs: Vec<graphloom_vocab::Json>,
    /// The different sets of columns that are given, as positions in `columns`. Columns without a default
    /// are in all of them: leaving one out is the same as null.
    pub sets: Vec<Vec<usize>>,
    /// Which of the sets each row has, where there are several or none has any column.
    pub pattern: Vec<usize>,
    /// Relationships that rows bring along.
    pub relations: Vec<InsertRelation>,
}

/// A column of rows to insert.
#[derive(Clone, Debug, PartialEq)]
pub struct InsertColumn {
    /// The column.
    pub column: WritableOrDetermined,
    /// The key in the input object; `None`: only other rows give its value.
    pub given: Option<GivenColumn>,
}

/// How a value in an input object becomes a column's.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenColumn {
    /// The key.
    pub key: Arc<str>,
    /// How JSON becomes text.
    pub coercion: Coercion,
}

/// A column that the role may give, or one that follows from a related row.
#[derive(Clone, Debug, PartialEq)]
pub struct WritableOrDetermined {
    /// Its name.
    pub name: ColumnName,
    /// Its type.
    pub ty: graphloom_catalog::PgType,
    /// Whether leaving it out may give another value than null does.
    pub may_have_default: bool,
}

impl From<&WritableColumn> for WritableOrDetermined {
    fn from(column: &WritableColumn) -> Self {
        Self {
            name: column.name().clone(),
            ty: column.ty().clone(),
            may_have_default: column.may_have_default(),
        }
    }
}

/// A relationship along which rows are inserted.
#[derive(Clone, Debug, PartialEq)]
pub struct InsertRelation {
    /// The key in the input object.
    pub key: Arc<str>,
    /// The relationship's name, for messages.
    pub name: Arc<str>,
    /// Which row comes first.
    pub order: InsertOrder,
    /// Our column and theirs.
    pub mapping: Vec<(ColumnName, ColumnName)>,
    /// The other rows.
    pub node: InsertNode,
}

/// Which row of a relationship is inserted first, and how many there are on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOrder {
    /// One related row, before ours: it gives us our columns.
    Before,
    /// One related row, after ours: we give it its columns.
    AfterOne,
    /// Any number of related rows, after ours.
    AfterMany,
}

/// `ON CONFLICT`
#[derive(Clone, Debug, PartialEq)]
pub struct OnConflict {
    /// Which conflicts.
    pub target: ConflictTarget,
    /// What about them.
    pub action: ConflictAction,
}

/// Which conflicts are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictTarget {
    /// Any (legacy API).
    Any,
    /// Those with one constraint.
    Constraint(ConstraintName),
    /// Those with a unique key on these columns (legacy API).
    Columns(Vec<ColumnName>),
}

/// What to do about a conflict.
#[derive(Clone, Debug, PartialEq)]
pub enum ConflictAction {
    /// Leave the row that is there.
    Nothing,
    /// Update it.
    Update {
        /// Under which update grant.
        target: UpdateTarget,
        /// The columns that take the new row's values.
        columns: Vec<ColumnName>,
        /// Only if the row that is there satisfies this.
        filter: Option<Box<BoolExp>>,
    },
}

/// Rows to update, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Under which grant.
    pub target: UpdateTarget,
    /// Which rows.
    pub filter: BoolExp,
    /// Which of those, if not all.
    pub pick: Option<Pick>,
    /// How; a column occurs once.
    pub changes: Vec<Change>,
    /// What becomes of rows related to them. With such writes and no change the rows are only looked up.
    pub nested: Vec<NestedWrite>,
    /// What is told.
    pub output: MutationOutput,
}

/// A column and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The column.
    pub column: ColumnName,
    /// How it changes.
    pub operator: UpdateOperator,
    /// The operand; `None`: the column's default.
    pub value: Option<TypedValue>,
}

/// How a column changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpdateOperator {
    /// `_set`: the value.
    Set,
    /// `_inc`: column + value.
    Inc,
    /// `$mul` of the legacy API: column * value.
    Mul,
    /// `_append`: column || value.
    Append,
    /// `_prepend`: value || column.
    Prepend,
    /// `_delete_key`: column - value (text).
    DeleteKey,
    /// `_delete_elem`: column - value (integer).
    DeleteElem,
    /// `_delete_at_path`: column #- value (text[]).
    DeleteAtPath,
}

/// Rows to delete.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// Under which grant.
    pub target: DeleteTarget,
    /// Which rows.
    pub filter: BoolExp,
    /// Which of those, if not all.
    pub pick: Option<Pick>,
    /// What is told.
    pub output: MutationOutput,
}

impl MutationOutput {
    /// Whether what is shown of the written rows themselves depends on nothing but what is stored, apart from functions.
    pub fn is_about_stored_rows(&self) -> bool {
        let is_stored = |field: &Field| match &field.value {
            FieldValue::Column(column) => {
                let mask = column.column.mask();
                mask.is_none_or(|mask| mask.is_about_stored_rows())
            }
            FieldValue::Constant(_) | FieldValue::NodeId(_) => true,
            // These are no row's own.
            _ => false,
        };
        match self {
            Self::Row(fields) => fields.iter().all(is_stored),
            Self::Response(response) => response.iter().all(|field| match &field.value {
                ResponseValue::Returning(fields) => fields.iter().all(is_stored),
                ResponseValue::Typename(_) | ResponseValue::AffectedRows => true,
            }),
        }
    }
}

impl InsertNode {
    /// Whether what it checks depends on nothing but what is stored, apart from functions.
    pub fn is_about_stored_rows(&self) -> bool {
        let conflicts = self.conflicts.iter().flatten();
        let of_conflict = |conflict: &OnConflict| match &conflict.action {
            ConflictAction::Nothing => true,
            ConflictAction::Update { target, filter, .. } => {
                let filter = filter.as_deref();
                target.is_about_stored_rows() && filter.is_none_or(BoolExp::is_about_stored_rows)
            }
        };
        self.target.check().is_about_stored_rows() && conflicts.into_iter().all(of_conflict)
    }
}

impl Delete {
    /// Whether which rows it deletes depends on nothing but what is stored, apart from functions.
    pub fn is_about_stored_rows(&self) -> bool {
        self.pick.is_none()
            && self.output.is_about_stored_rows()
            && self.target.filter().is_about_stored_rows()
            && self.filter.is_about_stored_rows()
    }
}

impl Update {
    /// Whether which rows it updates, and what it checks, depends on nothing but what is stored, apart from functions.
    pub fn is_about_stored_rows(&self) -> bool {
        self.pick.is_none()
            && self.output.is_about_stored_rows()
            && self.target.is_about_stored_rows()
            && self.filter.is_about_stored_rows()
    }

    /// Whether the rows themselves change.
    pub fn changes_rows(&self) -> bool {
        !self.changes.is_empty() || !self.target.presets().is_empty()
    }

    /// Whether nothing would change; there is no statement for that.
    pub fn is_empty(&self) -> bool {
        !self.changes_rows() && self.nested.is_empty()
    }
}

impl Mutation {
    /// The table that is written, if it is known.
    pub fn table(&self) -> Option<&QualifiedTable> {
        match self {
            Self::Insert(insert) => Some(insert.node.target.table()),
            Self::Update(update) => Some(update.target.table()),
            Self::UpdateMany(updates) => updates.first().map(|update| update.target.table()),
            Self::Delete(delete) => Some(delete.target.table()),
            Self::Call(_) | Self::Nothing(_) => None,
        }
    }
}

impl UpdateOperator {
    /// Those of the GraphQL API, in the order v2 lists them.
    pub const GRAPHQL: &'static [Self] = &[
        Self::Append,
        Self::DeleteAtPath,
        Self::DeleteElem,
        Self::DeleteKey,
        Self::Inc,
        Self::Prepend,
        Self::Set,
    ];

    /// Its GraphQL name without the underscore in front.
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Inc => "inc",
            Self::Mul => "mul",
            Self::Append => "append",
            Self::Prepend => "prepend",
            Self::DeleteKey => "delete_key",
            Self::DeleteElem => "delete_elem",
            Self::DeleteAtPath => "delete_at_path",
        }
    }
}
