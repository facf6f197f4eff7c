//! `group_by` of aggregates: groups in v2's shape, and beyond it (`group_by_conditions`) which groups, in which order, and
//! how many. Keys and aggregates are of the columns a role sees.

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_graphql::TypeRef;
use graphloom_ir::{AggregateFunction, SelectGrant};
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::table::visible_columns;
use super::{SourceTypes, input, plain_field};
use crate::table::TableInfo;
use crate::types::{
    FieldDefinition, FieldMeaning, InputMeaning, InputObjectType, InputValueDefinition, ObjectType,
    TypeDefinition,
};
use crate::{Feature, scalar};

type Fields = IndexMap<GraphqlName, InputValueDefinition>;

impl SourceTypes<'_> {
    /// `group_by(keys: [{column: c}]) {group_key {c} aggregate {…}}`, if the role sees any column.
    ///
    /// `None` as well where the feature is off.
    pub(super) fn group_by(
        &mut self,
        info: &TableInfo,
        grant: &SelectGrant,
    ) -> Option<FieldDefinition> {
        let features = self.settings.features;
        let conditions = features.has(Feature::GroupByConditions);
        if !features.has(Feature::GroupByAggregations) && !conditions {
            return None;
        }
        let naming = self.naming();
        let table = info.table.name.display_name();
        let mut columns = IndexMap::new();
        for (column, granted) in visible_columns(info, grant) {
            let Some(ty) = self.column_type(info, granted) else {
                continue;
            };
            let output = scalar::output(granted.ty(), self.settings.numerics);
            let meaning = FieldMeaning::AggregateColumn(granted.clone(), output);
            let field = plain_field(column.description.as_deref(), ty, meaning);
            columns.insert(column.field.clone(), field);
        }
        if columns.is_empty() {
            return None;
        }
        let key_fields = self.type_name(info, "group_by_key_fields");
        self.types.add_own(TypeDefinition::Object(ObjectType {
            name: key_fields.clone(),
            description: Some(
                format!("Allows the selection of fields from the grouping key of \"{table}\"")
                    .into(),
            ),
            fields: columns,
        }));
        let group = self.type_name(info, "group_by");
        let key_type = TypeRef::Named(key_fields).non_null();
        let aggregate = self.type_ref(info, "aggregate_fields");
        self.types.add_own(TypeDefinition::Object(ObjectType {
            name: group.clone(),
            description: Some(format!("Group by fields of \"{table}\"").into()),
            fields: IndexMap::from([
                (
                    naming.field("group_key"),
                    plain_field(None, key_type, FieldMeaning::GroupKey),
                ),
                (
                    naming.field("aggregate"),
                    plain_field(None, aggregate, FieldMeaning::Aggregate),
                ),
            ]),
        }));
        let key = self.group_by_key(info);
        let keys = TypeRef::Named(key).non_null().list().non_null();
        let keys = input(
            Some("The keys on which to group by"),
            keys,
            InputMeaning::GroupKeys,
        );
        let ty = TypeRef::Named(group).non_null().list().non_null();
        let description = "Groups the table by the specified keys";
        let mut field = plain_field(Some(description), ty, FieldMeaning::GroupBy);
        field.arguments.insert(self.naming().field("keys"), keys);
        if conditions {
            self.group_arguments(info, grant, &mut field.arguments);
        }
        Some(field)
    }

    /// `T_group_by_key`
    fn group_by_key(&mut self, info: &TableInfo) -> GraphqlName {
        let name = self.type_name(info, "group_by_key");
        let column = self.type_ref(info, "select_column").non_null();
        let column = input(
            Some("A column grouping key"),
            column,
            InputMeaning::GroupKeyColumn,
        );
        let table = info.table.name.display_name();
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: name.clone(),
                description: Some(
                    format!("Allows the selection of a grouping key from \"{table}\"").into(),
                ),
                fields: IndexMap::from([(self.naming().field("column"), column)]),
            }));
        name
    }

    /// `where`, `order_by`, `limit` and `offset` of groups.
    fn group_arguments(&mut self, info: &TableInfo, grant: &SelectGrant, arguments: &mut Fields) {
        let int = TypeRef::named("Int");
        let condition = self.group_condition(info, grant);
        let condition = input(Some("filter the groups"), condition, InputMeaning::Where);
        arguments.insert(GraphqlName::new("where"), condition);
        let order = self.group_order(info, grant).non_null().list();
        let order = input(Some("sort the groups"), order, InputMeaning::OrderBy);
        arguments.insert(self.naming().field("order_by"), order);
        let limit = input(
            Some("limit the number of groups"),
            int.clone(),
            InputMeaning::Limit,
        );
        arguments.insert(GraphqlName::new("limit"), limit);
        let offset = "skip the first n groups. Use only with order_by";
        let offset = input(Some(offset), int, InputMeaning::Offset);
        arguments.insert(GraphqlName::new("offset"), offset);
    }

    /// `T_group_by_bool_exp`
    fn group_condition(&mut self, info: &TableInfo, grant: &SelectGrant) -> TypeRef {
        let own = self.type_ref(info, "group_by_bool_exp");
        let list = own.clone().non_null().list();
        let keys = self.key_conditions(info, grant);
        let mut aggregates = Fields::new();
        if let Some(ty) = self.comparison_type(&PgType::builtin("int4")) {
            let count = input(None, ty, InputMeaning::GroupCount);
            aggregates.insert(GraphqlName::new("count"), count);
        }
        for function in AggregateFunction::OVER_COLUMNS {
            let columns = self.aggregate_conditions(info, grant, *function);
            if columns.is_empty() {
                continue;
            }
            let suffix = format!("group_by_{}_bool_exp", function.name());
            let ty = self.group_input(info, &suffix, columns);
            let field = input(None, ty, InputMeaning::GroupFunction(*function));
            aggregates.insert(self.naming().field(function.name()), field);
        }
        let aggregates = self.group_input(info, "group_by_aggregate_bool_exp", aggregates);
        let fields = [
            ("_and", list.clone(), InputMeaning::And),
            ("_not", own, InputMeaning::Not),
            ("_or", list, InputMeaning::Or),
            ("group_key", keys, InputMeaning::GroupKey),
            ("aggregate", aggregates, InputMeaning::GroupAggregate),
        ];
        let fields = fields.map(|(name, ty, meaning)| {
            let name = match name.starts_with('_') {
                true => GraphqlName::new(name),
                false => self.naming().field(name),
            };
            (name, input(None, ty, meaning))
        });
        self.group_input(info, "group_by_bool_exp", fields.into())
    }

    fn key_conditions(&mut self, info: &TableInfo, grant: &SelectGrant) -> TypeRef {
        let mut fields = Fields::new();
        for (column, granted) in visible_columns(info, grant) {
            let ty = match self.enum_type(info, granted.name()) {
                Some(name) => Some(self.enum_comparison_type(&name)),
                None => self.comparison_type(granted.ty()),
            };
            let Some(ty) = ty else { continue };
            let meaning = InputMeaning::ConditionColumn(granted.clone());
            fields.insert(column.field.clone(), input(None, ty, meaning));
        }
        self.group_input(info, "group_by_key_bool_exp", fields)
    }

    /// The columns a function takes, each with the comparisons of what it gives.
    fn aggregate_conditions(
        &mut self,
        info: &TableInfo,
        grant: &SelectGrant,
        function: AggregateFunction,
    ) -> Fields {
        let mut fields = Fields::new();
        for (column, granted) in visible_columns(info, grant) {
            let Some(ty) = aggregate_type(function, granted.ty()) else {
                continue;
            };
            let Some(comparison) = self.comparison_type(&ty) else {
                continue;
            };
            let meaning = InputMeaning::GroupAggregateColumn(granted.clone(), ty);
            fields.insert(column.field.clone(), input(None, comparison, meaning));
        }
        fields
    }

    /// `T_group_by_order_by`
    fn group_order(&mut self, info: &TableInfo, grant: &SelectGrant) -> TypeRef {
        let direction = self.order_by_enum();
        let keys = visible_columns(info, grant).into_iter();
        let keys = keys.map(|(column, granted)| {
            let meaning = InputMeaning::OrderColumn(granted.clone());
            (
                column.field.clone(),
                input(None, direction.clone(), meaning),
            )
        });
        let keys = keys.collect();
        let keys = self.group_input(info, "group_by_key_order_by", keys);
        let aggregates = self.type_ref(info, "aggregate_order_by");
        let fields = Fields::from([
            (
                self.naming().field("group_key"),
                input(None, keys, InputMeaning::GroupKey),
            ),
            (
                GraphqlName::new("aggregate"),
                input(None, aggregates, InputMeaning::GroupAggregate),
            ),
        ]);
        self.group_input(info, "group_by_order_by", fields)
    }

    fn group_input(&mut self, info: &TableInfo, suffix: &str, fields: Fields) -> TypeRef {
        let name = self.type_name(info, suffix);
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: name.clone(),
                description: None,
                fields,
            }));
        TypeRef::Named(name)
    }
}

/// What Postgres gives for an aggregate of a column (Postgres manual, section 9.21); `None` where it has none.
fn aggregate_type(function: AggregateFunction, column: &PgType) -> Option<PgType> {
    use ScalarKind as K;
    let kind = column.scalar_kind();
    if function.is_comparison() {
        return scalar::is_comparable(column).then(|| column.base().clone());
    }
    let ty = match (function, kind) {
        (AggregateFunction::Sum, K::SmallInt | K::Integer) => PgType::builtin("int8"),
        (AggregateFunction::Sum, K::BigInt) => PgType::builtin("numeric"),
        (AggregateFunction::Sum, _) if kind.is_numeric() => column.base().clone(),
        (_, K::Money) => return None,
        (_, K::Real | K::Double) => PgType::builtin("float8"),
        _ if kind.is_numeric() => PgType::builtin("numeric"),
        _ => return None,
    };
    Some(ty)
}
