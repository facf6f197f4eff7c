//! Every HTTP call the engine makes: time-outs, size limits, redirects, proxies, TLS, egress policy.
//!
//! Knows no metadata, no session and no GraphQL, and reads no environment: what it may do is passed in.
//! One [`Client`] serves the whole process, so that connections are shared and one policy holds for all.
//! Read `client.rs` next: [`Client::send`] is the one way out.

mod client;
mod egress;
mod error;
mod headers;
mod proxy;
mod redirect;
mod request;
mod tls;

pub use client::{Client, ClientOptions};
pub use egress::{Egress, is_public};
pub use error::{OptionsError, SendError};
pub use headers::may_go_along;
pub use proxy::Proxies;
pub use request::{Answer, Limits, Request};
pub use tls::{TlsException, TlsTrust};
