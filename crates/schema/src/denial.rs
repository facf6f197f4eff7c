//! Why a role does not find something that is there for the admin: which permission it is that is missing.
//!
//! For people who write permissions, who see it where internal detail is shown to everybody; it tells what there is,
//! so that it must be shown nowhere else. Nothing is decided here: what a role sees is `role/`'s affair. It works
//! backwards from the admin's schema, whose fields carry what they stand for.

use graphloom_ir::SelectGrant;
use graphloom_vocab::{Absent, BackendOnly, ColumnName, GraphqlName, QualifiedTable, RoleName};

use crate::cache::SchemaCache;
use crate::role::{SchemaVariant, WholeSchema};
use crate::table::TableInfo;
use crate::types::{
    FieldDefinition, FieldMeaning, InputMeaning, InputValueDefinition, MutationForm,
    RelationshipMeaning, RootKind, TypeDefinition,
};
use crate::write::WritePermissionInfo;

impl SchemaCache {
    /// What a role lacks to find a name; `None`: the name is not there for the admin either.
    pub fn denial(
        &self,
        role: &RoleName,
        variant: SchemaVariant,
        absent: &Absent,
    ) -> Option<String> {
        let open = SchemaVariant {
            backend: BackendOnly::Hidden,
            ..variant
        };
        let admin = self.variant(&RoleName::admin(), open);
        let admin = admin.whole();
        let search = Search {
            cache: self,
            admin: &admin,
            role,
            backend: variant.backend,
        };
        let why = match absent {
            Absent::Field { ty, name } => {
                let field = fields(admin.types.get(ty.as_str())?)?.get(name.as_str())?;
                search.field(ty, field)
            }
            Absent::Argument { ty, field, name } => {
                let field = fields(admin.types.get(ty.as_str())?)?.get(field.as_str())?;
                let argument = field.arguments.get(name.as_str())?;
                search.argument(field, argument)
            }
            Absent::InputField { ty, name } => {
                let TypeDefinition::InputObject(object) = admin.types.get(ty.as_str())? else {
                    return None;
                };
                search.input(ty, object.fields.get(name.as_str())?)
            }
            Absent::Mutations => {
                admin.mutation_type.as_ref()?;
                Some(format!(
                    "the role \"{role}\" has no insert, update or delete permission that applies to this request, and \
                     may call no function that writes"
                ))
            }
            Absent::Subscriptions => {
                admin.subscription_type.as_ref()?;
                Some(format!(
                    "the role \"{role}\" has no select permission on any table"
                ))
            }
        };
        let why =
            why.unwrap_or_else(|| format!("the permissions of the role \"{role}\" do not show it"));
        Some(format!("it exists for the role \"admin\": {why}"))
    }
}

fn fields(ty: &TypeDefinition) -> Option<&indexmap::IndexMap<GraphqlName, FieldDefinition>> {
    match ty {
        TypeDefinition::Object(object) => Some(&object.fields),
        TypeDefinition::Interface(interface) => Some(&interface.fields),
        _ => None,
    }
}

struct Search<'a> {
    cache: &'a SchemaCache,
    admin: &'a WholeSchema,
    role: &'a RoleName,
    backend: BackendOnly,
}

impl<'a> Search<'a> {
    fn field(&self, ty: &GraphqlName, field: &FieldDefinition) -> Option<String> {
        match &field.meaning {
            FieldMeaning::Column(column, _) => self.column(ty, column.name()),
            FieldMeaning::AggregateColumn(column, _) => self.column(ty, column.name()),
            FieldMeaning::Object(to)
            | FieldMeaning::Array(to)
            | FieldMeaning::ArrayConnection(to) => self.unread(&to.grant),
            FieldMeaning::ArrayAggregate(to) => self.aggregated(to),
            FieldMeaning::ComputedRows(rows) => self.unread(&rows.grant),
            FieldMeaning::Computed(computed) => {
                let (function, role) = (computed.call.function.display_name(), self.role);
                Some(format!(
                    "the computed field of the function \"{function}\" is not among the computed_fields of the select \
                     permission of the role \"{role}\""
                ))
            }
            FieldMeaning::Root { kind, grant, .. } => self.root(ty, *kind, grant),
            FieldMeaning::FunctionRoot {
                kind, grant, call, ..
            } => self.unread(grant).or_else(|| {
                let (function, role) = (call.function.display_name(), self.role);
                match kind {
                    RootKind::Aggregate => self.unaggregated(grant),
                    _ => None,
                }
                .or_else(|| {
                    Some(format!(
                        "the role \"{role}\" has no permission for the function \"{function}\""
                    ))
                })
            }),
            FieldMeaning::NativeRoot { grant, .. } => {
                let (model, role) = (grant.table().display_name(), self.role);
                Some(format!(
                    "the role \"{role}\" has no select permission on the logical model of the native query (\"{model}\")"
                ))
            }
            FieldMeaning::Mutation { form, .. } => self.mutation(form),
            FieldMeaning::Returning => {
                let table = self.owner(ty)?;
                self.no_permission("select", &table.table.name)
            }
            _ => None,
        }
    }

    fn argument(&self, field: &FieldDefinition, argument: &InputValueDefinition) -> Option<String> {
        match (&argument.meaning, &field.meaning) {
            (InputMeaning::OnConflict, FieldMeaning::Mutation { form, .. }) => {
                let name = written(form);
                self.unwritten("update", &name)
            }
            _ => None,
        }
    }

    fn input(&self, ty: &GraphqlName, field: &InputValueDefinition) -> Option<String> {
        match &field.meaning {
            InputMeaning::ConditionColumn(column)
            | InputMeaning::OrderColumn(column)
            | InputMeaning::CursorColumn(column)
            | InputMeaning::KeyColumn(column)
            | InputMeaning::GroupAggregateColumn(column, _) => self.column(ty, column.name()),
            InputMeaning::ConditionRelationship(to) | InputMeaning::OrderRelationship(to) => {
                self.unread(&to.grant)
            }
            InputMeaning::ConditionAggregate(to) | InputMeaning::OrderAggregate(to) => {
                self.aggregated(to)
            }
            InputMeaning::ConditionComputedRows(rows) => self.unread(&rows.grant),
            InputMeaning::InsertColumn(column) => self.writable(ty, "insert", column.name()),
            InputMeaning::UpdateColumn(column) => self.writable(ty, "update", column.name()),
            InputMeaning::InsertRelationship(to) => {
                self.unwritten("insert", to.insert.grant.target().table())
            }
            InputMeaning::OnConflict => {
                let table = self.owner(ty)?;
                self.unwritten("update", &table.table.name)
            }
            _ => None,
        }
    }

    /// A column of the table that a type is of.
    fn column(&self, ty: &GraphqlName, column: &ColumnName) -> Option<String> {
        let name = &self.owner(ty)?.table.name;
        let (table, role) = (name.display_name(), self.role);
        let missing = self.no_permission("select", name);
        missing.or_else(|| {
            Some(format!(
                "the column \"{column}\" is not among the columns of the select permission of the role \"{role}\" on \
                 the table \"{table}\""
            ))
        })
    }

    fn writable(&self, ty: &GraphqlName, action: &str, column: &ColumnName) -> Option<String> {
        let info = self.owner(ty)?;
        let (table, role) = (info.table.name.display_name(), self.role);
        let write = &info.write_permissions;
        let presets = match action {
            "insert" => write
                .insert
                .get(role)
                .map(|info| info.grant.target().presets()),
            _ => write
                .update
                .get(role)
                .map(|info| info.grant.target().presets()),
        };
        let is_preset = presets
            .unwrap_or_default()
            .iter()
            .any(|preset| preset.column == *column);
        if is_preset {
            return Some(format!(
                "the column \"{column}\" is given its value by the {action} permission of the role \"{role}\" on the \
                 table \"{table}\""
            ));
        }
        self.unwritten(action, &info.table.name).or_else(|| {
            Some(format!(
                "the column \"{column}\" is not among the columns of the {action} permission of the role \"{role}\" \
                 on the table \"{table}\""
            ))
        })
    }

    fn root(&self, ty: &GraphqlName, kind: RootKind, grant: &SelectGrant) -> Option<String> {
        if let Some(missing) = self.unread(grant) {
            return Some(missing);
        }
        let info = self.table(grant.table())?;
        let (table, role) = (info.table.name.display_name(), self.role);
        let permission = info.select_permissions.get(role)?;
        let is_query = *ty == self.admin.query_type;
        let (key, shown) = match is_query {
            true => ("query_root_fields", &permission.query_root_fields),
            false => (
                "subscription_root_fields",
                &permission.subscription_root_fields,
            ),
        };
        let field = match kind {
            RootKind::List => "select",
            RootKind::ByPk => "select_by_pk",
            RootKind::Aggregate => "select_aggregate",
            RootKind::Stream => "select_stream",
            RootKind::Connection => return None,
        };
        let unkeyed = (kind == RootKind::ByPk)
            .then(|| self.unkeyed(info))
            .flatten();
        let unaggregated = (kind == RootKind::Aggregate).then(|| self.unaggregated(grant));
        unkeyed.or(unaggregated.flatten()).or_else(|| {
            let names = shown.as_ref()?;
            (!names.iter().any(|name| name == field)).then(|| {
                format!(
                    "\"{field}\" is not among the {key} of the select permission of the role \"{role}\" on the table \
                     \"{table}\""
                )
            })
        })
    }

    /// A column of the primary key that the role may not read.
    fn unkeyed(&self, info: &TableInfo) -> Option<String> {
        let permission = info.select_permissions.get(self.role)?;
        let key = info.table.primary_key.as_ref()?;
        let mut columns = key.columns.iter();
        let column = columns.find(|name| permission.grant.column(name).is_none())?;
        let (table, role) = (info.table.name.display_name(), self.role);
        Some(format!(
            "the column \"{column}\" of the primary key is not among the columns of the select permission of the role \
             \"{role}\" on the table \"{table}\""
        ))
    }

    fn mutation(&self, form: &MutationForm) -> Option<String> {
        let name = written(form);
        let action = match form {
            MutationForm::Insert(_) | MutationForm::InsertOne(_) => "insert",
            MutationForm::Update(_) | MutationForm::UpdateByPk(_) | MutationForm::UpdateMany(_) => {
                "update"
            }
            MutationForm::Delete(_) | MutationForm::DeleteByPk(_) => "delete",
        };
        let missing = self.unwritten(action, &name);
        missing.or_else(|| match form {
            MutationForm::InsertOne(_) => self.no_permission("select", &name),
            MutationForm::UpdateByPk(_) | MutationForm::DeleteByPk(_) => self
                .no_permission("select", &name)
                .or_else(|| self.unkeyed(self.table(&name)?)),
            _ => None,
        })
    }

    fn aggregated(&self, to: &RelationshipMeaning) -> Option<String> {
        self.unread(&to.grant)
            .or_else(|| self.unaggregated(&to.grant))
    }

    fn unaggregated(&self, grant: &SelectGrant) -> Option<String> {
        let info = self.table(grant.table())?;
        let permission = info.select_permissions.get(self.role)?;
        let (table, role) = (info.table.name.display_name(), self.role);
        let is_allowed = permission.grant.aggregations() == graphloom_ir::Aggregations::Allowed;
        (!is_allowed).then(|| {
            format!(
                "the select permission of the role \"{role}\" on the table \"{table}\" does not have allow_aggregations"
            )
        })
    }

    fn unread(&self, grant: &SelectGrant) -> Option<String> {
        self.no_permission("select", grant.table())
    }

    /// No permission to write, or none that applies.
    fn unwritten(&self, action: &str, name: &QualifiedTable) -> Option<String> {
        if let Some(missing) = self.no_permission(action, name) {
            return Some(missing);
        }
        fn is_hidden<G>(info: Option<&WritePermissionInfo<G>>) -> bool {
            info.is_some_and(|info| info.backend_only)
        }
        let write = &self.table(name)?.write_permissions;
        let is_hidden = match action {
            "insert" => is_hidden(write.insert.get(self.role)),
            "update" => is_hidden(write.update.get(self.role)),
            _ => is_hidden(write.delete.get(self.role)),
        };
        let (table, role) = (name.display_name(), self.role);
        (is_hidden && self.backend == BackendOnly::Hidden).then(|| {
            format!(
                "the {action} permission of the role \"{role}\" on the table \"{table}\" is backend_only, and this is \
                 no request of a backend's (admin secret and x-hasura-use-backend-only-permissions: true)"
            )
        })
    }

    fn no_permission(&self, action: &str, name: &QualifiedTable) -> Option<String> {
        let info = self.table(name)?;
        let write = &info.write_permissions;
        let is_there = match action {
            "select" => info.select_permissions.contains_key(self.role),
            "insert" => write.insert.contains_key(self.role),
            "update" => write.update.contains_key(self.role),
            _ => write.delete.contains_key(self.role),
        };
        let (table, role) = (name.display_name(), self.role);
        (!is_there).then(|| {
            format!("the role \"{role}\" has no {action} permission on the table \"{table}\"")
        })
    }

    /// A table of any source. Of several of one name the one that the role knows least of does no harm: what is said
    /// is a hint.
    fn table(&self, name: &QualifiedTable) -> Option<&'a TableInfo> {
        let mut sources = self.cache.sources.values();
        sources.find_map(|source| Some(&**source.tables.get(name)?))
    }

    /// The table whose rows, conditions, sort keys or values a type is of.
    fn owner(&self, ty: &GraphqlName) -> Option<&'a TableInfo> {
        let mut waiting = self.roots();
        let mut seen = std::collections::HashSet::new();
        while let Some((name, table)) = waiting.pop() {
            if name == *ty {
                return self.table(&table);
            }
            if !seen.insert(name.clone()) {
                continue;
            }
            if let Some(definition) = self.admin.types.get(name.as_str()) {
                waiting.extend(inner(definition).map(|inner| (inner, table.clone())));
            }
        }
        None
    }

    /// The types that root fields lead to, and the tables these are of.
    fn roots(&self) -> Vec<(GraphqlName, QualifiedTable)> {
        let mut found = Vec::new();
        for ty in self.admin.types.values() {
            for field in fields(ty).into_iter().flat_map(indexmap::IndexMap::values) {
                let table = match &field.meaning {
                    FieldMeaning::Root { grant, .. } => grant.table().clone(),
                    FieldMeaning::Object(to) | FieldMeaning::Array(to) => to.grant.table().clone(),
                    FieldMeaning::Mutation { form, .. } => written(form),
                    _ => continue,
                };
                let arguments = field.arguments.values().map(|argument| argument.ty.name());
                let types = arguments.chain([field.ty.name()]);
                found.extend(types.map(|name| (name.clone(), table.clone())));
            }
        }
        found
    }
}

/// The types inside of one that are of the same table: not those that lead to another.
fn inner(ty: &TypeDefinition) -> Box<dyn Iterator<Item = GraphqlName> + '_> {
    match ty {
        TypeDefinition::Object(object) => {
            let fields = object.fields.values().filter(|field| {
                matches!(
                    field.meaning,
                    FieldMeaning::Aggregate
                        | FieldMeaning::Nodes
                        | FieldMeaning::Returning
                        | FieldMeaning::AggregateFunction(_)
                        | FieldMeaning::GroupBy
                        | FieldMeaning::GroupKey
                        | FieldMeaning::Edges
                        | FieldMeaning::EdgeNode
                )
            });
            Box::new(fields.map(|field| field.ty.name().clone()))
        }
        TypeDefinition::InputObject(object) => {
            let fields = object.fields.values().filter(|field| {
                matches!(
                    field.meaning,
                    InputMeaning::OrderFunction(_)
                        | InputMeaning::InitialValue
                        | InputMeaning::Where
                        | InputMeaning::KeyColumns
                        | InputMeaning::UpdateOperator(_)
                        | InputMeaning::ConflictColumns
                        | InputMeaning::InsertData
                )
            });
            Box::new(fields.map(|field| field.ty.name().clone()))
        }
        _ => Box::new(std::iter::empty()),
    }
}

/// The table a mutation writes.
fn written(form: &MutationForm) -> QualifiedTable {
    match form {
        MutationForm::Insert(insert) | MutationForm::InsertOne(insert) => {
            insert.grant.target().table().clone()
        }
        MutationForm::Update(grant)
        | MutationForm::UpdateByPk(grant)
        | MutationForm::UpdateMany(grant) => grant.target().table().clone(),
        MutationForm::Delete(grant) | MutationForm::DeleteByPk(grant) => {
            grant.target().table().clone()
        }
    }
}
