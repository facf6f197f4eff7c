//! A role's schema in the schema definition language, as introspection tools would write it.
//!
//! Types, fields, arguments and enum values are sorted by name; introspection's own are left out.

use std::fmt::Write;
use std::sync::Arc;

use graphloom_schema::{
    FieldDefinition, InputValueDefinition, RoleSchema, TypeDefinition, WholeSchema,
};
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

/// Prints a schema.
pub(crate) fn print(schema: &RoleSchema) -> String {
    let mut out = String::new();
    let schema = schema.whole();
    for (name, ty) in &schema.types {
        if !name.as_str().starts_with("__") {
            print_type(&schema, ty, &mut out);
            out.push('\n');
        }
    }
    out
}

fn print_type(schema: &WholeSchema, ty: &TypeDefinition, out: &mut String) {
    let name = ty.name();
    description(ty.description(), "", out);
    match ty {
        TypeDefinition::Scalar(_) => writeln!(out, "scalar {name}").unwrap(),
        TypeDefinition::Enum(ty) => {
            writeln!(out, "enum {name} {{").unwrap();
            for (name, value) in sorted(&ty.values) {
                description(value.description.as_ref(), "  ", out);
                writeln!(out, "  {name}").unwrap();
            }
            out.push_str("}\n");
        }
        TypeDefinition::InputObject(ty) => {
            writeln!(out, "input {name} {{").unwrap();
            for (name, field) in sorted(&ty.fields) {
                description(field.description.as_ref(), "  ", out);
                writeln!(out, "  {}", input(name, field)).unwrap();
            }
            out.push_str("}\n");
        }
        TypeDefinition::Object(ty) => {
            let interfaces = schema.interfaces_of(name);
            let interfaces: Vec<_> = interfaces.map(|ty| ty.name.as_str()).collect();
            match interfaces.as_slice() {
                [] => writeln!(out, "type {name} {{").unwrap(),
                names => writeln!(out, "type {name} implements {} {{", names.join(" & ")).unwrap(),
            }
            fields(&ty.fields, out);
        }
        TypeDefinition::Interface(ty) => {
            writeln!(out, "interface {name} {{").unwrap();
            fields(&ty.fields, out);
        }
    }
}

fn fields(fields: &IndexMap<GraphqlName, FieldDefinition>, out: &mut String) {
    for (name, field) in sorted(fields) {
        if name.as_str().starts_with("__") {
            continue;
        }
        description(field.description.as_ref(), "  ", out);
        write!(out, "  {name}").unwrap();
        if !field.arguments.is_empty() {
            out.push_str("(\n");
            for (name, argument) in sorted(&field.arguments) {
                description(argument.description.as_ref(), "    ", out);
                writeln!(out, "    {}", input(name, argument)).unwrap();
            }
            out.push_str("  )");
        }
        writeln!(out, ": {}", field.ty).unwrap();
    }
    out.push_str("}\n");
}

fn sorted<T>(entries: &IndexMap<GraphqlName, T>) -> Vec<(&GraphqlName, &T)> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    entries
}

fn input(name: &GraphqlName, value: &InputValueDefinition) -> String {
    match &value.default {
        None => format!("{name}: {}", value.ty),
        Some(default) => format!("{name}: {} = {default}", value.ty),
    }
}

fn description(text: Option<&Arc<str>>, indent: &str, out: &mut String) {
    if let Some(text) = text {
        writeln!(out, "{indent}# {text}").unwrap();
    }
}
