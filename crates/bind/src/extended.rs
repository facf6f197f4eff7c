//! What mutations take beyond v2's: expected counts, picked rows, and writes to rows related to updated ones.
//!
//! Only where the role's schema has arguments for them. Read next: `mutation.rs`, which calls this.

use graphloom_catalog::{Column, PgType};
use graphloom_ir::{
    BoolExp, Coercion, ColumnCondition, Comparison, Delete, Expectation, InsertNode, InsertOrder,
    Link, MutationOutput, NestedWork, NestedWrite, Operand, Operator, Pick, RunValue, TypedValue,
    Update, Value,
};
use graphloom_schema::{
    FieldDefinition, InputMeaning, InputObjectType, InputValueDefinition, NestedMeaning,
};
use graphloom_vocab::{ColumnName, GraphqlName, Result};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;
use crate::insert::Above;
use crate::mutation::{Definitions, Given, arguments, take};

impl<'a> Binder<'a> {
    /// `expect`; null is none.
    pub(crate) fn expectation(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<Option<Expectation>> {
        let mut all = definition.arguments.iter();
        let expect = all.find(|(_, argument)| matches!(argument.meaning, InputMeaning::Expect));
        let mut given = arguments(definition, collected);
        let Some((name, argument)) = expect else {
            return Ok(None);
        };
        let Some(value) = take(&mut given, name) else {
            return Ok(None);
        };
        self.within("args", |binder| {
            binder.within(name.as_str(), |binder| {
                let value = binder.peel(value, &argument.ty, false)?;
                if binder.is_null(&value) {
                    return Ok(None);
                }
                let path = binder.path.clone();
                let mut given = binder.object(value, argument.ty.name())?;
                let mut tests = Vec::new();
                for (name, field) in &binder.mutation_input(argument.ty.name()).fields {
                    tests.extend(binder.within(name.as_str(), |binder| {
                        let Some(value) = take(&mut given, name) else {
                            return binder.fail(format!("missing required field '{name}'"));
                        };
                        let value = binder.peel(value, &field.ty, false)?;
                        binder.tests(value, field.ty.name(), &PgType::builtin("int4"))
                    })?);
                }
                Ok(Some(Expectation { tests, path }))
            })
        })
    }

    /// `limit` and `order_by`.
    pub(crate) fn pick(
        &mut self,
        definitions: &'a Definitions,
        given: &mut Given<'a>,
    ) -> Result<Option<Pick>> {
        let (mut key, mut limit, mut order_by) = (None, None, Vec::new());
        for (name, argument) in definitions {
            let (InputMeaning::PickLimit(own) | InputMeaning::PickOrder(own)) = &argument.meaning
            else {
                continue;
            };
            let Some(value) = take(given, name) else {
                continue;
            };
            self.within(name.as_str(), |binder| {
                let value = binder.peel(value, &argument.ty, false)?;
                if matches!(argument.meaning, InputMeaning::PickLimit(_)) {
                    limit = binder.window(&value, Coercion::Limit)?;
                } else if !binder.is_null(&value) {
                    order_by = binder.order_by(value, argument)?;
                }
                Ok(())
            })?;
            key = Some(own);
        }
        // Without a limit all rows are written, in whichever order.
        let pick = key.filter(|_| limit.is_some()).map(|key| Pick {
            key: key.to_vec(),
            order_by,
            limit,
        });
        Ok(pick)
    }

    /// `nested`
    pub(crate) fn nested_writes(
        &mut self,
        definitions: &'a Definitions,
        given: &mut Given<'a>,
    ) -> Result<Vec<NestedWrite>> {
        let mut all = definitions.iter();
        let nested = all.find(|(_, field)| matches!(field.meaning, InputMeaning::Nested));
        let Some((name, argument)) = nested else {
            return Ok(Vec::new());
        };
        let Some(value) = take(given, name) else {
            return Ok(Vec::new());
        };
        let mut writes = Vec::new();
        self.deeper(|binder| {
            binder.within(name.as_str(), |binder| {
                let value = binder.peel(value, &argument.ty, false)?;
                if binder.is_null(&value) {
                    return Ok(());
                }
                let ty = binder.mutation_input(argument.ty.name());
                for (key, value) in binder.object(value, argument.ty.name())? {
                    let Some(field) = ty.fields.get(key.as_str()) else {
                        continue;
                    };
                    let InputMeaning::NestedRelationship(meaning) = &field.meaning else {
                        continue;
                    };
                    binder.within(&key, |binder| {
                        let value = binder.peel(value, &field.ty, false)?;
                        binder.related_writes((meaning, field), value, &mut writes)
                    })?;
                }
                Ok(())
            })
        })?;
        Ok(writes)
    }

    /// All that is written along one relationship: what goes, what changes, what comes.
    fn related_writes(
        &mut self,
        (meaning, field): (&'a NestedMeaning, &'a InputValueDefinition),
        value: InputRef<'a>,
        writes: &mut Vec<NestedWrite>,
    ) -> Result<()> {
        if self.is_null(&value) {
            return Ok(());
        }
        let ty = self.mutation_input(field.ty.name());
        let mut given = self.object(value, field.ty.name())?;
        for wanted in [
            InputMeaning::NestedDelete,
            InputMeaning::NestedUnlink,
            InputMeaning::NestedUpdate,
            InputMeaning::NestedInsert,
            InputMeaning::NestedLink,
        ] {
            let Some((name, field)) = field_of(ty, &wanted) else {
                continue;
            };
            let Some(value) = take(&mut given, name) else {
                continue;
            };
            self.within(name.as_str(), |binder| {
                let value = binder.peel(value, &field.ty, false)?;
                if binder.is_null(&value) {
                    return Ok(());
                }
                let works = binder.related_works(&wanted, (meaning, field), value)?;
                writes.extend(works.into_iter().map(|work| NestedWrite {
                    columns: ours(meaning),
                    path: binder.path.clone(),
                    work,
                }));
                Ok(())
            })?;
        }
        Ok(())
    }

    fn related_works(
        &mut self,
        wanted: &InputMeaning,
        (meaning, field): (&'a NestedMeaning, &'a InputValueDefinition),
        value: InputRef<'a>,
    ) -> Result<Vec<NestedWork>> {
        match wanted {
            InputMeaning::NestedInsert => {
                let work = self.related_insert((meaning, field), value)?;
                Ok(work.into_iter().collect())
            }
            InputMeaning::NestedUpdate => self.related_updates((meaning, field), value),
            InputMeaning::NestedDelete => {
                let filter = self.nested_where(field, value)?;
                self.related_delete(meaning, filter)
            }
            _ => {
                let filter = self.nested_where(field, value)?;
                let Some(through) = &meaning.through else {
                    return self.fail("this field cannot be used here");
                };
                if matches!(wanted, InputMeaning::NestedUnlink) {
                    let related = BoolExp::Related {
                        join: through.join(),
                        condition: Box::new(filter),
                    };
                    return self.related_delete(meaning, related);
                }
                let Some(insert) = &meaning.insert else {
                    return self.fail("this field cannot be used here");
                };
                let theirs = meaning.mapping.iter().map(|(_, theirs)| theirs);
                Ok(vec![NestedWork::Link(Box::new(Link {
                    target: insert.grant.target().clone(),
                    ours: theirs
                        .map(|column| (column.name.clone(), column.ty.clone()))
                        .collect(),
                    theirs: through.mapping.clone(),
                    access: through.grant.access(),
                    filter,
                }))])
            }
        }
    }

    fn related_insert(
        &mut self,
        (meaning, field): (&'a NestedMeaning, &'a InputValueDefinition),
        value: InputRef<'a>,
    ) -> Result<Option<NestedWork>> {
        let Some(insert) = &meaning.insert else {
            return self.fail("this field cannot be used here");
        };
        let determined: Vec<Column> = match meaning.order {
            InsertOrder::Before => return self.fail("this field cannot be used here"),
            _ => meaning
                .mapping
                .iter()
                .map(|(_, theirs)| theirs.clone())
                .collect(),
        };
        let path = self.path.key("data");
        let above = Above {
            columns: &determined,
            path: match meaning.order {
                InsertOrder::AfterMany => path,
                _ => path.index(0),
            },
        };
        let Some((node, rows)) = self.rows_below(insert, (field, value), above)? else {
            return Ok(None);
        };
        if asks(&node) {
            return self.fail(
                "rows of a table whose input a webhook validates cannot be inserted in an update",
            );
        }
        Ok(Some(NestedWork::Insert {
            node: Box::new(node),
            rows,
            determined: determined.into_iter().map(|column| column.name).collect(),
        }))
    }

    fn related_updates(
        &mut self,
        (meaning, field): (&'a NestedMeaning, &'a InputValueDefinition),
        value: InputRef<'a>,
    ) -> Result<Vec<NestedWork>> {
        let Some(grant) = &meaning.update else {
            return self.fail("this field cannot be used here");
        };
        let ty = self.mutation_input(field.ty.name());
        let items = self.list(value, &field.ty)?;
        self.count_items(items.len())?;
        let mut works = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let update = self.within_index(index, |binder| {
                let given = binder.object(item, field.ty.name())?;
                let bound = binder.update_arguments(&ty.fields, given)?;
                Ok(Update {
                    target: grant.target().clone(),
                    filter: BoolExp::And(vec![along(meaning), bound.filter]),
                    pick: None,
                    changes: bound.changes,
                    nested: bound.nested,
                    output: MutationOutput::Response(Vec::new()),
                })
            })?;
            if update.changes_rows() || !update.nested.is_empty() {
                works.push(NestedWork::Update(Box::new(update)));
            }
        }
        Ok(works)
    }

    fn related_delete(
        &mut self,
        meaning: &NestedMeaning,
        filter: BoolExp,
    ) -> Result<Vec<NestedWork>> {
        let Some(grant) = &meaning.delete else {
            return self.fail("this field cannot be used here");
        };
        Ok(vec![NestedWork::Delete(Box::new(Delete {
            target: grant.target().clone(),
            filter: BoolExp::And(vec![along(meaning), filter]),
            pick: None,
            output: MutationOutput::Response(Vec::new()),
        }))])
    }

    /// The condition inside `{where}`.
    fn nested_where(
        &mut self,
        field: &'a InputValueDefinition,
        value: InputRef<'a>,
    ) -> Result<BoolExp> {
        let ty = self.mutation_input(field.ty.name());
        let given = self.object(value, field.ty.name())?;
        self.required_filter(&ty.fields, given)
    }
}

/// The field of an input type with this meaning.
fn field_of<'a>(
    ty: &'a InputObjectType,
    wanted: &InputMeaning,
) -> Option<(&'a GraphqlName, &'a InputValueDefinition)> {
    let same = |field: &InputValueDefinition| {
        std::mem::discriminant(&field.meaning) == std::mem::discriminant(wanted)
    };
    ty.fields.iter().find(|(_, field)| same(field))
}

fn ours(meaning: &NestedMeaning) -> Vec<ColumnName> {
    let columns = meaning.mapping.iter();
    columns.map(|(ours, _)| ours.name.clone()).collect()
}

/// Rows that are related to one of the updated ones.
fn along(meaning: &NestedMeaning) -> BoolExp {
    let columns = meaning.mapping.iter().enumerate();
    let one = |(at, (ours, theirs)): (usize, &(Column, Column))| {
        let among = TypedValue {
            value: Value::Run(RunValue::Column(at)),
            ty: PgType::array_of(ours.ty.base().clone()),
        };
        BoolExp::Column(Box::new(ColumnCondition {
            operand: Operand::in_rule(theirs),
            comparison: Comparison::Value(Operator::In, among),
        }))
    };
    BoolExp::And(columns.map(one).collect())
}

/// Whether a webhook would have to be asked about rows.
fn asks(node: &InsertNode) -> bool {
    let mut below = node.relations.iter();
    node.target.webhook().is_some() || below.any(|relation| asks(&relation.node))
}
