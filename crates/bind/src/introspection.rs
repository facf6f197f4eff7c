//! Introspection: the role's schema as the answer to a selection on the introspection types.
//!
//! The selection is checked once, as a [`Node`]; what it asks is the same for every type. The answer is written from
//! that and from the role's types, one after another: at once if that is quick and little, else when it is sent
//! (`ir::Written`), so that neither all types nor the whole answer are ever in memory. Read next: `introspection/write.rs`.

mod node;
mod subject;
mod write;

use std::sync::Arc;

use graphloom_graphql::Selection;
use graphloom_ir::{Progress, RootValue, Text, Written};
use graphloom_schema::{FieldDefinition, InputMeaning, InputValueDefinition};
use graphloom_vocab::{GraphqlName, Json, Result};

use self::node::{Asked, Fact, Node};
use self::write::{Introspection, Root};
use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;

/// Lists that lead from a type to its parts.
const LISTS: &[&str] = &["fields", "inputFields", "interfaces", "possibleTypes"];
/// Answers up to this size are a part of the operation, so that they are kept with its plan.
const KEPT_BYTES_MAX: usize = 256 << 10;
/// Deepest nesting of a selection. More than of others: how deep `ofType` goes is written by guess, and costs nothing.
const DEPTH_MAX: usize = 200;
/// With so many tables it is tried whether the answer is that small.
const KEPT_TABLES_MAX: usize = 32;

impl<'a> Binder<'a> {
    /// `__schema` or `__type`.
    pub(crate) fn introspection(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<RootValue> {
        let root = match definition.arguments.first() {
            None => Root::Schema,
            Some((name, argument)) => {
                let wanted = self.type_argument(name, argument, collected)?;
                Root::Type(GraphqlName::new(wanted))
            }
        };
        let node = self.asked(definition.ty.name(), &collected.selection_sets)?;
        let is_one_type = matches!(root, Root::Type(_));
        let introspection = Introspection {
            schema: self.schema.listing(),
            root,
            node: Arc::new(node),
            path: self.path.clone(),
            lists_max: self.limits.introspection_lists,
            bytes_max: self.limits.introspection_bytes,
        };
        // Refused before anything is sent, if it is going to be refused.
        let nests = introspection.node.lists() > introspection.lists_max;
        let is_quick = is_one_type
            || !introspection.node.needs_types()
            || self.schema.tables() <= KEPT_TABLES_MAX;
        let most = match (nests, is_quick) {
            (true, _) => usize::MAX,
            (false, true) => KEPT_BYTES_MAX,
            (false, false) => return Ok(RootValue::Written(Written::new(introspection))),
        };
        let mut text = Vec::new();
        let mut writing = introspection.begin();
        loop {
            match writing.write(&mut text, most)? {
                Progress::Working => {}
                Progress::Full => {
                    return Ok(RootValue::Written(Written::new(introspection)));
                }
                Progress::Done => {
                    let text = String::from_utf8_lossy(&text);
                    return Ok(RootValue::Constant(text.into()));
                }
            }
        }
    }

    fn type_argument(
        &mut self,
        name: &GraphqlName,
        argument: &'a InputValueDefinition,
        collected: &Collected<'a>,
    ) -> Result<String> {
        self.within("args", |binder| {
            binder.within(name.as_str(), |binder| {
                let Some(value) = collected.argument(name.as_str()) else {
                    return binder.fail(format!("missing required field '{name}'"));
                };
                let value = binder.peel(InputRef::Literal(value), &argument.ty, false)?;
                binder.assume_exactly(&value);
                let text = match &value {
                    InputRef::Variable {
                        value: Json::String(text),
                        ..
                    } => Some(text.clone()),
                    InputRef::Literal(graphloom_graphql::Value::String(text)) => Some(text.clone()),
                    _ => None,
                };
                let found = value.describe();
                match (text, &argument.meaning) {
                    (Some(text), InputMeaning::TypeName) => Ok(text),
                    _ => binder.fail(format!(
                        "expected a string for type 'String', but found {found}"
                    )),
                }
            })
        })
    }

    /// What a selection asks of every object of a type.
    fn asked(
        &mut self,
        type_name: &GraphqlName,
        selection_sets: &[&'a [Selection]],
    ) -> Result<Node> {
        let ty = self
            .schema
            .object(type_name)
            .expect("introspection types are in every schema");
        self.deeper_asked(|binder| {
            let collected = binder.collect(type_name, selection_sets)?;
            let mut fields = Vec::with_capacity(collected.len());
            for (key, collected) in &collected {
                let name = collected.field.name.as_str();
                let (fact, node) = binder.within(name, |binder| {
                    if name == "__typename" {
                        let name = binder.typename(ty, collected)?;
                        return Ok((Fact::TypeName(name), None));
                    }
                    let definition = binder.definition(ty, collected)?;
                    let node = binder.asked_below(definition, collected)?;
                    Ok((Fact::named(name), node))
                })?;
                fields.push(Asked {
                    key: format!("{}:", Json::from(key.as_str())),
                    name: name.to_owned(),
                    is_list: LISTS.contains(&name),
                    fact,
                    node,
                });
            }
            Ok(Node { fields })
        })
    }

    /// Runs a step inside of one more selection set.
    fn deeper_asked<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.within("selectionSet", |binder| {
            if binder.depth >= DEPTH_MAX {
                return binder.fail(format!(
                    "the operation nests deeper than {DEPTH_MAX} levels"
                ));
            }
            binder.depth += 1;
            let result = step(binder);
            binder.depth -= 1;
            result
        })
    }

    fn asked_below(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<Option<Arc<Node>>> {
        let type_name = definition.ty.name();
        if self.schema.object(type_name).is_none() {
            self.leaf(definition, collected)?;
            return Ok(None);
        }
        if !collected.has_selections() {
            return self.within("selectionSet", |binder| {
                binder.fail(format!("missing selection set for '{type_name}'"))
            });
        }
        let node = self.asked(type_name, &collected.selection_sets)?;
        Ok(Some(Arc::new(node)))
    }
}
