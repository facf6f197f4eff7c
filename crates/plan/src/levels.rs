//! When rows that belong to each other may be inserted level by level: one statement per table instead of one
//! per row.
//!
//! The answer is yes only where the outcome is provably the one of writing row after row, each with what belongs
//! to it: what is decided about a row (checks, foreign keys, conflicts) must not depend on rows that the other
//! order writes later. It is enough to prove that whatever level by level lets through, row by row does too; a
//! statement that fails, or that gives fewer rows than it got, is done again row by row.
//! Sees the bound insert and nothing else. Read next: `write.rs`, which plans the statements.

use graphloom_ir::{
    BoolExp, ConflictAction, InsertNode, InsertOrder, InsertRelation, Join, OnConflict,
    OperandValue, Reference,
};
use graphloom_vocab::{ColumnName, QualifiedTable};

/// Whether a statement per place in the tree leaves what one row after the other would leave.
pub fn may_insert_by_levels(root: &InsertNode) -> bool {
    let mut places = Vec::new();
    collect(root, None, &mut places);
    let tables: Vec<_> = places.iter().map(Place::table).collect();
    // Rows that are written to one table from two places would get their defaults in another order.
    let is_written_once = |at: usize| !tables[..at].contains(&tables[at]);
    (0..places.len()).all(|at| is_written_once(at) && places[at].is_settled(&tables))
}

/// A place in the tree and the one above it.
struct Place<'n> {
    node: &'n InsertNode,
    above: Option<(&'n InsertNode, &'n InsertRelation)>,
}

fn collect<'n>(
    node: &'n InsertNode,
    above: Option<(&'n InsertNode, &'n InsertRelation)>,
    places: &mut Vec<Place<'n>>,
) {
    places.push(Place { node, above });
    for relation in &node.relations {
        collect(&relation.node, Some((node, relation)), places);
    }
}

impl Place<'_> {
    fn table(&self) -> &QualifiedTable {
        self.node.target.table()
    }

    /// Whether what is decided about its rows is the same in both orders. `written`: every table of the tree.
    fn is_settled(&self, written: &[&QualifiedTable]) -> bool {
        let target = &self.node.target;
        let has_columns = self.node.sets.iter().all(|set| !set.is_empty());
        if target.side_effects().on_insert || (!has_columns && target.presets().is_empty()) {
            return false;
        }
        let mut own = Vec::new();
        for reference in target.references() {
            if !written.contains(&&reference.table) || self.is_null(reference) {
                continue;
            }
            if !self.is_determined(reference) {
                return false;
            }
            own.push(reference);
        }
        let settled = Settled { written, own: &own };
        let conflicts = match self.node.conflicts.as_slice() {
            [] => true,
            [only] => only
                .as_ref()
                .is_none_or(|conflict| self.is_harmless(conflict)),
            _ => false,
        };
        conflicts && settled.holds(target.check())
    }

    /// Whether some column of the foreign key is null in every row.
    fn is_null(&self, reference: &Reference) -> bool {
        let node = self.node;
        let is_written = |name: &ColumnName| {
            node.columns
                .iter()
                .any(|column| &column.column.name == name)
                || node
                    .target
                    .presets()
                    .iter()
                    .any(|preset| &preset.column == name)
        };
        reference
            .null_unless_given
            .iter()
            .any(|name| !is_written(name))
    }

    /// Whether the foreign key leads to the very row that comes along in the tree, or to none.
    fn is_determined(&self, reference: &Reference) -> bool {
        let node = self.node;
        let by_other_rows = |pairs: &mut dyn Iterator<Item = (&ColumnName, &ColumnName)>| {
            let pairs: Vec<_> = pairs.collect();
            let same = |(ours, theirs): &(ColumnName, ColumnName)| pairs.contains(&(ours, theirs));
            reference.columns.iter().all(same)
        };
        let above = self.above.is_some_and(|(above, relation)| {
            relation.order != InsertOrder::Before
                && above.target.table() == &reference.table
                && by_other_rows(&mut relation.mapping.iter().map(|(theirs, ours)| (ours, theirs)))
        });
        let below = node.relations.iter().any(|relation| {
            relation.order == InsertOrder::Before
                && relation.node.target.table() == &reference.table
                && by_other_rows(&mut relation.mapping.iter().map(|(ours, theirs)| (ours, theirs)))
        });
        let is_given = |name: &ColumnName| {
            let preset = node.target.presets().iter();
            let mut columns = node.columns.iter();
            preset.clone().any(|preset| &preset.column == name)
                || columns.any(|column| &column.column.name == name && column.given.is_some())
        };
        // A row that brings no row along has null there, unless its column has a default.
        let is_else_null = above || !reference.null_unless_given.is_empty();
        (above || below)
            && is_else_null
            && !reference.columns.iter().any(|(ours, _)| is_given(ours))
    }

    /// Whether a conflict is decided and resolved by the row itself.
    fn is_harmless(&self, conflict: &OnConflict) -> bool {
        match &conflict.action {
            ConflictAction::Nothing => true,
            ConflictAction::Update { target, filter, .. } => {
                !self.node.target.side_effects().on_update
                    && target.filter().is_about_row_only()
                    && target.check().is_none_or(BoolExp::is_about_row_only)
                    && filter.as_deref().is_none_or(BoolExp::is_about_row_only)
            }
        }
    }
}

/// What a check may look at.
struct Settled<'a> {
    /// Tables of the tree: their rows come at another time.
    written: &'a [&'a QualifiedTable],
    /// Foreign keys that lead to the row that comes along: it is there in both orders.
    own: &'a [&'a Reference],
}

impl Settled<'_> {
    fn holds(&self, exp: &BoolExp) -> bool {
        match exp {
            BoolExp::And(parts) | BoolExp::Or(parts) => parts.iter().all(|part| self.holds(part)),
            BoolExp::Not(inner) => self.holds(inner),
            BoolExp::Column(column) => matches!(column.operand.value(), OperandValue::Column(_)),
            BoolExp::Related { join, condition } => {
                self.may_look(join) && self.elsewhere().holds(condition)
            }
            BoolExp::Aggregate(aggregate) => {
                let join = &aggregate.join;
                self.is_elsewhere(join.access.table())
                    && self.elsewhere().holds(join.access.filter())
                    && aggregate
                        .filter
                        .as_ref()
                        .is_none_or(|filter| self.elsewhere().holds(filter))
            }
            BoolExp::Exists {
                access, condition, ..
            } => {
                self.is_elsewhere(access.table())
                    && self.elsewhere().holds(access.filter())
                    && self.elsewhere().holds(condition)
            }
        }
    }

    fn may_look(&self, join: &Join) -> bool {
        let table = join.access.table();
        let is_own = |reference: &&Reference| {
            &reference.table == table
                && reference.columns.len() == join.mapping.len()
                && reference
                    .columns
                    .iter()
                    .all(|pair| join.mapping.contains(pair))
        };
        let is_settled = self.is_elsewhere(table) || self.own.iter().any(is_own);
        is_settled && self.elsewhere().holds(join.access.filter())
    }

    fn is_elsewhere(&self, table: &QualifiedTable) -> bool {
        !self.written.contains(&table)
    }

    /// For the rows a condition leads to: nothing comes along with them.
    fn elsewhere(&self) -> Self {
        Self { own: &[], ..*self }
    }
}
