//! Fragments: each spread leads somewhere, and nothing leads to itself. Unused ones are fine, as with v2.
//!
//! One walk over the operation; a fragment is walked once however often it is spread, so that documents
//! whose expansion is exponential cost nothing here. Chains of fragments have a ceiling, since the
//! parser's limit on nesting does not see them.

use std::collections::HashMap;

use graphloom_graphql::{Directive, Document, Field, Fragment, Operation, Selection, Value};
use graphloom_vocab::{Error, ErrorPath, GraphqlName, PathSegment, Result};
use indexmap::{IndexMap, IndexSet};

use crate::Limits;

/// A document's fragments by name, and the variables that the operation mentions through them.
pub(crate) struct Checked<'a> {
    pub(crate) fragments: HashMap<&'a GraphqlName, &'a Fragment>,
    pub(crate) variables: IndexSet<GraphqlName>,
}

/// Checks the fragments that an operation spreads.
pub(crate) fn check<'a>(
    document: &'a Document,
    operation: &'a Operation,
    limits: Limits,
) -> Result<Checked<'a>> {
    let mut fragments = HashMap::new();
    for fragment in &document.fragments {
        if fragments.insert(&fragment.name, fragment).is_some() {
            let name = &fragment.name;
            return Err(Error::parse_failed(format!(
                "multiple definitions for fragment \"{name}\""
            )));
        }
    }
    let mut walk = Walk {
        fragments: &fragments,
        depth_max: limits.depth,
        open: IndexMap::new(),
        done: IndexSet::new(),
        variables: IndexSet::new(),
        path: ErrorPath::root(),
    };
    walk.directives(&operation.directives);
    walk.selections(&operation.selection_set)?;
    let variables = walk.variables;
    Ok(Checked {
        fragments,
        variables,
    })
}

struct Walk<'a, 'b> {
    fragments: &'b HashMap<&'a GraphqlName, &'a Fragment>,
    depth_max: usize,
    open: IndexMap<&'a GraphqlName, ()>,
    done: IndexSet<&'a GraphqlName>,
    variables: IndexSet<GraphqlName>,
    path: ErrorPath,
}

impl<'a> Walk<'a, '_> {
    fn selections(&mut self, selections: &'a [Selection]) -> Result<()> {
        if selections.is_empty() {
            return Ok(());
        }
        self.path.push(PathSegment::Key("selectionSet".to_owned()));
        for selection in selections {
            match selection {
                Selection::Field(field) => self.field(field)?,
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.directives);
                    self.selections(&fragment.selection_set)?;
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.directives);
                    self.spread(&spread.name)?;
                }
            }
        }
        self.path.pop();
        Ok(())
    }

    fn field(&mut self, field: &'a Field) -> Result<()> {
        self.directives(&field.directives);
        field
            .arguments
            .iter()
            .for_each(|(_, value)| self.value(value));
        self.path
            .push(PathSegment::Key(field.name.as_str().to_owned()));
        self.selections(&field.selection_set)?;
        self.path.pop();
        Ok(())
    }

    fn spread(&mut self, name: &'a GraphqlName) -> Result<()> {
        let Some(fragment) = self.fragments.get(name) else {
            let message = format!("reference to undefined fragment \"{name}\"");
            return Err(Error::validation(message).at(self.path.clone()));
        };
        if let Some(start) = self.open.get_index_of(name) {
            let cycle: Vec<_> = self
                .open
                .keys()
                .skip(start)
                .map(|name| name.as_str())
                .collect();
            let message = format!("the fragment definition(s) {} form a cycle", listed(&cycle));
            return Err(Error::validation(message).at(self.path.clone()));
        }
        if !self.done.insert(&fragment.name) {
            return Ok(());
        }
        if self.open.len() >= self.depth_max {
            let message = format!("fragments nest deeper than {} levels", self.depth_max);
            return Err(Error::validation(message).at(self.path.clone()));
        }
        self.open.insert(&fragment.name, ());
        self.directives(&fragment.directives);
        self.path.push(PathSegment::Key(name.as_str().to_owned()));
        self.selections(&fragment.selection_set)?;
        self.path.pop();
        self.open.pop();
        Ok(())
    }

    fn directives(&mut self, directives: &[Directive]) {
        for (_, value) in directives.iter().flat_map(|directive| &directive.arguments) {
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Variable(name) => {
                self.variables.insert(name.clone());
            }
            Value::List(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.iter().for_each(|(_, value)| self.value(value)),
            _ => {}
        }
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
