//! Selections of rows: arguments and fields, along the meanings of the role's schema.

use std::sync::Arc;

use graphloom_catalog::PgType;
use graphloom_graphql::{Selection, Value as Literal};
use graphloom_ir::{
    BoolExp, Coercion, ColumnSelect, Comparison, ComputedSelect, Field, FieldValue, GrantedColumn,
    Operand, Operator, Output, SelectArguments, SourceQuery, TableAccess, TableSelect, TypedValue,
    Value,
};
use graphloom_schema::{
    EnumMeaning, FieldDefinition, FieldMeaning, InputMeaning, InputValueDefinition, ObjectType,
    RelationshipMeaning, RootKind,
};
use graphloom_vocab::{Absent, GraphqlName, Json, Result};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// A field's definition, after its arguments' names have been checked.
    pub(crate) fn definition(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<&'a FieldDefinition> {
        let name = &collected.field.name;
        let Some(definition) = self.schema.field(parent, name) else {
            let parent = &parent.name;
            let absent = Absent::Field {
                ty: parent.clone(),
                name: name.clone(),
            };
            let message = format!("field '{name}' not found in type: '{parent}'");
            return self.absent(absent, message);
        };
        for (argument, _) in &collected.field.arguments {
            if !definition.arguments.contains_key(argument) {
                let absent = Absent::Argument {
                    ty: parent.name.clone(),
                    field: name.clone(),
                    name: argument.clone(),
                };
                let message = format!("'{name}' has no argument named '{argument}'");
                return self.absent(absent, message);
            }
        }
        Ok(definition)
    }

    /// Checks a `__typename`: it takes neither arguments nor selections.
    pub(crate) fn typename(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<Arc<str>> {
        if let Some((argument, _)) = collected.field.arguments.first() {
            return self.fail(format!("'__typename' has no argument named '{argument}'"));
        }
        self.no_selections(collected)?;
        Ok(parent.name.as_str().into())
    }

    /// Checks a field that is no object.
    pub(crate) fn leaf(
        &mut self,
        _definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<()> {
        self.no_selections(collected)
    }

    fn no_selections(&mut self, collected: &Collected<'a>) -> Result<()> {
        if collected.has_selections() {
            return self.fail("unexpected subselection set for non-object field");
        }
        Ok(())
    }

    /// Binds a root field that reads rows.
    pub(crate) fn source_query(
        &mut self,
        definition: &'a FieldDefinition,
        kind: RootKind,
        access: &TableAccess,
        collected: &Collected<'a>,
    ) -> Result<SourceQuery> {
        match kind {
            RootKind::List => self
                .table_select(definition, access, collected)
                .map(SourceQuery::List),
            RootKind::ByPk => {
                let arguments = SelectArguments {
                    filter: Some(self.key_condition(definition, collected)?),
                    ..SelectArguments::default()
                };
                let fields = self.row_fields(definition.ty.name(), &collected.selection_sets)?;
                let access = access.clone();
                Ok(SourceQuery::One(TableSelect {
                    access,
                    arguments,
                    fields,
                }))
            }
            RootKind::Aggregate => self
                .aggregate_select(definition, access, collected)
                .map(SourceQuery::Aggregate),
            RootKind::Stream => self
                .stream(definition, access, collected)
                .map(|stream| SourceQuery::Stream(Box::new(stream))),
            // Made where the grant is at hand, for its key.
            RootKind::Connection => self.fail("this field cannot be selected here"),
        }
    }

    /// Binds rows of a table: a list's arguments and its fields.
    pub(crate) fn table_select(
        &mut self,
        definition: &'a FieldDefinition,
        access: &TableAccess,
        collected: &Collected<'a>,
    ) -> Result<TableSelect> {
        let arguments = self.list_arguments(definition, collected)?;
        let fields = self.row_fields(definition.ty.name(), &collected.selection_sets)?;
        Ok(TableSelect {
            access: access.clone(),
            arguments,
            fields,
        })
    }

    pub(crate) fn key_condition(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<BoolExp> {
        self.within("args", |binder| {
            let mut parts = Vec::new();
            for (name, argument) in &definition.arguments {
                let InputMeaning::KeyColumn(column) = &argument.meaning else {
                    continue;
                };
                parts.push(binder.within(name.as_str(), |binder| {
                    let value = collected.argument(name.as_str()).map(InputRef::Literal);
                    binder.key_column(name, argument, column, value)
                })?);
            }
            Ok(BoolExp::And(parts))
        })
    }

    pub(crate) fn key_column(
        &mut self,
        name: &GraphqlName,
        argument: &'a InputValueDefinition,
        column: &GrantedColumn,
        value: Option<InputRef<'a>>,
    ) -> Result<BoolExp> {
        let Some(value) = value else {
            return self.fail(format!("missing required field '{name}'"));
        };
        let value = self.peel(value, &argument.ty, false)?;
        let value = self.column_value(&value, column.ty(), argument.ty.name())?;
        let comparison = Comparison::Value(Operator::Eq, value);
        Ok(BoolExp::column(Operand::granted(column), comparison))
    }

    /// A column's value as a parameter; null is refused.
    pub(crate) fn column_value(
        &mut self,
        value: &InputRef<'a>,
        ty: &PgType,
        graphql_type: &GraphqlName,
    ) -> Result<TypedValue> {
        if self.is_null(value) {
            return self.fail(format!("unexpected null value for type '{graphql_type}'"));
        }
        self.nullable_value(value, ty, graphql_type)
    }

    /// A column's value as a parameter, which may be NULL.
    pub(crate) fn nullable_value(
        &mut self,
        value: &InputRef<'a>,
        ty: &PgType,
        graphql_type: &GraphqlName,
    ) -> Result<TypedValue> {
        let ty = ty.base().clone();
        let graphql_type: Arc<str> = graphql_type.as_str().into();
        let coercion = match self.enum_values(&graphql_type) {
            Some(values) => {
                self.refuse_enum_literal(value, &graphql_type)?;
                Coercion::Enum {
                    graphql_type,
                    values,
                }
            }
            None => Coercion::Scalar {
                ty: ty.clone(),
                graphql_type,
            },
        };
        self.parameter(value, ty, coercion)
    }

    /// `where`, `order_by`, `limit`, `offset`, `distinct_on`.
    pub(crate) fn list_arguments(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<SelectArguments> {
        self.within("args", |binder| {
            let mut arguments = SelectArguments::default();
            for (name, argument) in &definition.arguments {
                let Some(value) = collected.argument(name.as_str()) else {
                    continue;
                };
                binder.within(name.as_str(), |binder| {
                    let value = binder.peel(InputRef::Literal(value), &argument.ty, false)?;
                    binder.list_argument(argument, value, &mut arguments)
                })?;
            }
            binder.check_distinct(&arguments)?;
            Ok(arguments)
        })
    }

    fn list_argument(
        &mut self,
        argument: &'a InputValueDefinition,
        value: InputRef<'a>,
        arguments: &mut SelectArguments,
    ) -> Result<()> {
        match &argument.meaning {
            InputMeaning::Where => {
                arguments.filter = Some(self.condition_on(value, argument.ty.name())?);
            }
            InputMeaning::OrderBy | InputMeaning::DistinctOn if self.is_null(&value) => {}
            InputMeaning::OrderBy => arguments.order_by = self.order_by(value, argument)?,
            InputMeaning::Limit => arguments.limit = self.window(&value, Coercion::Limit)?,
            InputMeaning::Offset => arguments.offset = self.window(&value, Coercion::Offset)?,
            InputMeaning::DistinctOn => arguments.distinct_on = self.columns(value, argument)?,
            _ => {}
        }
        Ok(())
    }

    /// `limit` and `offset`: null is none, and none leaves no trace in the SQL.
    pub(crate) fn window(
        &mut self,
        value: &InputRef<'a>,
        coercion: Coercion,
    ) -> Result<Option<TypedValue>> {
        if self.is_null(value) {
            return Ok(None);
        }
        // A float of the document is none even if it is whole; a number of the variables may be.
        if let InputRef::Literal(Literal::Float(_)) = value {
            let wanted = match coercion {
                Coercion::Limit => "a non-negative 32-bit integer",
                _ => "a 32-bit integer, or a 64-bit integer represented as a string",
            };
            return self.fail(format!(
                "expected {wanted} for type 'Int', but found a float"
            ));
        }
        self.parameter(value, PgType::builtin("int8"), coercion)
            .map(Some)
    }

    /// A list of columns of the table.
    pub(crate) fn columns(
        &mut self,
        value: InputRef<'a>,
        argument: &'a InputValueDefinition,
    ) -> Result<Vec<GrantedColumn>> {
        let schema = self.schema;
        let ty = schema
            .enumeration(argument.ty.name())
            .expect("column enums are in the schema");
        let items = self.list(value, &argument.ty)?;
        let mut columns = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let meaning = self.within_index(index, |binder| binder.enum_value(item, ty))?;
            if let EnumMeaning::Column(column) = meaning {
                columns.push(column.clone());
            }
        }
        Ok(columns)
    }

    /// The columns of `distinct_on` are those of as many first sort keys, in any order.
    pub(crate) fn check_distinct(&self, arguments: &SelectArguments) -> Result<()> {
        if arguments.distinct_on.is_empty() || arguments.order_by.is_empty() {
            return Ok(());
        }
        let first = arguments.order_by.iter().take(arguments.distinct_on.len());
        let first: Vec<_> = first
            .filter_map(|item| match &item.target {
                graphloom_ir::OrderTarget::Column(column) => Some(column.name()),
                _ => None,
            })
            .collect();
        let fits = first.len() == arguments.distinct_on.len()
            && arguments
                .distinct_on
                .iter()
                .all(|column| first.contains(&column.name()));
        if fits {
            return Ok(());
        }
        self.fail("\"distinct_on\" columns must match initial \"order_by\" columns")
    }

    /// The fields of a table's object type.
    pub(crate) fn row_fields(
        &mut self,
        type_name: &GraphqlName,
        selection_sets: &[&'a [Selection]],
    ) -> Result<Vec<Field>> {
        let schema = self.schema;
        let ty = schema
            .object(type_name)
            .expect("rows are objects of the role's schema");
        self.nested(|binder| {
            let fields = binder.collect(type_name, selection_sets)?;
            let mut bound = Vec::with_capacity(fields.len());
            for (key, collected) in fields {
                let name = collected.field.name.as_str();
                let value = binder.within(name, |binder| binder.row_field(ty, &collected))?;
                bound.push(Field {
                    key: key.as_str().into(),
                    value,
                });
            }
            Ok(bound)
        })
    }

    /// Runs a step inside a selection set, counting depth.
    pub(crate) fn nested<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.within("selectionSet", |binder| binder.deeper(step))
    }

    fn row_field(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<FieldValue> {
        if collected.field.name.as_str() == "__typename" {
            return self.typename(parent, collected).map(FieldValue::Constant);
        }
        let definition = self.definition(parent, collected)?;
        match &definition.meaning {
            FieldMeaning::Column(column, output) => {
                self.leaf(definition, collected)?;
                self.column(definition, column, *output, collected)
                    .map(FieldValue::Column)
            }
            FieldMeaning::Computed(computed) => {
                self.leaf(definition, collected)?;
                let call = self.call(definition, &computed.call, collected)?;
                let json_path = self.path_argument(definition, collected)?;
                let field = ComputedSelect {
                    call,
                    ty: computed.ty.clone(),
                    mask: computed.mask.clone(),
                    json_path,
                    output: computed.output,
                };
                Ok(FieldValue::Computed(field))
            }
            FieldMeaning::ComputedRows(rows) => {
                let call = self.call(definition, &rows.call, collected)?;
                let join = rows.join(call);
                let select = self.table_select(definition, &join.access, collected)?;
                Ok(FieldValue::Array(join, Box::new(select)))
            }
            FieldMeaning::Object(relationship) => {
                let fields = self.row_fields(definition.ty.name(), &collected.selection_sets)?;
                let access = relationship.grant.access();
                let arguments = SelectArguments::default();
                let select = TableSelect {
                    access,
                    arguments,
                    fields,
                };
                Ok(FieldValue::Object(relationship.join(), Box::new(select)))
            }
            FieldMeaning::NativeObject(rows) => self.native_row(definition, rows, collected),
            FieldMeaning::NativeArray(rows) => self.native_rows(definition, rows, collected),
            FieldMeaning::Array(relationship) => self.array(definition, relationship, collected),
            FieldMeaning::ArrayAggregate(relationship) => {
                let select =
                    self.aggregate_select(definition, &relationship.grant.access(), collected)?;
                Ok(FieldValue::Aggregate(relationship.join(), Box::new(select)))
            }
            FieldMeaning::Placeholder(text) => {
                self.leaf(definition, collected)?;
                Ok(FieldValue::Constant((*text).into()))
            }
            FieldMeaning::ArrayConnection(relationship) => {
                let grant = &relationship.grant;
                let select = self.connection(definition, grant, grant.access(), collected)?;
                Ok(FieldValue::Connection(
                    relationship.join(),
                    Box::new(select),
                ))
            }
            FieldMeaning::NodeId(id) => {
                self.leaf(definition, collected)?;
                Ok(FieldValue::NodeId(id.clone()))
            }
            // Every other meaning is of fields of other types.
            _ => self.fail("this field cannot be selected here"),
        }
    }

    fn array(
        &mut self,
        definition: &'a FieldDefinition,
        relationship: &'a RelationshipMeaning,
        collected: &Collected<'a>,
    ) -> Result<FieldValue> {
        let select = self.table_select(definition, &relationship.grant.access(), collected)?;
        Ok(FieldValue::Array(relationship.join(), Box::new(select)))
    }

    fn column(
        &mut self,
        definition: &'a FieldDefinition,
        column: &GrantedColumn,
        output: Output,
        collected: &Collected<'a>,
    ) -> Result<ColumnSelect> {
        let json_path = self.path_argument(definition, collected)?;
        Ok(ColumnSelect {
            column: column.clone(),
            json_path,
            output,
        })
    }

    fn path_argument(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<Option<TypedValue>> {
        let mut arguments = definition.arguments.iter();
        let path = arguments.find(|(_, path)| matches!(path.meaning, InputMeaning::JsonPath));
        let Some((name, argument)) = path else {
            return Ok(None);
        };
        let Some(value) = collected.argument(name.as_str()) else {
            return Ok(None);
        };
        self.within("args", |binder| {
            binder.within(name.as_str(), |binder| {
                let value = binder.peel(InputRef::Literal(value), &argument.ty, false)?;
                binder.json_path(&value)
            })
        })
    }

    /// The path decides whether there is an operator at all, so a variable's value is noted exactly.
    fn json_path(&mut self, value: &InputRef<'a>) -> Result<Option<TypedValue>> {
        self.assume_exactly(value);
        let text = match value {
            InputRef::Variable { value, .. } => (*value).clone(),
            InputRef::Literal(literal) => crate::variables::constant(literal),
        };
        if text.is_null() {
            return self.fail("expected a string for type 'String', but found null");
        }
        self.json_path_steps(&text)
    }

    fn json_path_steps(&self, text: &Json) -> Result<Option<TypedValue>> {
        let steps = graphloom_ir::coerce::coerce(&Coercion::JsonPath, text)
            .map_err(|error| error.below(&self.path))?;
        let ty = PgType::array_of(PgType::builtin("text"));
        Ok(steps.map(|steps| TypedValue {
            value: Value::Literal(Some(steps.into())),
            ty,
        }))
    }
}
