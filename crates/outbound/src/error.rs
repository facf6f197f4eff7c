//! What can go wrong on the way out. The texts name a host and never a whole URL: a URL's path, query
//! and user often hold a secret.

use std::time::Duration;

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// A proxy's address is none.
    #[error("the proxy for {scheme} URLs is not an http, https or bare host address")]
    Proxy {
        /// `http` or `https`.
        scheme: &'static str,
    },
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The URL is no address of an HTTP server.
    #[error("the URL is not an absolute http or https URL")]
    Url,
    /// The egress policy refuses every address of this host.
    #[error("the egress policy refuses the addresses of \"{host}\"")]
    Egress {
        /// The host as it stands in the URL.
        host: String,
    },
    /// No whole answer came in time, all redirects included.
    #[error("no answer from \"{host}\" within {} ms", timeout.as_millis())]
    Timeout {
        /// The host of the first URL.
        host: String,
        /// The time it had.
        timeout: Duration,
    },
    /// The body to send is over the limit; nothing was sent.
    #[error("the request has {bytes} bytes, more than {bytes_max}")]
    RequestTooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The answer's body, unpacked, is over the limit.
    #[error("the answer of \"{host}\" has more than {bytes_max} bytes")]
    AnswerTooLarge {
        /// Who answered.
        host: String,
        /// The limit.
        bytes_max: usize,
    },
    /// No connection, TLS included.
    #[error("cannot connect to \"{host}\": {cause}")]
    Connect {
        /// Where to.
        host: String,
        /// What the operating system or TLS said.
        cause: String,
    },
    /// The other side sent something that is not HTTP, or stopped in the middle.
    #[error("no readable answer from \"{host}\": {cause}")]
    Answer {
        /// Who.
        host: String,
        /// What was wrong.
        cause: String,
    },
    /// Redirected more often than allowed.
    #[error("\"{host}\" redirects more than {redirects_max} times")]
    RedirectLimit {
        /// The last host.
        host: String,
        /// The limit.
        redirects_max: u8,
    },
    /// A request with a body was redirected to another host, which must not see it.
    #[error("\"{host}\" redirects a request with a body to another host")]
    RedirectElsewhere {
        /// The host that redirects.
        host: String,
    },
    /// The redirect's target is no address of an HTTP server.
    #[error("\"{host}\" redirects to something that is not an http or https URL")]
    RedirectTarget {
        /// The host that redirects.
        host: String,
    },
}
