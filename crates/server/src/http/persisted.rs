//! Automatic persisted queries: a client sends the hash of a query, and the query itself only when asked to.
//!
//! `{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "…"}}}` without a `query` runs the query that was
//! last sent together with this hash. What is kept is text: it is parsed, permitted and executed for each session as if
//! the client had sent it, so that a hash gives nobody more than the query would. The protocol, with its messages, is
//! Apollo's; Hasura v2 has it in its enterprise edition. Nothing is kept beyond this process, its memory and its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, Result};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::settings::PersistedSettings;

/// The name of the extension.
const EXTENSION: &str = "persistedQuery";
/// What an entry takes besides its text.
const ENTRY_BYTES: u64 = 128;

/// The queries that are kept; `None` inside where the feature is off.
pub(crate) struct PersistedQueries(Option<Store>);

struct Store {
    kept: Cache<Hash, Arc<Kept>, ByBytes>,
    time_to_live: Duration,
    started: Instant,
}

type Hash = [u8; 32];

/// A query's text.
struct Kept {
    query: Box<str>,
    /// When it was last used, in milliseconds after the store was made.
    used_ms: AtomicU64,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Hash, Arc<Kept>> for ByBytes {
    fn weight(&self, _: &Hash, kept: &Arc<Kept>) -> u64 {
        kept.query.len() as u64 + ENTRY_BYTES
    }
}

impl PersistedQueries {
    /// An empty store, or none.
    pub(crate) fn new(settings: Option<PersistedSettings>) -> Self {
        Self(settings.map(|settings| Store {
            kept: Cache::with_weighter(1_000, settings.memory_bytes, ByBytes),
            time_to_live: settings.time_to_live,
            started: Instant::now(),
        }))
    }

    /// Whether a hash may stand for a query.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Puts the query in place of its hash, or keeps the query that came with one.
    ///
    /// Where the feature is off, a hash without a query is `not-supported`, and with one it is not looked at. Where it
    /// is on: `not-found` for a hash that is not known, `validation-failed` for one of another query, `parse-failed`
    /// for what is no hash.
    pub(crate) fn resolve(&self, request: &mut Json) -> Result<()> {
        self.look_up_one(request)?;
        let (Some(store), Some(extension)) = (&self.0, extension(request)) else {
            return Ok(());
        };
        match request.get("query").and_then(Json::as_str) {
            Some(query) => store.keep(read_hash(extension)?, query),
            // What reads the request says what is wrong with the query.
            None => Ok(()),
        }
    }

    /// Puts queries in place of hashes, in one request or a batch, and keeps none. Errors are those of
    /// [`Self::resolve`].
    pub(crate) fn look_up(&self, requests: &mut Json) -> Result<()> {
        match requests {
            Json::Array(requests) => {
                requests
                    .iter_mut()
                    .enumerate()
                    .try_for_each(|(index, request)| {
                        let at = ErrorPath::root().index(index);
                        let looked_up = self.look_up_one(request);
                        looked_up.map_err(|error| error.below(&at))
                    })
            }
            request => self.look_up_one(request),
        }
    }

    fn look_up_one(&self, request: &mut Json) -> Result<()> {
        if request.get("query").is_some_and(|query| !query.is_null()) {
            return Ok(());
        }
        let Some(extension) = extension(request) else {
            return Ok(());
        };
        let store = self.0.as_ref().ok_or_else(not_supported)?;
        let query = store.find(&read_hash(extension)?).ok_or_else(not_found)?;
        let object = request.as_object_mut().expect("it has extensions");
        object.insert("query".to_owned(), Json::from(&*query.query));
        Ok(())
    }
}

/// The extension's value, if there is one.
fn extension(request: &Json) -> Option<&Json> {
    let extension = request.get("extensions")?.get(EXTENSION);
    extension.filter(|extension| !extension.is_null())
}

impl Store {
    fn keep(&self, hash: Hash, query: &str) -> Result<()> {
        if <[u8; 32]>::from(Sha256::digest(query)) != hash {
            return Err(
                Error::validation("provided sha does not match query").at(path("sha256Hash"))
            );
        }
        let kept = Kept {
            query: query.into(),
            used_ms: AtomicU64::new(self.now_ms()),
        };
        self.kept.insert(hash, Arc::new(kept));
        Ok(())
    }

    /// Its time starts anew whenever a query is used.
    fn find(&self, hash: &Hash) -> Option<Arc<Kept>> {
        let kept = self.kept.get(hash)?;
        let now_ms = self.now_ms();
        let age_ms = now_ms.saturating_sub(kept.used_ms.load(Ordering::Relaxed));
        if u128::from(age_ms) > self.time_to_live.as_millis() {
            self.kept.remove(hash);
            return None;
        }
        kept.used_ms.store(now_ms, Ordering::Relaxed);
        Some(kept)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// v2's answer where the feature is off; clients know it by the message and send queries from then on.
pub(crate) fn not_supported() -> Error {
    Error::new(ErrorCode::NotSupported, "PersistedQueryNotSupported")
}

/// Clients know it by the message, and send the query along with its hash.
fn not_found() -> Error {
    Error::new(ErrorCode::NotFound, "PersistedQueryNotFound")
}

fn read_hash(extension: &Json) -> Result<Hash> {
    let fail = |message: &str, key| Err(Error::parse_failed(message).at(path(key)));
    if extension
        .get("version")
        .is_some_and(|version| version.as_u64() != Some(1))
    {
        return fail("Unsupported persisted query version", "version");
    }
    let hash = extension.get("sha256Hash").and_then(Json::as_str);
    match hash.and_then(from_hex) {
        Some(hash) => Ok(hash),
        None => fail(
            "expected the 64 hexadecimal digits of a SHA-256 hash",
            "sha256Hash",
        ),
    }
}

fn path(key: &str) -> ErrorPath {
    ErrorPath::keys(&["extensions", EXTENSION, key])
}

fn from_hex(text: &str) -> Option<Hash> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut hash = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use serde_json::json;

    use super::*;

    const QUERY: &str = "{ a }";
    /// `printf '{ a }' | sha256sum`
    const HASH: &str = "1c7e1e347f726166b5b1c55afd61f278cc9b45e00c108ec33d540a566379811b";

    fn store(memory_bytes: u64, time_to_live: Duration) -> PersistedQueries {
        PersistedQueries::new(Some(PersistedSettings {
            time_to_live,
            memory_bytes,
        }))
    }

    fn hour() -> PersistedQueries {
        store(1 << 20, Duration::from_hours(1))
    }

    fn by_hash(hash: &str) -> Json {
        json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}})
    }

    fn with_query(query: &str, hash: &str) -> Json {
        let mut request = by_hash(hash);
        request["query"] = query.into();
        request
    }

    fn error(store: &PersistedQueries, mut request: Json) -> String {
        let error = store.resolve(&mut request).unwrap_err();
        format!(
            "{} {} {}",
            error.code().as_str(),
            error.path(),
            error.message()
        )
    }

    #[test]
    fn a_query_is_known_once_it_came_with_its_hash() {
        let store = hour();
        assert_eq!(
            error(&store, by_hash(HASH)),
            "not-found $ PersistedQueryNotFound"
        );
        store.resolve(&mut with_query(QUERY, HASH)).unwrap();
        let mut request = by_hash(HASH);
        request["variables"] = json!({"n": 1});
        store.resolve(&mut request).unwrap();
        assert_eq!(request["query"], QUERY);
        assert_eq!(request["variables"], json!({"n": 1}));
        store.resolve(&mut by_hash(&HASH.to_uppercase())).unwrap();
    }

    #[test]
    fn nobody_can_put_another_query_under_a_hash() {
        let store = hour();
        let path = "$.extensions.persistedQuery.sha256Hash";
        assert_eq!(
            error(&store, with_query("mutation { a }", HASH)),
            format!("validation-failed {path} provided sha does not match query")
        );
        assert_eq!(
            error(&store, by_hash(HASH)),
            "not-found $ PersistedQueryNotFound"
        );
        let no_hash =
            format!("parse-failed {path} expected the 64 hexadecimal digits of a SHA-256 hash");
        for bad in ["", "00", &"g".repeat(64), &"é".repeat(32), &HASH[1..]] {
            assert_eq!(error(&store, by_hash(bad)), no_hash, "{bad}");
        }
        let mut other = by_hash(HASH);
        other["extensions"]["persistedQuery"]["version"] = 2.into();
        assert_eq!(
            error(&store, other),
            "parse-failed $.extensions.persistedQuery.version Unsupported persisted query version"
        );
        assert_eq!(
            error(&store, json!({"extensions": {"persistedQuery": 1}})),
            no_hash
        );
    }

    #[test]
    fn looking_up_shows_what_will_run_and_keeps_nothing() {
        let store = hour();
        let mut batch = json!([{"query": "{ b }"}, by_hash(HASH)]);
        let error = store.look_up(&mut batch).unwrap_err();
        assert_eq!(
            (error.message(), error.path().to_string().as_str()),
            ("PersistedQueryNotFound", "$[1]")
        );
        store.look_up(&mut with_query(QUERY, HASH)).unwrap();
        assert!(store.look_up(&mut by_hash(HASH)).is_err());
        store.resolve(&mut with_query(QUERY, HASH)).unwrap();
        store.look_up(&mut batch).unwrap();
        assert_eq!(batch[1]["query"], QUERY);
    }

    #[test]
    fn its_time_and_memory_are_bounded() {
        let passing = store(1 << 20, Duration::ZERO);
        passing.resolve(&mut with_query(QUERY, HASH)).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(
            error(&passing, by_hash(HASH)),
            "not-found $ PersistedQueryNotFound"
        );

        let small = store(10_000, Duration::from_hours(1));
        for number in 0..1_000 {
            let query = format!("{{ a{number} {} }}", " ".repeat(1_000));
            let hash = format!(
                "{:x}",
                bytes::Bytes::copy_from_slice(&Sha256::digest(&query))
            );
            small.resolve(&mut with_query(&query, &hash)).unwrap();
        }
        assert!(small.0.unwrap().kept.weight() <= 10_000);
    }

    #[test]
    fn where_it_is_off_only_queries_run() {
        let off = PersistedQueries::new(None);
        assert_eq!(
            error(&off, by_hash(HASH)),
            "not-supported $ PersistedQueryNotSupported"
        );
        assert_eq!(
            error(&off, by_hash("x")),
            "not-supported $ PersistedQueryNotSupported"
        );
        off.resolve(&mut with_query(QUERY, "another")).unwrap();
        off.resolve(&mut json!({"query": QUERY})).unwrap();
    }
}
