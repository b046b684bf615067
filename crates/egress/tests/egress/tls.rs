//! TLS: what is trusted, and what each failed handshake is called.
use crate::support::certificates::Authority;
use crate::support::{OK, SHORT, post, raw, say, settings, tls};
use postsync_core::outcome::{Outcome, SendError, SendReport};
use postsync_egress::{Egress, EgressSettings, Error};
use postsync_engine::ports::Sender as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

/// A client that trusts an authority, and the authority.
fn trusting() -> (Egress, Authority) {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let ca_file = Some(authority.write(folder.path()));
    (Egress::new(EgressSettings { ca_file, ..settings() }).unwrap(), authority)
}

async fn send(egress: &Egress, acceptor: TlsAcceptor) -> SendReport {
    let server = tls(acceptor, |_, _| say(OK)).await;
    egress.send(post(server.https("app.example.com"))).await
}

#[tokio::test]
async fn speaks_tls_to_whom_it_trusts_and_uses_the_connection_again() {
    let (egress, authority) = trusting();
    for (adjust, version) in [(false, "TLSv1.3"), (true, "TLSv1.2")] {
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let acceptor = authority.server(&["app.example.com", "127.0.0.1"], 2020, 2090, |config| {
            if adjust {
                let old = rustls::ServerConfig::builder_with_provider(provider)
                    .with_protocol_versions(&[&rustls::version::TLS12])
                    .unwrap()
                    .with_no_client_auth()
                    .with_cert_resolver(config.cert_resolver.clone());
                *config = old;
            }
        });
        let mut server = tls(acceptor, |_, _| say(OK)).await;
        for (nth, host) in ["app.example.com", "app.example.com", "127.0.0.1"].into_iter().enumerate() {
            let report = egress.send(post(server.https(host))).await;
            assert_eq!(report.outcome, Outcome::Delivered { status: 200 }, "{}", report.message);
            assert_eq!(report.tls.as_deref(), Some(version));
            assert_eq!(report.phases.tls_us.is_some(), nth != 1);
            assert_eq!(server.request().await.0, nth / 2);
        }
    }
}

#[tokio::test]
async fn a_bad_certificate_is_named() {
    let (egress, authority) = trusting();
    let server = |names: &[&str], from, to| authority.server(names, from, to, |_| {});
    for (acceptor, error, part) in [
        (
            server(&["app.example.com"], 2020, 2021),
            SendError::TlsExpired,
            "expired at 2021-01-01T00:00:00.000Z; renew it",
        ),
        (server(&["app.example.com"], 2080, 2090), SendError::TlsNotYetValid, "not valid before 2080-01-01"),
        (
            Authority::new().server(&["app.example.com"], 2020, 2090, |_| {}),
            SendError::TlsUnknownCa,
            "POSTSYNC_EGRESS_CA_FILE",
        ),
        (
            server(&["other.example.com", "*.test", "10.0.0.1"], 2020, 2090),
            SendError::TlsNameMismatch,
            "the certificate is for other.example.com, *.test, 10.0.0.1, not for app.example.com; get one that names it",
        ),
        (
            server(&["a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test"], 2020, 2090),
            SendError::TlsNameMismatch,
            "the certificate is for a.test, b.test, c.test, d.test, e.test, 2 more, not for app.example.com",
        ),
        (server(&[], 2020, 2090), SendError::TlsNameMismatch, "the certificate is for no name at all, not for app"),
    ] {
        let report = send(&egress, acceptor).await;
        assert_eq!(report.outcome, Outcome::Failed(error), "{}", report.message);
        assert!(report.message.contains(part) && report.message.is_ascii(), "{}", report.message);
        assert!(report.address.is_some() && report.phases.tls_us.is_some() && report.phases.first_byte_us.is_none());
    }
}

/// `openssl req -x509` makes one certificate that is its own authority, and it is given as both.
#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_told_what_to_do() {
    let authority = Authority::self_made(&["app.example.com"]);
    let folder = tempfile::tempdir().unwrap();
    let ca_file = Some(authority.write(folder.path()));
    let egress = Egress::new(EgressSettings { ca_file, ..settings() }).unwrap();
    let report = send(&egress, authority.as_server()).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::TlsUnknownCa), "{}", report.message);
    assert!(report.message.contains("basicConstraints=CA:FALSE"), "{}", report.message);
    assert!(!report.message.contains("Error"), "{}", report.message);
}

#[tokio::test]
async fn the_bundled_roots_do_not_trust_us() {
    let acceptor = Authority::new().server(&["app.example.com"], 2020, 2090, |_| {});
    let report = send(&Egress::new(settings()).unwrap(), acceptor).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::TlsUnknownCa), "{}", report.message);
}

#[tokio::test]
async fn a_server_for_http_2_only_is_named() {
    let (egress, authority) = trusting();
    let acceptor =
        authority.server(&["app.example.com"], 2020, 2090, |config| config.alpn_protocols = vec![b"h2".to_vec()]);
    let report = send(&egress, acceptor).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::TlsVersion), "{}", report.message);
    assert!(report.message.contains("http/1.1"), "{}", report.message);
}

/// (what the other side writes once it has the hello, what that is called)
const NO_TLS: &[(&[u8], SendError)] = &[
    (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", SendError::TlsNotSpoken),
    (b"SSH-2.0-OpenSSH_9.2\r\n", SendError::TlsNotSpoken),
    // Alerts: protocol_version, handshake_failure, unrecognized_name.
    (&[0x15, 3, 3, 0, 2, 2, 70], SendError::TlsVersion),
    (&[0x15, 3, 3, 0, 2, 2, 40], SendError::TlsVersion),
    (&[0x15, 3, 3, 0, 2, 2, 112], SendError::TlsNameMismatch),
    (b"", SendError::ConnectReset),
];

#[tokio::test]
async fn what_is_not_tls_is_named() {
    for (answer, error) in NO_TLS {
        let address = raw(move |mut stream| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            stream.write_all(answer).await.unwrap();
        })
        .await;
        let report =
            Egress::new(settings()).unwrap().send(post(format!("https://app.example.com:{}/", address.port()))).await;
        assert_eq!(report.outcome, Outcome::Failed(*error), "{}", report.message);
    }
}

#[tokio::test]
async fn a_server_for_tls_1_0_only_is_named() {
    let address = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        // A record with one ServerHello: version 1.0, random, no session, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, no compression.
        let mut hello = vec![0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
        hello.extend([7; 32]);
        hello.extend([0, 0xc0, 0x13, 0]);
        stream.write_all(&hello).await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let report =
        Egress::new(settings()).unwrap().send(post(format!("https://app.example.com:{}/", address.port()))).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::TlsVersion), "{}", report.message);
    assert!(report.message.contains("enable TLS 1.2 or 1.3"), "{}", report.message);
}

#[tokio::test]
async fn a_reset_in_the_handshake_is_named() {
    let address = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 16]).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let report = Egress::new(settings()).unwrap().send(post(format!("https://{address}/"))).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::ConnectReset), "{}", report.message);
    assert_eq!(report.address, Some(address));
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_its_deadline() {
    let address = raw(|stream| async move {
        let _held = stream;
        std::future::pending().await
    })
    .await;
    let mut settings = settings();
    settings.deadlines.tls = SHORT;
    let report = Egress::new(settings).unwrap().send(post(format!("https://{address}/"))).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::TlsTimeout), "{}", report.message);
}

#[test]
fn a_file_without_authorities_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    for text in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")] {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let made = Egress::new(EgressSettings { ca_file: Some(path.clone()), ..settings() });
        assert!(matches!(made.err(), Some(Error::CaFile { .. })), "{text:?}");
    }
}
