//! `group_by` of an aggregate selection: keys, and what is asked of groups.

use graphloom_catalog::PgType;
use graphloom_ir::{
    AggregateOpField, AggregatedField, Coercion, GrantedColumn, GroupCondition, GroupField,
    GroupFieldValue, GroupOrder, GroupSelect, GroupValue,
};
use graphloom_schema::{
    EnumMeaning, FieldDefinition, FieldMeaning, InputMeaning, InputValueDefinition, ObjectType,
};
use graphloom_vocab::{GraphqlName, Result};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// `group_by(keys: […]) {group_key {…} aggregate {…}}`
    pub(crate) fn group_select(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<GroupSelect> {
        let mut select = self.group_arguments(definition, collected)?;
        let sets = &collected.selection_sets;
        select.fields =
            self.fields_of(definition.ty.name(), sets, |binder, ty, key, collected| {
                let value = binder.group_field(ty, collected)?;
                Ok(GroupField { key, value })
            })?;
        Ok(select)
    }

    fn group_field(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<GroupFieldValue> {
        if collected.field.name.as_str() == "__typename" {
            let name = self.typename(parent, collected);
            return name.map(GroupFieldValue::Typename);
        }
        let definition = self.definition(parent, collected)?;
        let sets = &collected.selection_sets;
        match &definition.meaning {
            FieldMeaning::GroupKey => self
                .fields_of(definition.ty.name(), sets, |binder, ty, key, collected| {
                    let value = binder.aggregated(ty, collected)?;
                    Ok(AggregatedField { key, value })
                })
                .map(GroupFieldValue::Key),
            FieldMeaning::Aggregate => self
                .fields_of(definition.ty.name(), sets, |binder, ty, key, collected| {
                    let value = binder.aggregate_op(ty, collected)?;
                    Ok(AggregateOpField { key, value })
                })
                .map(GroupFieldValue::Aggregate),
            // Every other meaning is of fields of other types.
            _ => self.fail("this field cannot be selected here"),
        }
    }

    fn group_arguments(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<GroupSelect> {
        self.within("args", |binder| {
            let mut select = GroupSelect {
                keys: Vec::new(),
                condition: None,
                order_by: Vec::new(),
                limit: None,
                offset: None,
                fields: Vec::new(),
            };
            // `keys` is the first of them: conditions and sort keys look at it.
            for (name, argument) in &definition.arguments {
                binder.within(name.as_str(), |binder| {
                    let Some(value) = collected.argument(name.as_str()) else {
                        return match argument.ty.is_non_null() {
                            true => binder.fail(format!("missing required field '{name}'")),
                            false => Ok(()),
                        };
                    };
                    binder.group_argument(argument, InputRef::Literal(value), &mut select)
                })?;
            }
            Ok(select)
        })
    }

    fn group_argument(
        &mut self,
        argument: &'a InputValueDefinition,
        value: InputRef<'a>,
        select: &mut GroupSelect,
    ) -> Result<()> {
        if let InputMeaning::GroupKeys = argument.meaning {
            let items = self.list(value, &argument.ty)?;
            for (index, item) in items.into_iter().enumerate() {
                let key =
                    self.within_index(index, |binder| binder.group_key(item, argument.ty.name()))?;
                select.keys.push(key);
            }
            return Ok(());
        }
        let value = self.peel(value, &argument.ty, false)?;
        match argument.meaning {
            InputMeaning::Where => {
                let condition = self.group_condition(value, argument.ty.name(), &select.keys)?;
                select.condition = Some(condition);
            }
            InputMeaning::OrderBy if self.is_null(&value) => {}
            InputMeaning::OrderBy => {
                select.order_by = self.group_order(value, argument, &select.keys)?;
            }
            InputMeaning::Limit => select.limit = self.window(&value, Coercion::Limit)?,
            InputMeaning::Offset => select.offset = self.window(&value, Coercion::Offset)?,
            _ => {}
        }
        Ok(())
    }

    /// `{column: c}`
    fn group_key(&mut self, key: InputRef<'a>, type_name: &GraphqlName) -> Result<GrantedColumn> {
        let mut given = self.object(key, type_name)?;
        let schema = self.schema;
        let ty = schema
            .input_object(type_name)
            .expect("keys are in the role's schema");
        let (field, definition) = ty.fields.first().expect("a key has a column");
        self.within(field.as_str(), |binder| {
            let Some((_, value)) = given.pop() else {
                return binder.fail(format!("missing required field '{field}'"));
            };
            let columns = schema
                .enumeration(definition.ty.name())
                .expect("column enums are in the schema");
            match binder.enum_value(value, columns)? {
                EnumMeaning::Column(column) if can_be_grouped(column.ty()) => Ok(column.clone()),
                EnumMeaning::Column(column) => {
                    let ty = &column.ty().base().name;
                    binder.fail(format!("values of type '{ty}' cannot be grouped by"))
                }
                _ => binder.fail("this value cannot be used here"),
            }
        })
    }

    /// `T_group_by_bool_exp`
    fn group_condition(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        keys: &[GrantedColumn],
    ) -> Result<GroupCondition> {
        self.deeper(|binder| {
            let parts = binder.entries(value, type_name, |binder, definition, value| {
                let type_name = definition.ty.name();
                match &definition.meaning {
                    InputMeaning::And => {
                        let parts = binder.group_conditions(definition, value, keys)?;
                        Ok(GroupCondition::And(parts))
                    }
                    InputMeaning::Or => {
                        let parts = binder.group_conditions(definition, value, keys)?;
                        Ok(GroupCondition::Or(parts))
                    }
                    InputMeaning::Not => {
                        let inner = binder.group_condition(value, type_name, keys)?;
                        Ok(GroupCondition::Not(Box::new(inner)))
                    }
                    InputMeaning::GroupKey => binder
                        .entries(value, type_name, |binder, definition, value| {
                            binder.group_test(definition, value, keys)
                        })
                        .map(GroupCondition::And),
                    InputMeaning::GroupAggregate => binder
                        .entries(value, type_name, |binder, definition, value| {
                            binder.group_test(definition, value, keys)
                        })
                        .map(GroupCondition::And),
                    // Every other meaning is of fields of other input types.
                    _ => binder.fail("this field cannot be used here"),
                }
            })?;
            Ok(GroupCondition::And(parts))
        })
    }

    fn group_conditions(
        &mut self,
        definition: &'a InputValueDefinition,
        value: InputRef<'a>,
        keys: &[GrantedColumn],
    ) -> Result<Vec<GroupCondition>> {
        let items = self.list(value, &definition.ty)?;
        let mut parts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let type_name = definition.ty.name();
            let part = self.within_index(index, |binder| {
                binder.group_condition(item, type_name, keys)
            })?;
            parts.push(part);
        }
        Ok(parts)
    }

    /// The comparisons of a key, of `count`, or of one function's columns.
    fn group_test(
        &mut self,
        definition: &'a InputValueDefinition,
        value: InputRef<'a>,
        keys: &[GrantedColumn],
    ) -> Result<GroupCondition> {
        let (of, ty) = match &definition.meaning {
            InputMeaning::ConditionColumn(column) => {
                let ty = column.ty().base().clone();
                (self.one_of_keys(column, keys)?, ty)
            }
            InputMeaning::GroupCount => (GroupValue::Count, PgType::builtin("int4")),
            InputMeaning::GroupFunction(function) => {
                let parts =
                    self.entries(value, definition.ty.name(), |binder, definition, value| {
                        let InputMeaning::GroupAggregateColumn(column, ty) = &definition.meaning
                        else {
                            return binder.fail("this field cannot be used here");
                        };
                        let of = GroupValue::Aggregate(*function, column.clone(), ty.clone());
                        binder.group_tests(value, definition, (of, ty))
                    })?;
                return Ok(GroupCondition::And(parts));
            }
            _ => return self.fail("this field cannot be used here"),
        };
        self.group_tests(value, definition, (of, &ty))
    }

    fn group_tests(
        &mut self,
        value: InputRef<'a>,
        definition: &'a InputValueDefinition,
        (of, ty): (GroupValue, &PgType),
    ) -> Result<GroupCondition> {
        let tests = self.tests(value, definition.ty.name(), ty)?.into_iter();
        let tests = tests.map(|test| GroupCondition::Test(Box::new((of.clone(), test))));
        Ok(GroupCondition::And(tests.collect()))
    }

    /// Only what is equal in all rows of a group can be asked of the group.
    fn one_of_keys(&self, column: &GrantedColumn, keys: &[GrantedColumn]) -> Result<GroupValue> {
        match keys.contains(column) {
            true => Ok(GroupValue::Key(column.clone())),
            false => self.fail("this column is not among the keys of the groups"),
        }
    }

    /// `[T_group_by_order_by!]`
    fn group_order(
        &mut self,
        value: InputRef<'a>,
        argument: &'a InputValueDefinition,
        keys: &[GrantedColumn],
    ) -> Result<Vec<GroupOrder>> {
        let items = self.list(value, &argument.ty)?;
        let mut order = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let type_name = argument.ty.name();
            let part = self.within_index(index, |binder| {
                binder.entries(item, type_name, |binder, definition, value| {
                    binder.entries(value, definition.ty.name(), |binder, definition, value| {
                        binder.group_sort_key(definition, value, keys)
                    })
                })
            })?;
            order.extend(part.into_iter().flatten().flatten());
        }
        Ok(order)
    }

    /// A direction by a key or by `count`, or those of one function's columns.
    fn group_sort_key(
        &mut self,
        definition: &'a InputValueDefinition,
        value: InputRef<'a>,
        keys: &[GrantedColumn],
    ) -> Result<Vec<GroupOrder>> {
        if self.is_null(&value) {
            return Ok(Vec::new());
        }
        let of = match &definition.meaning {
            InputMeaning::OrderColumn(column) => self.one_of_keys(column, keys)?,
            InputMeaning::OrderCount => GroupValue::Count,
            InputMeaning::OrderFunction(function) => {
                let parts =
                    self.entries(value, definition.ty.name(), |binder, definition, value| {
                        let InputMeaning::OrderColumn(column) = &definition.meaning else {
                            return binder.fail("this field cannot be used here");
                        };
                        let ty = column.ty().clone();
                        let of = GroupValue::Aggregate(*function, column.clone(), ty);
                        binder.group_direction(definition, value, of)
                    })?;
                return Ok(parts.into_iter().flatten().collect());
            }
            _ => return self.fail("this field cannot be used here"),
        };
        self.group_direction(definition, value, of)
    }

    fn group_direction(
        &mut self,
        definition: &'a InputValueDefinition,
        value: InputRef<'a>,
        of: GroupValue,
    ) -> Result<Vec<GroupOrder>> {
        if self.is_null(&value) {
            return Ok(Vec::new());
        }
        let schema = self.schema;
        let directions = schema
            .enumeration(definition.ty.name())
            .expect("order_by is in the schema");
        match self.enum_value(value, directions)? {
            EnumMeaning::Order(direction, nulls) => Ok(vec![GroupOrder {
                value: of,
                direction: *direction,
                nulls: *nulls,
            }]),
            _ => Ok(Vec::new()),
        }
    }

    /// Binds each entry of an input object, in the order they are given.
    fn entries<T>(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        mut bind: impl FnMut(&mut Self, &'a InputValueDefinition, InputRef<'a>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let fields = self.object(value, type_name)?;
        let schema = self.schema;
        let ty = schema
            .input_object(type_name)
            .expect("input types are in the role's schema");
        let mut bound = Vec::with_capacity(fields.len());
        for (key, value) in fields {
            let Some(definition) = ty.fields.get(key.as_str()) else {
                continue;
            };
            self.count_field()?;
            bound.push(self.within(&key, |binder| {
                let value = binder.peel(value, &definition.ty, false)?;
                bind(binder, definition, value)
            })?);
        }
        Ok(bound)
    }
}

/// Types of Postgres whose values it can neither sort nor hash.
const WITHOUT_EQUALITY: &[&str] = &[
    "json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle",
];

fn can_be_grouped(ty: &PgType) -> bool {
    let ty = ty.element().unwrap_or(ty).base();
    !WITHOUT_EQUALITY.contains(&&*ty.name)
}
