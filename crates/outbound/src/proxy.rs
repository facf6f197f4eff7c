//! Proxies, as the usual variables `http_proxy`, `https_proxy` and `no_proxy` describe them.
//!
//! The variables are read at the outside; here are their values.

use std::fmt;

use reqwest::{NoProxy, Proxy};

use crate::OptionsError;

/// Which proxies calls go through.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http` URLs.
    pub http: Option<String>,
    /// For `https` URLs.
    pub https: Option<String>,
    /// Hosts that are called directly, separated by commas; `*` is all.
    pub bypass: Option<String>,
}

/// A proxy's URL may hold a password.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |proxy: &Option<String>| proxy.as_ref().map(|_| "…");
        f.debug_struct("Proxies")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .field("bypass", &self.bypass)
            .finish()
    }
}

impl Proxies {
    /// The library's form of them. Error: an address that is none.
    pub(crate) fn build(&self) -> Result<Vec<Proxy>, OptionsError> {
        let bypass = || self.bypass.as_deref().and_then(NoProxy::from_string);
        let mut proxies = Vec::new();
        if let Some(address) = given(self.http.as_ref()) {
            let proxy = Proxy::http(address).map_err(|_| OptionsError::Proxy { scheme: "http" })?;
            proxies.push(proxy.no_proxy(bypass()));
        }
        if let Some(address) = given(self.https.as_ref()) {
            let proxy =
                Proxy::https(address).map_err(|_| OptionsError::Proxy { scheme: "https" })?;
            proxies.push(proxy.no_proxy(bypass()));
        }
        Ok(proxies)
    }
}

/// An empty variable is none.
fn given(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn proxies_are_checked_and_never_shown() {
        let proxies = Proxies {
            http: Some("http://user:hush@proxy:3128".to_owned()),
            https: Some(String::new()),
            bypass: Some("localhost,.internal".to_owned()),
        };
        assert_eq!(proxies.build().unwrap().len(), 1);
        assert!(!format!("{proxies:?}").contains("hush"));
        let bad = Proxies {
            https: Some("http://:::".to_owned()),
            ..Proxies::default()
        };
        assert!(bad.build().is_err());
    }
}
