//! Text to [`Document`], by the `bluejay` parser, within limits.

use bluejay_core::executable::{
    ExplicitOperationDefinition as _, FragmentSpread as _, OperationDefinition as _,
    OperationDefinitionReference, SelectionReference, VariableType as _, VariableTypeReference,
};
use bluejay_core::{AsIter, OperationType as CoreOperationType};
use bluejay_parser::HasSpan;
use bluejay_parser::ast::executable as cst;
use bluejay_parser::ast::{self, Parse, ParseOptions};
use graphloom_vocab::GraphqlName;

use crate::TypeRef;
use crate::document::{
    Directive, Document, Field, Fragment, FragmentSpread, InlineFragment, Operation, OperationType,
    Selection, Value, VariableDefinition,
};
use crate::surrogates;

/// Ceilings of one document, far above what people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of its text.
    pub bytes: usize,
    /// Most lexical tokens.
    pub tokens: usize,
    /// Deepest nesting, counted as the parser does (about three a level of selection).
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 32 << 20,
            tokens: 1_000_000,
            depth: 600,
        }
    }
}

/// Why a text is no executable document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// For people.
    pub message: String,
    /// Whether a limit was hit, not the language's rules.
    pub limit: bool,
}

/// Reads an executable document.
///
/// Accepts the October 2021 language (and descriptions on operations); type system definitions are
/// refused. Stops at the first syntax error or limit.
pub fn parse(text: &str, limits: Limits) -> Result<Document, SyntaxError> {
    if text.len() > limits.bytes {
        return Err(SyntaxError {
            message: format!("it has more than {} bytes", limits.bytes),
            limit: true,
        });
    }
    let options = ParseOptions {
        graphql_ruby_compatibility: false,
        max_depth: limits.depth,
        max_tokens: Some(limits.tokens),
    };
    let text = surrogates::joined(text.strip_prefix('\u{feff}').unwrap_or(text));
    let text = &*text;
    let parsed = cst::ExecutableDocument::parse_with_options(text, options);
    let document = parsed.result.map_err(|errors| syntax_error(&errors))?;
    let reader = Reader { text };
    Ok(Document {
        operations: document
            .operation_definitions()
            .iter()
            .map(|o| reader.operation(o))
            .collect(),
        fragments: document
            .fragment_definitions()
            .iter()
            .map(|f| reader.fragment(f))
            .collect(),
    })
}

fn syntax_error(errors: &[bluejay_parser::Error]) -> SyntaxError {
    let message = errors
        .first()
        .map_or("syntax error", |error| error.message());
    let limit = errors.iter().any(|error| {
        let message = error.message();
        message.contains("Max depth")
            || message.contains("Too many tokens")
            || message.contains("Max tokens")
    });
    SyntaxError {
        message: message.to_owned(),
        limit,
    }
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn operation(&self, operation: &cst::OperationDefinition<'_>) -> Operation {
        let selection_set = self.selections(operation.selection_set());
        match operation.as_ref() {
            OperationDefinitionReference::Explicit(explicit) => Operation {
                operation_type: match explicit.operation_type().into() {
                    CoreOperationType::Query => OperationType::Query,
                    CoreOperationType::Mutation => OperationType::Mutation,
                    CoreOperationType::Subscription => OperationType::Subscription,
                },
                name: explicit.name().map(|name| self.name(name.as_ref())),
                variables: explicit
                    .variable_definitions()
                    .map_or_else(Vec::new, |variables| {
                        variables
                            .iter()
                            .map(|definition| self.variable(definition))
                            .collect()
                    }),
                directives: self.directives(explicit.directives()),
                selection_set,
            },
            OperationDefinitionReference::Implicit(_) => Operation {
                operation_type: OperationType::Query,
                name: None,
                variables: Vec::new(),
                directives: Vec::new(),
                selection_set,
            },
        }
    }

    fn variable(&self, definition: &cst::VariableDefinition<'_>) -> VariableDefinition {
        let name = bluejay_core::executable::VariableDefinition::variable(definition);
        VariableDefinition {
            name: self.name(name),
            ty: self.type_ref(definition.r#type()),
            default: definition.default_value().map(|value| self.value(value)),
        }
    }

    fn type_ref(&self, ty: &cst::VariableType<'_>) -> TypeRef {
        let (inner, required) = match ty.as_ref() {
            VariableTypeReference::Named(name, required) => {
                (TypeRef::Named(self.name(name)), required)
            }
            VariableTypeReference::List(inner, required) => (self.type_ref(inner).list(), required),
        };
        if required { inner.non_null() } else { inner }
    }

    fn fragment(&self, fragment: &cst::FragmentDefinition<'_>) -> Fragment {
        use bluejay_core::executable::FragmentDefinition as Core;
        Fragment {
            name: self.name(Core::name(fragment)),
            type_condition: self.name(Core::type_condition(fragment)),
            directives: self.directives(Core::directives(fragment)),
            selection_set: self.selections(Core::selection_set(fragment)),
        }
    }

    fn selections(&self, set: &cst::SelectionSet<'_>) -> Vec<Selection> {
        use bluejay_core::executable::Selection as _;
        set.iter()
            .map(|selection| match selection.as_ref() {
                SelectionReference::Field(field) => Selection::Field(self.field(field)),
                SelectionReference::FragmentSpread(spread) => {
                    Selection::FragmentSpread(FragmentSpread {
                        name: self.name(bluejay_core::executable::FragmentSpread::name(spread)),
                        directives: self.directives(spread.directives()),
                    })
                }
                SelectionReference::InlineFragment(fragment) => {
                    use bluejay_core::executable::InlineFragment as Core;
                    Selection::InlineFragment(InlineFragment {
                        type_condition: Core::type_condition(fragment).map(|name| self.name(name)),
                        directives: self.directives(fragment.directives()),
                        selection_set: self.selections(Core::selection_set(fragment)),
                    })
                }
            })
            .collect()
    }

    fn field(&self, field: &cst::Field<'_>) -> Field {
        use bluejay_core::executable::Field as Core;
        Field {
            alias: Core::alias(field).map(|name| self.name(name)),
            name: self.name(Core::name(field)),
            arguments: self.arguments(Core::arguments(field)),
            directives: self.directives(field.directives()),
            selection_set: Core::selection_set(field)
                .map(|set| self.selections(set))
                .unwrap_or_default(),
        }
    }

    fn arguments<const CONST: bool>(
        &self,
        arguments: Option<&ast::Arguments<'_, CONST>>,
    ) -> Vec<(GraphqlName, Value)> {
        use bluejay_core::Argument as Core;
        arguments.map_or_else(Vec::new, |arguments| {
            let read = |argument| {
                (
                    self.name(Core::name(argument)),
                    self.value(Core::value(argument)),
                )
            };
            arguments.iter().map(read).collect()
        })
    }

    fn directives<const CONST: bool>(
        &self,
        directives: Option<&ast::Directives<'_, CONST>>,
    ) -> Vec<Directive> {
        use bluejay_core::Directive as Core;
        directives.map_or_else(Vec::new, |directives| {
            directives
                .iter()
                .map(|directive| Directive {
                    name: self.name(Core::name(directive)),
                    arguments: self.arguments(Core::arguments(directive)),
                })
                .collect()
        })
    }

    fn value<const CONST: bool>(&self, value: &ast::Value<'_, CONST>) -> Value {
        match value {
            ast::Value::Variable(variable) => Value::Variable(self.name(variable.name())),
            ast::Value::Integer(number) => Value::Int(number.as_ref().to_owned()),
            // The parser rounds floats; the text itself is what Postgres must get.
            ast::Value::Float(number) => {
                Value::Float(self.text[number.span().byte_range()].to_owned())
            }
            ast::Value::String(string) => Value::String(string.as_ref().to_owned()),
            ast::Value::Boolean(_) => {
                Value::Boolean(self.text[value.span().byte_range()].starts_with('t'))
            }
            ast::Value::Null(_) => Value::Null,
            ast::Value::Enum(name) => Value::Enum(self.name(name.as_ref())),
            ast::Value::List(list) => Value::List(list.iter().map(|v| self.value(v)).collect()),
            ast::Value::Object(object) => Value::Object(
                bluejay_core::ObjectValue::iter(object)
                    .map(|(name, value)| (self.name(name.as_ref()), self.value(value)))
                    .collect(),
            ),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as the other conversions do")]
    fn name(&self, text: &str) -> GraphqlName {
        GraphqlName::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> Document {
        parse(text, Limits::default()).expect(text)
    }

    #[test]
    fn numbers_keep_their_text() {
        let document = ok("{ f(a: 123456789012345678901234567890, b: 1.10, c: 1e400) }");
        let Selection::Field(field) = &document.operations[0].selection_set[0] else {
            panic!("a field");
        };
        let values: Vec<_> = field
            .arguments
            .iter()
            .map(|(_, value)| value.clone())
            .collect();
        let expected = [
            Value::Int("123456789012345678901234567890".into()),
            Value::Float("1.10".into()),
            Value::Float("1e400".into()),
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn a_whole_operation() {
        let document = ok("query Q($a: [Int!]! = [1], $b: T) @d(x: $a) {
            k: f(o: {x: null, y: true, z: [E, \"s\\u{1F600}\"]}) @include(if: $b) { ...F }
            ... on T @skip(if: false) { g }
        } fragment F on T { h }");
        let operation = &document.operations[0];
        assert_eq!(operation.name.as_ref().map(GraphqlName::as_str), Some("Q"));
        assert_eq!(operation.variables[0].ty.to_string(), "[Int!]!");
        assert_eq!(
            operation.variables[0].default,
            Some(Value::List(vec![Value::Int("1".into())]))
        );
        assert_eq!(operation.directives.len(), 1);
        assert_eq!(operation.selection_set.len(), 2);
        let Selection::Field(field) = &operation.selection_set[0] else {
            panic!("a field")
        };
        assert_eq!(field.response_key().as_str(), "k");
        let text = format!("{:?}", field.arguments);
        assert!(text.contains("s\u{1F600}"), "{text}");
        assert_eq!(document.fragments[0].type_condition.as_str(), "T");
    }

    #[test]
    fn refuses_what_is_no_document() {
        for text in [
            "",
            "{",
            "{ a( }",
            "query",
            "type T { a: Int }",
            "{ a } }",
            "{ a(b: $) }",
        ] {
            assert!(parse(text, Limits::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_hold_without_overflowing_the_stack() {
        let deep = "{a".repeat(100_000);
        assert!(parse(&deep, Limits::default()).is_err());
        let lists = format!("{{ a(b: {}) }}", "[".repeat(100_000));
        assert!(parse(&lists, Limits::default()).is_err());
        let wide = format!("{{ {} }}", "a ".repeat(200));
        assert!(
            parse(
                &wide,
                Limits {
                    tokens: 100,
                    ..Limits::default()
                }
            )
            .is_err()
        );
        ok(&wide);
    }

    #[test]
    fn a_text_may_be_so_long_and_no_longer() {
        let limits = Limits {
            bytes: 5,
            ..Limits::default()
        };
        assert!(parse("{ a }", limits).is_ok());
        let error = parse("{ a } ", limits).unwrap_err();
        assert!(error.limit);
        assert_eq!(error.message, "it has more than 5 bytes");
    }
}
