//! `mutation_root`: inserts and deletes, their input types and what they tell. Updates are in `update.rs`.

use std::sync::Arc;

use graphloom_graphql::TypeRef;
use graphloom_ir::{DeleteGrant, InsertGrant, InsertOrder};
use graphloom_metadata::types::InsertionOrder;
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::{SourceTypes, input, plain_field};
use crate::function::ExposedAs;
use crate::relationship::{RelationshipInfo, RelationshipKind};
use crate::table::{TableInfo, described};
use crate::types::{
    EnumMeaning, EnumType, EnumValue, FieldDefinition, FieldMeaning, InputMeaning, InputObjectType,
    InputValueDefinition, InsertMeaning, InsertRelationship, MutationForm, ObjectType,
    TypeDefinition,
};

pub(super) type Fields = IndexMap<GraphqlName, FieldDefinition>;
pub(super) type Inputs = IndexMap<GraphqlName, InputValueDefinition>;

const NO_COLUMNS: &str = "The current role has no permission to give any column of this table.";

/// A mutation's place in the naming scheme.
pub(super) struct Named<'a> {
    /// Its key in `custom_root_fields`.
    pub(super) key: &'a str,
    /// Its generated name is `<verb>_T_<suffix>`.
    pub(super) verb: &'a str,
    /// See `verb`.
    pub(super) suffix: &'a str,
    /// Its description.
    pub(super) description: String,
}

impl SourceTypes<'_> {
    /// The root fields by which the role may write.
    pub(super) fn mutations(&mut self) -> Fields {
        let mut roots = Fields::new();
        for (_, info) in super::served(self.source) {
            self.table_mutations(info, &mut roots);
        }
        self.function_roots(ExposedAs::Mutation, &mut roots);
        roots
    }

    /// A table's input types and the root fields that write it.
    pub(super) fn table_mutations(&mut self, info: &TableInfo, roots: &mut Fields) {
        let insert = self.insert_meaning(info);
        let update = info.update_grant(self.role, self.variant.backend);
        let delete = info.delete_grant(self.role, self.variant.backend);
        if insert.is_none() && update.is_none() && delete.is_none() {
            return;
        }
        self.response_type(info);
        if !self.grants.contains_key(&info.table.name) {
            self.bare_bool_exp(info);
        }
        if let Some(insert) = insert {
            self.insert_types(info, &insert);
            self.insert_roots(info, &insert, roots);
        }
        if let Some(update) = update {
            self.update_roots(info, &update, roots);
        }
        if let Some(delete) = delete {
            self.delete_roots(info, &delete, roots);
        }
    }

    /// Adds a root field under its configured or generated name.
    pub(super) fn add_mutation(
        &self,
        info: &TableInfo,
        named: Named<'_>,
        (ty, arguments, form): (TypeRef, Inputs, MutationForm),
        roots: &mut Fields,
    ) {
        let custom = info.configuration.custom_root_fields.get(named.key);
        let description = match custom {
            Some(custom) => described(&custom.comment, Some(&named.description)),
            None => Some(named.description),
        };
        let name = info.mutation_field(self.naming(), named.key, (named.verb, named.suffix));
        let field = FieldDefinition {
            description: description.map(Into::into),
            arguments,
            ty,
            meaning: FieldMeaning::Mutation {
                source: self.source.name.clone(),
                form,
            },
        };
        roots.insert(name, field);
    }

    pub(super) fn insert_meaning(&self, info: &TableInfo) -> Option<InsertMeaning> {
        Some(InsertMeaning {
            grant: info.insert_grant(self.role, self.variant.backend)?,
            update: info.update_grant(self.role, self.variant.backend),
        })
    }

    fn insert_roots(&mut self, info: &TableInfo, insert: &InsertMeaning, roots: &mut Fields) {
        let table = info.table.name.display_name();
        let meaning = Arc::new(insert.clone());
        let row = self.type_ref(info, "insert_input").non_null();
        let conflict = self.conflict_argument(info, insert);
        let mut arguments = Inputs::new();
        let objects = input(
            Some("the rows to be inserted"),
            row.clone().list().non_null(),
            InputMeaning::Objects,
        );
        arguments.insert(GraphqlName::new("objects"), objects);
        arguments.extend(conflict.clone());
        self.add_expect(&mut arguments);
        let named = Named {
            key: "insert",
            verb: "insert",
            suffix: "",
            description: format!("insert data into the table: \"{table}\""),
        };
        let ty = self.type_ref(info, "mutation_response");
        let form = MutationForm::Insert(meaning.clone());
        self.add_mutation(info, named, (ty, arguments, form), roots);
        if !self.grants.contains_key(&info.table.name) {
            return;
        }
        let object = input(Some("the row to be inserted"), row, InputMeaning::Object);
        let mut arguments = Inputs::from([(GraphqlName::new("object"), object)]);
        arguments.extend(conflict);
        self.add_expect(&mut arguments);
        let named = Named {
            key: "insert_one",
            verb: "insert",
            suffix: "one",
            description: format!("insert a single row into the table: \"{table}\""),
        };
        let ty = self.type_ref(info, "");
        let form = MutationForm::InsertOne(meaning);
        self.add_mutation(info, named, (ty, arguments, form), roots);
    }

    fn delete_roots(&mut self, info: &TableInfo, delete: &Arc<DeleteGrant>, roots: &mut Fields) {
        let table = info.table.name.display_name();
        let filter = input(
            Some("filter the rows which have to be deleted"),
            self.type_ref(info, "bool_exp").non_null(),
            InputMeaning::Where,
        );
        let mut arguments = Inputs::from([(GraphqlName::new("where"), filter)]);
        self.add_pick(info, &mut arguments);
        self.add_expect(&mut arguments);
        let named = Named {
            key: "delete",
            verb: "delete",
            suffix: "",
            description: format!("delete data from the table: \"{table}\""),
        };
        let ty = self.type_ref(info, "mutation_response");
        let form = MutationForm::Delete(delete.clone());
        self.add_mutation(info, named, (ty, arguments, form), roots);
        let Some(mut arguments) = self.mutation_key(info) else {
            return;
        };
        self.add_expect(&mut arguments);
        let named = Named {
            key: "delete_by_pk",
            verb: "delete",
            suffix: "by_pk",
            description: format!("delete single row from the table: \"{table}\""),
        };
        let ty = self.type_ref(info, "");
        let form = MutationForm::DeleteByPk(delete.clone());
        self.add_mutation(info, named, (ty, arguments, form), roots);
    }

    /// The key columns as arguments, if the role may see all of them.
    pub(super) fn mutation_key(&self, info: &TableInfo) -> Option<Inputs> {
        let grant = self.grants.get(&info.table.name)?;
        self.key_arguments(info, grant)
    }

    /// `T_mutation_response`.
    fn response_type(&mut self, info: &TableInfo) {
        let table = info.table.name.display_name();
        let int = TypeRef::named("Int").non_null();
        let affected = "number of rows affected by the mutation";
        let affected = plain_field(Some(affected), int, FieldMeaning::AffectedRows);
        let mut fields = Fields::from([(self.naming().field("affected_rows"), affected)]);
        if self.grants.contains_key(&info.table.name) {
            let rows = self.type_ref(info, "").non_null().list().non_null();
            let returning = "data from the rows affected by the mutation";
            let returning = plain_field(Some(returning), rows, FieldMeaning::Returning);
            fields.insert(GraphqlName::new("returning"), returning);
        }
        self.types.add(TypeDefinition::Object(ObjectType {
            name: self.type_name(info, "mutation_response"),
            description: Some(format!("response of any mutation on the table \"{table}\"").into()),
            fields,
        }));
    }

    /// `T_bool_exp` of a role that sees nothing of the table: no column can be asked about.
    fn bare_bool_exp(&mut self, info: &TableInfo) {
        let table = info.table.name.display_name();
        let own = self.type_ref(info, "bool_exp");
        let list = own.clone().non_null().list();
        let fields = Inputs::from([
            (
                GraphqlName::new("_and"),
                input(None, list.clone(), InputMeaning::And),
            ),
            (
                GraphqlName::new("_not"),
                input(None, own, InputMeaning::Not),
            ),
            (GraphqlName::new("_or"), input(None, list, InputMeaning::Or)),
        ]);
        let description = format!(
            "Boolean expression to filter rows from the table \"{table}\". All fields are combined \
             with a logical 'AND'."
        );
        self.input_type((info, "bool_exp"), &description, fields);
    }

    pub(super) fn input_type(
        &mut self,
        (info, suffix): (&TableInfo, &str),
        description: &str,
        fields: Inputs,
    ) {
        self.types.add(TypeDefinition::InputObject(InputObjectType {
            name: self.type_name(info, suffix),
            description: Some(description.into()),
            fields,
        }));
    }

    /// `T_insert_input`, its two forms below relationships, and what upserts need.
    fn insert_types(&mut self, info: &TableInfo, insert: &InsertMeaning) {
        let table = info.table.name.display_name();
        let fields = self.insert_fields(info, &insert.grant);
        let description = format!("input type for inserting data into table \"{table}\"");
        self.input_type((info, "insert_input"), &description, fields);
        let conflict = self.conflict_argument(info, insert);
        let row = self.type_ref(info, "insert_input").non_null();
        let forms = [
            ("obj_rel_insert_input", "object", row.clone()),
            ("arr_rel_insert_input", "array", row.list().non_null()),
        ];
        for (suffix, kind, data) in forms {
            let data = input(None, data, InputMeaning::InsertData);
            let mut fields = Inputs::from([(GraphqlName::new("data"), data)]);
            fields.extend(conflict.clone());
            let description =
                format!("input type for inserting {kind} relation for remote table \"{table}\"");
            self.input_type((info, suffix), &description, fields);
        }
        if conflict.is_some() {
            self.conflict_types(info, insert);
        }
    }

    fn insert_fields(&self, info: &TableInfo, grant: &InsertGrant) -> Inputs {
        let mut fields = Inputs::new();
        for column in &info.columns {
            let Some(writable) = grant.column(&column.column) else {
                continue;
            };
            let Some(ty) = self.value_type(info, writable.name(), writable.ty()) else {
                continue;
            };
            let meaning = InputMeaning::InsertColumn(writable.clone());
            let description = column.description.as_deref();
            fields.insert(column.field.clone(), input(description, ty, meaning));
        }
        for relationship in info.relationships.values() {
            if let Some((name, field)) = self.insert_relationship(info, relationship) {
                fields.insert(name, field);
            }
        }
        if fields.is_empty() {
            // Rows of presets and defaults alone: an input type needs a field nevertheless.
            let text = TypeRef::named("String");
            let placeholder = input(Some(NO_COLUMNS), text, InputMeaning::Placeholder);
            fields.insert(GraphqlName::new("no_columns_available"), placeholder);
        }
        fields
    }

    fn insert_relationship(
        &self,
        info: &TableInfo,
        relationship: &RelationshipInfo,
    ) -> Option<(GraphqlName, InputValueDefinition)> {
        let name = relationship.field.clone()?;
        let target = self.source.tables.get(&relationship.target)?;
        if !target.is_served() {
            return None;
        }
        let insert = self.insert_meaning(target)?;
        let (suffix, order) = match (relationship.kind, relationship.insertion_order) {
            (RelationshipKind::Array, _) => ("arr_rel_insert_input", InsertOrder::AfterMany),
            (RelationshipKind::Object, InsertionOrder::BeforeParent) => {
                ("obj_rel_insert_input", InsertOrder::Before)
            }
            (RelationshipKind::Object, InsertionOrder::AfterParent) => {
                ("obj_rel_insert_input", InsertOrder::AfterOne)
            }
        };
        let mapping = relationship.mapping.iter().map(|(ours, theirs)| {
            let ours = info.table.column(ours)?.clone();
            Some((ours, target.table.column(theirs)?.clone()))
        });
        let meaning = InsertRelationship {
            name: relationship.name.as_str().into(),
            order,
            mapping: mapping.collect::<Option<_>>()?,
            insert,
        };
        let meaning = InputMeaning::InsertRelationship(Arc::new(meaning));
        Some((name, input(None, self.type_ref(target, suffix), meaning)))
    }

    /// `on_conflict`, where there is a key to conflict with and the role may update.
    fn conflict_argument(
        &self,
        info: &TableInfo,
        insert: &InsertMeaning,
    ) -> Option<(GraphqlName, InputValueDefinition)> {
        insert.update.as_ref()?;
        if constraints(info).is_empty() {
            return None;
        }
        let ty = self.type_ref(info, "on_conflict");
        let argument = input(Some("upsert condition"), ty, InputMeaning::OnConflict);
        Some((self.naming().field("on_conflict"), argument))
    }

    fn conflict_types(&mut self, info: &TableInfo, insert: &InsertMeaning) {
        let table = info.table.name.display_name();
        self.types.add(TypeDefinition::Enum(EnumType {
            name: self.type_name(info, "constraint"),
            description: Some(
                format!("unique or primary key constraints on table \"{table}\"").into(),
            ),
            values: constraints(info),
        }));
        self.update_columns(info, insert);
        let columns = self.type_ref(info, "update_column").non_null();
        let mut columns = input(
            None,
            columns.list().non_null(),
            InputMeaning::ConflictColumns,
        );
        columns.default = Some("[]".into());
        let constraint = self.type_ref(info, "constraint").non_null();
        let fields = Inputs::from([
            (
                GraphqlName::new("constraint"),
                input(None, constraint, InputMeaning::ConflictConstraint),
            ),
            (self.naming().field("update_columns"), columns),
            (
                GraphqlName::new("where"),
                input(None, self.type_ref(info, "bool_exp"), InputMeaning::Where),
            ),
        ]);
        let description = format!("on_conflict condition type for table \"{table}\"");
        self.input_type((info, "on_conflict"), &description, fields);
    }

    /// `T_update_column`; v2 keeps the type where there is nothing to choose.
    fn update_columns(&mut self, info: &TableInfo, insert: &InsertMeaning) {
        let table = info.table.name.display_name();
        let writable = insert.update.iter().flat_map(|grant| grant.columns());
        let mut values: IndexMap<_, _> = writable
            .filter_map(|writable| {
                let mut columns = info.columns.iter();
                let column = columns.find(|column| &column.column == writable.name())?;
                let value = EnumValue {
                    description: Some("column name".into()),
                    meaning: EnumMeaning::Writable(writable.clone()),
                };
                Some((column.field.clone(), value))
            })
            .collect();
        let mut description = format!("update columns of table \"{table}\"");
        if values.is_empty() {
            description = format!(
                "placeholder for update columns of table \"{table}\" (current role has no relevant \
                 permissions)"
            );
            let placeholder = EnumValue {
                description: Some("placeholder (do not use)".into()),
                meaning: EnumMeaning::Placeholder,
            };
            values.insert(GraphqlName::new("_PLACEHOLDER"), placeholder);
        }
        self.types.add(TypeDefinition::Enum(EnumType {
            name: self.type_name(info, "update_column"),
            description: Some(description.into()),
            values,
        }));
    }
}

/// The keys an upsert can name; those without a GraphQL name are left out.
fn constraints(info: &TableInfo) -> IndexMap<GraphqlName, EnumValue> {
    let keys = info.table.primary_key.iter().chain(&info.table.unique_keys);
    keys.filter_map(|key| {
        let name = GraphqlName::parse(key.constraint.as_str())?;
        let columns: Vec<_> = key
            .columns
            .iter()
            .map(|column| format!("\"{column}\""))
            .collect();
        let columns = columns.join(", ");
        let value = EnumValue {
            description: Some(
                format!("unique or primary key constraint on columns {columns}").into(),
            ),
            meaning: EnumMeaning::Constraint(key.constraint.clone()),
        };
        Some((name, value))
    })
    .collect()
}
