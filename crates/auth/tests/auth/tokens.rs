//! Keys and tokens of every kind, made anew for each run: nothing here could ever verify anything else.

use std::process::Command;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use graphloom_vocab::Json;
use serde_json::json;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode as _, Reader as _, SliceReader};

pub(crate) const SECRET: &str = "a secret of sixty-four characters, that is long enough for HS512";

/// A key that signs.
pub(crate) enum Signer {
    Hmac(Vec<u8>),
    Rsa(rsa::KeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn hmac() -> Self {
        Self::Hmac(SECRET.as_bytes().to_vec())
    }

    pub(crate) fn rsa() -> Self {
        Self::Rsa(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn ec(algorithm: &str) -> Self {
        let algorithm = match algorithm {
            "ES256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
            "ES384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &ECDSA_P521_SHA512_FIXED_SIGNING,
        };
        Self::Ec(EcdsaKeyPair::generate(algorithm).unwrap())
    }

    pub(crate) fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    /// A new key for this algorithm.
    pub(crate) fn of(algorithm: &str) -> Self {
        match &algorithm[..2] {
            "HS" => Self::hmac(),
            "RS" | "PS" => Self::rsa(),
            "ES" => Self::ec(algorithm),
            _ => Self::ed(),
        }
    }

    /// The key of a self-signed certificate, and the certificate.
    pub(crate) fn with_certificate(kind: &str) -> (Self, String) {
        let new_key: &[&str] = match kind {
            "RSA" => &["rsa:2048"],
            "EC" => &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            _ => &["ed25519"],
        };
        let output = Command::new("openssl")
            .args([
                "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=x", "-newkey",
            ])
            .args(new_key)
            .args(["-keyout", "-", "-out", "-"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (key, certificate) = text.split_at(text.find("-----BEGIN CERTIFICATE").unwrap());
        let body: String = key
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let key = STANDARD.decode(body).unwrap();
        let signer = match kind {
            "RSA" => Self::Rsa(rsa::KeyPair::from_pkcs8(&key).unwrap()),
            "EC" => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                Self::Ec(EcdsaKeyPair::from_pkcs8(algorithm, &key).unwrap())
            }
            _ => Self::Ed(Ed25519KeyPair::from_pkcs8(&key).unwrap()),
        };
        (signer, certificate.to_owned())
    }

    /// The option `key`: the secret, or the public key in PEM.
    pub(crate) fn public(&self) -> String {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Hmac(secret) => return String::from_utf8(secret.clone()).unwrap(),
            Self::Rsa(key) => key.public_key().as_der().unwrap(),
            Self::Ec(key) => key.public_key().as_der().unwrap(),
            Self::Ed(key) => key.public_key().as_der().unwrap(),
        };
        pem("PUBLIC KEY", der.as_ref())
    }

    /// The public RSA key in its older form.
    pub(crate) fn public_pkcs1(&self) -> String {
        match self {
            Self::Rsa(key) => pem("RSA PUBLIC KEY", key.public_key().as_ref()),
            _ => unreachable!("RSA alone has it"),
        }
    }

    /// The public key as a JSON web key.
    pub(crate) fn jwk(&self, id: Option<&str>) -> Json {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match self {
            Self::Hmac(secret) => json!({ "kty": "oct", "k": text(secret) }),
            Self::Rsa(key) => {
                let (n, e) = SliceReader::new(key.public_key().as_ref())
                    .unwrap()
                    .sequence(|reader| Ok((UintRef::decode(reader)?, UintRef::decode(reader)?)))
                    .unwrap();
                let (n, e) = (n.as_bytes(), e.as_bytes());
                json!({ "kty": "RSA", "n": text(n), "e": text(e) })
            }
            Self::Ec(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let curve = match x.len() {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) })
            }
            Self::Ed(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref()) })
            }
        };
        if let Some(id) = id {
            jwk["kid"] = id.into();
        }
        jwk["use"] = "sig".into();
        jwk
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Hmac(secret) => {
                let algorithm = match algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(algorithm, secret), message)
                    .as_ref()
                    .to_vec()
            }
            Self::Rsa(key) => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Ec(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    /// A token of these claims.
    pub(crate) fn token(&self, algorithm: &str, claims: &Json) -> String {
        self.token_with(
            algorithm,
            &json!({ "alg": algorithm, "typ": "JWT" }),
            claims,
        )
    }

    /// A token that names a key.
    pub(crate) fn token_of(&self, algorithm: &str, id: &str, claims: &Json) -> String {
        self.token_with(algorithm, &json!({ "alg": algorithm, "kid": id }), claims)
    }

    /// A token with this header, signed as if it said `algorithm`.
    pub(crate) fn token_with(&self, algorithm: &str, header: &Json, claims: &Json) -> String {
        self.token_of_text(algorithm, &header.to_string(), &claims.to_string())
    }

    /// A token of these texts.
    pub(crate) fn token_of_text(&self, algorithm: &str, header: &str, claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// Session variables of a user where they usually stand, and more claims.
pub(crate) fn claims(more: Json) -> Json {
    let mut claims = json!({
        "sub": "1",
        "https://hasura.io/jwt/claims": {
            "x-hasura-allowed-roles": ["user", "editor"],
            "x-hasura-default-role": "user",
            "X-Hasura-User-Id": "1",
        },
    });
    let Json::Object(more) = more else {
        unreachable!()
    };
    claims.as_object_mut().unwrap().extend(more);
    claims
}

/// The time, in seconds.
pub(crate) fn now() -> i64 {
    chrono::Utc::now().timestamp()
}
