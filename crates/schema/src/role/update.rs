//! Updates: `update_T`, `update_T_by_pk`, `update_T_many`, and the inputs of their operators.

use std::sync::Arc;

use graphloom_catalog::ScalarKind;
use graphloom_graphql::TypeRef;
use graphloom_ir::{UpdateGrant, UpdateOperator, WritableColumn};
use graphloom_vocab::GraphqlName;

use super::mutation::{Fields, Inputs, Named};
use super::{SourceTypes, input};
use crate::source::Feature;
use crate::table::{ColumnInfo, TableInfo};
use crate::types::{InputMeaning, MutationForm};

impl SourceTypes<'_> {
    pub(super) fn update_roots(
        &mut self,
        info: &TableInfo,
        grant: &Arc<UpdateGrant>,
        roots: &mut Fields,
    ) {
        let table = info.table.name.display_name();
        let mut operators = self.update_operators(info, grant);
        let filter = |description| {
            let ty = self.type_ref(info, "bool_exp").non_null();
            input(Some(description), ty, InputMeaning::Where)
        };
        let filter = filter("filter the rows which have to be updated");
        let mut arguments = operators.clone();
        arguments.insert(GraphqlName::new("where"), filter);
        if !self.settings.features.has(Feature::HideUpdateManyFields) {
            self.update_many(info, grant, (&arguments, roots));
        }
        self.nested_update_type(info, &operators);
        self.add_pick(info, &mut arguments);
        let nested = self.nested_argument(info);
        arguments.extend(nested.clone());
        self.add_expect(&mut arguments);
        let named = Named {
            key: "update",
            verb: "update",
            suffix: "",
            description: format!("update data of the table: \"{table}\""),
        };
        let ty = self.type_ref(info, "mutation_response");
        let form = MutationForm::Update(grant.clone());
        self.add_mutation(info, named, (ty, arguments, form), roots);
        operators.extend(nested);
        self.update_by_pk(info, grant, (operators, roots));
    }

    fn update_by_pk(
        &mut self,
        info: &TableInfo,
        grant: &Arc<UpdateGrant>,
        (mut arguments, roots): (Inputs, &mut Fields),
    ) {
        let Some(key) = self.mutation_key(info) else {
            return;
        };
        let table = info.table.name.display_name();
        let description = format!("primary key columns input for table: {table}");
        self.input_type((info, "pk_columns_input"), &description, key);
        let ty = self.type_ref(info, "pk_columns_input").non_null();
        let key = input(None, ty, InputMeaning::KeyColumns);
        arguments.insert(self.naming().field("pk_columns"), key);
        self.add_expect(&mut arguments);
        let named = Named {
            key: "update_by_pk",
            verb: "update",
            suffix: "by_pk",
            description: format!("update single row of the table: \"{table}\""),
        };
        let ty = self.type_ref(info, "");
        let form = MutationForm::UpdateByPk(grant.clone());
        self.add_mutation(info, named, (ty, arguments, form), roots);
    }

    fn update_many(
        &mut self,
        info: &TableInfo,
        grant: &Arc<UpdateGrant>,
        (fields, roots): (&Inputs, &mut Fields),
    ) {
        let table = info.table.name.display_name();
        self.types
            .add(crate::TypeDefinition::InputObject(crate::InputObjectType {
                name: self.type_name(info, "updates"),
                description: None,
                fields: fields.clone(),
            }));
        let updates = self.type_ref(info, "updates").non_null().list().non_null();
        let updates = input(
            Some("updates to execute, in order"),
            updates,
            InputMeaning::Updates,
        );
        let mut arguments = Inputs::from([(GraphqlName::new("updates"), updates)]);
        self.add_expect(&mut arguments);
        let named = Named {
            key: "update_many",
            verb: "update",
            suffix: "many",
            description: format!("update multiples rows of table: \"{table}\""),
        };
        let ty = self.type_ref(info, "mutation_response").list();
        let form = MutationForm::UpdateMany(grant.clone());
        self.add_mutation(info, named, (ty, arguments, form), roots);
    }

    /// `_set` and relatives, each where there are columns for it.
    fn update_operators(&mut self, info: &TableInfo, grant: &UpdateGrant) -> Inputs {
        let mut operators = Inputs::new();
        for operator in UpdateOperator::GRAPHQL {
            let mut fields = Inputs::new();
            for column in &info.columns {
                let mut writable = grant.columns().iter();
                let Some(writable) = writable.find(|writable| writable.name() == &column.column)
                else {
                    continue;
                };
                if let Some(ty) = self.operand_type(info, writable, *operator) {
                    fields.insert(column.field.clone(), operand(column, writable, ty));
                }
            }
            if fields.is_empty() {
                continue;
            }
            let table = info.table.name.display_name();
            let (of_field, of_type) = descriptions(*operator, &table);
            let suffix = format!("{}_input", operator.name());
            self.input_type((info, &suffix), &of_type, fields);
            let ty = self.type_ref(info, &suffix);
            let argument = input(Some(of_field), ty, InputMeaning::UpdateOperator(*operator));
            let name = self.naming().field(&format!("_{}", operator.name()));
            operators.insert(name, argument);
        }
        operators
    }

    /// What an operator takes for a column; `None`: the operator does not apply.
    fn operand_type(
        &self,
        info: &TableInfo,
        column: &WritableColumn,
        operator: UpdateOperator,
    ) -> Option<TypeRef> {
        use UpdateOperator as O;
        let own = || self.value_type(info, column.name(), column.ty());
        let kind = column.ty().scalar_kind();
        match operator {
            O::Set => own(),
            O::Inc => is_numeric(kind).then(own).flatten(),
            O::Mul => None,
            _ if kind != ScalarKind::Jsonb => None,
            O::Append | O::Prepend => own(),
            O::DeleteKey => Some(TypeRef::named("String")),
            O::DeleteElem => Some(TypeRef::named("Int")),
            O::DeleteAtPath => Some(TypeRef::named("String").non_null().list()),
        }
    }
}

fn operand(
    column: &ColumnInfo,
    writable: &WritableColumn,
    ty: TypeRef,
) -> crate::types::InputValueDefinition {
    let meaning = InputMeaning::UpdateColumn(writable.clone());
    input(column.description.as_deref(), ty, meaning)
}

fn is_numeric(kind: ScalarKind) -> bool {
    use ScalarKind as K;
    matches!(
        kind,
        K::SmallInt | K::Integer | K::BigInt | K::Real | K::Double | K::Numeric | K::Money
    )
}

/// The descriptions of an operator's argument and of its input type.
fn descriptions(operator: UpdateOperator, table: &str) -> (&'static str, String) {
    use UpdateOperator as O;
    let of_field = match operator {
        O::Set => {
            let of_type = format!("input type for updating data in table \"{table}\"");
            return (
                "sets the columns of the filtered rows to the given values",
                of_type,
            );
        }
        O::Inc => {
            let of_type =
                format!("input type for incrementing numeric columns in table \"{table}\"");
            return (
                "increments the numeric columns with given value of the filtered values",
                of_type,
            );
        }
        O::Mul => "multiplies the numeric columns with given value of the filtered values",
        O::Append => "append existing jsonb value of filtered columns with new jsonb value",
        O::Prepend => "prepend existing jsonb value of filtered columns with new jsonb value",
        O::DeleteKey => {
            "delete key/value pair or string element. key/value pairs are matched based on their key \
             value"
        }
        O::DeleteElem => {
            "delete the array element with specified index (negative integers count from the end). \
             throws an error if top level container is not an array"
        }
        O::DeleteAtPath => {
            "delete the field or element with specified path (for JSON arrays, negative integers \
             count from the end)"
        }
    };
    (of_field, of_field.to_owned())
}
