//! Variables without a value, where they are as if they were not written: what is left of the document.
//!
//! An argument, a key of an input object or an item of a list that is such a variable goes away, as in v2 with
//! `no_null_unbound_variable_default`. What is left is bound like any document; that it was made for these variables is
//! among the assumptions of the bound operation.

use std::collections::{HashMap, HashSet};

use graphloom_graphql::{
    Directive, Document, Field, Fragment, FragmentSpread, InlineFragment, Operation, Selection,
    Value,
};
use graphloom_vocab::{GraphqlName, JsonObject};

use crate::variables::VariableRules;

/// What is left of a document.
pub(crate) struct Written {
    pub(crate) operation: Operation,
    fragments: Vec<Fragment>,
}

impl Written {
    /// `None`: all of it, since every variable has a value or a default, or is null without them.
    pub(crate) fn new(
        document: &Document,
        operation: &Operation,
        rules: &VariableRules,
        values: &JsonObject,
    ) -> Option<Self> {
        let optional = rules.optional();
        let absent = optional.filter(|name| !values.contains_key(name.as_str()));
        let left = Left(absent.collect());
        if left.0.is_empty() {
            return None;
        }
        let fragments = document.fragments.iter().map(|fragment| Fragment {
            name: fragment.name.clone(),
            type_condition: fragment.type_condition.clone(),
            directives: left.directives(&fragment.directives),
            selection_set: left.selections(&fragment.selection_set),
        });
        Some(Self {
            operation: Operation {
                operation_type: operation.operation_type,
                name: operation.name.clone(),
                variables: operation.variables.clone(),
                directives: left.directives(&operation.directives),
                selection_set: left.selections(&operation.selection_set),
            },
            fragments: fragments.collect(),
        })
    }

    /// By name.
    pub(crate) fn fragments(&self) -> HashMap<&GraphqlName, &Fragment> {
        let fragments = self.fragments.iter();
        fragments
            .map(|fragment| (&fragment.name, fragment))
            .collect()
    }
}

/// The variables that are not there. Nesting is bounded by the parser.
struct Left<'a>(HashSet<&'a GraphqlName>);

impl Left<'_> {
    fn selections(&self, selections: &[Selection]) -> Vec<Selection> {
        let selections = selections.iter().map(|selection| match selection {
            Selection::Field(field) => Selection::Field(Field {
                alias: field.alias.clone(),
                name: field.name.clone(),
                arguments: self.named(&field.arguments),
                directives: self.directives(&field.directives),
                selection_set: self.selections(&field.selection_set),
            }),
            Selection::FragmentSpread(spread) => Selection::FragmentSpread(FragmentSpread {
                name: spread.name.clone(),
                directives: self.directives(&spread.directives),
            }),
            Selection::InlineFragment(fragment) => Selection::InlineFragment(InlineFragment {
                type_condition: fragment.type_condition.clone(),
                directives: self.directives(&fragment.directives),
                selection_set: self.selections(&fragment.selection_set),
            }),
        });
        selections.collect()
    }

    fn directives(&self, directives: &[Directive]) -> Vec<Directive> {
        let directives = directives.iter().map(|directive| Directive {
            name: directive.name.clone(),
            arguments: self.named(&directive.arguments),
        });
        directives.collect()
    }

    fn named(&self, values: &[(GraphqlName, Value)]) -> Vec<(GraphqlName, Value)> {
        let values = values.iter();
        values
            .filter_map(|(name, value)| Some((name.clone(), self.value(value)?)))
            .collect()
    }

    fn value(&self, value: &Value) -> Option<Value> {
        Some(match value {
            Value::Variable(name) if self.0.contains(name) => return None,
            Value::List(items) => {
                Value::List(items.iter().filter_map(|item| self.value(item)).collect())
            }
            Value::Object(fields) => Value::Object(self.named(fields)),
            other => other.clone(),
        })
    }
}
