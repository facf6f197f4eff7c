//! `T_aggregate` and relatives: what a role may aggregate.

use graphloom_catalog::PgType;
use graphloom_graphql::TypeRef;
use graphloom_ir::{AggregateFunction, Output, SelectGrant};
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::table::visible_columns;
use super::{SourceTypes, input, plain_field};
use crate::scalar;
use crate::table::TableInfo;
use crate::types::{FieldDefinition, FieldMeaning, InputMeaning, ObjectType, TypeDefinition};

impl SourceTypes<'_> {
    pub(super) fn aggregate_types(&mut self, info: &TableInfo, grant: &SelectGrant) {
        self.aggregate_order_by(info, grant);
        self.aggregate_bool_exp(info, grant);
        let table = info.table.name.display_name();
        let mut fields = IndexMap::new();
        fields.insert(GraphqlName::new("count"), self.count(info, grant));
        for function in AggregateFunction::OVER_COLUMNS {
            if let Some(name) = self.function_type(info, grant, *function) {
                let meaning = FieldMeaning::AggregateFunction(*function);
                let field = plain_field(None, TypeRef::Named(name), meaning);
                fields.insert(self.naming().field(function.name()), field);
            }
        }
        self.types.add_own(TypeDefinition::Object(ObjectType {
            name: self.type_name(info, "aggregate_fields"),
            description: Some(format!("aggregate fields of \"{table}\"").into()),
            fields,
        }));
        let aggregate = self.type_ref(info, "aggregate_fields");
        let nodes = self.type_ref(info, "").non_null().list().non_null();
        let mut fields = IndexMap::from([
            (
                GraphqlName::new("aggregate"),
                plain_field(None, aggregate, FieldMeaning::Aggregate),
            ),
            (
                GraphqlName::new("nodes"),
                plain_field(None, nodes, FieldMeaning::Nodes),
            ),
        ]);
        if let Some(groups) = self.group_by(info, grant) {
            fields.insert(self.naming().field("group_by"), groups);
        }
        self.types.add_own(TypeDefinition::Object(ObjectType {
            name: self.type_name(info, "aggregate"),
            description: Some(format!("aggregated selection of \"{table}\"").into()),
            fields,
        }));
    }

    fn count(&self, info: &TableInfo, grant: &SelectGrant) -> FieldDefinition {
        let int = TypeRef::named("Int").non_null();
        let mut field = plain_field(None, int, FieldMeaning::Count);
        if !visible_columns(info, grant).is_empty() {
            let columns = self.type_ref(info, "select_column").non_null().list();
            let columns = input(None, columns, InputMeaning::CountColumns);
            field.arguments.insert(GraphqlName::new("columns"), columns);
        }
        let distinct = input(None, TypeRef::named("Boolean"), InputMeaning::CountDistinct);
        field
            .arguments
            .insert(GraphqlName::new("distinct"), distinct);
        field
    }

    /// `T_<op>_fields`, if the function applies to any column.
    fn function_type(
        &mut self,
        info: &TableInfo,
        grant: &SelectGrant,
        function: AggregateFunction,
    ) -> Option<GraphqlName> {
        let mut fields = IndexMap::new();
        for (column, granted) in visible_columns(info, grant) {
            let applies = match function.is_comparison() {
                true => scalar::is_comparable(granted.ty()),
                false => granted.ty().scalar_kind().is_numeric(),
            };
            let ty = if keeps_type(function) {
                self.column_type(info, granted)
            } else {
                Some(TypeRef::named("Float"))
            };
            let (true, Some(ty)) = (applies, ty) else {
                continue;
            };
            let output = self.function_output(function, granted.ty());
            let meaning = FieldMeaning::AggregateColumn(granted.clone(), output);
            let field = plain_field(column.description.as_deref(), ty, meaning);
            fields.insert(column.field.clone(), field);
        }
        if fields.is_empty() {
            return None;
        }
        let name = self.type_name(info, &format!("{}_fields", function.name()));
        self.types.add_own(TypeDefinition::Object(ObjectType {
            name: name.clone(),
            description: Some(format!("aggregate {} on columns", function.name()).into()),
            fields,
        }));
        Some(name)
    }

    fn function_output(&self, function: AggregateFunction, ty: &PgType) -> Output {
        match function {
            _ if keeps_type(function) => scalar::output(ty, self.settings.numerics),
            _ => Output::Json,
        }
    }
}

/// Whether the result has the column's type; the others are `Float`.
fn keeps_type(function: AggregateFunction) -> bool {
    function.is_comparison() || function == AggregateFunction::Sum
}
