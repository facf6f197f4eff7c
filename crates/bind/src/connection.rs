//! Connections: pages of rows, their arguments, edges and facts about the page.

use std::sync::Arc;

use graphloom_graphql::Selection;
use graphloom_ir::coerce::{INVALID_CURSOR, coerce};
use graphloom_ir::opaque::{cursor_part, decode_cursor};
use graphloom_ir::{
    BoolExp, Coercion, ConnectionField, ConnectionFieldValue, ConnectionSelect, CursorKey,
    Direction, EdgeField, EdgeFieldValue, End, GrantedColumn, Input, Nulls, Observed, OrderBy,
    OrderTarget, PageInfoField, PageInfoFieldValue, SelectArguments, SelectGrant, Side, Slice,
    Split, TableAccess, TypedValue, Value, VariableUse,
};
use graphloom_schema::{FieldDefinition, FieldMeaning, InputMeaning, ObjectType};
use graphloom_vocab::{Json, Result};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;
use crate::order::Sorted;

/// A connection's arguments as they are read, one by one.
#[derive(Default)]
struct Arguments<'a> {
    filter: Option<BoolExp>,
    order: Vec<Sorted>,
    distinct_on: Vec<GrantedColumn>,
    first: Option<TypedValue>,
    last: Option<TypedValue>,
    after: Option<InputRef<'a>>,
    before: Option<InputRef<'a>>,
}

impl<'a> Binder<'a> {
    /// A page of a table's rows. `access` is the grant's, or the same to the rows of a function.
    pub(crate) fn connection(
        &mut self,
        definition: &'a FieldDefinition,
        grant: &SelectGrant,
        access: TableAccess,
        collected: &Collected<'a>,
    ) -> Result<ConnectionSelect> {
        let mut select = self.within("args", |binder| {
            let arguments = binder.connection_arguments(definition, collected)?;
            binder.page(arguments, grant, access)
        })?;
        select.fields = self.fields_of(
            definition.ty.name(),
            &collected.selection_sets,
            |binder, ty, key, collected| {
                let value = binder.connection_field(ty, collected)?;
                Ok(ConnectionField { key, value })
            },
        )?;
        Ok(select)
    }

    fn connection_arguments(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<Arguments<'a>> {
        let mut arguments = Arguments::default();
        for (name, argument) in &definition.arguments {
            let Some(value) = collected.argument(name.as_str()) else {
                continue;
            };
            self.within(name.as_str(), |binder| {
                let value = binder.peel(InputRef::Literal(value), &argument.ty, false)?;
                match &argument.meaning {
                    InputMeaning::Where => {
                        let filter = binder.condition_on(value, argument.ty.name())?;
                        arguments.filter = Some(filter);
                    }
                    InputMeaning::OrderBy
                    | InputMeaning::DistinctOn
                    | InputMeaning::First
                    | InputMeaning::Last
                    | InputMeaning::After
                    | InputMeaning::Before
                        if binder.is_null(&value) => {}
                    InputMeaning::OrderBy => arguments.order = binder.sorted(value, argument)?,
                    InputMeaning::DistinctOn => {
                        arguments.distinct_on = binder.columns(value, argument)?;
                    }
                    InputMeaning::First => {
                        arguments.first = binder.window(&value, Coercion::Limit)?;
                    }
                    InputMeaning::Last => {
                        arguments.last = binder.window(&value, Coercion::Limit)?;
                    }
                    InputMeaning::After => arguments.after = Some(value),
                    InputMeaning::Before => arguments.before = Some(value),
                    _ => {}
                }
                Ok(())
            })?;
        }
        Ok(arguments)
    }

    fn page(
        &mut self,
        arguments: Arguments<'a>,
        grant: &SelectGrant,
        access: TableAccess,
    ) -> Result<ConnectionSelect> {
        let order_by = arguments.order.iter().map(|sorted| sorted.order.clone());
        let checked = SelectArguments {
            order_by: order_by.collect(),
            distinct_on: arguments.distinct_on.clone(),
            ..SelectArguments::default()
        };
        self.check_distinct(&checked)?;
        let order = complete_order(arguments.order, &arguments.distinct_on, grant);
        let split = match (arguments.after, arguments.before) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                return self.fail("\"after\" and \"before\" are not allowed at once");
            }
            (Some(cursor), None) => Some(self.split(Side::After, &cursor, &order)?),
            (None, Some(cursor)) => Some(self.split(Side::Before, &cursor, &order)?),
        };
        let slice = match (arguments.first, arguments.last) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                return self.fail("\"first\" and \"last\" are not allowed at once");
            }
            (Some(count), None) => Some((End::First, count)),
            (None, Some(count)) => Some((End::Last, count)),
        };
        Ok(ConnectionSelect {
            access,
            filter: arguments.filter,
            distinct_on: arguments.distinct_on,
            keys: order.into_iter().map(Sorted::into_key).collect(),
            split,
            slice: slice.map(|(end, count)| Slice { end, count }),
            fields: Vec::new(),
        })
    }

    /// The values of a cursor. Which of them are null changes the SQL, so it is noted.
    fn split(&mut self, side: Side, cursor: &InputRef<'a>, order: &[Sorted]) -> Result<Split> {
        let input = cursor.to_input();
        let json = match cursor {
            InputRef::Variable { value, .. } => (*value).clone(),
            InputRef::Literal(literal) => crate::variables::constant(literal),
        };
        let Json::String(text) = &json else {
            let argument = match side {
                Side::After => "after",
                Side::Before => "before",
            };
            let found = cursor.describe();
            return self.within(argument, |binder| {
                binder.fail(format!(
                    "expected a string for type 'String', but found {found}"
                ))
            });
        };
        let Some(decoded) = decode_cursor(text) else {
            return self.fail(INVALID_CURSOR);
        };
        let mut parts = Vec::with_capacity(order.len());
        let mut values = Vec::with_capacity(order.len());
        for sorted in order {
            let Some(part) = cursor_part(&decoded, &sorted.path) else {
                return self.fail(INVALID_CURSOR);
            };
            parts.push((sorted.path.clone(), part.is_null()));
            let coercion = Coercion::Cursor {
                path: sorted.path.clone(),
                ty: sorted.ty.clone(),
            };
            // Checked now, so that an unfit value is found whatever the order of values.
            let text = coerce(&coercion, &json).map_err(|error| error.below(&self.path))?;
            let value = match &input {
                _ if part.is_null() => None,
                Input::Constant(_) => Some(Value::Literal(text.map(Into::into))),
                input => Some(Value::Variable(Arc::new(VariableUse {
                    input: input.clone(),
                    coercion,
                    path: self.path.clone(),
                }))),
            };
            let ty = sorted.ty.clone();
            values.push(value.map(|value| TypedValue { value, ty }));
        }
        if let InputRef::Variable { name, path, .. } = cursor {
            self.assume(name, path, Observed::Cursor(parts));
        }
        Ok(Split { side, values })
    }

    fn connection_field(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<ConnectionFieldValue> {
        if collected.field.name.as_str() == "__typename" {
            return self
                .typename(parent, collected)
                .map(ConnectionFieldValue::Typename);
        }
        let definition = self.definition(parent, collected)?;
        let sets = &collected.selection_sets;
        match &definition.meaning {
            FieldMeaning::Edges => self
                .edges(definition, sets)
                .map(ConnectionFieldValue::Edges),
            FieldMeaning::PageInfo => self
                .fields_of(definition.ty.name(), sets, |binder, ty, key, collected| {
                    let value = binder.page_info_field(ty, collected)?;
                    Ok(PageInfoField { key, value })
                })
                .map(ConnectionFieldValue::PageInfo),
            // Every other meaning is of fields of other types.
            _ => self.fail("this field cannot be selected here"),
        }
    }

    fn edges(
        &mut self,
        definition: &'a FieldDefinition,
        selection_sets: &[&'a [Selection]],
    ) -> Result<Vec<EdgeField>> {
        self.fields_of(
            definition.ty.name(),
            selection_sets,
            |binder, ty, key, collected| {
                let value = binder.edge_field(ty, collected)?;
                Ok(EdgeField { key, value })
            },
        )
    }

    fn edge_field(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<EdgeFieldValue> {
        if collected.field.name.as_str() == "__typename" {
            return self
                .typename(parent, collected)
                .map(EdgeFieldValue::Typename);
        }
        let definition = self.definition(parent, collected)?;
        match &definition.meaning {
            FieldMeaning::EdgeCursor => {
                self.leaf(definition, collected)?;
                Ok(EdgeFieldValue::Cursor)
            }
            FieldMeaning::EdgeNode => self
                .row_fields(definition.ty.name(), &collected.selection_sets)
                .map(EdgeFieldValue::Node),
            _ => self.fail("this field cannot be selected here"),
        }
    }

    fn page_info_field(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<PageInfoFieldValue> {
        if collected.field.name.as_str() == "__typename" {
            return self
                .typename(parent, collected)
                .map(PageInfoFieldValue::Typename);
        }
        let definition = self.definition(parent, collected)?;
        self.leaf(definition, collected)?;
        match &definition.meaning {
            FieldMeaning::PageFact(fact) => Ok(PageInfoFieldValue::Fact(*fact)),
            _ => self.fail("this field cannot be selected here"),
        }
    }
}

/// The user's order, then the primary key, so that no two rows are equal in all of it.
fn complete_order(
    mut order: Vec<Sorted>,
    distinct_on: &[GrantedColumn],
    grant: &SelectGrant,
) -> Vec<Sorted> {
    // Columns that rows are to be distinct in are the first to sort by, for Postgres and for pages alike.
    if order.is_empty() {
        order.extend(distinct_on.iter().map(by_column));
    }
    for column in grant.key() {
        let is_there = |sorted: &Sorted| match &sorted.order.target {
            OrderTarget::Column(other) => other.name() == column.name(),
            _ => false,
        };
        if !order.iter().any(is_there) {
            order.push(by_column(column));
        }
    }
    order
}

fn by_column(column: &GrantedColumn) -> Sorted {
    Sorted {
        order: OrderBy {
            target: OrderTarget::Column(column.clone()),
            direction: Direction::Ascending,
            nulls: Nulls::Last,
        },
        path: [Arc::from(column.name().as_str())].into(),
        ty: column.ty().base().clone(),
    }
}

impl Sorted {
    fn into_key(self) -> CursorKey {
        let nullable = match &self.order.target {
            OrderTarget::Column(column) => column.nullable(),
            OrderTarget::Aggregate(_, function, _) => {
                *function != graphloom_ir::AggregateFunction::Count
            }
            OrderTarget::Computed(_) | OrderTarget::Object(..) => true,
        };
        CursorKey {
            order: self.order,
            path: self.path,
            nullable,
        }
    }
}
