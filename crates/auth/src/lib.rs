//! Headers to a session: who asks, decided once, before anything else looks at the request.
//!
//! Knows no metadata, no database and no HTTP library: headers come in through [`HeaderLookup`].
//! Read `authenticate.rs` next: it is the whole decision.

mod authenticate;
mod backend_only;
mod headers;
mod secret;

pub use authenticate::{AuthConfig, authenticate};
pub use headers::HeaderLookup;
pub use secret::AdminSecret;
