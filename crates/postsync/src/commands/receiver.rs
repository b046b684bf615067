//! The demo's receiver: a real HTTPS endpoint on a free port, with a certificate authority made in this process, that
//! verifies what it is sent as a user's receiver would.
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use postsync_engine::ports::Clock as _;
use postsync_webhook::{Secret, TOLERANCE_DEFAULT, verify_sync};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::world::SystemClock;

/// A webhook is under 100 kB.
const BODY_BYTES_MAX: usize = 128 * 1024;

/// Deliveries that may wait to be looked at.
const RECEIVED_MAX: usize = 16;

/// One delivery as it came in.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The verifier's word.
    pub(super) verdict: Result<(), String>,
}

/// A listening receiver.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    /// The authority that signed its certificate, PEM.
    pub(super) ca_pem: String,
    pub(super) received: mpsc::Receiver<Received>,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port or no certificate can be had.
    pub(super) async fn start(secret: Secret) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port for the receiver")?;
        let address = listener.local_addr()?;
        let (acceptor, ca_pem) = tls()?;
        let (tell, received) = mpsc::channel(RECEIVED_MAX);
        let secret = Arc::new(secret);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, tell, secret) = (acceptor.clone(), tell.clone(), secret.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service =
                        hyper::service::service_fn(move |request| receive(request, secret.clone(), tell.clone()));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .title_case_headers(true)
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self { address, ca_pem, received })
    }
}

async fn receive(
    request: Request<Incoming>,
    secret: Arc<Secret>,
    tell: mpsc::Sender<Received>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await.map(http_body_util::Collected::to_bytes) else {
        return Ok(answer(StatusCode::BAD_REQUEST));
    };
    let signature = head.headers.get("sync-signature").map(hyper::header::HeaderValue::as_bytes);
    let now = SystemClock.now().unix_s();
    let verdict = verify_sync(signature, &body, std::slice::from_ref(&*secret), now, TOLERANCE_DEFAULT);
    let verdict = verdict.map(|_| ()).map_err(|error| error.to_string());
    let status = if verdict.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let headers =
        head.headers.iter().map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect();
    let _ = tell.send(Received { headers, body, verdict }).await;
    Ok(answer(status))
}

fn answer(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A certificate for 127.0.0.1, signed by an authority that lives as long as this process.
fn tls() -> anyhow::Result<(TlsAcceptor, String)> {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), issuer.pem()))
}
