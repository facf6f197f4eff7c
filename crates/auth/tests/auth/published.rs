//! Published key sets: fetched at start, kept as long as they say, fetched again for an unknown key, and
//! not more often than the window allows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use graphloom_auth::AuthEvent;
use serde_json::{Value as Json, json};

use crate::server::Server;
use crate::tokens::{Signer, claims};
use crate::{Auth, USER, jwt_config};

const INVALID: &str = "400 invalid-jwt: Could not verify JWT: JWSError JWSInvalidSignature";

/// A publisher whose set a test may change.
struct Publisher {
    server: Server,
    keys: Arc<Mutex<Vec<Json>>>,
}

impl Publisher {
    async fn start(keys: Vec<Json>, headers: &'static str) -> Self {
        let keys = Arc::new(Mutex::new(keys));
        let published = Arc::clone(&keys);
        let answer = move |_: &str| {
            let set = json!({ "keys": *published.lock().unwrap() });
            (200, headers.to_owned(), set.to_string())
        };
        let server = Server::start(answer).await;
        Self { server, keys }
    }

    async fn auth(&self, window: Duration) -> Auth {
        let config = jwt_config(&[json!({ "jwk_url": self.server.url() })], None);
        Auth::start(config, window).await.unwrap()
    }

    fn fetches(&self) -> usize {
        self.server.seen().len()
    }
}

#[tokio::test]
async fn every_kind_of_key_is_found_by_its_name() {
    let signers =
        ["RS256", "ES256", "ES384", "ES512", "EdDSA"].map(|name| (name, Signer::of(name)));
    let mut keys: Vec<Json> = signers
        .iter()
        .map(|(name, signer)| signer.jwk(Some(name)))
        .collect();
    keys[0]["alg"] = "RS256".into();
    let publisher = Publisher::start(keys, "").await;
    let auth = publisher.auth(Duration::from_mins(1)).await;
    for (name, signer) in &signers {
        assert_eq!(
            auth.bear(&signer.token_of(name, name, &claims(json!({}))))
                .await,
            USER,
            "{name}"
        );
        assert_eq!(
            auth.bear(&signer.token(name, &claims(json!({})))).await,
            USER,
            "{name}"
        );
    }
    let (_, rsa) = &signers[0];
    // The key says which algorithm it is for, and the name which key.
    assert_eq!(
        auth.bear(&rsa.token_of("RS512", "RS256", &claims(json!({}))))
            .await,
        INVALID
    );
    assert_eq!(
        auth.bear(&rsa.token_of("RS256", "ES256", &claims(json!({}))))
            .await,
        INVALID
    );
    assert_eq!(publisher.fetches(), 1);
}

#[tokio::test]
async fn keys_for_other_purposes_are_passed_over() {
    let (encrypts, signs, wraps) = (Signer::rsa(), Signer::rsa(), Signer::rsa());
    let mut keys = [
        encrypts.jwk(Some("a")),
        wraps.jwk(Some("b")),
        signs.jwk(Some("c")),
    ];
    keys[0]["use"] = "enc".into();
    keys[1]["key_ops"] = json!(["wrapKey"]);
    keys[2]["key_ops"] = json!(["verify"]);
    let mut all = vec![
        json!({ "kty": "RSA" }),
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
        json!(4),
        Signer::hmac().jwk(Some("published secret")),
    ];
    all.extend(keys);
    let publisher = Publisher::start(all, "").await;
    let auth = publisher.auth(Duration::from_mins(1)).await;
    let token = |signer: &Signer, id: &str| signer.token_of("RS256", id, &claims(json!({})));
    assert_eq!(auth.bear(&token(&signs, "c")).await, USER);
    assert_eq!(auth.bear(&token(&encrypts, "a")).await, INVALID);
    assert_eq!(auth.bear(&token(&wraps, "b")).await, INVALID);
    let secret = Signer::hmac().token_of("HS256", "published secret", &claims(json!({})));
    assert_eq!(auth.bear(&secret).await, INVALID);
}

#[tokio::test]
async fn a_set_is_fetched_again_when_its_time_is_over() {
    let (old, new) = (Signer::ec("ES256"), Signer::ec("ES256"));
    let publisher =
        Publisher::start(vec![old.jwk(Some("old"))], "cache-control: max-age=1\r\n").await;
    let auth = publisher.auth(Duration::from_hours(1)).await;
    let token = |signer: &Signer, id: &str| signer.token_of("ES256", id, &claims(json!({})));
    assert_eq!(auth.bear(&token(&old, "old")).await, USER);
    *publisher.keys.lock().unwrap() = vec![new.jwk(Some("new"))];
    // The window keeps the unknown key from being fetched, so that it can only come by the schedule.
    while auth.bear(&token(&new, "new")).await != USER {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(auth.bear(&token(&old, "old")).await, INVALID);
}

#[tokio::test]
async fn a_set_that_says_nothing_is_fetched_once() {
    let signer = Signer::ed();
    let publisher = Publisher::start(vec![signer.jwk(None)], "").await;
    let auth = publisher.auth(Duration::from_mins(1)).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(
        auth.bear(&signer.token("EdDSA", &claims(json!({})))).await,
        USER
    );
    assert_eq!(publisher.fetches(), 1);
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_per_window() {
    let (old, new) = (Signer::ec("ES256"), Signer::ec("ES256"));
    let publisher = Publisher::start(vec![old.jwk(Some("old"))], "").await;
    let auth = Arc::new(publisher.auth(Duration::from_millis(500)).await);
    let token = new.token_of("ES256", "new", &claims(json!({})));
    // The window of the fetch at start.
    assert_eq!(auth.bear(&token).await, INVALID);
    assert_eq!(publisher.fetches(), 1);
    *publisher.keys.lock().unwrap() = vec![old.jwk(Some("old")), new.jwk(Some("new"))];
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(auth.bear(&token).await, USER);
    assert_eq!(publisher.fetches(), 2);
    assert_eq!(
        auth.bear(&old.token_of("ES256", "old", &claims(json!({}))))
            .await,
        USER
    );
    assert_eq!(publisher.fetches(), 2, "a known key needs no fetch");
}

#[tokio::test]
async fn a_storm_of_unknown_keys_causes_one_fetch() {
    let known = Signer::ec("ES256");
    let publisher = Publisher::start(vec![known.jwk(Some("known"))], "").await;
    let auth = Arc::new(publisher.auth(Duration::from_millis(300)).await);
    tokio::time::sleep(Duration::from_millis(400)).await;
    let storm = (0..2000).map(|number| {
        let token = known.token_of("ES256", &format!("unknown {number}"), &claims(json!({})));
        let auth = Arc::clone(&auth);
        tokio::spawn(async move { assert_eq!(auth.bear(&token).await, INVALID) })
    });
    let started = std::time::Instant::now();
    for one in storm.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    // One at start, and one for each window the storm lasted.
    let windows = 1 + usize::try_from(started.elapsed().as_millis() / 300).unwrap();
    assert!(
        publisher.fetches() <= 1 + windows,
        "{} fetches in {windows} windows",
        publisher.fetches()
    );
    assert!(publisher.fetches() >= 2);
    let good = known.token_of("ES256", "known", &claims(json!({})));
    assert_eq!(auth.bear(&good).await, USER);
}

#[tokio::test]
async fn a_publisher_that_fails_at_first_is_asked_again() {
    let signer = Arc::new(Signer::ed());
    let set = json!({ "keys": [signer.jwk(None)] }).to_string();
    let left = Mutex::new(2);
    let server = Server::start(move |_| {
        let mut left = left.lock().unwrap();
        if *left == 0 {
            return (200, String::new(), set.clone());
        }
        *left -= 1;
        (503, String::new(), "not yet".to_owned())
    })
    .await;
    let config = jwt_config(&[json!({ "jwk_url": server.url() })], None);
    let auth = Auth::start(config, Duration::from_mins(1)).await.unwrap();
    assert_eq!(
        auth.bear(&signer.token("EdDSA", &claims(json!({})))).await,
        USER
    );
    assert_eq!(server.seen().len(), 3);
    let events = auth.events.lock().unwrap();
    assert!(
        matches!(&events[0], AuthEvent::JwkFailed { reason, .. } if reason.contains("status 503"))
    );
    assert!(matches!(&events[2], AuthEvent::JwkFetched { keys: 1, .. }));
}

#[tokio::test]
async fn a_publisher_that_keeps_failing_stops_the_start() {
    for (status, body, expected) in [
        (500, "", "Non-2xx response on fetching JWK from: http://"),
        (200, "<html>", "Error parsing JWK from url: http://"),
        (200, "{\"keys\":4}", "Error parsing JWK from url: http://"),
    ] {
        let server = Server::start(move |_| (status, String::new(), body.to_owned())).await;
        let config = jwt_config(&[json!({ "jwk_url": server.url() })], None);
        let error = Auth::start(config, Duration::from_mins(1))
            .await
            .err()
            .unwrap();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(server.seen().len(), 5);
    }
}
