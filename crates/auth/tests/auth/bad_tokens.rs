//! Tokens somebody made to get in: every one is refused, and none costs more than its length.
//!
//! The corpus is a list by hand, and thousands of small changes to a good token: whatever is not the
//! token that was signed is refused.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::tokens::{SECRET, Signer, claims, now};
use crate::{Auth, USER};

fn b64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Everything that is wrong whatever the key is.
fn corpus(signer: &Signer, algorithm: &str, public: &str) -> Vec<(&'static str, String)> {
    let good = signer.token(algorithm, &claims(json!({})));
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let with_header = |header: Json| signer.token_with(algorithm, &header, &claims(json!({})));
    let with_claims = |more: Json| signer.token(algorithm, &claims(more));
    let confused = |name: &str| {
        let secret = Signer::Hmac(public.as_bytes().to_vec());
        secret.token(name, &claims(json!({})))
    };
    let mut corpus = vec![
        ("empty", String::new()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.x")),
        ("five parts", format!("{good}.x.y")),
        ("only dots", "..".to_owned()),
        ("many dots", ".".repeat(60_000)),
        ("no signature", format!("{header}.{payload}.")),
        ("alg none", format!("{}.{payload}.", b64(r#"{"alg":"none"}"#))),
        ("alg none with signature", format!("{}.{payload}.{signature}", b64(r#"{"alg":"none"}"#))),
        ("alg None", format!("{}.{payload}.", b64(r#"{"alg":"None"}"#))),
        ("alg NONE", format!("{}.{payload}.", b64(r#"{"alg":"NONE"}"#))),
        ("alg missing", format!("{}.{payload}.{signature}", b64(r#"{"typ":"JWT"}"#))),
        ("alg null", format!("{}.{payload}.{signature}", b64(r#"{"alg":null}"#))),
        ("alg unknown", with_header(json!({ "alg": "HS1" }))),
        ("alg in lower case", with_header(json!({ "alg": algorithm.to_lowercase() }))),
        ("alg a list", with_header(json!({ "alg": [algorithm] }))),
        ("critical extension", with_header(json!({ "alg": algorithm, "crit": ["b64"], "b64": false }))),
        ("empty critical extension", with_header(json!({ "alg": algorithm, "crit": [] }))),
        ("kid an object", with_header(json!({ "alg": algorithm, "kid": { "a": 1 } }))),
        ("header a list", signer.token_of_text(algorithm, "[]", &claims(json!({})).to_string())),
        ("header no json", signer.token_of_text(algorithm, "{", &claims(json!({})).to_string())),
        ("padded", format!("{good}=")),
        ("padded payload", format!("{header}.{}.{signature}", URL_SAFE.encode(claims(json!({ "x": "yz" })).to_string()))),
        ("other base64", format!("{header}.{payload}.{}", STANDARD.encode([0xfb; 64]))),
        ("blank inside", format!("{header}.{payload}.{signature} x")),
        ("other claims", format!("{header}.{}.{signature}", b64(&claims(json!({ "a": 1 })).to_string()))),
        ("other header", format!("{}.{payload}.{signature}", b64(&json!({ "alg": algorithm, "x": 1 }).to_string()))),
        ("HS256 with the public key", confused("HS256")),
        ("HS512 with the public key", confused("HS512")),
        ("claims a list", signer.token_of_text(algorithm, &json!({ "alg": algorithm }).to_string(), "[]")),
        ("claims no json", signer.token_of_text(algorithm, &json!({ "alg": algorithm }).to_string(), "{")),
        ("claims empty", signer.token_of_text(algorithm, &json!({ "alg": algorithm }).to_string(), "{}")),
        ("deep claims", signer.token_of_text(algorithm, &json!({ "alg": algorithm }).to_string(),
            &format!("{{\"a\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000)))),
        ("deep header", signer.token_of_text(algorithm, &format!("{{\"alg\":{:?},\"a\":{}{}}}", algorithm,
            "[".repeat(20_000), "]".repeat(20_000)), "{}")),
        ("oversized", with_claims(json!({ "x": "y".repeat(100_000) }))),
        ("wrong audience", with_claims(json!({ "aud": "them" }))),
        ("no audience", signer.token(algorithm, &json!({ "https://hasura.io/jwt/claims": claims(json!({}))["https://hasura.io/jwt/claims"] }))),
        ("wrong issuer", with_claims(json!({ "iss": "them", "aud": "us" }))),
        ("roles stringified", with_claims(json!({ "aud": "us", "https://hasura.io/jwt/claims":
            claims(json!({}))["https://hasura.io/jwt/claims"].to_string() }))),
        ("roles null", with_claims(json!({ "aud": "us", "https://hasura.io/jwt/claims": null }))),
        ("role not allowed", with_claims(json!({ "aud": "us", "https://hasura.io/jwt/claims": {
            "x-hasura-allowed-roles": ["user"], "x-hasura-default-role": "admin" } }))),
    ];
    for (name, value) in [
        ("exp a text", json!({ "exp": (now() + 60).to_string() })),
        ("exp a list", json!({ "exp": [now() + 60] })),
        ("exp true", json!({ "exp": true })),
        ("exp in the past", json!({ "exp": now() - 1 })),
        ("exp zero", json!({ "exp": 0 })),
        ("exp negative", json!({ "exp": -1e11 })),
        ("nbf a text", json!({ "nbf": "0" })),
        ("nbf in the future", json!({ "nbf": now() + 3600 })),
        ("iat in the future", json!({ "iat": now() + 3600 })),
        ("iss a list", json!({ "iss": ["us"] })),
        ("sub a number", json!({ "sub": 1 })),
        ("aud a number", json!({ "aud": 1 })),
        ("aud of numbers", json!({ "aud": [1, "us"] })),
        ("aud an object", json!({ "aud": { "us": true } })),
    ] {
        let Json::Object(value) = value else {
            unreachable!()
        };
        let mut more = json!({ "aud": "us" });
        more.as_object_mut().unwrap().extend(value);
        corpus.push((name, with_claims(more)));
    }
    for number in [
        "1e400",
        "-1e400",
        "1e100000",
        "99999999999999999999999999999",
    ] {
        let text = claims(json!({ "aud": "us" })).to_string();
        let text = text.replacen('{', &format!("{{\"exp\":{number},"), 1);
        let header = json!({ "alg": algorithm }).to_string();
        corpus.push((
            "exp beyond all numbers",
            signer.token_of_text(algorithm, &header, &text),
        ));
    }
    corpus
}

#[tokio::test]
async fn every_bad_token_is_refused_under_every_key() {
    for algorithm in ["HS256", "RS256", "PS512", "ES256", "ES512", "EdDSA"] {
        let signer = Signer::of(algorithm);
        let public = signer.public();
        let kind = match algorithm {
            "EdDSA" => "Ed25519",
            "PS512" => "RS512",
            other => other,
        };
        let config = json!({ "type": kind, "key": public, "audience": "us", "issuer": "us" });
        let auth = Auth::jwts(&[config]).await;
        let good = signer.token(algorithm, &claims(json!({ "aud": "us", "iss": "us" })));
        assert_eq!(auth.bear(&good).await, USER, "{algorithm}");
        for (name, token) in corpus(&signer, algorithm, &public) {
            // The one that is the secret of an HMAC itself is no confusion there.
            if algorithm == "HS256" && name.ends_with("the public key") {
                continue;
            }
            let answer = auth.bear(&token).await;
            assert!(answer.starts_with("400 "), "{algorithm}, {name}: {answer}");
            assert!(!answer.contains(SECRET), "{algorithm}, {name}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_words_for_the_usual_ones_are_v2s() {
    let signer = Signer::hmac();
    let auth = Auth::jwts(&[json!({ "type": "HS256", "key": SECRET })]).await;
    let good = signer.token("HS256", &claims(json!({})));
    let (signed, _) = good.rsplit_once('.').unwrap();
    let payload = signed.split_once('.').unwrap().1;
    for (token, expected) in [
        (format!("{signed}.AAAA"), "JWSError JWSInvalidSignature"),
        (
            format!("{}.{payload}.", b64(r#"{"alg":"none"}"#)),
            "JWSError JWSNoSignatures",
        ),
        (
            signed.to_owned(),
            "JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 2)",
        ),
        (
            signer.token("HS256", &claims(json!({ "exp": "1" }))),
            "JWTClaimsSetDecodeError \"Error in $.exp: parsing exp failed, expected Number, but encountered String\"",
        ),
    ] {
        assert_eq!(
            auth.bear(&token).await,
            format!("400 invalid-jwt: Could not verify JWT: {expected}")
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// One byte of a good token changed, left out or put in gives no session, but for the token itself.
    #[test]
    fn a_changed_token_is_no_token(at in 0_usize..200, byte in 0x21_u8..0x7f, how in 0..3) {
        let signer = Signer::hmac();
        let good = signer.token("HS256", &claims(json!({})));
        let mut bytes = good.clone().into_bytes();
        let at = at % bytes.len();
        match how {
            0 => bytes[at] = byte,
            1 => { bytes.remove(at); }
            _ => bytes.insert(at, byte),
        }
        let changed = String::from_utf8(bytes).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(async {
            let auth = Auth::jwts(&[json!({ "type": "HS256", "key": SECRET })]).await;
            auth.bear(&changed).await
        });
        prop_assert_eq!(answer == USER, changed == good, "{}", changed);
    }

    /// Whatever is sent, the answer is an answer.
    #[test]
    fn garbage_is_answered(token in ".{0,200}", header in "\\PC{0,60}", payload in "\\PC{0,60}") {
        let made = Signer::hmac().token_of_text("HS256", &header, &payload);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let auth = Auth::jwts(&[json!({ "type": "HS256", "key": SECRET })]).await;
            for token in [&token, &made] {
                let answer = auth.bear(token).await;
                assert!(answer.starts_with("400 "), "{token:?}: {answer}");
            }
        });
    }
}
