//! `T_stream`: a batch size, one cursor along one column, and which rows.

use graphloom_catalog::PgType;
use graphloom_ir::{
    Coercion, Direction, GrantedColumn, SelectArguments, StreamSelect, TableAccess, TableSelect,
    TypedValue,
};
use graphloom_schema::{EnumMeaning, FieldDefinition, InputMeaning, InputValueDefinition};
use graphloom_vocab::Result;

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;

/// Where a stream starts and which way it goes.
struct Cursor {
    column: GrantedColumn,
    initial: TypedValue,
    direction: Direction,
}

/// What the arguments of a stream say.
#[derive(Default)]
struct Arguments {
    select: SelectArguments,
    batch_size: Option<TypedValue>,
    cursor: Option<Cursor>,
}

impl<'a> Binder<'a> {
    /// Binds a stream.
    pub(crate) fn stream(
        &mut self,
        definition: &'a FieldDefinition,
        access: &TableAccess,
        collected: &Collected<'a>,
    ) -> Result<StreamSelect> {
        let mut arguments = Arguments::default();
        self.within("args", |binder| {
            for (name, argument) in &definition.arguments {
                binder.within(name.as_str(), |binder| {
                    let Some(value) = collected.argument(name.as_str()) else {
                        return match argument.meaning {
                            InputMeaning::Where => Ok(()),
                            _ => binder.fail(format!("missing required field '{name}'")),
                        };
                    };
                    let value = binder.peel(InputRef::Literal(value), &argument.ty, false)?;
                    binder.stream_argument(argument, value, &mut arguments)
                })?;
            }
            Ok(())
        })?;
        let fields = self.row_fields(definition.ty.name(), &collected.selection_sets)?;
        let (Some(batch_size), Some(cursor)) = (arguments.batch_size, arguments.cursor) else {
            return self.fail("one streaming column field is expected");
        };
        Ok(StreamSelect {
            select: TableSelect {
                access: access.clone(),
                arguments: arguments.select,
                fields,
            },
            column: cursor.column,
            direction: cursor.direction,
            initial: cursor.initial,
            batch_size,
        })
    }

    fn stream_argument(
        &mut self,
        argument: &'a InputValueDefinition,
        value: InputRef<'a>,
        arguments: &mut Arguments,
    ) -> Result<()> {
        match argument.meaning {
            InputMeaning::Where => {
                arguments.select.filter = Some(self.condition_on(value, argument.ty.name())?);
            }
            InputMeaning::BatchSize if self.is_null(&value) => {
                return self.fail("unexpected null value for type 'Int'");
            }
            InputMeaning::BatchSize => {
                let size = PgType::builtin("int8");
                arguments.batch_size = Some(self.parameter(&value, size, Coercion::Limit)?);
            }
            InputMeaning::StreamCursor => {
                arguments.cursor = Some(self.cursors(value, argument)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn cursors(
        &mut self,
        value: InputRef<'a>,
        argument: &'a InputValueDefinition,
    ) -> Result<Cursor> {
        let items = self.list(value, &argument.ty)?;
        let mut cursors = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            if self.is_null(&item) {
                continue;
            }
            cursors.push(self.within_index(index, |binder| binder.cursor(item, argument))?);
        }
        self.only(cursors)
    }

    fn cursor(
        &mut self,
        value: InputRef<'a>,
        argument: &'a InputValueDefinition,
    ) -> Result<Cursor> {
        let schema = self.schema;
        let ty = schema
            .input_object(argument.ty.name())
            .expect("cursors are in the role's schema");
        let (mut initial, mut direction) = (None, Direction::Ascending);
        for (key, value) in self.object(value, &ty.name)? {
            let Some(definition) = ty.fields.get(key.as_str()) else {
                continue;
            };
            self.within(&key, |binder| {
                let value = binder.peel(value, &definition.ty, false)?;
                match definition.meaning {
                    InputMeaning::CursorOrdering if !binder.is_null(&value) => {
                        direction = binder.ordering(value, definition)?;
                    }
                    InputMeaning::InitialValue => {
                        initial = Some(binder.initial_value(value, definition)?);
                    }
                    _ => {}
                }
                Ok(())
            })?;
        }
        let Some((column, initial)) = initial else {
            return self.fail("missing required field 'initial_value'");
        };
        Ok(Cursor {
            column,
            initial,
            direction,
        })
    }

    fn ordering(
        &mut self,
        value: InputRef<'a>,
        definition: &'a InputValueDefinition,
    ) -> Result<Direction> {
        let schema = self.schema;
        let ty = schema
            .enumeration(definition.ty.name())
            .expect("the ordering is in the role's schema");
        Ok(match self.enum_value(value, ty)? {
            EnumMeaning::Order(direction, _) => *direction,
            _ => Direction::Ascending,
        })
    }

    fn initial_value(
        &mut self,
        value: InputRef<'a>,
        definition: &'a InputValueDefinition,
    ) -> Result<(GrantedColumn, TypedValue)> {
        let schema = self.schema;
        let ty = schema
            .input_object(definition.ty.name())
            .expect("cursor values are in the role's schema");
        let mut columns = Vec::new();
        for (key, value) in self.object(value, &ty.name)? {
            let Some(definition) = ty.fields.get(key.as_str()) else {
                continue;
            };
            let InputMeaning::CursorColumn(column) = &definition.meaning else {
                continue;
            };
            columns.push(self.within(&key, |binder| {
                let value = binder.peel(value, &definition.ty, false)?;
                let value = binder.column_value(&value, column.ty(), definition.ty.name())?;
                Ok((column.clone(), value))
            })?);
        }
        self.only(columns)
    }

    /// One cursor, along one column.
    fn only<T>(&self, mut items: Vec<T>) -> Result<T> {
        let only = items.pop();
        match (only, items.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => self.fail("one streaming column field is expected"),
            (Some(_), false) => self.fail("multiple column cursors are not supported yet"),
        }
    }
}
