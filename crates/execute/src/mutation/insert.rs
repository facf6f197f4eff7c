//! Inserting rows that belong to each other: level by level where that is the same, else one by one.
//!
//! One by one is v2's order: what comes before a row, the row, what comes after it. Errors are then at the
//! row's place in the input. Level by level, any surprise ends the attempt; the whole transaction is done again
//! one by one, which finds the error and its place.

use std::pin::Pin;

use graphloom_ir::InsertOrder;
use graphloom_vocab::{Error, ErrorCode, ErrorPath};

use super::plan::{InsertForm, InsertStep, Place};
use super::rows::Row;
use super::run::{Failure, Outcome, Runner, Values};

/// What came back of inserted rows: each the row as text, then the columns that were asked for.
pub(super) type Returned = Vec<Vec<Option<String>>>;

/// What those above need of inserted rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Each of them: a conflict that leaves one out is an error, whose place is found row by row.
    EveryRow,
    /// Nothing.
    Nothing,
}

type Inserted<'r> = Pin<Box<dyn Future<Output = Outcome<Returned>> + Send + 'r>>;

impl Runner<'_> {
    /// Inserts rows with what belongs to them; the count is of all of them.
    pub(super) async fn insert_tree(
        &mut self,
        step: &InsertStep,
        rows: Vec<Row>,
    ) -> Outcome<(Returned, u64)> {
        self.written = 0;
        let returned = match step.form {
            InsertForm::Levels if self.may_go_by_levels => self
                .level(&step.place, rows, Need::Nothing)
                .await
                .map_err(|_| Failure::Again)?,
            _ => self.one_by_one(&step.place, rows, &step.path).await?,
        };
        Ok((returned, self.written))
    }

    /// All rows of a place by one statement, or by one per run of rows with the same columns; what belongs to
    /// them before and after.
    fn level<'r>(&'r mut self, place: &'r Place, mut rows: Vec<Row>, need: Need) -> Inserted<'r> {
        Box::pin(async move {
            let mut after = Vec::new();
            for (at, relation) in place.relations.iter().enumerate() {
                let (owners, related) = take_related(&mut rows, at);
                if related.is_empty() {
                    continue;
                }
                if relation.order != InsertOrder::Before {
                    after.push((relation, owners, related));
                    continue;
                }
                let returned = self.level(&relation.place, related, Need::EveryRow).await?;
                for (owner, returned) in owners.into_iter().zip(returned) {
                    determine(&mut rows[owner], &relation.mapping, &returned);
                }
            }
            let count = rows.len();
            let mut returned = Returned::with_capacity(count);
            for alike in rows.chunk_by(|a, b| a.set == b.set) {
                returned.extend(self.insert_alike(place, alike, None).await?);
            }
            drop(rows);
            if returned.len() != count && (need == Need::EveryRow || !after.is_empty()) {
                return Err(Failure::Again);
            }
            for (relation, owners, mut related) in after {
                for (owner, row) in owners.into_iter().zip(&mut related) {
                    determine(row, &relation.mapping, &returned[owner]);
                }
                self.level(&relation.place, related, Need::Nothing).await?;
            }
            Ok(returned)
        })
    }

    /// Rows of a list: those that bring nothing along in one statement, as far as they are alike.
    pub(super) fn one_by_one<'r>(
        &'r mut self,
        place: &'r Place,
        rows: Vec<Row>,
        path: &'r ErrorPath,
    ) -> Inserted<'r> {
        Box::pin(async move {
            let mut all = Returned::new();
            if rows.iter().all(|row| row.related.is_empty()) {
                let alike = |a: &Row, b: &Row| a.set == b.set && Some(a.set) != place.only_defaults;
                for alike in rows.chunk_by(alike) {
                    all.extend(self.insert_alike(place, alike, Some(path)).await?);
                }
                return Ok(all);
            }
            for (index, row) in rows.into_iter().enumerate() {
                let path = path.index(index);
                all.extend(self.one(place, row, &path).await?);
            }
            Ok(all)
        })
    }

    /// A row and what belongs to it.
    fn one<'r>(&'r mut self, place: &'r Place, mut row: Row, path: &'r ErrorPath) -> Inserted<'r> {
        Box::pin(async move {
            let related = std::mem::take(&mut row.related);
            let mut after = Vec::new();
            for (at, mut rows) in related {
                let relation = &place.relations[at];
                let path = path.key(&relation.key);
                if relation.order != InsertOrder::Before {
                    after.push((relation, rows, path));
                    continue;
                }
                let Some(first) = rows.pop() else { continue };
                let below = path.key("data");
                let returned = self.one(&relation.place, first, &below).await?;
                let Some(returned) = returned.first() else {
                    let (name, table) = (&relation.name, &relation.place.table);
                    let message = format!(
                        "cannot proceed to insert object relation \"{name}\" since insert to table \
                         \"{table}\" affects zero rows"
                    );
                    return Err(refused(message, &path));
                };
                determine(&mut row, &relation.mapping, returned);
            }
            let returned = self
                .insert_alike(place, std::slice::from_ref(&row), Some(path))
                .await?;
            if after.is_empty() {
                return Ok(returned);
            }
            let Some(own) = returned.first() else {
                let table = &place.table;
                let message = format!(
                    "cannot proceed to insert array relations since insert to table \"{table}\" \
                     affects zero rows"
                );
                return Err(refused(message, path));
            };
            for (relation, mut rows, path) in after {
                for row in &mut rows {
                    determine(row, &relation.mapping, own);
                }
                let path = path.key("data");
                self.one_by_one(&relation.place, rows, &path).await?;
            }
            Ok(returned)
        })
    }

    /// Rows with the same columns, by one statement.
    async fn insert_alike(
        &mut self,
        place: &Place,
        rows: &[Row],
        path: Option<&ErrorPath>,
    ) -> Outcome<Returned> {
        let Some(first) = rows.first() else {
            return Ok(Returned::new());
        };
        let root = ErrorPath::root();
        let path = path.unwrap_or(&root);
        let statement = &place.statements[first.conflict][first.set];
        let values = Values::of_rows(rows);
        let result = self.write(statement, &values, path).await?;
        self.written += result.count;
        result.rows()
    }
}

/// Takes the rows of one relation out of their owners: each owner's position, as often as it owns one.
fn take_related(rows: &mut [Row], relation: usize) -> (Vec<usize>, Vec<Row>) {
    let (mut owners, mut taken) = (Vec::new(), Vec::new());
    for (owner, row) in rows.iter_mut().enumerate() {
        let Some(at) = row.related.iter().position(|(at, _)| *at == relation) else {
            continue;
        };
        let (_, related) = row.related.swap_remove(at);
        owners.extend(std::iter::repeat_n(owner, related.len()));
        taken.extend(related);
    }
    (owners, taken)
}

/// Fills in what follows from a row that was written: the row itself stands before its columns.
fn determine(row: &mut Row, mapping: &[(usize, usize)], written: &[Option<String>]) {
    for (column, beside) in mapping {
        row.cells[*column] = written.get(beside + 1).cloned().flatten();
    }
}

fn refused(message: String, path: &ErrorPath) -> Failure {
    Failure::Refused(Error::new(ErrorCode::NotSupported, message).at(path.clone()))
}
