//! What one webhook costs the sender: signs and POSTs a body of 700 bytes over connections that are kept, to bare receivers in
//! this process. Prints CPU microseconds per POST of the sending thread, the receiving thread's beside it, and POSTs per second.
//!
//! `cargo run --release -p postsync-egress --example posts [POSTS [IN_FLIGHT [HOSTS]]]`. The sender has one thread and the receivers
//! share another: with fewer than two free cores the rate says more about the machine than about the sender; the CPU does not.
#![expect(clippy::print_stdout, reason = "it prints its figures")]
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use postsync_core::Secret;
use postsync_core::access::StoredSecret;
use postsync_core::egress_rules::{Allow, EgressRules};
use postsync_core::endpoint::CustomHeaders;
use postsync_core::event::EventType;
use postsync_core::ids::{DeliveryId, EventId, OrgId, SecretId};
use postsync_core::outcome::Outcome;
use postsync_core::rotation::{SecretOwner, Signing};
use postsync_core::time::Timestamp;
use postsync_egress::{Answer, Egress, EgressSettings, Resolve, ResolveFailure};
use postsync_engine::ports::{Heard, Post, Sender as _};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustix::time::{ClockId, clock_gettime};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Receivers at most: each is an address of the loopback range of its own.
const HOSTS_MAX: usize = 10_000;

const BODY_BYTES: usize = 700;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Tue, 24 Nov 2026 08:00:00 GMT\r\nContent-Length: 2\r\n\r\nok";

fn main() -> Result<(), Failure> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let posts = numbers.first().copied().unwrap_or(200_000);
    let hosts = |in_flight: usize| numbers.get(2).map_or(vec![1, in_flight.max(1_000)], |hosts| vec![*hosts]);
    println!("scheme  in flight  hosts  posts/s  CPU us/post  receiver's");
    for scheme in ["http", "https"] {
        for in_flight in numbers.get(1).map_or(vec![1, 64, 512], |in_flight| vec![*in_flight]) {
            for hosts in hosts(in_flight) {
                let posts = if in_flight == 1 { posts / 10 } else { posts };
                measure(scheme, posts.max(1), in_flight.max(1), hosts.clamp(1, HOSTS_MAX))?;
            }
        }
    }
    Ok(())
}

fn measure(scheme: &str, posts: usize, in_flight: usize, hosts: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let ca_file = folder.path().join("ca.pem");
    let acceptor = acceptor(&ca_file)?;
    let receivers = Receivers::start((scheme == "https").then_some(acceptor), hosts)?;
    let rules = EgressRules { allow_http: true, allow: Allow::parse_list("127.0.0.0/8")? };
    let resolver = Some(Arc::new(Names) as Arc<dyn Resolve>);
    let idle_max = in_flight.max(hosts);
    let egress =
        Egress::new(EgressSettings { rules, resolver, idle_max, ca_file: Some(ca_file), ..Default::default() })?;
    let urls: Vec<String> =
        (0..hosts).map(|host| format!("{scheme}://h{host}.example.com:{}/webhook", receivers.port)).collect();

    let runtime = runtime()?;
    // Opens the connections that are measured: one to each host, and as many at a time as are in flight.
    runtime.block_on(send(&egress, &urls, hosts.max(in_flight), in_flight))?;
    let (begun, cpu, theirs) = (Instant::now(), cpu_time(), receivers.cpu_time());
    runtime.block_on(send(&egress, &urls, posts, in_flight))?;
    let (taken, cpu) = (begun.elapsed().as_secs_f64(), cpu_time().saturating_sub(cpu));
    let theirs = receivers.cpu_time().saturating_sub(theirs);
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let posts = posts as f64;
    let per_post = |cpu: Duration| cpu.as_secs_f64() * 1e6 / posts;
    println!(
        "{scheme:<6}  {in_flight:>9}  {hosts:>5}  {:>7.0}  {:>11.1}  {:>10.1}",
        posts / taken,
        per_post(cpu),
        per_post(theirs)
    );
    Ok(())
}

/// `posts` of them, `in_flight` at a time, to the hosts in turn.
async fn send(egress: &Egress, urls: &[String], posts: usize, in_flight: usize) -> Result<(), Failure> {
    let secret = StoredSecret { id: SecretId(1), secret: Secret::generate([7; 32]), created_at: Timestamp(0) };
    let signing = Arc::new(Signing::first(SecretOwner::org(&OrgId::new("default")), secret));
    let body = Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(BODY_BYTES - 11)));
    let next = AtomicUsize::new(0);
    let worker = || async {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= posts {
                return Ok(());
            }
            let post = Post {
                is_replay: false,
                delivery: DeliveryId(i64::try_from(nth)?),
                event: EventId(1),
                kind: EventType::GenerationCompleted,
                attempt: 1,
                url: urls[nth % urls.len()].clone(),
                body: body.clone(),
                signing: signing.clone(),
                custom_headers: CustomHeaders::default(),
                at: Timestamp(1_795_422_077_123),
                timeout: Duration::from_secs(15),
                heard: Heard::default(),
            };
            let report = egress.send(post).await;
            if report.outcome != (Outcome::Delivered { status: 200 }) {
                return Err(Failure::from(format!("not delivered: {report:?}")));
            }
        }
    };
    try_join_all((0..in_flight).map(|_| worker())).await.map(drop)
}

/// Receivers on a thread of their own, until this is dropped.
struct Receivers {
    port: u16,
    cpu_us: Arc<AtomicUsize>,
    _stop: oneshot::Sender<()>,
}

impl Receivers {
    fn start(tls: Option<TlsAcceptor>, hosts: usize) -> Result<Self, Failure> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, port) = std::sync::mpsc::channel();
        let cpu_us = Arc::new(AtomicUsize::new(0));
        let (runtime, spent) = (runtime()?, cpu_us.clone());
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listeners = listen(hosts).await;
                let _ = ready.send(listeners.as_ref().map(|(port, _)| *port).map_err(ToString::to_string));
                let Ok((_, listeners)) = listeners else { return };
                let all = join_all(listeners.into_iter().map(|listener| accept(listener, tls.clone(), spent.clone())));
                tokio::select! { _ = all => {}, _ = stopped => {} }
            });
        });
        Ok(Self { port: port.recv()??, cpu_us, _stop: stop })
    }

    fn cpu_time(&self) -> Duration {
        Duration::from_micros(self.cpu_us.load(Ordering::Relaxed) as u64)
    }
}

/// The same free port on each host's address.
async fn listen(hosts: usize) -> std::io::Result<(u16, Vec<TcpListener>)> {
    let first = TcpListener::bind(SocketAddr::new(address(0), 0)).await?;
    let port = first.local_addr()?.port();
    let others = (1..hosts).map(|host| TcpListener::bind(SocketAddr::new(address(host), port)));
    let others = try_join_all(others).await?;
    Ok((port, std::iter::once(first).chain(others).collect()))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, cpu_us: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let (tls, cpu_us) = (tls.clone(), cpu_us.clone());
        tokio::spawn(async move {
            let _ = match tls {
                None => answer(stream, &cpu_us).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => answer(stream, &cpu_us).await,
                    Err(error) => Err(error),
                },
            };
        });
    }
}

/// As little as a receiver can do: the body of a request ends with its only closing brace.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, cpu_us: &AtomicUsize) -> std::io::Result<()> {
    let mut buffer = vec![0; 4_096];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        if buffer[read - 1] == b'}' {
            stream.write_all(ANSWER).await?;
            stream.flush().await?;
            cpu_us.store(usize::try_from(cpu_time().as_micros()).unwrap_or(usize::MAX), Ordering::Relaxed);
        }
    }
}

/// `h7.example.com` is 127.0.0.8.
struct Names;

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> Result<Answer, ResolveFailure> {
        let host = name.split('.').next().and_then(|label| label.strip_prefix('h')?.parse().ok());
        let address = address(host.ok_or(ResolveFailure::NotFound)?);
        Ok(Answer { addresses: vec![address], ttl: Duration::from_secs(300) })
    }
}

fn address(host: usize) -> IpAddr {
    let low = |part: usize| u8::try_from(part % 250).unwrap_or(0);
    IpAddr::from([127, 0, low(host / 250), low(host) + 1])
}

fn acceptor(ca_file: &Path) -> Result<TlsAcceptor, Failure> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    std::fs::write(ca_file, authority.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["*.example.com".to_owned()])?.signed_by(&key, &issuer)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der())?)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Of the thread that asks.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(spent.tv_sec).unwrap_or(0), u32::try_from(spent.tv_nsec).unwrap_or(0))
}
