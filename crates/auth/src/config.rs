//! How requests are authenticated, as the options say it. Types only.

use graphloom_vocab::RoleName;

use crate::{AdminSecret, JwtConfig, WebhookConfig};

/// How requests are authenticated.
#[derive(Clone, Debug)]
pub enum AuthConfig {
    /// No admin secret is configured: everyone is admin, and every `x-hasura-*` header is believed.
    Open,
    /// An admin secret is configured.
    AdminSecret {
        /// Any of these is accepted.
        secrets: Vec<AdminSecret>,
        /// The role of those who send none; without it they are refused.
        unauthorized_role: Option<RoleName>,
    },
    /// JSON web tokens beside the admin secret.
    Jwt {
        /// Any of these is accepted.
        secrets: Vec<AdminSecret>,
        /// How tokens are verified; one or more.
        jwts: Vec<JwtConfig>,
        /// The role of those who send neither; without it they are refused.
        unauthorized_role: Option<RoleName>,
    },
    /// A webhook beside the admin secret.
    Webhook {
        /// Any of these is accepted.
        secrets: Vec<AdminSecret>,
        /// Whom to ask.
        hook: WebhookConfig,
    },
}

impl AuthConfig {
    /// Whether an admin secret guards this server.
    pub fn is_admin_secret_set(&self) -> bool {
        !matches!(self, Self::Open)
    }

    /// How tokens are verified; empty where they are not.
    pub fn jwts(&self) -> &[JwtConfig] {
        match self {
            Self::Jwt { jwts, .. } => jwts,
            Self::Open | Self::AdminSecret { .. } | Self::Webhook { .. } => &[],
        }
    }

    /// Whether a webhook is asked.
    pub fn is_webhook_set(&self) -> bool {
        matches!(self, Self::Webhook { .. })
    }
}
