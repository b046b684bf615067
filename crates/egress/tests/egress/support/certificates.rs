//! An authority of our own, and the certificates that it signs or should not have.
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::self_made(&[])
    }

    /// One whose own certificate names a server.
    pub(crate) fn self_made(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A server that presents the authority's own certificate.
    pub(crate) fn as_server(&self) -> TlsAcceptor {
        let certificate = CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap();
        acceptor(certificate, self.issuer.key(), |_| {})
    }

    pub(crate) fn write(&self, folder: &Path) -> std::path::PathBuf {
        let path = folder.join("ca.pem");
        std::fs::write(&path, &self.pem).unwrap();
        path
    }

    /// A server for `names`, whose certificate is valid from and to the first of January of these years.
    pub(crate) fn server(
        &self,
        names: &[&str],
        from: i32,
        to: i32,
        adjust: impl FnOnce(&mut ServerConfig),
    ) -> TlsAcceptor {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        acceptor(certificate.der().clone(), &key, adjust)
    }
}

fn acceptor(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    adjust: impl FnOnce(&mut ServerConfig),
) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    adjust(&mut config);
    TlsAcceptor::from(Arc::new(config))
}
