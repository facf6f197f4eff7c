//! The GraphQL language: documents, values, types, and reading a document from text.
//!
//! Knows no Postgres, no roles and no schema. Terms are the specification's (October 2021).
//! Read `document.rs` first.

mod document;
mod parse;
mod print;
mod shape;
mod surrogates;
mod types;

pub use document::{
    Directive, Document, Field, Fragment, FragmentSpread, InlineFragment, Operation, OperationType,
    Selection, Value, VariableDefinition,
};
pub use parse::{Limits, SyntaxError, parse};
pub use print::{print, print_value};
pub use shape::shape;
pub use types::TypeRef;
