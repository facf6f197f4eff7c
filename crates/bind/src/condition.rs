//! `where`: a user's condition, each related table under the role's grant for it.

use graphloom_ir::{BoolExp, Operand};
use graphloom_schema::{InputMeaning, InputValueDefinition};
use graphloom_vocab::{GraphqlName, Result};

use crate::binder::Binder;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// A `T_bool_exp`.
    pub(crate) fn condition_on(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
    ) -> Result<BoolExp> {
        self.deeper(|binder| binder.condition_fields(value, type_name))
    }

    fn condition_fields(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
    ) -> Result<BoolExp> {
        let fields = self.object(value, type_name)?;
        let schema = self.schema;
        let ty = schema
            .input_object(type_name)
            .expect("conditions are in the role's schema");
        let mut parts = Vec::with_capacity(fields.len());
        for (key, value) in fields {
            let Some(definition) = ty.fields.get(key.as_str()) else {
                continue;
            };
            self.count_field()?;
            parts.push(self.within(&key, |binder| binder.condition_entry(definition, value))?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            BoolExp::And(parts)
        })
    }

    fn condition_entry(
        &mut self,
        definition: &'a InputValueDefinition,
        value: InputRef<'a>,
    ) -> Result<BoolExp> {
        let value = self.peel(value, &definition.ty, false)?;
        let type_name = definition.ty.name();
        match &definition.meaning {
            InputMeaning::And => self.conditions(definition, value).map(BoolExp::And),
            InputMeaning::Or => self.conditions(definition, value).map(BoolExp::Or),
            InputMeaning::Not => {
                let inner = self.condition_on(value, type_name)?;
                Ok(BoolExp::Not(Box::new(inner)))
            }
            InputMeaning::ConditionColumn(column) => {
                self.comparisons(value, type_name, &Operand::granted(column))
            }
            InputMeaning::ConditionComputed(field) => {
                self.comparisons(value, type_name, &Operand::computed(field))
            }
            InputMeaning::ConditionComputedRows(rows) => {
                let condition = self.condition_on(value, type_name)?;
                let join = rows.join(rows.call.implicit());
                Ok(BoolExp::Related {
                    join,
                    condition: Box::new(condition),
                })
            }
            InputMeaning::ConditionAggregate(relationship) => {
                self.aggregate_condition(value, type_name, relationship)
            }
            InputMeaning::ConditionRelationship(relationship) => {
                let condition = self.condition_on(value, type_name)?;
                let join = relationship.join();
                Ok(BoolExp::Related {
                    join,
                    condition: Box::new(condition),
                })
            }
            // Every other meaning is of fields of other input types.
            _ => self.fail("this field cannot be used here"),
        }
    }

    fn conditions(
        &mut self,
        definition: &'a InputValueDefinition,
        value: InputRef<'a>,
    ) -> Result<Vec<BoolExp>> {
        let items = self.list(value, &definition.ty)?;
        let mut parts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let type_name = definition.ty.name();
            parts.push(self.within_index(index, |binder| binder.condition_on(item, type_name))?);
        }
        Ok(parts)
    }
}
