//! What a document asks for whatever its values are: the text by which requests of one kind know each other.

use graphloom_vocab::GraphqlName;

use crate::document::{Directive, Document, Field, Fragment, Operation, Selection, Value};
use crate::print::print;

/// An operation of a document with all fragments, as [`print()`] writes it, without its name and its variables' declarations
/// and with `null` in place of every value. Keys of input objects are kept.
///
/// `query Q($n: Int) { f(where: {id: {_eq: $n}}, limit: 5) { a } }` is
/// `query { f(where: {id: {_eq: null}}, limit: null) { a } }`.
pub fn shape(document: &Document, operation: &Operation) -> String {
    let operation = Operation {
        name: None,
        variables: Vec::new(),
        directives: directives(&operation.directives),
        selection_set: selections(&operation.selection_set),
        ..operation.clone()
    };
    let fragments = document.fragments.iter().map(|fragment| Fragment {
        directives: directives(&fragment.directives),
        selection_set: selections(&fragment.selection_set),
        ..fragment.clone()
    });
    print(&Document {
        operations: vec![operation],
        fragments: fragments.collect(),
    })
}

fn selections(selections: &[Selection]) -> Vec<Selection> {
    let one = |selection: &Selection| match selection {
        Selection::Field(field) => Selection::Field(Field {
            arguments: arguments(&field.arguments),
            directives: directives(&field.directives),
            selection_set: self::selections(&field.selection_set),
            ..field.clone()
        }),
        Selection::FragmentSpread(spread) => {
            let mut spread = spread.clone();
            spread.directives = directives(&spread.directives);
            Selection::FragmentSpread(spread)
        }
        Selection::InlineFragment(fragment) => {
            let mut fragment = fragment.clone();
            fragment.directives = directives(&fragment.directives);
            fragment.selection_set = self::selections(&fragment.selection_set);
            Selection::InlineFragment(fragment)
        }
    };
    selections.iter().map(one).collect()
}

fn directives(directives: &[Directive]) -> Vec<Directive> {
    let one = |directive: &Directive| Directive {
        arguments: arguments(&directive.arguments),
        ..directive.clone()
    };
    directives.iter().map(one).collect()
}

fn arguments(arguments: &[(GraphqlName, Value)]) -> Vec<(GraphqlName, Value)> {
    let one = |(name, value): &(GraphqlName, Value)| (name.clone(), masked(value));
    arguments.iter().map(one).collect()
}

fn masked(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(arguments(fields)),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;
    use crate::{Limits, parse};

    fn shape_of(text: &str) -> String {
        let document = parse(text, Limits::default()).unwrap();
        shape(&document, &document.operations[0])
    }

    #[test]
    fn values_do_not_count() {
        let expected = "query { a: f(where: {id: {_in: null}}, limit: null) { ...F @include(if: null) } } \
                        fragment F on T { g }";
        for text in [
            "query Q($n: [Int!], $b: Boolean!) { a: f(where: {id: {_in: $n}}, limit: 5) { ...F @include(if: $b) } } \
             fragment F on T { g }",
            "{ a: f(where: {id: {_in: [1, 2]}}, limit: 7) { ...F @include(if: true) } } fragment F on T { g }",
        ] {
            assert_eq!(shape_of(text), expected);
        }
    }

    #[test]
    fn everything_else_does() {
        let first = shape_of("{ f(limit: 5) { a } }");
        for other in [
            "{ f { a } }",
            "{ f(limit: 5) { b } }",
            "{ f(offset: 5) { a } }",
            "{ x: f(limit: 5) { a } }",
        ] {
            assert_ne!(shape_of(other), first, "{other}");
        }
    }
}
