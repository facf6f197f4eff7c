//! TLS towards Postgres: what each `sslmode` checks, with rustls.
//!
//! As libpq: `require` encrypts without looking at the certificate unless a root certificate is given,
//! `verify-ca` checks whom it comes from, `verify-full` also for which host it is. Files are read for
//! every new session, so a renewed certificate needs no restart. Read next: `connect.rs`.

use std::sync::Arc;

use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion, version,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::options::{
    Negotiation, OptionsError, PemSource, Roots, Secret, SslMode, TlsOptions, Versions,
};

/// Postgres's protocol name in TLS, needed when TLS comes first (`sslnegotiation=direct`).
const ALPN: &[u8] = b"postgresql";

/// What makes encrypted streams for these settings.
pub(crate) fn connector(options: &TlsOptions) -> Result<MakeRustlsConnect, OptionsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = verifier(options, &provider)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(options.versions))
        .expect("the provider speaks TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match client_key(options, &provider)? {
        Some(key) => builder.with_client_cert_resolver(key),
        None => builder.with_no_client_auth(),
    };
    if options.negotiation == Negotiation::Direct {
        config.alpn_protocols = vec![ALPN.to_vec()];
    }
    Ok(MakeRustlsConnect::new(config))
}

/// The client's certificate and key. They are not held against each other here: that would need the
/// certificate parsed, which fails for X.509 version 1, and the server does it anyway.
fn client_key(
    options: &TlsOptions,
    provider: &CryptoProvider,
) -> Result<Option<Arc<SingleCertAndKey>>, OptionsError> {
    let Some(certificate) = &options.certificate else {
        return Ok(None);
    };
    let Some(key) = &options.key else {
        let missing = "sslcert is given without sslkey".to_owned();
        return Err(OptionsError::PrivateKey(missing));
    };
    let chain = certificates(certificate, OptionsError::Certificate)?;
    let key = provider
        .key_provider
        .load_private_key(private_key(key, options.key_password.as_ref())?)
        .map_err(|error| OptionsError::PrivateKey(error.to_string()))?;
    Ok(Some(Arc::new(SingleCertAndKey::from(CertifiedKey::new(
        chain, key,
    )))))
}

fn versions(versions: Versions) -> &'static [&'static SupportedProtocolVersion] {
    const ONLY_12: &[&SupportedProtocolVersion] = &[&version::TLS12];
    const ONLY_13: &[&SupportedProtocolVersion] = &[&version::TLS13];
    match versions {
        Versions::Both => rustls::ALL_VERSIONS,
        Versions::Only12 => ONLY_12,
        Versions::Only13 => ONLY_13,
    }
}

fn verifier(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<Verifier>, OptionsError> {
    let host = if options.mode == SslMode::VerifyFull {
        HostCheck::On
    } else {
        HostCheck::Off
    };
    let roots = match (&options.roots, options.mode) {
        (Some(Roots::Pem(source)), _) => certificates(source, OptionsError::RootCertificate)?,
        (Some(Roots::Public) | None, SslMode::VerifyFull) => Vec::new(),
        (Some(Roots::Public), _) => {
            // Anybody gets a certificate from a public authority: without the host it proves nothing.
            let weak = "sslrootcert=system needs sslmode=verify-full".to_owned();
            return Err(OptionsError::RootCertificate(weak));
        }
        (None, SslMode::VerifyCa) => {
            let missing = "sslmode=verify-ca needs sslrootcert".to_owned();
            return Err(OptionsError::RootCertificate(missing));
        }
        (None, _) => {
            return Ok(Arc::new(Verifier {
                chain: None,
                host,
                provider: Arc::clone(provider),
            }));
        }
    };
    let mut store = RootCertStore::empty();
    if roots.is_empty() {
        store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    for root in &roots {
        store
            .add(root.clone())
            .map_err(|error| OptionsError::RootCertificate(error.to_string()))?;
    }
    let webpki = WebPkiServerVerifier::builder_with_provider(store.into(), Arc::clone(provider))
        .build()
        .map_err(|error| OptionsError::RootCertificate(error.to_string()))?;
    let chain = Some(Chain {
        webpki,
        pinned: roots,
    });
    Ok(Arc::new(Verifier {
        chain,
        host,
        provider: Arc::clone(provider),
    }))
}

fn certificates(
    source: &PemSource,
    wrap: fn(String) -> OptionsError,
) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    let (pem, name) = read(source).map_err(wrap)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| wrap(format!("{name}: {error}")))?;
    if found.is_empty() {
        return Err(wrap(format!("{name} has no certificate in PEM format")));
    }
    Ok(found)
}

fn private_key(
    source: &PemSource,
    password: Option<&Secret>,
) -> Result<PrivateKeyDer<'static>, OptionsError> {
    let (pem, name) = read(source).map_err(OptionsError::PrivateKey)?;
    if let Ok(key) = PrivateKeyDer::from_pem_slice(&pem) {
        return Ok(key);
    }
    let failed = |what| OptionsError::PrivateKey(format!("{name} {what}"));
    let text = std::str::from_utf8(&pem).unwrap_or_default();
    let Some(start) = text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") else {
        return Err(failed(match text.contains("ENCRYPTED") {
            true => {
                "is encrypted in an old way; convert it (openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW)"
            }
            false => "has no private key in PEM format",
        }));
    };
    let Some(Secret(password)) = password else {
        return Err(failed("is encrypted: it needs sslpassword"));
    };
    let (_, document) = SecretDocument::from_pem(text[start..].trim_end())
        .map_err(|_| failed("has no private key in PEM format"))?;
    let key = EncryptedPrivateKeyInfo::try_from(document.as_bytes())
        .and_then(|key| key.decrypt(password))
        .map_err(|_| failed("cannot be decrypted with the given sslpassword"))?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// The bytes, and what to call the source in errors.
fn read(source: &PemSource) -> Result<(Vec<u8>, String), String> {
    match source {
        PemSource::Inline(pem) => Ok((pem.clone().into_bytes(), "the given text".to_owned())),
        PemSource::File(path) => {
            let name = format!("\"{}\"", path.display());
            let pem = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
            Ok((pem, name))
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum HostCheck {
    On,
    Off,
}

/// Checks as much of the server's certificate as the mode asks for.
#[derive(Debug)]
struct Verifier {
    chain: Option<Chain>,
    host: HostCheck,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Chain {
    webpki: Arc<WebPkiServerVerifier>,
    /// The given root certificates. A server may present one of them itself: a self-signed certificate
    /// that is marked as an authority, which the path builder refuses and OpenSSL takes.
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        if chain.pinned.iter().any(|pinned| pinned == end_entity) {
            if self.host == HostCheck::On {
                let parsed = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&parsed, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let verified = chain.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            // The name is looked at last, so the chain was found to be good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.host == HostCheck::Off => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.chain {
            Some(chain) => chain.webpki.verify_tls12_signature(message, cert, dss),
            // Nobody vouches for the key, so a proof of owning it proves nothing; and X.509 version 1
            // certificates, common in hand-made set-ups, cannot be parsed here.
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.chain {
            Some(chain) => chain.webpki.verify_tls13_signature(message, cert, dss),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
