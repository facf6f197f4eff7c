//! Keys and signatures: what verifies a token, from a secret, a PEM text or a JSON web key.
//!
//! The kind of a key decides which algorithms it may be used with, never the token: a public key is not
//! the secret of an HMAC, and `none` is no algorithm at all. Sources: RFC 7518 and 8037; the key forms
//! of v2's docs. Secrets are never shown.

use std::fmt;

use aws_lc_rs::{hmac, rsa, signature};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use graphloom_vocab::Json;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

/// Fewer bits can be broken.
const RSA_BITS_MIN: usize = 2048;
/// More only cost time.
const RSA_BITS_MAX: usize = 8192;

macro_rules! algorithms {
    ($($variant:ident = $text:literal,)*) => {
        /// An algorithm a token may name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Algorithm { $($variant,)* }

        impl Algorithm {
            /// The algorithm of this name. `none` has none.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

algorithms! {
    Hs256 = "HS256", Hs384 = "HS384", Hs512 = "HS512",
    Rs256 = "RS256", Rs384 = "RS384", Rs512 = "RS512",
    Ps256 = "PS256", Ps384 = "PS384", Ps512 = "PS512",
    Es256 = "ES256", Es384 = "ES384", Es512 = "ES512",
    EdDsa = "EdDSA",
}

/// A curve of ECDSA, each of which belongs to one algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// What verifies a signature.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Hmac(Vec<u8>),
    /// Modulus and exponent, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    Ec(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hmac(_) => "Hmac(hidden)",
            Self::Rsa { .. } => "Rsa",
            Self::Ec(..) => "Ec",
            Self::Ed25519(_) => "Ed25519",
        })
    }
}

impl Key {
    /// The key of the options `type` and `key`. The error says what is wrong, without the key.
    pub(crate) fn of_type(kind: &str, text: &str) -> Result<Self, String> {
        let secret = |bits: usize| match text.len() * 8 < bits {
            true => Err(format!(
                "Key size too small; should be atleast {} characters",
                bits / 8
            )),
            false => Ok(Self::Hmac(text.as_bytes().to_vec())),
        };
        match kind {
            "HS256" => secret(256),
            "HS384" => secret(384),
            "HS512" => secret(512),
            "RS256" | "RS384" | "RS512" | "Ed25519" | "ES256" | "ES384" | "ES512" => {
                Self::from_pem(text).map_err(|reason| format!("Could not decode PEM: {reason}"))
            }
            _ => Err(format!("Key type: {kind} is not supported")),
        }
    }

    /// A public key, PKCS #1 or PKCS #8, or the one in a certificate.
    fn from_pem(text: &str) -> Result<Self, String> {
        let der = pem_content(text).ok_or("No pem found")?;
        if let Some(key) = rsa_from_pkcs1(&der) {
            return key;
        }
        if let Ok(info) = SubjectPublicKeyInfoRef::from_der(&der) {
            return Self::from_info(&info);
        }
        let unknown = "neither a public key nor a certificate";
        let certificate = x509_cert::Certificate::from_der(&der).map_err(|_| unknown)?;
        let info = certificate.tbs_certificate.subject_public_key_info;
        let info = info.to_der().map_err(|_| unknown)?;
        let info = SubjectPublicKeyInfoRef::from_der(&info).map_err(|_| unknown)?;
        Self::from_info(&info)
    }

    fn from_info(info: &SubjectPublicKeyInfoRef<'_>) -> Result<Self, String> {
        const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
        const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
        const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
        const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
        const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
        const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
        const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
        let bytes = info.subject_public_key.raw_bytes();
        match info.algorithm.oid {
            RSA | RSA_PSS => rsa_from_pkcs1(bytes).unwrap_or(Err("a broken RSA key".to_owned())),
            ED25519 if bytes.len() == 32 => Ok(Self::Ed25519(bytes.to_vec())),
            EC => {
                let curve = match info.algorithm.parameters_oid() {
                    Ok(P256) => Curve::P256,
                    Ok(P384) => Curve::P384,
                    Ok(P521) => Curve::P521,
                    _ => return Err("Error getting EC parameters from the public key".to_owned()),
                };
                let is_point = bytes.first() == Some(&4);
                let is_whole = bytes.len() == 1 + 2 * curve.coordinate_bytes();
                match is_point && is_whole {
                    true => Ok(Self::Ec(curve, bytes.to_vec())),
                    false => Err("the point of the EC key is not uncompressed".to_owned()),
                }
            }
            _ => Err("This key type is not supported".to_owned()),
        }
    }

    /// Whether `signature` is this key's over `message`. Another kind of algorithm is a no.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(secret) => {
                let Some(algorithm) = hmac_algorithm(algorithm) else {
                    return false;
                };
                // RFC 7518, section 3.2: a key at least as long as the hash.
                secret.len() >= algorithm.digest_algorithm().output_len()
                    && hmac::verify(&hmac::Key::new(algorithm, secret), message, signature).is_ok()
            }
            Self::Rsa { n, e } => rsa_parameters(algorithm).is_some_and(|parameters| {
                let key = rsa::PublicKeyComponents { n, e };
                key.verify(parameters, message, signature).is_ok()
            }),
            Self::Ec(curve, point) => {
                let parameters: &'static dyn signature::VerificationAlgorithm =
                    match (curve, algorithm) {
                        (Curve::P256, Algorithm::Es256) => &signature::ECDSA_P256_SHA256_FIXED,
                        (Curve::P384, Algorithm::Es384) => &signature::ECDSA_P384_SHA384_FIXED,
                        (Curve::P521, Algorithm::Es512) => &signature::ECDSA_P521_SHA512_FIXED,
                        _ => return false,
                    };
                let key = signature::UnparsedPublicKey::new(parameters, point);
                key.verify(message, signature).is_ok()
            }
            Self::Ed25519(bytes) => {
                let key = signature::UnparsedPublicKey::new(&signature::ED25519, bytes);
                algorithm == Algorithm::EdDsa && key.verify(message, signature).is_ok()
            }
        }
    }
}

fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::Hs256 => Some(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Some(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static signature::RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// The bytes of the first section, whatever its label says: v2 does not look at it either.
fn pem_content(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (_, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// `None` where it is not of that shape at all.
fn rsa_from_pkcs1(der: &[u8]) -> Option<Result<Key, String>> {
    let mut reader = SliceReader::new(der).ok()?;
    let numbers = reader.sequence(|reader| {
        let n = UintRef::decode(reader)?;
        let e = UintRef::decode(reader)?;
        Ok((n.as_bytes().to_vec(), e.as_bytes().to_vec()))
    });
    let (n, e) = numbers.ok()?;
    reader.is_finished().then(|| rsa_key(n, e))
}

fn rsa_key(n: Vec<u8>, e: Vec<u8>) -> Result<Key, String> {
    let first = n.iter().position(|byte| *byte != 0).unwrap_or(n.len());
    let n = n[first..].to_vec();
    let zeros = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = n.len() * 8 - zeros;
    if (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Ok(Key::Rsa { n, e });
    }
    Err(format!(
        "the RSA key has {bits} bits; {RSA_BITS_MIN} to {RSA_BITS_MAX} are accepted"
    ))
}

/// A key, and which tokens it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Jwk {
    pub(crate) key: Key,
    /// Tokens that name another key are not verified with it; `None` for any.
    pub(crate) id: Option<String>,
    /// The one algorithm it is for; `None` for any of its kind.
    pub(crate) algorithm: Option<Algorithm>,
}

impl Jwk {
    /// The one key of a configuration, for any token.
    pub(crate) fn fixed(key: Key) -> Self {
        Self {
            key,
            id: None,
            algorithm: None,
        }
    }

    /// A key of a set (RFC 7517); `None` for one we cannot or must not use: another kind, another
    /// purpose, a broken one, and a secret, which is not for publishing.
    pub(crate) fn parse(json: &Json) -> Option<Self> {
        let text = |name: &str| json.get(name).and_then(Json::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if json.get("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let can_verify = |operations: &Json| {
            let operations = operations.as_array();
            operations.is_some_and(|operations| operations.iter().any(|one| one == "verify"))
        };
        if json
            .get("key_ops")
            .is_some_and(|operations| !can_verify(operations))
        {
            return None;
        }
        let key = match (text("kty")?, text("crv")) {
            ("RSA", _) => rsa_key(bytes("n")?, bytes("e")?).ok()?,
            ("OKP", Some("Ed25519")) => Key::Ed25519(bytes("x").filter(|x| x.len() == 32)?),
            ("EC", Some(name)) => {
                let curve = match name {
                    "P-256" => Curve::P256,
                    "P-384" => Curve::P384,
                    "P-521" => Curve::P521,
                    _ => return None,
                };
                let whole = |part: &Vec<u8>| part.len() == curve.coordinate_bytes();
                let (x, y) = (bytes("x").filter(whole)?, bytes("y").filter(whole)?);
                Key::Ec(curve, [vec![4], x, y].concat())
            }
            _ => return None,
        };
        let algorithm = match json.get("alg") {
            None => None,
            Some(name) => Some(Algorithm::parse(name.as_str()?)?),
        };
        Some(Self {
            key,
            id: text("kid").map(str::to_owned),
            algorithm,
        })
    }
}
