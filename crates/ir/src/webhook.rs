//! Webhooks that look at the input of a write before anything is written.

use std::sync::Arc;
use std::time::Duration;

use crate::Input;

/// A permission's `validate_input`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputWebhook {
    /// Where: a template with `{{ENVIRONMENT_VARIABLE}}`.
    pub url: String,
    /// Headers of the request; their values are templates too.
    pub headers: Vec<(String, HeaderSource)>,
    /// Whether the client's headers go along.
    pub client_headers: ClientHeaders,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// Where a header's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderSource {
    /// The value, a template.
    Template(String),
    /// An environment variable.
    Environment(String),
}

/// What becomes of the headers that a client has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientHeaders {
    /// They stay here.
    #[default]
    Kept,
    /// They are sent along, but for those that belong to the connection.
    Forwarded,
}

/// A webhook that is asked about the arguments of an update or a delete.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgumentsWebhook {
    /// The webhook.
    pub webhook: Arc<InputWebhook>,
    /// What it is asked about, as it stands in the payload's `data.input`.
    pub input: Input,
}
