//! Writes to rows related to rows that were just updated.

use std::pin::Pin;

use graphloom_ir::{Input, InsertNode, NestedWork, NestedWrite, Update};
use graphloom_plan as plan;
use graphloom_vocab::{ColumnName, ErrorPath};

use super::insert::Returned;
use super::plan::{Place, Prepared, WriteStatement, WriteStep};
use super::rows::{self, Form, Row};
use super::run::{Failure, Outcome, Runner, Values};
use crate::tagged::FieldTags;

/// Writes to related rows of one kind.
#[derive(Debug)]
pub(crate) struct NestedStep {
    /// Where the columns that matter stand beside an updated row.
    columns: Vec<usize>,
    path: ErrorPath,
    work: NestedStepWork,
}

#[derive(Debug)]
enum NestedStepWork {
    Insert {
        place: Box<Place>,
        rows: Input,
        /// Columns of the place that take the updated row's, in the order of `columns`.
        determined: Vec<usize>,
    },
    /// An update or a delete.
    Write(Box<WriteStep>),
    Link(WriteStatement),
}

type Count<'r> = Pin<Box<dyn Future<Output = Outcome<u64>> + Send + 'r>>;

impl NestedStep {
    /// The nested writes of an update, which gives back these columns.
    pub(super) fn all(update: &Update) -> Vec<Self> {
        let beside = plan::nested_columns(update);
        let nested = update.nested.iter();
        nested.map(|nested| Self::of(nested, &beside)).collect()
    }

    fn of(nested: &NestedWrite, beside: &[ColumnName]) -> Self {
        let position = |name: &ColumnName| {
            let found = beside.iter().position(|column| column == name);
            found.expect("an update gives back what its nested writes need")
        };
        let work = match &nested.work {
            NestedWork::Insert {
                node,
                rows,
                determined,
            } => NestedStepWork::Insert {
                place: Box::new(Place::of(node, (&[], false))),
                rows: rows.clone(),
                determined: determined.iter().map(|name| column(node, name)).collect(),
            },
            NestedWork::Update(update) => {
                NestedStepWork::Write(Box::new(WriteStep::of_update(update)))
            }
            NestedWork::Delete(delete) => {
                NestedStepWork::Write(Box::new(WriteStep::of_delete(delete)))
            }
            NestedWork::Link(link) => NestedStepWork::Link(WriteStatement::of(plan::link(link))),
        };
        Self {
            columns: nested.columns.iter().map(position).collect(),
            path: nested.path.clone(),
            work,
        }
    }

    pub(super) fn tag(&mut self, tags: &FieldTags) {
        match &mut self.work {
            NestedStepWork::Insert { place, .. } => place.tag(tags),
            NestedStepWork::Write(step) => step.tag(tags),
            NestedStepWork::Link(write) => write.tag(tags),
        }
    }

    pub(super) fn texts<'s>(&'s self, into: &mut Vec<&'s Prepared>) {
        match &self.work {
            NestedStepWork::Insert { place, .. } => place.texts(into),
            NestedStepWork::Write(step) => step.texts(into),
            NestedStepWork::Link(write) => into.push(&write.prepared),
        }
    }

    /// What leads from updated rows to theirs; rows that lead nowhere are left out.
    fn keys(&self, updated: &Returned) -> Vec<Row> {
        let key = |row: &Vec<Option<String>>| {
            let cells = self
                .columns
                .iter()
                .map(|at| row.get(at + 1).cloned().flatten());
            let cells: Vec<_> = cells.collect();
            cells.iter().all(Option::is_some).then_some(Row {
                cells,
                set: 0,
                conflict: 0,
                related: Vec::new(),
            })
        };
        updated.iter().filter_map(key).collect()
    }
}

fn column(node: &InsertNode, name: &ColumnName) -> usize {
    let mut columns = node.columns.iter();
    let found = columns.position(|column| &column.column.name == name);
    found.expect("determined columns are columns of their place")
}

impl Runner<'_> {
    /// Writes to the rows related to updated ones; gives how many were written.
    pub(super) fn nested<'r>(
        &'r mut self,
        steps: &'r [NestedStep],
        updated: &'r Returned,
    ) -> Count<'r> {
        Box::pin(async move {
            let mut count = 0;
            for step in steps {
                let keys = step.keys(updated);
                if keys.is_empty() {
                    continue;
                }
                count += self.nested_step(step, &keys).await?;
            }
            Ok(count)
        })
    }

    async fn nested_step(&mut self, step: &NestedStep, keys: &[Row]) -> Outcome<u64> {
        // Of a key of several columns each has an array of its own: then a statement per row.
        let together = match step.columns.len() {
            1 => keys.len(),
            _ => 1,
        };
        let mut count = 0;
        match &step.work {
            NestedStepWork::Insert {
                place,
                rows,
                determined,
            } => {
                let input = rows::input(rows, self.request.variables);
                let path = step.path.key("data");
                let form = (Form::List, determined.as_slice(), 0);
                let mut all = Vec::new();
                for key in keys {
                    let new = rows::read(place, &input, form, &path).map_err(Failure::Refused)?;
                    for mut row in new {
                        for (column, cell) in determined.iter().zip(&key.cells) {
                            row.cells[*column].clone_from(cell);
                        }
                        all.push(row);
                    }
                }
                self.written = 0;
                self.one_by_one(place, all, &path).await?;
                count = self.written;
            }
            NestedStepWork::Write(write) => {
                for keys in keys.chunks(together) {
                    let values = Values::of_rows(keys);
                    let result = self.write(&write.write, &values, &step.path).await?;
                    count += write.counted(result.count);
                    if !write.nested.is_empty() {
                        let updated = result.rows()?;
                        count += self.nested(&write.nested, &updated).await?;
                    }
                }
            }
            NestedStepWork::Link(write) => {
                let values = Values::of_rows(keys);
                count += self.write(write, &values, &step.path).await?.count;
            }
        }
        Ok(count)
    }
}
