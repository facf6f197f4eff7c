//! `node(id:)`: one row of any table, named by a global id.
//!
//! The id decides which table is read, so its table is noted; the values of the key stay parameters.

use std::collections::HashSet;

use graphloom_graphql::{Selection, Value as Literal};
use graphloom_ir::opaque::NodeId;
use graphloom_ir::{
    BoolExp, Coercion, Comparison, GrantedColumn, Observed, Operand, Operator, RootValue,
    SelectArguments, SourceQuery, TableSelect,
};
use graphloom_schema::{FieldDefinition, NodeTable};
use graphloom_vocab::{Absent, GraphqlName, Json, Result};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// Binds the root field `node`.
    pub(crate) fn node_by_id(
        &mut self,
        definition: &'a FieldDefinition,
        tables: &'a [NodeTable],
        collected: &Collected<'a>,
    ) -> Result<RootValue> {
        let Some((name, argument)) = definition.arguments.first() else {
            return self.fail("this field cannot be selected here");
        };
        let value = self.within("args", |binder| {
            binder.within(name.as_str(), |binder| {
                let Some(value) = collected.argument(name.as_str()) else {
                    return binder.fail(format!("missing required field '{name}'"));
                };
                binder.peel(InputRef::Literal(value), &argument.ty, false)
            })
        })?;
        self.check_interface(definition.ty.name(), &collected.selection_sets, tables)?;
        let (table, key) = self.within("args", |binder| {
            binder.within(name.as_str(), |binder| binder.node_table(&value, tables))
        })?;
        let filter = self.key_filter(&value, key)?;
        let fields = self.row_fields(&table.type_name, &collected.selection_sets)?;
        let select = TableSelect {
            access: table.grant.access(),
            arguments: SelectArguments {
                filter: Some(filter),
                ..SelectArguments::default()
            },
            fields,
        };
        Ok(RootValue::Source(
            table.source.clone(),
            Box::new(SourceQuery::One(select)),
        ))
    }

    /// Checks a selection on an interface: its own fields, and those of each type it speaks of, whichever
    /// the row turns out to be of.
    fn check_interface(
        &mut self,
        interface: &GraphqlName,
        selection_sets: &[&'a [Selection]],
        tables: &'a [NodeTable],
    ) -> Result<()> {
        let schema = self.schema;
        let ty = schema
            .interface(interface)
            .expect("`node` returns an interface of the schema");
        let mut mentioned = HashSet::new();
        self.nested(|binder| {
            for (_, field) in binder.collect(interface, selection_sets)? {
                let name = &field.field.name;
                if name.as_str() != "__typename" && !ty.fields.contains_key(name) {
                    return binder.within(name.as_str(), |binder| {
                        let absent = Absent::Field {
                            ty: interface.clone(),
                            name: name.clone(),
                        };
                        let message = format!("field '{name}' not found in type: '{interface}'");
                        binder.absent(absent, message)
                    });
                }
            }
            for set in selection_sets {
                binder.mentioned_types(set, &mut mentioned);
            }
            Ok(())
        })?;
        // What is assumed here is about rows that are not read.
        let premise = self.premise.clone();
        for table in tables {
            if mentioned.contains(&table.type_name) {
                self.row_fields(&table.type_name, selection_sets)?;
            }
        }
        self.premise = premise;
        Ok(())
    }

    /// The type conditions at this level, fragments expanded.
    fn mentioned_types(&self, selections: &'a [Selection], found: &mut HashSet<&'a GraphqlName>) {
        for selection in selections {
            let (condition, inner) = match selection {
                Selection::Field(_) => continue,
                Selection::InlineFragment(fragment) => {
                    (fragment.type_condition.as_ref(), &fragment.selection_set)
                }
                Selection::FragmentSpread(spread) => match self.fragments.get(&spread.name) {
                    Some(fragment) => (Some(&fragment.type_condition), &fragment.selection_set),
                    None => continue,
                },
            };
            // A type that has been seen may hold others still, but those are not of its rows.
            if condition.is_none_or(|condition| found.insert(condition)) {
                self.mentioned_types(inner, found);
            }
        }
    }

    fn node_table(
        &mut self,
        value: &InputRef<'a>,
        tables: &'a [NodeTable],
    ) -> Result<(&'a NodeTable, &'a [GrantedColumn])> {
        let id = self.node_id(value)?;
        let mut matching = tables
            .iter()
            .filter(|table| table.grant.table() == &id.table);
        let shown = id.table.display_name();
        let table = match (matching.next(), matching.next()) {
            (Some(table), None) => table,
            (None, _) => {
                return self.fail(format!("invalid node id: no such table found: \"{shown}\""));
            }
            _ => {
                return self.fail(format!(
                    "invalid node id: this V1 node id matches more than one table across different \
                     sources: \"{shown}\" exists in more than one of them"
                ));
            }
        };
        let key = table.grant.key();
        let (values, columns) = (id.key.len(), key.len());
        if values < columns {
            let missing: Vec<_> = key[values..].iter().map(GrantedColumn::name).collect();
            let missing: Vec<_> = missing.iter().map(|name| format!("\"{name}\"")).collect();
            let missing = missing.join(", ");
            return self.fail(format!(
                "invalid node id: primary key columns [{missing}] are missing"
            ));
        }
        if values > columns {
            let further = Json::from(id.key[columns..].to_vec());
            return self.fail(format!(
                "invalid node id: unexpected column values {further}"
            ));
        }
        if let InputRef::Variable { name, path, .. } = value {
            self.assume(name, path, Observed::NodeId(id.table, values));
        }
        Ok((table, key))
    }

    fn node_id(&self, value: &InputRef<'a>) -> Result<NodeId> {
        let text = match value {
            InputRef::Literal(Literal::String(text)) => text.clone(),
            InputRef::Literal(Literal::Int(text)) => text.clone(),
            InputRef::Variable {
                value: Json::String(text),
                ..
            } => text.clone(),
            InputRef::Variable {
                value: Json::Number(number),
                ..
            } => number.to_string(),
            other => {
                let found = other.describe();
                return self.fail(format!(
                    "expected a String or a 32-bit integer for type 'ID', but found {found}"
                ));
            }
        };
        match NodeId::decode(&text) {
            Ok(id) => Ok(id),
            Err(reason) => self.fail(format!("invalid node id: {reason}")),
        }
    }

    fn key_filter(&mut self, value: &InputRef<'a>, key: &'a [GrantedColumn]) -> Result<BoolExp> {
        let mut parts = Vec::with_capacity(key.len());
        for (index, column) in key.iter().enumerate() {
            let ty = column.ty().base().clone();
            let coercion = Coercion::NodeId {
                index,
                column: column.name().clone(),
                ty: ty.clone(),
            };
            let value = self.parameter(value, ty, coercion)?;
            let comparison = Comparison::Value(Operator::Eq, value);
            parts.push(BoolExp::column(Operand::granted(column), comparison));
        }
        Ok(BoolExp::And(parts))
    }
}
