//! The hosts: each listens on its address, with a certificate of its own where TLS is spoken.
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::HANG;
use super::seen::Seen;

/// Makes certificates for addresses.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, whose certificate is written to that file.
    pub(super) fn new(ca_file: &Path) -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        std::fs::write(ca_file, params.self_signed(&key)?.pem())?;
        Ok(Self { issuer: Issuer::new(params, key) })
    }

    fn acceptor(&self, ip: IpAddr) -> anyhow::Result<TlsAcceptor> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.subject_alt_names.push(SanType::IpAddress(ip));
        let certificate = params.signed_by(&key, &self.issuer)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|why| anyhow::anyhow!("{why}"))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Listens on the same free port of every address; gives the port.
pub(super) async fn listen(ips: &[IpAddr], authority: Option<&Authority>, seen: &Rc<Seen>) -> anyhow::Result<u16> {
    let mut port = 0;
    for ip in ips {
        let listener = TcpListener::bind(SocketAddr::new(*ip, port)).await?;
        port = listener.local_addr()?.port();
        let tls = authority.map(|authority| authority.acceptor(*ip)).transpose()?;
        tokio::task::spawn_local(accept(listener, tls, seen.clone()));
    }
    Ok(port)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, seen: Rc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, seen) = (tls.clone(), seen.clone());
        let _ = stream.set_nodelay(true);
        tokio::task::spawn_local(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, &seen).await;
                    }
                }
                None => serve(stream, &seen).await,
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, seen: &Seen) {
    let service = hyper::service::service_fn(|request| receive(request, seen));
    // A client that goes away is its own matter.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn receive(request: Request<Incoming>, seen: &Seen) -> Result<Response<Empty<Bytes>>, Infallible> {
    if request.uri().path() == HANG {
        std::future::pending::<()>().await;
    }
    let (head, body) = request.into_parts();
    if let Ok(body) = body.collect().await {
        seen.note(head.uri.query(), &head.headers, &body.to_bytes());
    }
    Ok(Response::new(Empty::new()))
}
