//! Collecting fields: fragments expanded, directives applied, equal response keys merged.
//!
//! Merging is lazy, one level at a time: selection sets of merged fields are kept side by side and
//! collected when their turn comes (specification, section 6.3.2).

use std::collections::HashMap;

use graphloom_graphql::{Field, Selection, Value};
use graphloom_vocab::{GraphqlName, Result};
use indexmap::IndexMap;

use crate::binder::Binder;
use crate::directives::Place;

/// One response key of a selection set.
pub(crate) struct Collected<'a> {
    /// The first field with this key; the others agree with it.
    pub(crate) field: &'a Field,
    /// The selection sets of all fields with this key.
    pub(crate) selection_sets: Vec<&'a [Selection]>,
}

impl<'a> Collected<'a> {
    /// An argument's value as written; the last one where it was given twice.
    pub(crate) fn argument(&self, name: &str) -> Option<&'a Value> {
        let mut arguments = self.field.arguments.iter().rev();
        arguments
            .find(|(argument, _)| argument.as_str() == name)
            .map(|(_, value)| value)
    }

    /// Whether any selection set was written.
    pub(crate) fn has_selections(&self) -> bool {
        self.selection_sets.iter().any(|set| !set.is_empty())
    }
}

/// The response keys of a selection set, in order.
pub(crate) type Fields<'a> = IndexMap<GraphqlName, Collected<'a>>;

impl<'a> Binder<'a> {
    /// Collects the fields of an object type.
    pub(crate) fn collect(
        &mut self,
        type_name: &GraphqlName,
        selection_sets: &[&'a [Selection]],
    ) -> Result<Fields<'a>> {
        if selection_sets.iter().all(|set| set.is_empty()) {
            return self.fail(format!("missing selection set for '{type_name}'"));
        }
        let mut fields = Fields::new();
        for set in selection_sets {
            self.collect_into(type_name, set, &mut fields)?;
        }
        Ok(fields)
    }

    fn collect_into(
        &mut self,
        type_name: &GraphqlName,
        selections: &'a [Selection],
        fields: &mut Fields<'a>,
    ) -> Result<()> {
        for selection in selections {
            self.count_field()?;
            match selection {
                Selection::Field(field) => {
                    if field.alias.is_some() {
                        self.count_alias()?;
                    }
                    if self.included(&field.directives, Place::Field)? {
                        self.merge(field, fields)?;
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let applies = fragment
                        .type_condition
                        .as_ref()
                        .is_none_or(|ty| self.applies(ty, type_name));
                    if self.included(&fragment.directives, Place::InlineFragment)? && applies {
                        self.collect_into(type_name, &fragment.selection_set, fields)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragments = self.fragments;
                    let Some(fragment) = fragments.get(&spread.name) else {
                        let name = &spread.name;
                        return self.fail(format!("reference to undefined fragment \"{name}\""));
                    };
                    let applies = self.applies(&fragment.type_condition, type_name);
                    if self.included(&spread.directives, Place::FragmentSpread)? && applies {
                        self.collect_into(type_name, &fragment.selection_set, fields)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a fragment on a type is about objects of another: the same, or an interface of theirs.
    fn applies(&self, condition: &GraphqlName, type_name: &GraphqlName) -> bool {
        let interface = || self.schema.interface(condition);
        condition == type_name
            || interface().is_some_and(|ty| ty.possible_types.contains(type_name))
    }

    fn merge(&mut self, field: &'a Field, fields: &mut Fields<'a>) -> Result<()> {
        let key = field.response_key();
        let Some(known) = fields.get_mut(key) else {
            let selection_sets = vec![field.selection_set.as_slice()];
            fields.insert(
                key.clone(),
                Collected {
                    field,
                    selection_sets,
                },
            );
            return Ok(());
        };
        let (old, new) = (&known.field.name, &field.name);
        if old != new {
            return self.fail(format!(
                "selection of both '{old}' and '{new}' specify the same response name, '{key}'"
            ));
        }
        if !same_arguments(&known.field.arguments, &field.arguments) {
            return self.fail(format!(
                "inconsistent arguments between multiple selections of field '{old}'"
            ));
        }
        known.selection_sets.push(&field.selection_set);
        Ok(())
    }
}

/// Whether two fields have the same arguments, in any order.
fn same_arguments(a: &[(GraphqlName, Value)], b: &[(GraphqlName, Value)]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.is_empty() || a == b {
        return true;
    }
    // By name, so that two fields with very many arguments cost no more than reading them did.
    let by_name: HashMap<_, _> = a.iter().map(|(name, value)| (name, value)).collect();
    b.iter()
        .all(|(name, value)| by_name.get(name).is_some_and(|a| same_value(a, value)))
}

/// Whether two values are the same; an object's keys have no order.
fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => same_arguments(a, b),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (a, b) => a == b,
    }
}
