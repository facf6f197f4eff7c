//! What a subscription may be, beyond what any operation may be: one root field, rows of one source.
//!
//! The messages and their order are v2's. Read next: `operation.rs`, which binds the root fields.

use graphloom_ir::{RootField, RootValue};
use graphloom_vocab::{Error, ErrorCode, Result, SourceName};

use crate::directives::RootFields;

/// Refuses subscriptions that cannot be followed. `written` is how many root fields the document has.
///
/// Errors are `validation-failed` and `not-supported`, at `$`.
pub(crate) fn check(roots: &[RootField], written: usize, allowed: RootFields) -> Result<()> {
    if written > 1 && allowed == RootFields::One {
        return Err(Error::validation(
            "subscriptions must select one top level field",
        ));
    }
    let mut sources = Vec::new();
    collect(roots, &mut sources)?;
    if sources.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(unsupported(
            "all fields of a subscription must be from the same source",
        ));
    }
    Ok(())
}

fn collect<'a>(roots: &'a [RootField], sources: &mut Vec<&'a SourceName>) -> Result<()> {
    for root in roots {
        match &root.value {
            RootValue::Source(source, _) => sources.push(source),
            RootValue::Namespace(inner) => collect(inner, sources)?,
            RootValue::Constant(_) | RootValue::Mutation(..) => {
                return Err(unsupported(
                    "Introspection at root field level is not supported over subscriptions",
                ));
            }
        }
    }
    if sources.is_empty() {
        return Err(Error::validation(
            "subscriptions must select one top level field",
        ));
    }
    Ok(())
}

fn unsupported(message: &str) -> Error {
    Error::new(ErrorCode::NotSupported, message)
}
