//! Every algorithm and every form of a key: the right token is let in, one of another key is not.

use serde_json::json;

use crate::tokens::{Signer, claims};
use crate::{Auth, USER, refused};

const INVALID: &str = "400 invalid-jwt: Could not verify JWT: JWSError JWSInvalidSignature";

#[tokio::test]
async fn each_algorithm_verifies_its_own_and_nothing_else() {
    for (kind, algorithm) in [
        ("HS256", "HS256"),
        ("HS384", "HS384"),
        ("HS512", "HS512"),
        ("RS256", "RS256"),
        ("RS384", "RS384"),
        ("RS512", "RS512"),
        // As v2: the key is for its family, and the token names the member.
        ("RS256", "RS512"),
        ("RS256", "PS256"),
        ("RS384", "PS384"),
        ("RS512", "PS512"),
        ("ES256", "ES256"),
        ("ES384", "ES384"),
        ("ES512", "ES512"),
        ("Ed25519", "EdDSA"),
    ] {
        let signer = Signer::of(algorithm);
        let auth = Auth::jwts(&[json!({ "type": kind, "key": signer.public() })]).await;
        let token = signer.token(algorithm, &claims(json!({})));
        assert_eq!(auth.bear(&token).await, USER, "{algorithm}");
        let other = match algorithm {
            "HS256" | "HS384" | "HS512" => Signer::Hmac(vec![7; 64]),
            _ => Signer::of(algorithm),
        };
        let token = other.token(algorithm, &claims(json!({})));
        assert_eq!(auth.bear(&token).await, INVALID, "{algorithm}");
    }
}

#[tokio::test]
async fn keys_come_in_certificates_and_in_the_older_form_too() {
    for (kind, algorithm, form) in [
        ("RS256", "RS256", "RSA"),
        ("ES256", "ES256", "EC"),
        ("Ed25519", "EdDSA", "ED"),
    ] {
        let (signer, certificate) = Signer::with_certificate(form);
        let auth = Auth::jwts(&[json!({ "type": kind, "key": certificate })]).await;
        let token = signer.token(algorithm, &claims(json!({})));
        assert_eq!(auth.bear(&token).await, USER, "{algorithm}");
    }
    let signer = Signer::rsa();
    let auth = Auth::jwts(&[json!({ "type": "RS384", "key": signer.public_pkcs1() })]).await;
    assert_eq!(
        auth.bear(&signer.token("RS384", &claims(json!({})))).await,
        USER
    );
}

#[test]
fn keys_that_cannot_be_used_stop_the_start() {
    let weak = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDdlatRjRjogo3WojgGHFHYLugd\nUWAY9iR3fy4arWNA1KoS8kVw33cJibXr8bvwUAUparCwlvdbH6dvEOfou0/gCFQs\nHUfQrSDv+MuSUMAe8jzKE4qW+jK+xQU9a03GUnKHkkle+Q0pX/g6jXZ7r1/xAK5D\no2kQ+X5xK9cipRgEKwIDAQAB\n-----END PUBLIC KEY-----\n";
    for (kind, key, expected) in [
        (
            "HS256",
            "too short",
            "Invalid JWK: Key size too small; should be atleast 32 characters",
        ),
        (
            "HS512",
            "thirty-two characters, and more ",
            "Invalid JWK: Key size too small; should be atleast 64 characters",
        ),
        (
            "RS256",
            "not pem",
            "Invalid JWK: Could not decode PEM: No pem found",
        ),
        (
            "RS256",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            "Invalid JWK: Could not decode PEM: neither a public key nor a certificate",
        ),
        (
            "RS512",
            weak,
            "Invalid JWK: Could not decode PEM: the RSA key has 1024 bits; 2048 to 8192 are accepted",
        ),
        (
            "PS256",
            "x",
            "Invalid JWK: Key type: PS256 is not supported",
        ),
        ("none", "x", "Invalid JWK: Key type: none is not supported"),
    ] {
        assert_eq!(refused(&json!({ "type": kind, "key": key })), expected);
    }
}
