//! `T_stream` of subscriptions: rows in the order of a column, from a place on.
//!
//! The cursor's types are named after the table; `cursor_ordering` is of all tables of the source, by whose
//! conventions and affixes it is named, as in v2 (unlike `order_by`).

use std::sync::Arc;

use graphloom_graphql::TypeRef;
use graphloom_ir::{Direction, Nulls, SelectGrant};
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::table::visible_columns;
use super::{Root, SourceTypes, input};
use crate::Feature;
use crate::naming::CURSOR_ORDERING;
use crate::table::TableInfo;
use crate::types::{
    EnumMeaning, EnumType, EnumValue, FieldDefinition, InputMeaning, InputObjectType, RootKind,
    TypeDefinition,
};

impl SourceTypes<'_> {
    /// The table's stream, if the role may follow one and there is a column to go along.
    pub(super) fn stream_root(
        &mut self,
        info: &TableInfo,
        grant: &Arc<SelectGrant>,
        roots: &mut IndexMap<GraphqlName, FieldDefinition>,
    ) {
        let hidden = self.settings.features.has(Feature::HideStreamFields);
        if hidden
            || !self.shows(info, Root::Subscription, "select_stream")
            || visible_columns(info, grant).is_empty()
        {
            return;
        }
        self.cursor_types(info, grant);
        let cursor = self.type_ref(info, "stream_cursor_input");
        let size = TypeRef::named("Int").non_null();
        let arguments = [
            (
                self.naming().field("batch_size"),
                input(
                    Some("maximum number of rows returned in a single batch"),
                    size,
                    InputMeaning::BatchSize,
                ),
            ),
            (
                GraphqlName::new("cursor"),
                input(
                    Some("cursor to stream the results returned by the query"),
                    cursor.list().non_null(),
                    InputMeaning::StreamCursor,
                ),
            ),
            (
                GraphqlName::new("where"),
                input(
                    Some("filter the rows returned"),
                    self.type_ref(info, "bool_exp"),
                    InputMeaning::Where,
                ),
            ),
        ];
        let table = info.table.name.display_name();
        let generated = format!("fetch data from the table in a streaming manner: \"{table}\"");
        let (name, description) = self.root_name(info, "select_stream", "stream", generated);
        let field = FieldDefinition {
            description,
            arguments: arguments.into(),
            ty: self.type_ref(info, "").non_null().list().non_null(),
            meaning: self.root(RootKind::Stream, grant),
        };
        roots.insert(name, field);
    }

    fn cursor_types(&mut self, info: &TableInfo, grant: &SelectGrant) {
        let order = self.naming().source_type(CURSOR_ORDERING);
        self.types.add(ordering(order.clone()));
        let values = visible_columns(info, grant);
        let values = values.into_iter().filter_map(|(column, granted)| {
            let ty = self.column_type(info, granted)?;
            let meaning = InputMeaning::CursorColumn(granted.clone());
            let description = column.description.as_deref();
            Some((column.field.clone(), input(description, ty, meaning)))
        });
        let values: IndexMap<_, _> = values.collect();
        let value_type = self.type_name(info, "stream_cursor_value_input");
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: value_type.clone(),
                description: Some(
                    "Initial value of the column from where the streaming should start".into(),
                ),
                fields: values,
            }));
        let initial = input(
            Some("Stream column input with initial value"),
            TypeRef::Named(value_type).non_null(),
            InputMeaning::InitialValue,
        );
        let direction = input(
            Some("cursor ordering"),
            TypeRef::Named(order),
            InputMeaning::CursorOrdering,
        );
        let fields = [
            (self.naming().field("initial_value"), initial),
            (GraphqlName::new("ordering"), direction),
        ];
        let table = info.table.name.display_name();
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: self.type_name(info, "stream_cursor_input"),
                description: Some(format!("Streaming cursor of the table \"{table}\"").into()),
                fields: fields.into(),
            }));
    }
}

fn ordering(name: GraphqlName) -> TypeDefinition {
    let value = |description: &str, direction| EnumValue {
        description: Some(description.into()),
        meaning: EnumMeaning::Order(direction, Nulls::Last),
    };
    let values = [
        (
            GraphqlName::new("ASC"),
            value("ascending ordering of the cursor", Direction::Ascending),
        ),
        (
            GraphqlName::new("DESC"),
            value("descending ordering of the cursor", Direction::Descending),
        ),
    ];
    TypeDefinition::Enum(EnumType {
        name,
        description: Some("ordering argument of a cursor".into()),
        values: values.into(),
    })
}
