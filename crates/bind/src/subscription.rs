//! What a subscription may be, beyond what any operation may be: one root field, rows of one source.
//!
//! The messages and their order are v2's. Read next: `operation.rs`, which binds the root fields.

use graphloom_ir::{RootField, RootValue, SourceQuery};
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
    let (mut sources, mut streams) = (Vec::new(), 0);
    collect(roots, (&mut sources, &mut streams))?;
    if streams > 0 && sources.len() > streams {
        return Err(unsupported(
            "streaming and livequery subscriptions cannot be executed in the same subscription",
        ));
    }
    if streams > 1 {
        return Err(unsupported(
            "exactly one root field is allowed for streaming subscriptions",
        ));
    }
    if sources.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(unsupported(
            "all fields of a subscription must be from the same source",
        ));
    }
    Ok(())
}

fn collect<'a>(
    roots: &'a [RootField],
    (sources, streams): (&mut Vec<&'a SourceName>, &mut usize),
) -> Result<()> {
    for root in roots {
        match &root.value {
            RootValue::Source(source, query) => {
                sources.push(source);
                *streams += usize::from(matches!(**query, SourceQuery::Stream(_)));
            }
            RootValue::Namespace(inner) => collect(inner, (sources, streams))?,
            RootValue::Constant(_) | RootValue::Written(_) | RootValue::Mutation(..) => {
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
