//! `T_aggregate_bool_exp`: conditions on aggregates over an array relationship.

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_graphql::TypeRef;
use graphloom_ir::SelectGrant;
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::table::visible_columns;
use super::{SourceTypes, input};
use crate::table::TableInfo;
use crate::types::{
    EnumMeaning, EnumType, EnumValue, InputMeaning, InputObjectType, InputValueDefinition,
    TypeDefinition,
};

type Fields = IndexMap<GraphqlName, InputValueDefinition>;

/// Aggregates of one boolean column.
const BOOLEAN: &[&str] = &["bool_and", "bool_or"];
/// Aggregates of one float8 column.
const NUMERIC: &[&str] = &["max", "min", "sum", "stddev_samp", "var_samp"];
/// Aggregates of two float8 columns.
const PAIRED: &[&str] = &["corr", "covar_samp"];

impl SourceTypes<'_> {
    /// Makes `T_aggregate_bool_exp` and what it leads to.
    pub(super) fn aggregate_bool_exp(&mut self, info: &TableInfo, grant: &SelectGrant) {
        let mut fields = Fields::new();
        if let Some(count) = self.count_predicate(info, grant) {
            fields.insert(GraphqlName::new("count"), count);
        }
        for function in BOOLEAN {
            let of = (*function, ScalarKind::Boolean, "bool");
            self.predicate(info, grant, of, &mut fields);
        }
        for function in NUMERIC.iter().chain(PAIRED) {
            let of = (*function, ScalarKind::Double, "float8");
            self.predicate(info, grant, of, &mut fields);
        }
        let name = self.predicate_type(info, "");
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name,
                description: None,
                fields,
            }));
    }

    /// The name of `T_aggregate_bool_exp` and of types that start so. A source's affixes do not apply,
    /// unless another source's table has the name without them.
    pub(super) fn predicate_type(&mut self, info: &TableInfo, suffix: &str) -> GraphqlName {
        let source = self.source;
        let base = "aggregate_bool_exp";
        let bare = source.naming.predicate_type(&info.identifier, base);
        let owner = self.types.predicates.entry(bare);
        let is_ours = owner.or_insert_with(|| source.name.clone()) == &source.name;
        let suffix = match suffix {
            "" => base.to_owned(),
            suffix => format!("{base}_{suffix}"),
        };
        match is_ours {
            true => source.naming.predicate_type(&info.identifier, &suffix),
            false => source.naming.type_name(&info.identifier, &suffix),
        }
    }

    fn count_predicate(
        &mut self,
        info: &TableInfo,
        grant: &SelectGrant,
    ) -> Option<InputValueDefinition> {
        let int = PgType::builtin("int4");
        let comparison = self.comparison_type(&int)?;
        let mut fields = Fields::new();
        if !visible_columns(info, grant).is_empty() {
            let columns = self.type_ref(info, "select_column").non_null().list();
            let columns = input(None, columns, InputMeaning::PredicateArguments);
            fields.insert(GraphqlName::new("arguments"), columns);
        }
        self.common_fields(info, comparison, &mut fields);
        Some(self.predicate_field(info, "count", int, fields))
    }

    fn predicate(
        &mut self,
        info: &TableInfo,
        grant: &SelectGrant,
        (function, kind, ty): (&'static str, ScalarKind, &str),
        into: &mut Fields,
    ) {
        let columns: IndexMap<_, _> = visible_columns(info, grant)
            .into_iter()
            .filter(|(_, granted)| granted.ty().scalar_kind() == kind)
            .map(|(column, granted)| {
                let meaning = EnumMeaning::Column(granted.clone());
                let value = EnumValue {
                    description: Some("column name".into()),
                    meaning,
                };
                (column.field.clone(), value)
            })
            .collect();
        let ty = PgType::builtin(ty);
        let Some(comparison) = self.comparison_type(&ty).filter(|_| !columns.is_empty()) else {
            return;
        };
        let mut fields = Fields::new();
        let arguments = self.predicate_columns(info, function, columns);
        let arguments = input(None, arguments.non_null(), InputMeaning::PredicateArguments);
        fields.insert(GraphqlName::new("arguments"), arguments);
        self.common_fields(info, comparison, &mut fields);
        let field = self.predicate_field(info, function, ty, fields);
        into.insert(self.naming().field(function), field);
    }

    /// The type of `arguments`: an enum of columns, or `{X, Y}` of them.
    fn predicate_columns(
        &mut self,
        info: &TableInfo,
        function: &str,
        values: IndexMap<GraphqlName, EnumValue>,
    ) -> TypeRef {
        let of = self.predicate_type(info, &format!("{function}_arguments_columns"));
        let name = self.type_name(info, &format!("select_column_{of}"));
        let table = info.table.name.display_name();
        self.types.add_own(TypeDefinition::Enum(EnumType {
            name: name.clone(),
            description: Some(format!("select \"{of}\" columns of table \"{table}\"").into()),
            values,
        }));
        let column = TypeRef::Named(name);
        if !PAIRED.contains(&function) {
            return column;
        }
        let pair = self.predicate_type(info, &format!("{function}_arguments"));
        let side = || {
            input(
                None,
                column.clone().non_null(),
                InputMeaning::PredicateArgument,
            )
        };
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: pair.clone(),
                description: None,
                fields: Fields::from([
                    (GraphqlName::new("X"), side()),
                    (GraphqlName::new("Y"), side()),
                ]),
            }));
        TypeRef::Named(pair)
    }

    fn common_fields(&self, info: &TableInfo, comparison: TypeRef, fields: &mut Fields) {
        let distinct = input(
            None,
            TypeRef::named("Boolean"),
            InputMeaning::PredicateDistinct,
        );
        fields.insert(GraphqlName::new("distinct"), distinct);
        let filter = self.type_ref(info, "bool_exp");
        let filter = input(None, filter, InputMeaning::PredicateFilter);
        fields.insert(GraphqlName::new("filter"), filter);
        let test = input(None, comparison.non_null(), InputMeaning::PredicateTest);
        fields.insert(GraphqlName::new("predicate"), test);
    }

    fn predicate_field(
        &mut self,
        info: &TableInfo,
        function: &'static str,
        ty: PgType,
        fields: Fields,
    ) -> InputValueDefinition {
        let name = self.predicate_type(info, function);
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: name.clone(),
                description: None,
                fields,
            }));
        input(
            None,
            TypeRef::Named(name),
            InputMeaning::Predicate(function, ty),
        )
    }
}
