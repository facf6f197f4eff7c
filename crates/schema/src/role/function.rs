//! Fields that call functions: root fields and computed fields, with their argument types.

use std::sync::Arc;

use graphloom_catalog::PgType;
use graphloom_graphql::TypeRef;
use graphloom_ir::{Aggregations, BoolExp, GrantedCall, SelectGrant};
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::{SchemaKind, SourceTypes, input};
use crate::function::{
    ArgumentInfo, Cardinality, ComputedFieldInfo, ComputedReturn, ExposedAs, FunctionInfo, Giver,
};
use crate::naming::Identifier;
use crate::table::{TableInfo, described};
use crate::types::{
    CallMeaning, ComputedMeaning, FieldDefinition, FieldMeaning, InputMeaning, InputObjectType,
    InputValueDefinition, RootKind, RowsMeaning, TypeDefinition,
};
use crate::{FunctionPermissions, scalar};

type Arguments = IndexMap<GraphqlName, InputValueDefinition>;

impl SourceTypes<'_> {
    /// The root fields of functions that the role may call.
    pub(super) fn function_roots(
        &mut self,
        exposed_as: ExposedAs,
        roots: &mut IndexMap<GraphqlName, FieldDefinition>,
    ) {
        let source = self.source;
        for info in source.functions.values() {
            let Some(grant) = self.grants.get(&info.returns).cloned() else {
                continue;
            };
            let Some(table) = source.tables.get(&info.returns) else {
                continue;
            };
            if info.exposed_as == exposed_as && self.may_call(info) {
                match (self.variant.kind, exposed_as) {
                    (SchemaKind::Relay, ExposedAs::Query) => {
                        self.function_connection(info, table, &grant, roots);
                    }
                    _ => self.function_root(info, table, &grant, roots),
                }
            }
        }
    }

    fn may_call(&self, info: &FunctionInfo) -> bool {
        self.role.is_admin()
            || info.permissions.contains(self.role)
            || (info.exposed_as == ExposedAs::Query
                && self.settings.function_permissions == FunctionPermissions::Inferred)
    }

    /// A function's rows as a connection: of the Relay API its only root field.
    fn function_connection(
        &mut self,
        info: &FunctionInfo,
        table: &TableInfo,
        grant: &Arc<SelectGrant>,
        roots: &mut IndexMap<GraphqlName, FieldDefinition>,
    ) {
        if !self.has_nodes(grant) || info.cardinality == Cardinality::One {
            return;
        }
        let mut arguments = self.function_arguments(info);
        arguments.extend(self.connection_arguments(table, grant));
        let (function, returned) = (
            info.function.display_name(),
            table.table.name.display_name(),
        );
        let generated = format!("execute function \"{function}\" which returns \"{returned}\"");
        let meaning = FieldMeaning::FunctionRoot {
            source: self.source.name.clone(),
            kind: RootKind::Connection,
            grant: grant.clone(),
            call: Arc::new(CallMeaning {
                function: info.function.clone(),
                arguments: info.arguments.clone(),
                row: None,
            }),
        };
        let field = FieldDefinition {
            description: described(&info.comment, Some(&generated)).map(Into::into),
            arguments,
            ty: self.connection_ref(table),
            meaning,
        };
        let name = self
            .naming()
            .function_connection(&info.identifier, info.custom_field.as_deref());
        roots.insert(name, field);
    }

    fn function_root(
        &mut self,
        info: &FunctionInfo,
        table: &TableInfo,
        grant: &Arc<SelectGrant>,
        roots: &mut IndexMap<GraphqlName, FieldDefinition>,
    ) {
        let naming = self.naming();
        let call = Arc::new(CallMeaning {
            function: info.function.clone(),
            arguments: info.arguments.clone(),
            row: None,
        });
        let name = match &info.custom_field {
            Some(name) => naming.affixed_root_field(name),
            None => naming.root_field(&info.identifier, ""),
        };
        let arguments = self.function_arguments(info);
        let (function, returned) = (
            info.function.display_name(),
            table.table.name.display_name(),
        );
        let volatile = match info.exposed_as {
            ExposedAs::Query => "",
            ExposedAs::Mutation => "VOLATILE ",
        };
        let generated =
            format!("execute {volatile}function \"{function}\" which returns \"{returned}\"");
        let row = self.type_ref(table, "");
        let meaning = |kind| FieldMeaning::FunctionRoot {
            source: self.source.name.clone(),
            kind,
            grant: grant.clone(),
            call: call.clone(),
        };
        let description = described(&info.comment, Some(&generated)).map(Into::into);
        if info.cardinality == Cardinality::One {
            let meaning = meaning(RootKind::ByPk);
            roots.insert(
                name,
                FieldDefinition {
                    description,
                    arguments,
                    ty: row,
                    meaning,
                },
            );
            return;
        }
        let mut arguments = arguments;
        arguments.extend(self.list_arguments(table, grant));
        let ty = row.non_null().list().non_null();
        let list = meaning(RootKind::List);
        let aggregate = meaning(RootKind::Aggregate);
        let field = FieldDefinition {
            description,
            arguments: arguments.clone(),
            ty,
            meaning: list,
        };
        roots.insert(name, field);
        if grant.aggregations() == Aggregations::Allowed && info.exposed_as == ExposedAs::Query {
            let name = match &info.custom_aggregate {
                Some(name) => naming.affixed_root_field(name),
                None => naming.function_aggregate(&info.identifier),
            };
            let generated = format!(
                "execute function \"{function}\" and query aggregates on result of table type \
                 \"{returned}\""
            );
            let description = described(&info.comment, Some(&generated)).map(Into::into);
            let ty = self.type_ref(table, "aggregate").non_null();
            roots.insert(
                name,
                FieldDefinition {
                    description,
                    arguments,
                    ty,
                    meaning: aggregate,
                },
            );
        }
    }

    /// `args: f_args`, if the function takes any of the user's.
    fn function_arguments(&mut self, info: &FunctionInfo) -> Arguments {
        let type_name = self.naming().type_name(&info.identifier, "args");
        let function = info.function.display_name();
        let description = format!("input parameters for function \"{function}\"");
        self.call_arguments(type_name, &info.arguments, &description)
    }

    fn call_arguments(
        &mut self,
        type_name: GraphqlName,
        arguments: &[ArgumentInfo],
        description: &str,
    ) -> Arguments {
        let mut fields = IndexMap::new();
        let mut required = false;
        for (position, argument) in arguments.iter().enumerate() {
            let Giver::User(field) = &argument.giver else {
                continue;
            };
            let element = argument.ty.element();
            let Some(scalar) = scalar::scalar_name(element.unwrap_or(&argument.ty)) else {
                continue;
            };
            let ty = TypeRef::Named(scalar);
            let ty = if element.is_some() {
                ty.non_null().list()
            } else {
                ty
            };
            required |= !argument.has_default;
            let meaning = InputMeaning::FunctionArgument(position);
            fields.insert(field.clone(), input(None, ty, meaning));
        }
        if fields.is_empty() {
            return Arguments::new();
        }
        let ty = TypeRef::Named(type_name.clone());
        let ty = if required { ty.non_null() } else { ty };
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: type_name,
                description: None,
                fields,
            }));
        let args = input(Some(description), ty, InputMeaning::FunctionArguments);
        Arguments::from([(GraphqlName::new("args"), args)])
    }

    /// The computed fields of a table that the role may see.
    pub(super) fn visible_computed<'b>(&self, info: &'b TableInfo) -> Vec<&'b ComputedFieldInfo> {
        let granted = info.select_permissions.get(self.role);
        let visible = |field: &&ComputedFieldInfo| match &field.returns {
            ComputedReturn::Rows(table) => self.grants.contains_key(table),
            ComputedReturn::Scalar(_) => {
                let name = field.field.as_str();
                self.role.is_admin()
                    || granted.is_some_and(|granted| granted.computed_field(name).is_some())
            }
        };
        info.computed_fields.values().filter(visible).collect()
    }

    /// The condition under which the role may see a computed field.
    fn computed_mask(&self, info: &TableInfo, field: &ComputedFieldInfo) -> Option<Arc<BoolExp>> {
        let permission = info.select_permissions.get(self.role)?;
        permission
            .computed_field(field.field.as_str())?
            .mask
            .clone()
    }

    /// A computed field that is a value, where no arguments can be given.
    pub(super) fn computed_value(
        &self,
        info: &TableInfo,
        field: &ComputedFieldInfo,
        ty: &PgType,
    ) -> Arc<GrantedCall> {
        Arc::new(GrantedCall {
            call: Arc::new(call_meaning(info, field).implicit()),
            ty: ty.clone(),
            mask: self.computed_mask(info, field),
        })
    }

    /// Computed rows as the role may read them.
    pub(super) fn rows_meaning(
        &self,
        info: &TableInfo,
        field: &ComputedFieldInfo,
    ) -> Option<Arc<RowsMeaning>> {
        let ComputedReturn::Rows(table) = &field.returns else {
            return None;
        };
        let grant = self.grants.get(table)?.clone();
        Some(Arc::new(RowsMeaning {
            grant,
            call: call_meaning(info, field),
        }))
    }

    /// A computed field of a row.
    pub(super) fn computed_field(
        &mut self,
        info: &TableInfo,
        field: &ComputedFieldInfo,
    ) -> Option<FieldDefinition> {
        let custom = Identifier::Generated(format!("{}_{}", field.field, info.identifier.text()));
        let type_name = self.naming().type_name(&custom, "args");
        let function = field.function.display_name();
        let description = format!("input parameters for computed field \"{function}\"");
        let mut arguments = self.call_arguments(type_name, &field.arguments, &description);
        let description = field.description.as_deref().map(Into::into);
        match &field.returns {
            ComputedReturn::Scalar(ty) => {
                let element = ty.element();
                let scalar = scalar::scalar_name(element.unwrap_or(ty))?;
                let name = TypeRef::Named(scalar);
                let type_ref = if element.is_some() {
                    name.non_null().list()
                } else {
                    name
                };
                if let Some(path) = super::table::json_path_argument(ty) {
                    arguments.insert(GraphqlName::new("path"), path);
                }
                let output = scalar::output(ty, self.settings.numerics);
                let meaning = FieldMeaning::Computed(Arc::new(ComputedMeaning {
                    call: call_meaning(info, field),
                    ty: ty.clone(),
                    mask: self.computed_mask(info, field),
                    output,
                }));
                Some(FieldDefinition {
                    description,
                    arguments,
                    ty: type_ref,
                    meaning,
                })
            }
            ComputedReturn::Rows(table) => {
                let rows = self.rows_meaning(info, field)?;
                let target = self.source.tables.get(table)?;
                arguments.extend(self.list_arguments(target, &rows.grant));
                let ty = self.type_ref(target, "").non_null().list();
                let meaning = FieldMeaning::ComputedRows(rows);
                Some(FieldDefinition {
                    description,
                    arguments,
                    ty,
                    meaning,
                })
            }
        }
    }
}

fn call_meaning(info: &TableInfo, field: &ComputedFieldInfo) -> CallMeaning {
    CallMeaning {
        function: field.function.clone(),
        arguments: field.arguments.clone(),
        row: Some(info.table.name.clone()),
    }
}
