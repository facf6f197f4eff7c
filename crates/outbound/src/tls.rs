//! TLS of outgoing calls: the machine's root certificates, and the exceptions of the TLS allow list.
//!
//! Where the machine has no certificates at all, as in a bare container, the built-in ones serve.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use url::Url;

/// How far a server's certificate is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsTrust {
    /// As everybody's: a known authority, the right name, in date.
    Verified,
    /// A certificate nobody vouches for, with the right name and in date.
    SelfSigned,
    /// Any certificate.
    Any,
}

/// One entry of the TLS allow list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsException {
    /// The host, exactly.
    pub host: String,
    /// Its port; `None` for every port.
    pub port: Option<u16>,
    /// How far it is trusted.
    pub trust: TlsTrust,
}

/// How far to trust the server of this URL: the most generous entry that names it.
pub(crate) fn trust(exceptions: &[TlsException], url: &Url) -> TlsTrust {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default();
    let entries = exceptions.iter().filter(|entry| {
        entry.host.eq_ignore_ascii_case(host) && (entry.port.is_none() || entry.port == port)
    });
    entries.fold(TlsTrust::Verified, |trust, entry| {
        match (trust, entry.trust) {
            (TlsTrust::Any, _) | (_, TlsTrust::Any) => TlsTrust::Any,
            (TlsTrust::SelfSigned, _) | (_, TlsTrust::SelfSigned) => TlsTrust::SelfSigned,
            (TlsTrust::Verified, TlsTrust::Verified) => TlsTrust::Verified,
        }
    })
}

/// The configuration for one degree of trust.
pub(crate) fn config(trust: TlsTrust) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = WebPkiServerVerifier::builder_with_provider(roots().into(), Arc::clone(&provider))
        .build()
        .expect("the root store is not empty");
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3");
    let mut config = match trust {
        TlsTrust::Verified => builder.with_webpki_verifier(chain).with_no_client_auth(),
        TlsTrust::SelfSigned | TlsTrust::Any => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Exception {
                chain,
                trust,
                provider,
            }))
            .with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    store
}

/// Checks less than everybody's verifier, for hosts an admin named.
#[derive(Debug)]
struct Exception {
    chain: Arc<WebPkiServerVerifier>,
    trust: TlsTrust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exception {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trust == TlsTrust::Any {
            return Ok(ServerCertVerified::assertion());
        }
        let verified = self.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(error) if says_self_signed(&error) => {
                let parsed = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&parsed, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Nobody known vouches for it. A self-signed certificate is often marked as an authority, which the
/// verifier says in words of its own.
fn says_self_signed(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.to_string().contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn an_exception_is_for_its_host_and_port() {
        let entry = |host: &str, port, trust| TlsException {
            host: host.to_owned(),
            port,
            trust,
        };
        let list = [
            entry("a.example", Some(8443), TlsTrust::SelfSigned),
            entry("b.example", None, TlsTrust::Any),
            entry("b.example", None, TlsTrust::SelfSigned),
        ];
        for (url, expected) in [
            ("https://a.example:8443/", TlsTrust::SelfSigned),
            ("https://a.example/", TlsTrust::Verified),
            ("https://B.example:1/", TlsTrust::Any),
            ("https://c.b.example/", TlsTrust::Verified),
        ] {
            assert_eq!(trust(&list, &url.parse().unwrap()), expected, "{url}");
        }
    }
}
