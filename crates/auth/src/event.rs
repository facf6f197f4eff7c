//! What happens while authenticating that an operator wants to read. URLs are without user, password and
//! query, and no header or body is ever a part.

use std::sync::Arc;

use url::Url;

/// Something for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthEvent {
    /// A key set was fetched.
    JwkFetched {
        /// From where.
        url: String,
        /// How many of its keys can be used.
        keys: usize,
    },
    /// A key set could not be fetched; the keys known so far stay.
    JwkFailed {
        /// From where.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The webhook was asked.
    Webhook {
        /// Where.
        url: String,
        /// `GET` or `POST`.
        method: &'static str,
        /// What it answered, if it did.
        status: Option<u16>,
        /// What was wrong with that, for the operator; `None` where the request is let in or refused.
        problem: Option<String>,
    },
}

/// Who is told. Must not wait.
pub type Observer = Arc<dyn Fn(&AuthEvent) + Send + Sync>;

/// A URL as the log shows it.
pub(crate) fn shown(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else {
        return "(not a URL)".to_owned();
    };
    url.set_query(None);
    url.set_fragment(None);
    // Neither fails for a URL that has a host.
    url.set_username("").ok();
    url.set_password(None).ok();
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_their_secrets() {
        let shown = shown("https://user:hush@host:1/path?key=hush#hush");
        assert_eq!(shown, "https://host:1/path");
    }
}
