//! The request's headers as authentication sees them: lower-case names, text values.
//!
//! Knows nothing of what a header means; `authenticate.rs` does.

use std::borrow::Cow;

/// Headers of an HTTP request or of a websocket's `connection_init`.
pub trait HeaderLookup {
    /// Calls `visit` with the lower-case name and the value of every header.
    ///
    /// Where a name repeats, the one that counts comes last.
    fn visit(&self, visit: &mut dyn FnMut(&str, Cow<'_, str>));
}

/// Pairs of lower-case name and value, for callers that hold them as text.
impl HeaderLookup for [(String, String)] {
    fn visit(&self, visit: &mut dyn FnMut(&str, Cow<'_, str>)) {
        for (name, value) in self {
            visit(name, Cow::Borrowed(value));
        }
    }
}
