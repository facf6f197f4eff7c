//! [`Document`] to text: one line, one spelling for each document, which parses back to the same one.
//!
//! Strings are written as plain ones (block strings lose their form, not their value); names, order and
//! the text of numbers are kept. Read `parse.rs` for the way back.

use std::fmt::Write;

use graphloom_vocab::GraphqlName;

use crate::document::{
    Directive, Document, Field, Fragment, Operation, OperationType, Selection, Value,
    VariableDefinition,
};

/// Prints a document: `query Q($a: Int = 1) { f(x: $a) { ...F } } fragment F on T { g }`.
pub fn print(document: &Document) -> String {
    let mut out = String::new();
    for operation in &document.operations {
        separate(&mut out);
        print_operation(operation, &mut out);
    }
    for fragment in &document.fragments {
        separate(&mut out);
        print_fragment(fragment, &mut out);
    }
    out
}

/// Prints an input value: `{a: [1, $b, "c"]}`.
pub fn print_value(value: &Value) -> String {
    let mut out = String::new();
    push_value(value, &mut out);
    out
}

fn separate(out: &mut String) {
    if !out.is_empty() {
        out.push(' ');
    }
}

fn print_operation(operation: &Operation, out: &mut String) {
    out.push_str(match operation.operation_type {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    });
    if let Some(name) = &operation.name {
        out.push(' ');
        out.push_str(name.as_str());
    }
    if !operation.variables.is_empty() {
        let open = if operation.name.is_none() { " (" } else { "(" };
        out.push_str(open);
        push_list(&operation.variables, out, push_variable);
        out.push(')');
    }
    push_directives(&operation.directives, out);
    push_selections(&operation.selection_set, out);
}

fn push_variable(definition: &VariableDefinition, out: &mut String) {
    push(out, format_args!("${}: {}", definition.name, definition.ty));
    if let Some(default) = &definition.default {
        out.push_str(" = ");
        push_value(default, out);
    }
}

fn print_fragment(fragment: &Fragment, out: &mut String) {
    let (name, ty) = (&fragment.name, &fragment.type_condition);
    push(out, format_args!("fragment {name} on {ty}"));
    push_directives(&fragment.directives, out);
    push_selections(&fragment.selection_set, out);
}

fn push_selections(selections: &[Selection], out: &mut String) {
    if selections.is_empty() {
        return;
    }
    out.push_str(" {");
    for selection in selections {
        out.push(' ');
        match selection {
            Selection::Field(field) => push_field(field, out),
            Selection::FragmentSpread(spread) => {
                push(out, format_args!("...{}", spread.name));
                push_directives(&spread.directives, out);
            }
            Selection::InlineFragment(fragment) => {
                out.push_str("...");
                if let Some(ty) = &fragment.type_condition {
                    push(out, format_args!(" on {ty}"));
                }
                push_directives(&fragment.directives, out);
                push_selections(&fragment.selection_set, out);
            }
        }
    }
    out.push_str(" }");
}

fn push_field(field: &Field, out: &mut String) {
    if let Some(alias) = &field.alias {
        push(out, format_args!("{alias}: "));
    }
    out.push_str(field.name.as_str());
    push_arguments(&field.arguments, out);
    push_directives(&field.directives, out);
    push_selections(&field.selection_set, out);
}

fn push_arguments(arguments: &[(GraphqlName, Value)], out: &mut String) {
    if !arguments.is_empty() {
        out.push('(');
        push_list(arguments, out, push_entry);
        out.push(')');
    }
}

fn push_directives(directives: &[Directive], out: &mut String) {
    for directive in directives {
        push(out, format_args!(" @{}", directive.name));
        push_arguments(&directive.arguments, out);
    }
}

fn push_entry((name, value): &(GraphqlName, Value), out: &mut String) {
    push(out, format_args!("{name}: "));
    push_value(value, out);
}

fn push_value(value: &Value, out: &mut String) {
    match value {
        Value::Variable(name) => push(out, format_args!("${name}")),
        Value::Int(text) | Value::Float(text) => out.push_str(text),
        Value::String(text) => push_string(text, out),
        Value::Boolean(flag) => push(out, format_args!("{flag}")),
        Value::Null => out.push_str("null"),
        Value::Enum(name) => out.push_str(name.as_str()),
        Value::List(items) => {
            out.push('[');
            push_list(items, out, push_value);
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            push_list(fields, out, push_entry);
            out.push('}');
        }
    }
}

fn push_list<T>(items: &[T], out: &mut String, push_item: impl Fn(&T, &mut String)) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        push_item(item, out);
    }
}

/// A quoted string: what must be escaped is (specification, section 2.9.4), everything else is as it is.
fn push_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => push(out, format_args!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]
    use super::*;
    use crate::{Limits, parse};

    #[test]
    fn one_spelling() {
        let text = "query Q ( $a:[Int!]!=[1 2] ,$b : T )@d(x:$a){k:f(o:{x:null,y:true z:[E \"s\\n\"]})\
                    ...F@include(if:$b)...on T{g}... @x{h}}\n# comment\nfragment F on T@y{h}";
        let document = parse(text, Limits::default()).unwrap();
        assert_eq!(
            print(&document),
            "query Q($a: [Int!]! = [1, 2], $b: T) @d(x: $a) \
             { k: f(o: {x: null, y: true, z: [E, \"s\\n\"]}) ...F @include(if: $b) \
             ... on T { g } ... @x { h } } fragment F on T @y { h }"
        );
    }

    #[test]
    fn the_short_form_becomes_the_long_one() {
        let document = parse("{ a }", Limits::default()).unwrap();
        assert_eq!(print(&document), "query { a }");
        let document = parse("query ($a: Int) { a }", Limits::default()).unwrap();
        assert_eq!(print(&document), "query ($a: Int) { a }");
    }
}
