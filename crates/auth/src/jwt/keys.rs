//! The keys in use: fixed, or a published set that is fetched, kept for as long as it says, and fetched
//! again when a token names a key that is not in it.
//!
//! The last happens at most once per window, however many such tokens come: otherwise anybody could
//! make us call the publisher as often as they like.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use graphloom_outbound::{Client, Request};
use graphloom_vocab::Json;
use http::header;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::config::KeyConfig;
use super::key::Jwk;
use super::token::{JwtError, Token};
use crate::event::{AuthEvent, Observer, shown};
use crate::lifetime::{CacheControl, now_s, parse_date};

/// Most bytes of a key set.
const SET_BYTES_MAX: usize = 1 << 20;
/// Most keys of a set that are used; each may cost a signature check per token.
const SET_KEYS_MAX: usize = 256;
/// For one fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Tries at start, with twice the pause after each.
const START_TRIES: u32 = 5;
const START_PAUSE: Duration = Duration::from_millis(200);
/// Between two scheduled fetches, at least and at most.
const REFRESH_MIN: Duration = Duration::from_secs(1);
const REFRESH_MAX: Duration = Duration::from_hours(720);
/// The longest pause after a scheduled fetch that failed; it begins with the shortest.
const RETRY_MAX: Duration = Duration::from_mins(1);

/// Where keys come from while the server runs.
#[derive(Debug)]
pub(crate) enum Keys {
    Fixed([Jwk; 1]),
    Published(Arc<Published>),
}

/// A published key set.
pub(crate) struct Published {
    url: String,
    client: Client,
    observer: Observer,
    /// How long after a fetch an unknown key causes no other.
    window: Duration,
    keys: ArcSwap<Vec<Jwk>>,
    /// When the last fetch began. Held while fetching, so that there is one at a time.
    last_fetch: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Published")
            .field("url", &shown(&self.url))
            .finish_non_exhaustive()
    }
}

/// What calls and how often.
#[derive(Clone)]
pub(crate) struct Fetching {
    pub(crate) client: Client,
    pub(crate) observer: Observer,
    pub(crate) window: Duration,
}

impl Keys {
    /// Has the keys ready. Error: a set that cannot be fetched in five tries, and why.
    pub(crate) async fn start(config: &KeyConfig, fetching: &Fetching) -> Result<Self, String> {
        let url = match config {
            KeyConfig::Fixed(key) => return Ok(Self::Fixed([Jwk::fixed(key.clone())])),
            KeyConfig::Url(url) => url.clone(),
        };
        let published = Arc::new(Published {
            url,
            client: fetching.client.clone(),
            observer: Arc::clone(&fetching.observer),
            window: fetching.window,
            keys: ArcSwap::default(),
            last_fetch: Mutex::new(None),
        });
        let mut pause = START_PAUSE;
        for tries_left in (0..START_TRIES).rev() {
            match published.fetch_now().await {
                Ok(keep) => {
                    if let Some(keep) = keep {
                        tokio::spawn(refresh(Arc::downgrade(&published), keep));
                    }
                    return Ok(Self::Published(published));
                }
                Err(reason) if tries_left == 0 => return Err(reason),
                Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last try returns")
    }

    /// Verifies a token's signature. Error: no key of ours made it.
    pub(crate) async fn verify(&self, token: &Token<'_>) -> Result<(), JwtError> {
        match self {
            Self::Fixed(keys) => verify_with(keys, token),
            Self::Published(published) => published.verify(token).await,
        }
    }
}

fn verify_with(keys: &[Jwk], token: &Token<'_>) -> Result<(), JwtError> {
    let candidates = keys.iter().filter(|jwk| {
        let is_named = match (&jwk.id, &token.key_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        is_named
            && jwk
                .algorithm
                .is_none_or(|algorithm| algorithm == token.algorithm)
    });
    let mut verdicts = candidates.map(|jwk| {
        jwk.key
            .verifies(token.algorithm, token.signed, &token.signature)
    });
    verdicts
        .any(|good| good)
        .then_some(())
        .ok_or(JwtError::InvalidSignature)
}

impl Published {
    async fn verify(&self, token: &Token<'_>) -> Result<(), JwtError> {
        let verdict = verify_with(&self.keys.load(), token);
        if verdict.is_ok() || self.knows(token) {
            return verdict;
        }
        self.fetch_unknown(token).await;
        verify_with(&self.keys.load(), token)
    }

    /// Whether a fetch could bring nothing new for this token.
    fn knows(&self, token: &Token<'_>) -> bool {
        let keys = self.keys.load();
        token
            .key_id
            .as_ref()
            .is_none_or(|id| keys.iter().any(|jwk| jwk.id.as_ref() == Some(id)))
    }

    /// Fetches for a key that is not known, unless the window is not over.
    async fn fetch_unknown(&self, token: &Token<'_>) {
        let mut last_fetch = self.last_fetch.lock().await;
        let is_recent = last_fetch.is_some_and(|last| last.elapsed() < self.window);
        // Another request may have fetched while this one waited.
        if is_recent || self.knows(token) {
            return;
        }
        *last_fetch = Some(Instant::now());
        self.fetch().await.ok();
    }

    async fn fetch_now(&self) -> Result<Option<Duration>, String> {
        let mut last_fetch = self.last_fetch.lock().await;
        *last_fetch = Some(Instant::now());
        self.fetch().await
    }

    /// Fetches the set and puts it to use. Returns for how long it may be kept, if it says so.
    async fn fetch(&self) -> Result<Option<Duration>, String> {
        let fetched = self.get().await;
        let url = shown(&self.url);
        match fetched {
            Ok((keys, keep)) => {
                let event = AuthEvent::JwkFetched {
                    url,
                    keys: keys.len(),
                };
                self.keys.store(Arc::new(keys));
                (self.observer)(&event);
                Ok(keep)
            }
            Err(reason) => {
                (self.observer)(&AuthEvent::JwkFailed {
                    url,
                    reason: reason.clone(),
                });
                Err(reason)
            }
        }
    }

    async fn get(&self) -> Result<(Vec<Jwk>, Option<Duration>), String> {
        let mut request = Request::get(&self.url).map_err(|error| error.to_string())?;
        request.limits.timeout = FETCH_TIMEOUT;
        request.limits.answer_bytes_max = SET_BYTES_MAX;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|error| format!("Error fetching JWK: {error}"))?;
        let url = shown(&self.url);
        if !answer.status.is_success() {
            let status = answer.status.as_u16();
            return Err(format!(
                "Non-2xx response on fetching JWK from: {url} (status {status})"
            ));
        }
        let wrong = || format!("Error parsing JWK from url: {url}");
        let set: Json = serde_json::from_slice(&answer.body).map_err(|_| wrong())?;
        let keys = set.get("keys").and_then(Json::as_array).ok_or_else(wrong)?;
        let keys = keys
            .iter()
            .filter_map(Jwk::parse)
            .take(SET_KEYS_MAX)
            .collect();
        let text = |name| {
            answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let keep_s = match text(header::CACHE_CONTROL) {
            Some(control) => CacheControl::parse(control).keep_s(),
            None => None,
        };
        let until_s = || Some(parse_date(text(header::EXPIRES)?)?.saturating_sub(now_s()));
        let keep_s = keep_s.or_else(|| until_s().map(|s| u64::try_from(s).unwrap_or(0)));
        Ok((keys, keep_s.map(Duration::from_secs)))
    }
}

/// Fetches the set again whenever its time is over, until nobody uses it any more.
async fn refresh(published: Weak<Published>, keep: Duration) {
    let mut pause = keep;
    let mut retry = REFRESH_MIN;
    loop {
        tokio::time::sleep(pause.clamp(REFRESH_MIN, REFRESH_MAX)).await;
        let Some(published) = published.upgrade() else {
            return;
        };
        pause = match published.fetch_now().await {
            // A publisher that no longer says how long is asked once a minute.
            Ok(keep) => {
                retry = REFRESH_MIN;
                keep.unwrap_or(RETRY_MAX)
            }
            Err(_) => {
                retry = (retry * 2).min(RETRY_MAX);
                retry
            }
        };
    }
}
