//! Headers to a session: who asks, decided once, before anything else looks at the request.
//!
//! Knows no metadata, no database and no web framework: headers come in through [`HeaderLookup`], and
//! calls go out through `outbound`. Read `authenticate.rs` next: it is the whole decision.

mod authenticate;
mod backend_only;
mod config;
mod event;
mod headers;
mod jwt;
mod lifetime;
mod secret;
mod webhook;

pub use authenticate::{Authenticated, Authenticator, StartError};
pub use config::AuthConfig;
pub use event::{AuthEvent, Observer};
pub use headers::HeaderLookup;
pub use jwt::{JwtConfig, JwtConfigError, TOKEN_BYTES_MAX};
pub use secret::AdminSecret;
pub use webhook::{HookMethod, RequestContext, WebhookConfig};
