//! HTTP headers as authentication sees them.

use std::borrow::Cow;

use graphloom_auth::HeaderLookup;
use http::HeaderMap;

/// A request's headers. Bytes that are no UTF-8 are replaced, as v2 does.
pub(crate) struct RequestHeaders<'a>(pub(crate) &'a HeaderMap);

impl HeaderLookup for RequestHeaders<'_> {
    fn visit(&self, visit: &mut dyn FnMut(&str, Cow<'_, str>)) {
        for (name, value) in self.0 {
            visit(name.as_str(), String::from_utf8_lossy(value.as_bytes()));
        }
    }
}
