//! TLS towards receivers: who is trusted, and what a failed handshake means in words.
use std::path::Path;
use std::sync::Arc;

use postsync_core::outcome::SendError;
use postsync_core::time::Timestamp;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{AlertDescription, CertificateError, ClientConfig, PeerIncompatible, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::Error;
use crate::trouble::Trouble;

/// Names whose sessions are kept for resumption. The default holds 256: with more receivers each would pay a whole handshake
/// again. A session holds tickets and the certificates, some 7 kB: so 60 MB at the most.
const SESSIONS_MAX: usize = 8_192;

/// Names of a certificate shown to a person.
const NAMES_SHOWN_MAX: usize = 5;

/// A connector that trusts the bundled authorities and those of `ca_file`.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        roots.extend(authorities(path)?.roots);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The authorities of a PEM file (`egress.ca_file`): at least one.
///
/// # Errors
/// It can't be read, or holds something else.
pub fn authorities(path: &Path) -> Result<RootCertStore, Error> {
    let wrong = |why: String| Error::CaFile { path: path.to_path_buf(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(said(&error)))? {
        let certificate = certificate.map_err(|error| wrong(said(&error)))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no certificate in PEM form".to_owned()));
    }
    Ok(roots)
}

/// What the system said stands alone: the library would quote it as Rust writes it.
fn said(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// What a failed handshake means.
pub(crate) fn trouble(host: &str, error: &std::io::Error) -> Trouble {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(certificate)) => bad_certificate(host, certificate),
        Some(rustls::Error::AlertReceived(alert)) => refused(host, *alert),
        Some(rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)) => {
            version(host, "it speaks neither 1.2 nor 1.3")
        }
        Some(rustls::Error::PeerIncompatible(why)) => version(host, &words(&format!("{why:?}"))),
        Some(rustls::Error::NoCertificatesPresented) => {
            Trouble::new(SendError::TlsUnknownCa, format!("{host} presents no certificate; install one"))
        }
        Some(_) => Trouble::new(
            SendError::TlsNotSpoken,
            format!("{host} answers, but not in TLS; check that the port is the https one"),
        ),
        None => Trouble::new(SendError::ConnectReset, format!("{host} closed the connection during the TLS handshake")),
    }
}

fn bad_certificate(host: &str, error: &CertificateError) -> Trouble {
    match error {
        CertificateError::Expired => {
            Trouble::new(SendError::TlsExpired, format!("the certificate of {host} has expired; renew it"))
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            let ago = format!("the certificate of {host} expired at {}; renew it", shown(*not_after));
            Trouble::new(SendError::TlsExpired, ago)
        }
        CertificateError::NotValidYet => Trouble::new(
            SendError::TlsNotYetValid,
            format!("the certificate of {host} is not valid yet; check the clocks on both sides"),
        ),
        CertificateError::NotValidYetContext { not_before, .. } => {
            let from = shown(*not_before);
            Trouble::new(
                SendError::TlsNotYetValid,
                format!("the certificate of {host} is not valid before {from}; check the clocks on both sides"),
            )
        }
        CertificateError::NotValidForName => Trouble::new(
            SendError::TlsNameMismatch,
            format!("the certificate is not for {host}; get one that names it"),
        ),
        CertificateError::NotValidForNameContext { presented, .. } => Trouble::new(
            SendError::TlsNameMismatch,
            format!("the certificate is for {}, not for {host}; get one that names it", names(presented)),
        ),
        // A bad signature is what an authority of the same name and another key comes to.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Trouble::new(
            SendError::TlsUnknownCa,
            format!(
                "nobody trusted has signed the certificate of {host}; send the whole chain, or set egress.ca_file (POSTSYNC_EGRESS_CA_FILE)"
            ),
        ),
        other => Trouble::new(
            SendError::TlsUnknownCa,
            format!("the certificate of {host} is not acceptable: {}", unacceptable(other)),
        ),
    }
}

/// Those that a certificate has: the library says `DnsName("app.example.com")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inner.trim_matches('"').to_owned()
    };
    match presented.len() {
        0 => "no name at all".to_owned(),
        all => {
            let mut shown: Vec<String> = presented.iter().take(NAMES_SHOWN_MAX).map(bare).collect();
            shown.extend((all > NAMES_SHOWN_MAX).then(|| format!("{} more", all - NAMES_SHOWN_MAX)));
            shown.join(", ")
        }
    }
}

/// What is wrong with a certificate beside its dates, names and issuer, and what to do.
fn unacceptable(error: &CertificateError) -> String {
    match error {
        CertificateError::BadEncoding => "it can't be read; make a new one".into(),
        CertificateError::Revoked => "it was revoked; get a new one".into(),
        CertificateError::UnhandledCriticalExtension => {
            "it marks an extension critical that is not known here; make one without it".into()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its kind of signature is not taken; sign it with ECDSA or with RSA and SHA-256".into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers; make one with extendedKeyUsage=serverAuth".into()
        }
        // By its text: the type belongs to a crate below the TLS library. A test holds it.
        CertificateError::Other(other) if other.0.to_string() == "CaUsedAsEndEntity" => {
            "it is an authority's own; sign a certificate for the server with it, or make it with basicConstraints=CA:FALSE".into()
        }
        CertificateError::Other(other) => words(&other.0.to_string()),
        _ => "its kind is not known here; make a new one".into(),
    }
}

/// `HandshakeFailure` as a person writes it.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && words.ends_with(|last: char| last.is_ascii_lowercase()) {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// When, as a person reads it.
fn shown(time: rustls::pki_types::UnixTime) -> Timestamp {
    Timestamp(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000))
}

fn refused(host: &str, alert: AlertDescription) -> Trouble {
    match alert {
        AlertDescription::UnrecognisedName => Trouble::new(
            SendError::TlsNameMismatch,
            format!("the server does not know the name {host}; set it up there, or correct the URL"),
        ),
        AlertDescription::NoApplicationProtocol => version(host, "it does not take http/1.1"),
        alert => version(host, &format!("it refused the handshake: {}", words(&format!("{alert:?}")))),
    }
}

fn version(host: &str, why: &str) -> Trouble {
    let message =
        format!("{host} and this server have no TLS version or cipher in common ({why}); enable TLS 1.2 or 1.3");
    Trouble::new(SendError::TlsVersion, message)
}
