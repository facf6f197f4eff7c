//! The client: one request out, its redirects followed by hand, its answer read up to a limit.
//!
//! The library follows no redirect and knows no proxy by itself, so every hop passes the same checks.

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderValue};
use reqwest::Response;
use reqwest::redirect::Policy;

use crate::egress::{self, PublicOnly};
use crate::redirect::{self, Hop};
use crate::request::{host, is_http};
use crate::tls::{self, TlsTrust};
use crate::{Answer, Egress, OptionsError, Proxies, Request, SendError, TlsException};

/// To a host that does not answer at all; within the request's own time-out.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An idle connection is kept this long for the next call.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Idle connections kept for one host.
const IDLE_MAX: usize = 32;

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("graphloom/", env!("CARGO_PKG_VERSION")));

/// What holds for every call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// Where calls may go. With [`Egress::Public`] no proxy is used: it would resolve names by itself.
    pub egress: Egress,
    /// Which proxies they go through.
    pub proxies: Proxies,
}

/// The one client of the process; a clone is the same client.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: ClientOptions,
    exceptions: ArcSwap<Vec<TlsException>>,
    /// One per degree of trust, made when first needed: reading the machine's certificates takes time.
    verified: OnceLock<reqwest::Client>,
    self_signed: OnceLock<reqwest::Client>,
    any: OnceLock<reqwest::Client>,
}

impl Client {
    /// A client that holds to these options. Error: a proxy's address that is none.
    pub fn new(options: ClientOptions) -> Result<Self, OptionsError> {
        options.proxies.build()?;
        Ok(Self(Arc::new(Inner {
            options,
            exceptions: ArcSwap::default(),
            verified: OnceLock::new(),
            self_signed: OnceLock::new(),
            any: OnceLock::new(),
        })))
    }

    /// Replaces the TLS allow list, for calls that start from now on.
    pub fn set_tls_exceptions(&self, exceptions: Vec<TlsException>) {
        self.0.exceptions.store(Arc::new(exceptions));
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub async fn send(&self, request: Request) -> Result<Answer, SendError> {
        let limits = request.limits;
        if !is_http(&request.url) {
            return Err(SendError::Url);
        }
        let (bytes, bytes_max) = (request.body.len(), limits.request_bytes_max);
        if bytes > bytes_max {
            return Err(SendError::RequestTooLarge { bytes, bytes_max });
        }
        let host = host(&request.url);
        let timeout = limits.timeout;
        match tokio::time::timeout(timeout, self.follow(request)).await {
            Ok(result) => result,
            Err(_) => Err(SendError::Timeout { host, timeout }),
        }
    }

    async fn follow(&self, request: Request) -> Result<Answer, SendError> {
        let limits = request.limits;
        let mut hop = Hop {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
        };
        hop.headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        for _ in 0..=limits.redirects_max {
            let response = self.hop(&hop).await?;
            match redirect::next(&hop, response.status(), response.headers())? {
                Some(next) => hop = next,
                None => return read(&hop, response, limits.answer_bytes_max).await,
            }
        }
        Err(SendError::RedirectLimit {
            host: host(&hop.url),
            redirects_max: limits.redirects_max,
        })
    }

    async fn hop(&self, hop: &Hop) -> Result<Response, SendError> {
        if !self.0.options.egress.allows(&hop.url) {
            return Err(SendError::Egress {
                host: host(&hop.url),
            });
        }
        let trust = tls::trust(&self.0.exceptions.load(), &hop.url);
        let mut request = self
            .with_trust(trust)
            .request(hop.method.clone(), hop.url.clone())
            .headers(hop.headers.clone());
        if !hop.body.is_empty() {
            request = request.body(hop.body.clone());
        }
        request.send().await.map_err(|error| failure(hop, error))
    }

    fn with_trust(&self, trust: TlsTrust) -> &reqwest::Client {
        let cell = match trust {
            TlsTrust::Verified => &self.0.verified,
            TlsTrust::SelfSigned => &self.0.self_signed,
            TlsTrust::Any => &self.0.any,
        };
        cell.get_or_init(|| self.build(trust))
    }

    fn build(&self, trust: TlsTrust) -> reqwest::Client {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(trust))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_MAX)
            .no_proxy();
        match self.0.options.egress {
            Egress::Public => builder = builder.dns_resolver(PublicOnly),
            Egress::Anywhere => {
                let proxies = self.0.options.proxies.build();
                for proxy in proxies.expect("`Client::new` built them once") {
                    builder = builder.proxy(proxy);
                }
            }
        }
        builder
            .build()
            .expect("the TLS configuration is ready, and nothing else can fail")
    }
}

/// Reads the body, and stops at the limit.
async fn read(hop: &Hop, mut response: Response, bytes_max: usize) -> Result<Answer, SendError> {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| failure(hop, error))?
    {
        if body.len() + chunk.len() > bytes_max {
            return Err(SendError::AnswerTooLarge {
                host: host(&hop.url),
                bytes_max,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body: Bytes::from(body),
    })
}

fn failure(hop: &Hop, error: reqwest::Error) -> SendError {
    let host = host(&hop.url);
    let is_connect = error.is_connect();
    // The library's own text repeats the URL; the causes below it do not.
    let error = error.without_url();
    let mut cause = error.to_string();
    let mut below = error.source();
    while let Some(source) = below {
        if source.is::<egress::Refused>() {
            return SendError::Egress { host };
        }
        cause = source.to_string();
        below = source.source();
    }
    match is_connect {
        true => SendError::Connect { host, cause },
        false => SendError::Answer { host, cause },
    }
}
