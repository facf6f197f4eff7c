//! What mutations take beyond v2's, where the experimental feature `extended_mutations` is on: `expect`, `limit` and
//! `order_by`, and `nested` writes to rows related to those that are updated.
//!
//! Off, nothing of it is in any schema. Every write is under the role's own grants of the table it goes to.

use std::sync::Arc;

use graphloom_catalog::PgType;
use graphloom_graphql::TypeRef;
use graphloom_ir::InsertOrder;
use graphloom_metadata::types::InsertionOrder;
use graphloom_vocab::{ColumnName, GraphqlName};

use super::mutation::Inputs;
use super::{SourceTypes, input};
use crate::relationship::{RelationshipInfo, RelationshipKind};
use crate::source::Feature;
use crate::table::TableInfo;
use crate::types::{
    InputMeaning, InputObjectType, InputValueDefinition, NestedMeaning, RelationshipMeaning,
    TypeDefinition,
};

const EXPECTATION: &str = "mutation_expectation";

impl SourceTypes<'_> {
    fn extends_mutations(&self) -> bool {
        self.settings.features.has(Feature::ExtendedMutations)
    }

    /// `expect: {affected_rows: {_eq: 1}}`
    pub(super) fn add_expect(&mut self, arguments: &mut Inputs) {
        let name = GraphqlName::new("expect");
        // The arguments of `delete_T_by_pk` are columns.
        if !self.extends_mutations() || arguments.contains_key(&name) {
            return;
        }
        let Some(count) = self.comparison_type(&PgType::builtin("int4")) else {
            return;
        };
        let count = input(None, count.non_null(), InputMeaning::ExpectedCount);
        self.types.add(TypeDefinition::InputObject(InputObjectType {
            name: GraphqlName::new(EXPECTATION),
            description: Some("what must hold of a mutation for it to stay".into()),
            fields: Inputs::from([(self.naming().field("affected_rows"), count)]),
        }));
        let description = "rolls everything back unless it holds of what was written";
        let ty = TypeRef::named(EXPECTATION);
        let expect = input(Some(description), ty, InputMeaning::Expect);
        arguments.insert(name, expect);
    }

    /// `limit` and `order_by`, where rows have a key to be picked by.
    pub(super) fn add_pick(&mut self, info: &TableInfo, arguments: &mut Inputs) {
        let Some(key) = info.table.primary_key.as_ref() else {
            return;
        };
        if !self.extends_mutations() {
            return;
        }
        let key: Arc<[ColumnName]> = key.columns.clone().into();
        let limit = input(
            Some("the most rows to write to"),
            TypeRef::named("Int"),
            InputMeaning::PickLimit(key.clone()),
        );
        arguments.insert(GraphqlName::new("limit"), limit);
        if self.grants.contains_key(&info.table.name) {
            let ty = self.type_ref(info, "order_by").non_null().list();
            let description = "which rows come first where there is a limit";
            let order = input(Some(description), ty, InputMeaning::PickOrder(key));
            arguments.insert(self.naming().field("order_by"), order);
        }
    }

    /// `nested`, and the types of what stands there.
    pub(super) fn nested_argument(
        &mut self,
        info: &TableInfo,
    ) -> Option<(GraphqlName, InputValueDefinition)> {
        if !self.extends_mutations() {
            return None;
        }
        let mut fields = Inputs::new();
        for relationship in info.relationships.values() {
            fields.extend(self.nested_relationship(info, relationship));
        }
        if fields.is_empty() {
            return None;
        }
        let table = info.table.name.display_name();
        let description = format!("writes to rows related to updated rows of \"{table}\"");
        self.input_type((info, "nested_input"), &description, fields);
        Some((GraphqlName::new("nested"), self.nested_field(info)))
    }

    fn nested_field(&self, info: &TableInfo) -> InputValueDefinition {
        let description = "writes to related rows, in the same transaction";
        let ty = self.type_ref(info, "nested_input");
        input(Some(description), ty, InputMeaning::Nested)
    }

    /// `T_nested_update_input`: one update of related rows.
    pub(super) fn nested_update_type(&mut self, info: &TableInfo, operators: &Inputs) {
        if !self.extends_mutations() {
            return;
        }
        let mut fields = operators.clone();
        let mut relationships = info.relationships.values();
        if relationships.any(|relationship| self.nested_meaning(info, relationship).is_some()) {
            fields.insert(GraphqlName::new("nested"), self.nested_field(info));
        }
        fields.insert(GraphqlName::new("where"), self.required_where(info));
        let table = info.table.name.display_name();
        let description = format!("an update of related rows of \"{table}\"");
        self.input_type((info, "nested_update_input"), &description, fields);
    }

    fn required_where(&self, info: &TableInfo) -> InputValueDefinition {
        let ty = self.type_ref(info, "bool_exp").non_null();
        input(None, ty, InputMeaning::Where)
    }

    /// `{where: T_bool_exp!}`
    fn nested_filter(&mut self, info: &TableInfo) -> TypeRef {
        let fields = Inputs::from([(GraphqlName::new("where"), self.required_where(info))]);
        let table = info.table.name.display_name();
        let description = format!("related rows of \"{table}\"");
        self.input_type((info, "nested_filter_input"), &description, fields);
        self.type_ref(info, "nested_filter_input")
    }

    fn nested_relationship(
        &mut self,
        info: &TableInfo,
        relationship: &RelationshipInfo,
    ) -> Option<(GraphqlName, InputValueDefinition)> {
        let name = relationship.field.clone()?;
        let meaning = Arc::new(self.nested_meaning(info, relationship)?);
        let source = self.source;
        let target = source.tables.get(&relationship.target)?;
        let mut fields = Inputs::new();
        let mut add = |name: &str, ty: TypeRef, meaning: InputMeaning| {
            fields.insert(GraphqlName::new(name), input(None, ty, meaning));
        };
        if meaning.insert.is_some() {
            let suffix = match meaning.order {
                InsertOrder::AfterMany => "arr_rel_insert_input",
                _ => "obj_rel_insert_input",
            };
            let ty = self.type_ref(target, suffix);
            add("insert", ty, InputMeaning::NestedInsert);
        }
        if meaning.update.is_some() {
            let ty = self.type_ref(target, "nested_update_input");
            add("update", ty.non_null().list(), InputMeaning::NestedUpdate);
        }
        if meaning.delete.is_some() {
            add(
                "delete",
                self.nested_filter(target),
                InputMeaning::NestedDelete,
            );
        }
        if let Some(through) = &meaning.through {
            let third = source.tables.get(through.grant.table())?;
            let filter = self.nested_filter(third);
            if meaning.may_link() {
                add("link", filter.clone(), InputMeaning::NestedLink);
            }
            if meaning.delete.is_some() {
                add("unlink", filter, InputMeaning::NestedUnlink);
            }
        }
        let suffix = format!("{name}_related_input");
        let description = format!("writes to the rows that \"{}\" leads to", relationship.name);
        // `a_b` with the relationship `c` and `a` with `b_c` would share this name.
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: self.type_name(info, &suffix),
                description: Some(description.into()),
                fields,
            }));
        let ty = self.type_ref(info, &suffix);
        Some((
            name,
            input(None, ty, InputMeaning::NestedRelationship(meaning)),
        ))
    }

    /// What the role may write there; `None`: nothing. A table whose input a webhook validates is left out: it
    /// would not be asked.
    fn nested_meaning(
        &self,
        info: &TableInfo,
        relationship: &RelationshipInfo,
    ) -> Option<NestedMeaning> {
        let target = self.source.tables.get(&relationship.target)?;
        let mapping = relationship.mapping.iter().map(|(ours, theirs)| {
            let ours = info.table.column(ours)?.clone();
            Some((ours, target.table.column(theirs)?.clone()))
        });
        let order = match (relationship.kind, relationship.insertion_order) {
            (RelationshipKind::Array, _) => InsertOrder::AfterMany,
            (RelationshipKind::Object, InsertionOrder::BeforeParent) => InsertOrder::Before,
            (RelationshipKind::Object, InsertionOrder::AfterParent) => InsertOrder::AfterOne,
        };
        let backend = self.variant.backend;
        let insert = self.insert_meaning(target).filter(|insert| {
            order != InsertOrder::Before && insert.grant.target().webhook().is_none()
        });
        let update = target.update_grant(self.role, backend);
        let update = update
            .filter(|grant| grant.target().webhook().is_none() && !grant.columns().is_empty());
        let delete = target.delete_grant(self.role, backend);
        let delete = delete.filter(|grant| grant.target().webhook().is_none());
        let meaning = NestedMeaning {
            order,
            mapping: mapping.collect::<Option<_>>()?,
            insert,
            update,
            delete,
            through: self.through(relationship, target),
        };
        let is_of_use =
            meaning.insert.is_some() || meaning.update.is_some() || meaning.delete.is_some();
        is_of_use.then_some(meaning)
    }

    /// From a table in between to the rows that it links ours to: its only other way to one row.
    fn through(
        &self,
        relationship: &RelationshipInfo,
        between: &TableInfo,
    ) -> Option<Arc<RelationshipMeaning>> {
        if relationship.kind != RelationshipKind::Array {
            return None;
        }
        let is_taken = |name: &ColumnName| {
            relationship
                .mapping
                .iter()
                .any(|(_, theirs)| theirs == name)
        };
        let mut others = between.relationships.values().filter(|other| {
            other.kind == RelationshipKind::Object
                && other.insertion_order == InsertionOrder::BeforeParent
                && !other.mapping.iter().any(|(ours, _)| is_taken(ours))
        });
        let only = others.next()?;
        match others.next() {
            None => self.meaning(only),
            Some(_) => None,
        }
    }
}
