//! Whatever the text, parsing ends and does not panic; whatever the document, printing it and parsing
//! that gives it back.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use graphloom_graphql::{
    Directive, Document, Field, Fragment, FragmentSpread, InlineFragment, Limits, Operation,
    OperationType, Selection, TypeRef, Value, VariableDefinition, parse, print,
};
use graphloom_vocab::GraphqlName;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = GraphqlName> {
    prop_oneof![
        "[_a-zA-Z][_a-zA-Z0-9]{0,5}",
        prop::sample::select(vec!["query", "fragment", "type", "input", "__typename"])
            .prop_map(str::to_owned),
    ]
    .prop_map(GraphqlName::new)
}

/// A name where `on` means something else.
fn fragment_name() -> impl Strategy<Value = GraphqlName> {
    name().prop_filter("`on` is no fragment", |name| name.as_str() != "on")
}

fn enum_value() -> impl Strategy<Value = GraphqlName> {
    name().prop_filter("other values", |name| {
        !matches!(name.as_str(), "true" | "false" | "null")
    })
}

fn type_ref() -> impl Strategy<Value = TypeRef> {
    let leaf = name().prop_map(TypeRef::Named);
    leaf.prop_recursive(3, 6, 1, |inner| {
        prop_oneof![
            inner.clone().prop_map(TypeRef::list),
            inner.prop_map(TypeRef::non_null)
        ]
    })
}

/// Values; `variables` says whether variables are among them.
fn value(variables: bool) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "0|-?[1-9][0-9]{0,40}".prop_map(Value::Int),
        "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,30})([eE][+-]?[0-9]{1,4})?".prop_map(Value::Float),
        "-?(0|[1-9][0-9]{0,5})[eE][+-]?[0-9]{1,4}".prop_map(Value::Float),
        any::<String>().prop_map(Value::String),
        "[ -~\\n\\t\"\\\\#]{0,8}".prop_map(Value::String),
        any::<bool>().prop_map(Value::Boolean),
        Just(Value::Null),
        enum_value().prop_map(Value::Enum),
        name().prop_map(move |name| match variables {
            true => Value::Variable(name),
            false => Value::Enum(GraphqlName::new("E")),
        }),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            vec((name(), inner), 0..4).prop_map(Value::Object),
        ]
    })
}

fn arguments() -> impl Strategy<Value = Vec<(GraphqlName, Value)>> {
    vec((name(), value(true)), 0..3)
}

fn directives() -> impl Strategy<Value = Vec<Directive>> {
    let directive =
        (name(), arguments()).prop_map(|(name, arguments)| Directive { name, arguments });
    vec(directive, 0..2)
}

fn selections() -> impl Strategy<Value = Vec<Selection>> {
    let leaf = prop_oneof![
        field(Just(Vec::new())),
        (fragment_name(), directives())
            .prop_map(|(name, directives)| FragmentSpread { name, directives })
            .prop_map(Selection::FragmentSpread),
    ];
    let selection = leaf.prop_recursive(3, 12, 3, |inner| {
        let set = vec(inner, 1..4).boxed();
        prop_oneof![
            field(set.clone()),
            (option::of(name()), directives(), set).prop_map(
                |(type_condition, directives, selection_set)| {
                    Selection::InlineFragment(InlineFragment {
                        type_condition,
                        directives,
                        selection_set,
                    })
                }
            ),
        ]
    });
    vec(selection, 1..4)
}

fn field(selection_set: impl Strategy<Value = Vec<Selection>>) -> impl Strategy<Value = Selection> {
    (
        option::of(name()),
        name(),
        arguments(),
        directives(),
        selection_set,
    )
        .prop_map(|(alias, name, arguments, directives, selection_set)| {
            Selection::Field(Field {
                alias,
                name,
                arguments,
                directives,
                selection_set,
            })
        })
}

fn document() -> impl Strategy<Value = Document> {
    let kinds = [
        OperationType::Query,
        OperationType::Mutation,
        OperationType::Subscription,
    ];
    let variable = (name(), type_ref(), option::of(value(false)))
        .prop_map(|(name, ty, default)| VariableDefinition { name, ty, default });
    let operation = (
        prop::sample::select(kinds.to_vec()),
        option::of(name()),
        vec(variable, 0..3),
        directives(),
        selections(),
    )
        .prop_map(
            |(operation_type, name, variables, directives, selection_set)| Operation {
                operation_type,
                name,
                variables,
                directives,
                selection_set,
            },
        );
    let fragment = (fragment_name(), name(), directives(), selections()).prop_map(
        |(name, type_condition, directives, selection_set)| Fragment {
            name,
            type_condition,
            directives,
            selection_set,
        },
    );
    (vec(operation, 1..3), vec(fragment, 0..3)).prop_map(|(operations, fragments)| Document {
        operations,
        fragments,
    })
}

/// Tokens of the language and relatives, in no order.
fn soup() -> impl Strategy<Value = String> {
    const TOKENS: &[&str] = &[
        "{", "}", "(", ")", "[", "]", ":", "=", "!", "$", "@", "...", "|", "&", ",", "on", "query",
        "fragment", "mutation", "a", "B", "true", "null", "1", "-", "1.5", "0e", "\"", "\"\"\"",
        "\\u", "\\u{", "#", "\n", "\r", " ", "\u{feff}", "ä", "😀", "\u{0}", "type", "extend", "'",
        "..", "00",
    ];
    vec(prop::sample::select(TOKENS.to_vec()), 0..60).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_printed_document_parses_to_itself(document in document()) {
        let text = print(&document);
        let parsed = parse(&text, Limits::default());
        prop_assert_eq!(parsed.as_ref(), Ok(&document), "{}", text);
        prop_assert_eq!(print(&parsed.unwrap()), text);
    }

    #[test]
    fn any_text_ends(text in any::<String>()) {
        drop(parse(&text, Limits::default()));
    }

    #[test]
    fn any_soup_ends_and_what_is_accepted_is_printed(text in soup()) {
        if let Ok(document) = parse(&text, Limits::default()) {
            let printed = print(&document);
            prop_assert_eq!(parse(&printed, Limits::default()), Ok(document), "{}", printed);
        }
    }

    #[test]
    fn a_document_cut_or_changed_anywhere_ends(
        document in document(),
        at in any::<prop::sample::Index>(),
        with in prop::sample::select(vec!["", "{", "\"", "(", "\\", "$", "...", "\u{0}"]),
    ) {
        let text = print(&document);
        let at = at.index(text.len() + 1);
        if text.is_char_boundary(at) {
            drop(parse(&text[..at], Limits::default()));
            let changed = format!("{}{with}{}", &text[..at], &text[at..]);
            drop(parse(&changed, Limits::default()));
        }
    }
}
