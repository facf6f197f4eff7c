//! A whole operation: which one is meant, its variables, its root fields.

use std::collections::HashSet;
use std::sync::Arc;

use graphloom_graphql::{Document, Operation, OperationType, Selection};
use graphloom_ir::{
    BoundOperation, Mutation, Observed, OperationKind, Premise, RootField, RootMutation, RootValue,
    Rows, SelectGrant, SourceQuery, TableAccess,
};
use graphloom_schema::{FieldDefinition, FieldMeaning, ObjectType, RoleSchema, RootKind};
use graphloom_vocab::{Absent, Error, ErrorPath, GraphqlName, JsonObject, Result};

use crate::Limits;
use crate::binder::{Binder, Seen};
use crate::collect::Collected;
use crate::directives::RootFields;
use crate::mutation::Bound;
use crate::unbound::Written;
use crate::variables::VariableRules;
use crate::{fragments, subscription};

/// The operation that a request means.
///
/// Errors are `validation-failed` at `$`.
pub fn select_operation<'a>(document: &'a Document, name: Option<&str>) -> Result<&'a Operation> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return match document.operations.as_slice() {
            [only] => Ok(only),
            _ => Err(Error::validation(
                "exactly one operation has to be present in the document when operationName is \
                 not specified",
            )),
        };
    };
    if document
        .operations
        .iter()
        .any(|operation| operation.name.is_none())
    {
        return Err(Error::validation(
            "operationName cannot be used when an anonymous operation exists in the document",
        ));
    }
    let mut named = document.operations.iter().filter(|operation| {
        operation
            .name
            .as_ref()
            .is_some_and(|operation| operation.as_str() == name)
    });
    match (named.next(), named.next()) {
        (Some(operation), None) => Ok(operation),
        (None, _) => Err(Error::validation(format!(
            "no such operation found in the document: \"{name}\""
        ))),
        _ => Err(Error::validation(format!(
            "multiple operations with the name \"{name}\" found in the document"
        ))),
    }
}

/// What kind of operation it is.
pub fn operation_kind(operation: &Operation) -> OperationKind {
    match operation.operation_type {
        OperationType::Query => OperationKind::Query,
        OperationType::Mutation => OperationKind::Mutation,
        OperationType::Subscription => OperationKind::Subscription,
    }
}

/// Binds one operation of a document for a role.
///
/// Returns the operation and what must be checked of later requests' variables. Errors carry v2's
/// code, path and wording.
pub fn bind(
    schema: &RoleSchema,
    document: &Document,
    operation: &Operation,
    variables: &JsonObject,
    limits: Limits,
) -> Result<(BoundOperation, VariableRules)> {
    let checked = fragments::check(document, operation, limits)?;
    let rules = VariableRules::new(operation, checked.variables, schema.unbound_variables)?;
    let values = rules.resolve(variables)?;
    let written = Written::new(document, operation, &rules, &values);
    let (operation, fragments) = match &written {
        Some(written) => (&written.operation, &written.fragments()),
        None => (operation, &checked.fragments),
    };
    let kind = operation_kind(operation);
    let mut binder = Binder {
        kind,
        schema,
        fragments,
        rules: &rules,
        variables: &values,
        limits,
        path: ErrorPath::root(),
        premise: Premise::default(),
        assumed: HashSet::new(),
        seen: Seen::default(),
        depth: 0,
    };
    for name in rules.optional() {
        let observed = match values.contains_key(name.as_str()) {
            true => Observed::Present,
            false => Observed::Absent,
        };
        binder.assume(name, &[], observed);
    }
    let root = binder.root_type(kind)?;
    let mut allowed = RootFields::Many;
    match kind {
        OperationKind::Query => binder.query_directives(&operation.directives)?,
        OperationKind::Subscription => {
            allowed = binder.subscription_directives(&operation.directives)?;
        }
        OperationKind::Mutation => {}
    }
    let roots = binder.root_fields(root, &[&operation.selection_set])?;
    if kind == OperationKind::Subscription {
        let written = operation.selection_set.len().max(roots.len());
        subscription::check(&roots, written, allowed)?;
    }
    let premise = std::mem::take(&mut binder.premise);
    Ok((
        BoundOperation {
            kind,
            roots,
            premise,
        },
        rules,
    ))
}

impl<'a> Binder<'a> {
    fn root_type(&self, kind: OperationKind) -> Result<&'a ObjectType> {
        match kind {
            OperationKind::Query => {
                let schema = self.schema;
                Ok(schema
                    .object(&schema.query_type)
                    .expect("every schema has a query root"))
            }
            OperationKind::Mutation => {
                let schema = self.schema;
                let ty = schema.mutation_type.as_ref();
                match ty.and_then(|name| schema.object(name)) {
                    Some(ty) => Ok(ty),
                    None => self.absent(Absent::Mutations, "no mutations exist"),
                }
            }
            OperationKind::Subscription => {
                let schema = self.schema;
                let ty = schema.subscription_type.as_ref();
                match ty.and_then(|name| schema.object(name)) {
                    Some(ty) => Ok(ty),
                    None => self.absent(Absent::Subscriptions, "no subscriptions exist"),
                }
            }
        }
    }

    fn root_fields(
        &mut self,
        root: &'a ObjectType,
        selection_sets: &[&'a [Selection]],
    ) -> Result<Vec<RootField>> {
        self.within("selectionSet", |binder| {
            let fields = binder.collect(&root.name, selection_sets)?;
            if fields.len() > binder.limits.root_fields {
                let most = binder.limits.root_fields;
                return binder.fail(format!("the operation has more than {most} root fields"));
            }
            fields
                .into_iter()
                .map(|(key, collected)| binder.root_field(root, &key, &collected))
                .collect()
        })
    }

    fn root_field(
        &mut self,
        root: &'a ObjectType,
        key: &GraphqlName,
        collected: &Collected<'a>,
    ) -> Result<RootField> {
        let name = &collected.field.name;
        self.within(name.as_str(), |binder| {
            let value = if name.as_str() == "__typename" {
                binder.typename(root, collected)?;
                RootValue::Constant(json_string(root.name.as_str()))
            } else {
                let definition = binder.definition(root, collected)?;
                binder.root_value(definition, collected)?
            };
            Ok(RootField {
                key: key.as_str().into(),
                path: binder.path.clone(),
                value,
            })
        })
    }

    fn root_value(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<RootValue> {
        match &definition.meaning {
            FieldMeaning::Placeholder(text) => {
                self.leaf(definition, collected)?;
                Ok(RootValue::Constant(json_string(text)))
            }
            FieldMeaning::Namespace => {
                let schema = self.schema;
                let ty = schema
                    .object(definition.ty.name())
                    .expect("namespaces are objects");
                self.root_fields(ty, &collected.selection_sets)
                    .map(RootValue::Namespace)
            }
            FieldMeaning::Root {
                source,
                kind,
                grant,
            } => {
                let access = grant.access();
                let query = self.root_query((definition, *kind), grant, access, collected)?;
                Ok(RootValue::Source(source.clone(), Box::new(query)))
            }
            FieldMeaning::NodeById(tables) => self.node_by_id(definition, tables, collected),
            FieldMeaning::FunctionRoot {
                source,
                kind,
                grant,
                call,
            } => {
                let call = self.call(definition, call, collected)?;
                let access = grant.access().with_rows(Rows::Function(Arc::new(call)));
                let query = self.root_query((definition, *kind), grant, access, collected)?;
                let query = Box::new(query);
                Ok(match self.kind {
                    OperationKind::Mutation => RootValue::Mutation(
                        source.clone(),
                        Box::new(RootMutation {
                            mutation: Mutation::Call(query),
                            webhook: None,
                            expect: None,
                        }),
                    ),
                    _ => RootValue::Source(source.clone(), query),
                })
            }
            FieldMeaning::Mutation { source, form } => {
                match self.mutation(definition, form, collected)? {
                    Bound::Nothing(answer) => Ok(RootValue::Constant(answer)),
                    Bound::Mutation(mutation) => Ok(RootValue::Mutation(source.clone(), mutation)),
                }
            }
            FieldMeaning::NativeRoot {
                source,
                grant,
                statement,
            } => {
                let statement = self.native_statement(definition, statement, collected)?;
                let access = grant
                    .access()
                    .with_rows(Rows::Statement(Arc::new(statement)));
                let query = self.source_query(definition, RootKind::List, &access, collected)?;
                Ok(RootValue::Source(source.clone(), Box::new(query)))
            }
            FieldMeaning::Introspection => self.introspection(definition, collected),
            // Every other meaning is of fields below the root.
            _ => self.fail("this field cannot be selected here"),
        }
    }
}

impl<'a> Binder<'a> {
    fn root_query(
        &mut self,
        (definition, kind): (&'a FieldDefinition, RootKind),
        grant: &SelectGrant,
        access: TableAccess,
        collected: &Collected<'a>,
    ) -> Result<SourceQuery> {
        match kind {
            RootKind::Connection => self
                .connection(definition, grant, access, collected)
                .map(SourceQuery::Connection),
            kind => self.source_query(definition, kind, &access, collected),
        }
    }
}

/// A text as JSON.
pub(crate) fn json_string(text: &str) -> Arc<str> {
    graphloom_vocab::Json::from(text).to_string().into()
}
