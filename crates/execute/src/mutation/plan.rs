//! A mutation as it is kept: its statements, and how rows are made of its input.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use graphloom_ir::{
    ArgumentsWebhook, Delete, Expectation, GivenColumn, Input, InsertNode, InsertOrder,
    InsertRelation, Mutation, MutationOutput, ResponseValue, RootMutation, SourceQuery, TypedValue,
    Update,
};
use graphloom_plan::{
    self as plan, Answering, Gives, NewRows, ResultShape, StatementPlan, Wanted, WritePlan,
};
use graphloom_sql::Effects;
use graphloom_vocab::{ColumnName, ErrorPath, Json, SourceName};

use super::nested::NestedStep;
use super::run::numbers;
use super::validate::AskedPlace;
use crate::tagged::{FieldTags, TaggedStatement};

/// A root field that writes.
#[derive(Debug)]
pub(crate) struct MutationStep {
    pub(crate) source: SourceName,
    /// Who is asked about the arguments first.
    pub(crate) webhook: Option<ArgumentsWebhook>,
    /// How many rows it must affect.
    pub(crate) expect: Option<Expectation>,
    pub(crate) work: Work,
    pub(crate) extent: Extent,
}

/// What stands or falls together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One statement, which nothing but Postgres can refuse, on a table where nobody looks on: Postgres' own
    /// transaction around a statement is enough.
    Statement,
    /// Anything else.
    Transaction,
}

/// What it does.
#[derive(Debug)]
pub(crate) enum Work {
    Insert(Box<InsertStep>),
    /// An update or a delete.
    Write(WriteStep),
    /// Updates one after the other; the answer is the list of theirs.
    Many(Vec<UpdateStep>),
    /// Rows of a function.
    Call(Prepared, ResultShape),
    /// Nothing; this is the answer.
    Nothing(Arc<str>),
}

/// A statement and its values.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) statement: TaggedStatement,
    pub(crate) parameters: Vec<TypedValue>,
}

/// A statement that writes, and what it gives.
#[derive(Debug)]
pub(crate) struct WriteStatement {
    pub(crate) prepared: Prepared,
    /// What is run instead where it is a transaction of its own.
    alone: Option<Prepared>,
    pub(crate) gives: Gives,
    effects: Effects,
}

/// One of several updates.
#[derive(Debug)]
pub(crate) enum UpdateStep {
    /// It changes nothing; its answer.
    Nothing(Bytes),
    Write(WriteStep),
}

/// An update or a delete.
#[derive(Debug)]
pub(crate) struct WriteStep {
    pub(crate) write: WriteStatement,
    /// Reads the rows again.
    pub(crate) reread: Option<Prepared>,
    /// Whether the rows themselves are written, and not only what is related to them.
    pub(crate) target: WriteTarget,
    /// Writes to related rows.
    pub(crate) nested: Vec<NestedStep>,
}

/// What an update writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteTarget {
    /// The rows.
    Rows,
    /// Only rows related to them.
    RelatedRows,
}

/// An insert.
#[derive(Debug)]
pub(crate) struct InsertStep {
    pub(crate) rows: Input,
    pub(crate) path: ErrorPath,
    pub(crate) place: Place,
    /// The answer at once: where no row brings others along.
    pub(crate) direct: Option<WriteStatement>,
    /// Otherwise: reads the rows again.
    pub(crate) reread: Option<Prepared>,
    pub(crate) output: MutationOutput,
    pub(crate) form: InsertForm,
    /// Who is asked about the rows first.
    pub(crate) asked: Option<AskedPlace>,
}

/// How the rows of an insert may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InsertForm {
    /// All in one statement.
    Flat,
    /// A statement per place in the tree: the outcome is that of one row after the other.
    Levels,
    /// One row after the other.
    RowByRow,
}

/// A place in the tree of an insert.
#[derive(Debug)]
pub(crate) struct Place {
    /// The table, as messages name it.
    pub(crate) table: String,
    pub(crate) columns: Vec<PlaceColumn>,
    pub(crate) sets: HashMap<Vec<usize>, usize>,
    /// The set without any column, if there is nothing else in its rows: its statement writes one row.
    pub(crate) only_defaults: Option<usize>,
    /// What `on_conflict` was, where there are several.
    pub(crate) conflicts: Vec<Json>,
    /// By conflict, then by set.
    pub(crate) statements: Vec<Vec<WriteStatement>>,
    pub(crate) relations: Vec<Relation>,
}

/// A column of the rows there.
#[derive(Debug)]
pub(crate) struct PlaceColumn {
    pub(crate) given: Option<GivenColumn>,
    /// Whether every set has it.
    pub(crate) always: bool,
}

/// Rows that belong to the rows there.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) order: InsertOrder,
    /// The position of the column that is determined (of the row that is inserted later), and the position
    /// beside the row that gives it.
    pub(crate) mapping: Vec<(usize, usize)>,
    pub(crate) place: Place,
}

impl Prepared {
    pub(super) fn tag(&mut self, tags: &FieldTags) {
        self.statement.tag(tags);
    }

    fn of(plan: StatementPlan) -> Self {
        Self {
            statement: TaggedStatement::new(plan.sql.text()),
            parameters: plan.parameters,
        }
    }
}

impl WriteStatement {
    pub(super) fn of(plan: WritePlan) -> Self {
        Self {
            prepared: Prepared::of(plan.statement),
            alone: plan.alone.map(Prepared::of),
            gives: plan.gives,
            effects: plan.effects,
        }
    }

    /// What is run where it is a transaction of its own.
    pub(super) fn alone(&self) -> &Prepared {
        self.alone.as_ref().unwrap_or(&self.prepared)
    }

    pub(super) fn tag(&mut self, tags: &FieldTags) {
        self.prepared.tag(tags);
        self.alone.iter_mut().for_each(|alone| alone.tag(tags));
    }

    /// Whether it runs nothing that a user wrote.
    fn is_ours(&self) -> bool {
        self.effects <= Effects::Writes
    }
}

impl MutationStep {
    /// Plans a mutation.
    pub(crate) fn new(source: &SourceName, mutation: &Mutation) -> Self {
        let work = match mutation {
            Mutation::Insert(insert) => Work::Insert(Box::new(InsertStep::of(insert))),
            Mutation::Update(update) => Work::Write(WriteStep::of_update(update)),
            Mutation::UpdateMany(updates) => {
                Work::Many(updates.iter().map(UpdateStep::of).collect())
            }
            Mutation::Delete(delete) => Work::Write(WriteStep::of_delete(delete)),
            Mutation::Call(query) => call(query),
            Mutation::Nothing(answer) => Work::Nothing(answer.clone()),
        };
        let extent = extent(mutation, &work);
        Self {
            source: source.clone(),
            webhook: None,
            expect: None,
            work,
            extent,
        }
    }

    /// Plans a root field.
    pub(crate) fn of_root(source: &SourceName, root: &RootMutation) -> Self {
        let step = Self::new(source, &root.mutation);
        Self {
            webhook: root.webhook.clone(),
            expect: root.expect.clone(),
            // What is not as expected is known when the statement has run, and taken back then.
            extent: match root.expect {
                None => step.extent,
                Some(_) => Extent::Transaction,
            },
            ..step
        }
    }

    /// Adds a comment to every statement.
    pub(crate) fn tag(&mut self, tags: &FieldTags) {
        match &mut self.work {
            Work::Insert(insert) => {
                insert.direct.iter_mut().for_each(|direct| direct.tag(tags));
                insert.place.tag(tags);
                insert.reread.iter_mut().for_each(|reread| reread.tag(tags));
            }
            Work::Write(step) => step.tag(tags),
            Work::Many(steps) => {
                for step in steps {
                    if let UpdateStep::Write(write) = step {
                        write.tag(tags);
                    }
                }
            }
            Work::Call(prepared, _) => prepared.tag(tags),
            Work::Nothing(_) => {}
        }
    }

    /// Every statement, for logs and sizes.
    pub(crate) fn texts(&self) -> Vec<&Prepared> {
        match &self.work {
            Work::Insert(insert) => {
                let mut texts = Vec::new();
                match &insert.direct {
                    Some(direct) => texts.push(&direct.prepared),
                    None => insert.place.texts(&mut texts),
                }
                texts.extend(&insert.reread);
                texts
            }
            Work::Write(step) => {
                let mut texts = Vec::new();
                step.texts(&mut texts);
                texts
            }
            Work::Many(steps) => {
                let mut texts = Vec::new();
                for step in steps {
                    if let UpdateStep::Write(write) = step {
                        write.texts(&mut texts);
                    }
                }
                texts
            }
            Work::Call(prepared, _) => vec![prepared],
            Work::Nothing(_) => Vec::new(),
        }
    }
}

impl UpdateStep {
    fn of(update: &Update) -> Self {
        match update.is_empty() {
            true => Self::Nothing(numbers(&update.output, 0).to_string().into()),
            false => Self::Write(WriteStep::of_update(update)),
        }
    }
}

impl WriteStep {
    pub(super) fn tag(&mut self, tags: &FieldTags) {
        self.write.tag(tags);
        self.reread.iter_mut().for_each(|reread| reread.tag(tags));
        for nested in &mut self.nested {
            nested.tag(tags);
        }
    }

    pub(super) fn texts<'s>(&'s self, into: &mut Vec<&'s Prepared>) {
        into.push(&self.write.prepared);
        into.extend(&self.reread);
        for nested in &self.nested {
            nested.texts(into);
        }
    }

    /// How many of the rows that the statement tells of were written.
    pub(super) fn counted(&self, count: u64) -> u64 {
        match self.target {
            WriteTarget::Rows => count,
            WriteTarget::RelatedRows => 0,
        }
    }

    pub(super) fn of_update(update: &Update) -> Self {
        let table = update.target.table();
        let reread = match update.nested.is_empty() {
            true => reread(table, &update.output),
            // Only when everything is written it is known what to tell.
            false => Some(Prepared::of(plan::reread(table, &update.output))),
        };
        Self {
            write: WriteStatement::of(plan::update(update)),
            reread,
            target: match update.changes_rows() {
                true => WriteTarget::Rows,
                false => WriteTarget::RelatedRows,
            },
            nested: NestedStep::all(update),
        }
    }

    pub(super) fn of_delete(delete: &Delete) -> Self {
        Self {
            write: WriteStatement::of(plan::delete(delete)),
            reread: reread(delete.target.table(), &delete.output),
            target: WriteTarget::Rows,
            nested: Vec::new(),
        }
    }
}

fn call(query: &SourceQuery) -> Work {
    let planned = plan::plan(query);
    let shape = planned.result.clone();
    Work::Call(Prepared::of(planned), shape)
}

/// A statement runs alone where nobody could tell: nothing that a user wrote sees it run, and nothing that it looks at
/// could look at `hasura.user`.
fn extent(mutation: &Mutation, work: &Work) -> Extent {
    let fits = match (mutation, work) {
        (Mutation::Insert(insert), Work::Insert(step)) => {
            insert.node.target.side_effects().nothing_else.on_write
                && insert.node.is_about_stored_rows()
                && insert.output.is_about_stored_rows()
                && step.reread.is_none()
                && step.direct.as_ref().is_some_and(WriteStatement::is_ours)
        }
        (Mutation::Update(update), Work::Write(step)) => {
            update.target.side_effects().nothing_else.on_write
                && update.is_about_stored_rows()
                && step.reread.is_none()
                && step.write.is_ours()
        }
        (Mutation::Delete(delete), Work::Write(step)) => {
            delete.target.side_effects().nothing_else.on_delete
                && delete.is_about_stored_rows()
                && step.reread.is_none()
                && step.write.is_ours()
        }
        _ => false,
    };
    match fits {
        true => Extent::Statement,
        false => Extent::Transaction,
    }
}

fn reread(table: &graphloom_vocab::QualifiedTable, output: &MutationOutput) -> Option<Prepared> {
    match plan::answering(output) {
        Answering::AtOnce => None,
        Answering::Reread => Some(Prepared::of(plan::reread(table, output))),
    }
}

impl InsertStep {
    fn of(insert: &graphloom_ir::Insert) -> Self {
        let node = &insert.node;
        let answering = plan::answering(&insert.output);
        let form = match node.relations.is_empty() {
            true => InsertForm::Flat,
            false if plan::may_insert_by_levels(node) => InsertForm::Levels,
            false => InsertForm::RowByRow,
        };
        let direct = (form == InsertForm::Flat).then(|| {
            let rows = match (node.sets.as_slice(), &insert.output) {
                ([only], MutationOutput::Row(_)) => NewRows::one(node, only),
                ([only], _) => NewRows::of_set(node, only, node.pattern.len().max(1)),
                _ => NewRows::WrittenOut,
            };
            let wanted = match answering {
                Answering::AtOnce => Wanted::Answer(&insert.output),
                Answering::Reread => Wanted::Rows(&[]),
            };
            let conflict = node.conflicts.first().and_then(Option::as_ref);
            WriteStatement::of(plan::insert(node, conflict, rows, wanted))
        });
        let rereads = answering == Answering::Reread
            || (form != InsertForm::Flat && tells_rows(&insert.output));
        Self {
            rows: insert.rows.clone(),
            path: insert.path.clone(),
            place: Place::of(node, (&[], rereads && direct.is_none())),
            direct,
            reread: rereads
                .then(|| Prepared::of(plan::reread(node.target.table(), &insert.output))),
            output: insert.output.clone(),
            form,
            asked: AskedPlace::of(node),
        }
    }
}

/// Whether the answer has anything of the rows themselves.
fn tells_rows(output: &MutationOutput) -> bool {
    match output {
        MutationOutput::Row(_) => true,
        MutationOutput::Response(fields) => fields
            .iter()
            .any(|field| matches!(field.value, ResponseValue::Returning(_))),
    }
}

impl Place {
    /// `back`: the columns that a row below or above wants of these rows.
    pub(super) fn of(node: &InsertNode, (back, whole): (&[ColumnName], bool)) -> Self {
        let mut wanted: Vec<ColumnName> = back.to_vec();
        for relation in &node.relations {
            if relation.order != InsertOrder::Before {
                for (ours, _) in &relation.mapping {
                    if !wanted.contains(ours) {
                        wanted.push(ours.clone());
                    }
                }
            }
        }
        let wants = match whole || !wanted.is_empty() {
            true => Wanted::Rows(&wanted),
            false => Wanted::Nothing,
        };
        let statement = |conflict, set: &Vec<usize>| {
            let rows = NewRows::of_set(node, set, 1);
            WriteStatement::of(plan::insert(node, conflict, rows, wants))
        };
        let statements = node.conflicts.iter().map(|conflict| {
            let sets = node.sets.iter();
            sets.map(|set| statement(conflict.as_ref(), set)).collect()
        });
        let columns = node.columns.iter().map(|column| PlaceColumn {
            given: column.given.clone(),
            always: !column.column.may_have_default,
        });
        let sets = node.sets.iter().enumerate();
        Self {
            table: node.target.table().display_name(),
            columns: columns.collect(),
            sets: sets.map(|(at, set)| (set.clone(), at)).collect(),
            only_defaults: match node.target.presets() {
                [] => node.sets.iter().position(Vec::is_empty),
                _ => None,
            },
            conflicts: node.conflict_inputs.clone(),
            statements: statements.collect(),
            relations: node
                .relations
                .iter()
                .map(|relation| Relation::of(relation, node, &wanted))
                .collect(),
        }
    }

    pub(super) fn tag(&mut self, tags: &FieldTags) {
        for statement in self.statements.iter_mut().flatten() {
            statement.tag(tags);
        }
        for relation in &mut self.relations {
            relation.place.tag(tags);
        }
    }

    pub(super) fn texts<'p>(&'p self, into: &mut Vec<&'p Prepared>) {
        let all = self.statements.iter().flatten();
        into.extend(all.map(|statement| &statement.prepared));
        for relation in &self.relations {
            relation.place.texts(into);
        }
    }
}

impl Relation {
    fn of(relation: &InsertRelation, above: &InsertNode, wanted: &[ColumnName]) -> Self {
        let position = |node: &InsertNode, name: &ColumnName| {
            let found = node.columns.iter().position(|c| &c.column.name == name);
            found.expect("determined columns are columns of their place")
        };
        let beside = |list: &[ColumnName], name: &ColumnName| {
            let found = list.iter().position(|column| column == name);
            found.expect("columns that are needed are asked for")
        };
        let (back, mapping): (Vec<_>, Vec<_>) = match relation.order {
            InsertOrder::Before => {
                let mut back: Vec<ColumnName> = Vec::new();
                for (_, theirs) in &relation.mapping {
                    if !back.contains(theirs) {
                        back.push(theirs.clone());
                    }
                }
                let pairs = relation.mapping.iter();
                let mapping = pairs
                    .map(|(ours, theirs)| (position(above, ours), beside(&back, theirs)))
                    .collect();
                (back, mapping)
            }
            InsertOrder::AfterOne | InsertOrder::AfterMany => {
                let pairs = relation.mapping.iter();
                let mapping = pairs
                    .map(|(ours, theirs)| (position(&relation.node, theirs), beside(wanted, ours)))
                    .collect();
                (Vec::new(), mapping)
            }
        };
        Self {
            key: relation.key.to_string(),
            name: relation.name.to_string(),
            order: relation.order,
            mapping,
            place: Place::of(&relation.node, (&back, false)),
        }
    }
}
