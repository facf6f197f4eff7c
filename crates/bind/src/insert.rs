//! Inserts: rows, the rows that belong to them, and what is done about conflicts.
//!
//! The rows themselves stay symbolic: what is bound is a tree of places in which all rows are alike, so
//! that one plan serves any number of rows that come as a variable. What was found there is noted as one
//! shape per variable.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_catalog::{Column, TypeKind};
use graphloom_graphql::{TypeRef, Value as Literal};
use graphloom_ir::{
    Assumption, CellShape, ConflictAction, ConflictTarget, GivenColumn, Input, Insert,
    InsertColumn, InsertNode, InsertOrder, InsertRelation, Mutation, Observed, OnConflict,
    RowsShape, WritableColumn, WritableOrDetermined,
};
use graphloom_schema::{
    EnumMeaning, FieldDefinition, InputMeaning, InputValueDefinition, InsertMeaning,
    InsertRelationship,
};
use graphloom_vocab::{ColumnName, Error, ErrorPath, GraphqlName, Json, PathSegment, Result};
use indexmap::{IndexMap, IndexSet};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::{InputRef, Opened};
use crate::mutation::{Bound, arguments, nothing, take};
use crate::variables::{input, input_json};

/// One place in the tree, while rows are being read.
struct Place<'a> {
    meaning: &'a InsertMeaning,
    columns: Vec<InsertColumn>,
    positions: HashMap<ColumnName, usize>,
    sets: IndexSet<Vec<usize>>,
    pattern: Vec<usize>,
    conflicts: Vec<Conflict>,
    relations: IndexMap<String, (&'a InsertRelationship, Place<'a>)>,
}

/// A value of `on_conflict` and what it means.
struct Conflict {
    input: Input,
    bound: Option<OnConflict>,
}

/// What is known of rows before they are read.
pub(crate) struct Above<'d> {
    /// The columns whose values follow from the row above.
    pub(crate) columns: &'d [Column],
    /// Where v2 stands when it inserts the rows, or the row: unlike the position in the input, a row that
    /// stands where a list is inserted has an index.
    pub(crate) path: ErrorPath,
}

impl<'a> Binder<'a> {
    /// `insert_T` and `insert_T_one`.
    pub(crate) fn insert(
        &mut self,
        definition: &'a FieldDefinition,
        meaning: &'a InsertMeaning,
        collected: &Collected<'a>,
    ) -> Result<Bound> {
        let mut given = arguments(definition, collected);
        let argument = definition.arguments.iter().find(|(_, argument)| {
            matches!(
                argument.meaning,
                InputMeaning::Objects | InputMeaning::Object
            )
        });
        let (name, argument) = argument.expect("an insert takes rows");
        let mut place = Place::new(meaning);
        let path = self.path.key("args").key(name.as_str());
        let rows = self.within("args", |binder| {
            binder.root_conflict(definition, &mut given, &mut place)?;
            binder.within(name.as_str(), |binder| {
                let Some(value) = take(&mut given, name) else {
                    return binder.fail(format!("missing required field '{name}'"));
                };
                let value = binder.peel(value, &argument.ty, false)?;
                let rows = value.to_input();
                let above = Above {
                    columns: &[],
                    path: match &argument.ty.nullable() {
                        TypeRef::List(_) => path.clone(),
                        _ => path.index(0),
                    },
                };
                binder.rows(&mut place, argument, value, above)?;
                Ok(rows)
            })
        })?;
        let output = self.mutation_output(definition.ty.name(), collected)?;
        if place.sets.is_empty() {
            return Ok(Bound::Nothing(nothing(&output).to_string().into()));
        }
        let node = self.finish(place);
        Ok(Bound::plain(Mutation::Insert(Box::new(Insert {
            node,
            rows,
            path,
            output,
        }))))
    }

    fn root_conflict(
        &mut self,
        definition: &'a FieldDefinition,
        given: &mut Vec<(String, InputRef<'a>)>,
        place: &mut Place<'a>,
    ) -> Result<()> {
        let argument = definition
            .arguments
            .iter()
            .find(|(_, argument)| matches!(argument.meaning, InputMeaning::OnConflict));
        let value =
            argument.and_then(|(name, argument)| Some((name, argument, take(given, name)?)));
        let bound = match value {
            None => None,
            Some((name, argument, value)) => self.within(name.as_str(), |binder| {
                let value = binder.peel(value, &argument.ty, false)?;
                binder.on_conflict(value, argument.ty.name(), place.meaning)
            })?,
        };
        let input = Input::Constant(Json::Null);
        place.conflicts.push(Conflict { input, bound });
        Ok(())
    }

    /// A list of rows, or one row.
    fn rows(
        &mut self,
        place: &mut Place<'a>,
        argument: &'a InputValueDefinition,
        value: InputRef<'a>,
        above: Above<'_>,
    ) -> Result<()> {
        let type_name = argument.ty.name();
        let is_list = matches!(argument.ty.nullable(), TypeRef::List(_));
        self.note_rows(&value, type_name);
        let whole = value.clone();
        match (Self::peek(value), is_list) {
            (Opened::Null, true) => self.fail("expected a list, but found null"),
            (Opened::List(items), true) => {
                for (index, item) in items.into_iter().enumerate() {
                    self.within_index(index, |binder| {
                        let location = TypeRef::Named(type_name.clone());
                        let item = binder.peel(item, &location.non_null(), false)?;
                        binder.note_rows(&item, type_name);
                        binder.row(place, item, type_name, &above.at(index))
                    })?;
                }
                Ok(())
            }
            (_, true) => self.within_index(0, |binder| {
                binder.row(place, whole, type_name, &above.at(0))
            }),
            (_, false) => self.row(place, whole, type_name, &above),
        }
    }

    fn row(
        &mut self,
        place: &mut Place<'a>,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        above: &Above<'_>,
    ) -> Result<()> {
        let fields = self.peek_object(value, type_name)?;
        let ty = self.mutation_input(type_name);
        let mut row = RowColumns::default();
        let mut before: Vec<&'a InsertRelationship> = Vec::new();
        for (key, value) in fields {
            let Some(field) = ty.fields.get(key.as_str()) else {
                continue;
            };
            match &field.meaning {
                InputMeaning::InsertColumn(column) => {
                    self.within(&key, |binder| {
                        let value = binder.peel(value, &field.ty, false)?;
                        binder.cell(place, (&key, field), column, &value)
                    })?;
                    row.given.push(place.positions[column.name()]);
                }
                InputMeaning::InsertRelationship(relationship) => {
                    let is_there = self.within(&key, |binder| {
                        let value = binder.peel(value, &field.ty, false)?;
                        binder.related(place, (&key, field, value), relationship, &above.path)
                    })?;
                    if is_there && relationship.order == InsertOrder::Before {
                        before.push(relationship);
                    }
                }
                _ => {}
            }
        }
        for column in above.columns {
            row.above.push(place.determined(column));
        }
        check_determined(place, &row, &before, &above.path)?;
        for relationship in before {
            for (ours, _) in &relationship.mapping {
                row.related.push(place.determined(ours));
            }
        }
        place.add_row(row);
        Ok(())
    }

    /// A column's value: constants are looked at when all rows are read.
    fn cell(
        &mut self,
        place: &mut Place<'a>,
        (key, field): (&str, &'a InputValueDefinition),
        column: &'a WritableColumn,
        value: &InputRef<'a>,
    ) -> Result<()> {
        let known = place.positions.get(column.name());
        if known.is_some_and(|at| place.columns[*at].given.is_some()) {
            // What it becomes is known; what it is still has to be looked at.
            if let InputRef::Literal(Literal::String(_)) = value {
                self.written_coercion(value, column.ty(), &field.ty)?;
            }
            return Ok(());
        }
        let coercion = self.written_coercion(value, column.ty(), &field.ty)?;
        let at = place.position(column.into());
        place.columns[at].given = Some(GivenColumn {
            key: key.into(),
            coercion,
        });
        Ok(())
    }

    /// Related rows; whether there are any.
    fn related(
        &mut self,
        place: &mut Place<'a>,
        (key, field, value): (&str, &'a InputValueDefinition, InputRef<'a>),
        relationship: &'a Arc<InsertRelationship>,
        path: &ErrorPath,
    ) -> Result<bool> {
        let type_name = field.ty.name();
        if self.is_absent(&value) {
            return Ok(false);
        }
        self.note_related(&value, type_name);
        let fields = self.peek_object(value, type_name)?;
        let ty = self.mutation_input(type_name);
        let (mut data, mut conflict) = (None, None);
        for (key, value) in fields {
            let Some(field) = ty.fields.get(key.as_str()) else {
                continue;
            };
            match &field.meaning {
                InputMeaning::InsertData => data = Some((key, field, value)),
                InputMeaning::OnConflict => conflict = Some((key, field, value)),
                _ => {}
            }
        }
        let Some((data_key, data, value)) = data else {
            return self.within("data", |binder| {
                binder.fail("missing required field 'data'")
            });
        };
        let (_, below) = place
            .relations
            .entry(key.to_owned())
            .or_insert_with(|| (&**relationship, Place::new(&relationship.insert)));
        match conflict {
            None => below.know_conflict(Input::Constant(Json::Null), None),
            Some((key, field, value)) => self.within(&key, |binder| {
                let value = binder.peel(value, &field.ty, false)?;
                binder.related_conflict(below, value, field)
            })?,
        }
        let path = path.key(&relationship.name).key("data");
        let theirs = relationship.mapping.iter();
        let theirs: Vec<_> = theirs.map(|(_, theirs)| theirs.clone()).collect();
        let (columns, path) = match relationship.order {
            InsertOrder::Before => (&[][..], path),
            InsertOrder::AfterOne => (&theirs[..], path.index(0)),
            InsertOrder::AfterMany => (&theirs[..], path),
        };
        let above = Above { columns, path };
        let rows_before = below.pattern.len();
        self.deeper(|binder| {
            binder.within(&data_key, |binder| {
                let value = binder.peel(value, &data.ty, false)?;
                binder.rows(below, data, value, above)
            })
        })?;
        Ok(below.pattern.len() > rows_before)
    }

    /// Rows to insert for rows that are there already: `{data, on_conflict}`. `None`: there are none.
    pub(crate) fn rows_below(
        &mut self,
        meaning: &'a InsertMeaning,
        (field, value): (&'a InputValueDefinition, InputRef<'a>),
        above: Above<'_>,
    ) -> Result<Option<(InsertNode, Input)>> {
        let ty = self.mutation_input(field.ty.name());
        let (mut data, mut conflict) = (None, None);
        for (key, value) in self.object(value, field.ty.name())? {
            match ty
                .fields
                .get(key.as_str())
                .map(|field| (&field.meaning, field))
            {
                Some((InputMeaning::InsertData, field)) => data = Some((key, field, value)),
                Some((InputMeaning::OnConflict, field)) => conflict = Some((key, field, value)),
                _ => {}
            }
        }
        let Some((key, data, value)) = data else {
            return self.within("data", |binder| {
                binder.fail("missing required field 'data'")
            });
        };
        let mut place = Place::new(meaning);
        match conflict {
            None => place.know_conflict(Input::Constant(Json::Null), None),
            Some((key, field, value)) => self.within(&key, |binder| {
                let value = binder.peel(value, &field.ty, false)?;
                binder.related_conflict(&mut place, value, field)
            })?,
        }
        let rows = self.within(&key, |binder| {
            let value = binder.peel(value, &data.ty, false)?;
            if matches!(&value, InputRef::Variable { path, .. } if !path.is_empty()) {
                // What was found inside a variable is noted for whole variables only.
                binder.note_unrepeatable();
            }
            let rows = value.to_input();
            binder.rows(&mut place, data, value, above)?;
            Ok(rows)
        })?;
        let is_empty = place.pattern.is_empty();
        Ok((!is_empty).then(|| (self.finish(place), rows)))
    }

    fn related_conflict(
        &mut self,
        below: &mut Place<'a>,
        value: InputRef<'a>,
        field: &'a InputValueDefinition,
    ) -> Result<()> {
        // Of a variable the value counts: its shape notes it exactly.
        let key = match &value {
            InputRef::Variable { value, .. } => Input::Constant((*value).clone()),
            InputRef::Literal(literal) => input(literal),
        };
        if below.conflicts.iter().any(|known| known.input == key) {
            return Ok(());
        }
        let bound = self.on_conflict(value, field.ty.name(), below.meaning)?;
        below.know_conflict(key, bound);
        Ok(())
    }

    /// `on_conflict`; null is none.
    fn on_conflict(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        meaning: &'a InsertMeaning,
    ) -> Result<Option<OnConflict>> {
        if self.is_null(&value) {
            return Ok(None);
        }
        let fields = self.object(value, type_name)?;
        let ty = self.mutation_input(type_name);
        let (mut target, mut columns, mut filter) = (None, Vec::new(), None);
        for (key, value) in fields {
            let Some(field) = ty.fields.get(key.as_str()) else {
                continue;
            };
            let value = self.within(&key, |binder| binder.peel(value, &field.ty, true))?;
            match &field.meaning {
                InputMeaning::ConflictConstraint => {
                    target = Some(self.within(&key, |binder| binder.constraint(value, field))?);
                }
                InputMeaning::ConflictColumns => {
                    columns = self.conflict_columns(&key, value, field)?;
                }
                InputMeaning::Where if !self.is_null(&value) => {
                    filter = Some(
                        self.within(&key, |binder| binder.condition_on(value, field.ty.name()))?,
                    );
                }
                _ => {}
            }
        }
        let Some(target) = target else {
            return self.within("constraint", |binder| {
                binder.fail("missing required field 'constraint'")
            });
        };
        let action = match (&meaning.update, columns.is_empty()) {
            (Some(grant), false) => ConflictAction::Update {
                target: grant.target().clone(),
                columns,
                filter: filter.map(Box::new),
            },
            _ => ConflictAction::Nothing,
        };
        Ok(Some(OnConflict { target, action }))
    }

    fn constraint(
        &mut self,
        value: InputRef<'a>,
        field: &'a InputValueDefinition,
    ) -> Result<ConflictTarget> {
        let schema = self.schema;
        let ty = schema
            .enumeration(field.ty.name())
            .expect("constraints are in the role's schema");
        match self.enum_value(value, ty)? {
            EnumMeaning::Constraint(name) => Ok(ConflictTarget::Constraint(name.clone())),
            _ => self.fail("this value cannot be used here"),
        }
    }

    fn conflict_columns(
        &mut self,
        key: &str,
        value: InputRef<'a>,
        field: &'a InputValueDefinition,
    ) -> Result<Vec<ColumnName>> {
        let schema = self.schema;
        let ty = schema
            .enumeration(field.ty.name())
            .expect("columns are in the role's schema");
        let meanings = self.within(key, |binder| {
            let items = binder.list(value, &field.ty)?;
            let mut meanings = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                meanings.push(binder.within_index(index, |binder| binder.enum_value(item, ty))?);
            }
            Ok(meanings)
        })?;
        let mut columns = Vec::with_capacity(meanings.len());
        for meaning in meanings {
            let EnumMeaning::Writable(column) = meaning else {
                return self.fail("erroneous column name");
            };
            if !columns.contains(column.name()) {
                columns.push(column.name().clone());
            }
        }
        Ok(columns)
    }

    fn finish(&mut self, place: Place<'a>) -> InsertNode {
        if place.conflicts.len() > 1 || place.sets.len() > 1 {
            self.note_unrepeatable();
        }
        let always: Vec<_> = (0..place.columns.len())
            .filter(|at| !place.columns[*at].column.may_have_default)
            .collect();
        let sets: Vec<Vec<usize>> = place
            .sets
            .iter()
            .map(|set| {
                let mut all: Vec<_> = set.iter().chain(&always).copied().collect();
                all.sort_unstable();
                all
            })
            .collect();
        if sets.iter().any(Vec::is_empty) && place.meaning.grant.target().presets().is_empty() {
            self.note_unrepeatable();
        }
        // The pattern is of use only where a statement has to name every row.
        let pattern = match sets.as_slice() {
            [only] if !only.is_empty() => Vec::new(),
            _ => place.pattern,
        };
        let variables = self.variables;
        let conflict_inputs = place.conflicts.iter();
        let conflict_inputs = conflict_inputs.map(|known| input_json(&known.input, variables));
        let conflict_inputs = conflict_inputs.collect();
        let relations = place.relations.into_iter();
        let relations = relations.filter(|(_, (_, below))| !below.pattern.is_empty());
        let relations = relations.map(|(key, (relationship, below))| {
            let mapping = relationship.mapping.iter();
            InsertRelation {
                key: key.into(),
                name: relationship.name.clone(),
                order: relationship.order,
                mapping: mapping
                    .map(|(ours, theirs)| (ours.name.clone(), theirs.name.clone()))
                    .collect(),
                node: self.finish(below),
            }
        });
        let mut relations: Vec<_> = relations.collect();
        // Single rows after lists is v2's order. Else it has one of its own for each table, that no input changes;
        // ours is by name. What comes before a row and what comes after it stay apart anyway.
        relations.sort_by(|a, b| {
            let place = |relation: &InsertRelation| relation.order == InsertOrder::AfterOne;
            (place(a), &a.key).cmp(&(place(b), &b.key))
        });
        InsertNode {
            target: place.meaning.grant.target().clone(),
            columns: place.columns,
            conflicts: place
                .conflicts
                .into_iter()
                .map(|known| known.bound)
                .collect(),
            conflict_inputs,
            sets,
            pattern,
            relations,
        }
    }

    fn note_unrepeatable(&mut self) {
        self.assume(&GraphqlName::new(""), &[], Observed::Unrepeatable);
    }

    /// Whether a relationship is null, which a literal tells for ever and a variable for now.
    fn is_absent(&mut self, value: &InputRef<'a>) -> bool {
        match value {
            InputRef::Variable { path, .. } if path.is_empty() => self.is_null(value),
            InputRef::Variable { value, .. } => value.is_null(),
            InputRef::Literal(literal) => matches!(literal, Literal::Null),
        }
    }

    /// Notes the shape of rows that are a variable as a whole.
    fn note_rows(&mut self, value: &InputRef<'a>, type_name: &GraphqlName) {
        if let InputRef::Variable { name, path, value } = value
            && path.is_empty()
        {
            let observed = match value {
                Json::Array(items) if items.is_empty() => Observed::Length(0),
                value => self
                    .rows_shape(value, type_name)
                    .map_or(Observed::Unrepeatable, Observed::Rows),
            };
            self.note(name, Vec::new(), observed);
        }
    }

    /// The same of related rows with what belongs to them.
    fn note_related(&mut self, value: &InputRef<'a>, type_name: &GraphqlName) {
        let InputRef::Variable { name, path, value } = value else {
            return;
        };
        if !path.is_empty() {
            return;
        }
        let Json::Object(object) = value else { return };
        let Some(CellShape::Related { rows, .. }) = self.related_shape(value, type_name) else {
            self.note(name, Vec::new(), Observed::Unrepeatable);
            return;
        };
        let keys = object.keys().cloned().collect();
        self.note(name, Vec::new(), Observed::Keys(keys));
        for (key, value) in object {
            let observed = match key.as_str() {
                "data" => Observed::Rows(rows.clone()),
                _ => Observed::Exact(value.clone()),
            };
            self.note(name, vec![PathSegment::Key(key.clone())], observed);
        }
    }

    fn note(&mut self, name: &GraphqlName, path: Vec<PathSegment>, observed: Observed) {
        let assumption = Assumption {
            variable: name.clone(),
            path,
            observed,
        };
        self.assume(
            &assumption.variable,
            &assumption.path,
            assumption.observed.clone(),
        );
    }

    /// The common shape of rows, if they have one.
    fn rows_shape(&self, value: &Json, type_name: &GraphqlName) -> Option<RowsShape> {
        let first = match value {
            Json::Array(items) => items.first()?,
            one => one,
        };
        let object = first.as_object()?;
        let ty = self.mutation_input(type_name);
        let cells = object.iter().map(|(key, value)| {
            let field = ty.fields.get(key.as_str())?;
            let cell = match &field.meaning {
                InputMeaning::InsertRelationship(_) => {
                    self.related_shape(value, field.ty.name())?
                }
                _ => CellShape::Value,
            };
            Some((key.clone(), cell))
        });
        let shape = RowsShape(cells.collect::<Option<_>>()?);
        shape.fits(value).then_some(shape)
    }

    fn related_shape(&self, value: &Json, type_name: &GraphqlName) -> Option<CellShape> {
        let object = value.as_object()?;
        let ty = self.mutation_input(type_name);
        let rows_type = ty.fields.get("data")?.ty.name();
        let rows = self.rows_shape(object.get("data")?, rows_type)?;
        let conflict = object.iter().find(|(key, _)| *key != "data");
        let conflict = conflict.map(|(_, value)| value.clone());
        Some(CellShape::Related { conflict, rows })
    }
}

/// The columns of one row, as positions in its place.
#[derive(Default)]
struct RowColumns {
    /// In the input object.
    given: Vec<usize>,
    /// From the row above.
    above: Vec<usize>,
    /// From rows inserted before.
    related: Vec<usize>,
}

impl<'a> Place<'a> {
    fn new(meaning: &'a InsertMeaning) -> Self {
        Self {
            meaning,
            columns: Vec::new(),
            positions: HashMap::new(),
            sets: IndexSet::new(),
            pattern: Vec::new(),
            conflicts: Vec::new(),
            relations: IndexMap::new(),
        }
    }

    fn position(&mut self, column: WritableOrDetermined) -> usize {
        if let Some(at) = self.positions.get(&column.name) {
            return *at;
        }
        let at = self.columns.len();
        self.positions.insert(column.name.clone(), at);
        self.columns.push(InsertColumn {
            column,
            given: None,
        });
        at
    }

    fn determined(&mut self, column: &Column) -> usize {
        // A preset stands where no related row determines the column.
        let mut presets = self.meaning.grant.target().presets().iter();
        let is_preset = presets.any(|preset| preset.column == column.name);
        self.position(WritableOrDetermined {
            name: column.name.clone(),
            ty: column.ty.clone(),
            may_have_default: column.has_default
                || is_preset
                || matches!(column.ty.kind, TypeKind::Domain(_)),
        })
    }

    fn add_row(&mut self, row: RowColumns) {
        let all = row.given.into_iter().chain(row.above).chain(row.related);
        let mut set: Vec<_> = all
            .filter(|at| self.columns[*at].column.may_have_default)
            .collect();
        set.sort_unstable();
        set.dedup();
        let (at, _) = self.sets.insert_full(set);
        self.pattern.push(at);
    }

    fn know_conflict(&mut self, input: Input, bound: Option<OnConflict>) {
        if !self.conflicts.iter().any(|known| known.input == input) {
            self.conflicts.push(Conflict { input, bound });
        }
    }
}

impl Above<'_> {
    /// Of one row in a list.
    fn at(&self, index: usize) -> Self {
        Self {
            columns: self.columns,
            path: self.path.index(index),
        }
    }
}

/// A column has one source only.
fn check_determined(
    place: &Place<'_>,
    row: &RowColumns,
    before: &[&InsertRelationship],
    path: &ErrorPath,
) -> Result<()> {
    let name = |position: &usize| &place.columns[*position].column.name;
    let given = row.given.iter();
    let twice: Vec<_> = given.filter(|at| row.above.contains(at)).collect();
    if !twice.is_empty() {
        let columns = quoted(twice.into_iter().map(name));
        let message = format!(
            "cannot insert {columns} columns as their values are already being determined by \
             parent insert"
        );
        return Err(Error::validation(message).at(path.clone()));
    }
    for relationship in before {
        let is_given = |column: &&Column| {
            let known = row.given.iter().chain(&row.above);
            known.map(name).any(|name| *name == column.name)
        };
        let ours = relationship.mapping.iter().map(|(ours, _)| ours);
        let twice: Vec<_> = ours.filter(is_given).collect();
        if !twice.is_empty() {
            let relation = &relationship.name;
            let columns = quoted(twice.into_iter().map(|column| &column.name));
            let message = format!(
                "cannot insert object relationship \"{relation}\" as {columns} column values are \
                 already determined"
            );
            return Err(Error::validation(message).at(path.key(relation)));
        }
    }
    Ok(())
}

fn quoted<'n>(columns: impl Iterator<Item = &'n ColumnName>) -> String {
    let columns: Vec<_> = columns.map(|column| format!("\"{column}\"")).collect();
    columns.join(", ")
}
