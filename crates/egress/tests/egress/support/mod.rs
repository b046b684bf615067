//! Servers on this machine that answer as they are told, and a client that may reach them.
pub(crate) mod certificates;
pub(crate) mod dns;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use postsync_core::Secret;
use postsync_core::access::StoredSecret;
use postsync_core::egress_rules::{Allow, EgressRules};
use postsync_core::endpoint::CustomHeaders;
use postsync_core::event::EventType;
use postsync_core::ids::{DeliveryId, EventId, OrgId, SecretId};
use postsync_core::rotation::{Previous, SecretOwner, Signing};
use postsync_core::time::Timestamp;
use postsync_egress::{Answer, EgressSettings, Resolve, ResolveFailure};
use postsync_engine::ports::{Heard, Post};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Longer than anything here takes, on any machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// For what must not come: it is waited for as long as this.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// What a server does with a request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Writes, and reads the next request.
    Say(Vec<u8>),
    /// Writes and closes.
    SayAndClose(Vec<u8>),
    /// Writes and resets the connection.
    SayAndReset(Vec<u8>),
    /// Writes and does nothing more.
    SayAndHang(Vec<u8>),
    /// Writes the first, then the second again and again until nobody takes it.
    SayForEver(Vec<u8>, Vec<u8>),
}

pub(crate) fn say(text: impl AsRef<[u8]>) -> Act {
    Act::Say(text.as_ref().to_vec())
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a server saw.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole request: on which connection, and its bytes.
    Request(usize, String),
    /// The other side closed.
    Closed(usize),
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Server {
    /// The next thing seen.
    pub(crate) async fn seen(&mut self) -> Seen {
        timeout(SOON, self.seen.recv()).await.expect("seen in time").expect("the server lives")
    }

    /// The next request: on which connection, and its bytes.
    pub(crate) async fn request(&mut self) -> (usize, String) {
        loop {
            if let Seen::Request(connection, text) = self.seen().await {
                return (connection, text);
            }
        }
    }

    /// Requests seen so far and not asked for.
    pub(crate) fn requests(&mut self) -> usize {
        std::iter::from_fn(|| self.seen.try_recv().ok()).filter(|seen| matches!(seen, Seen::Request(..))).count()
    }

    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn https(&self, host: &str) -> String {
        format!("https://{host}:{}/webhook", self.address.port())
    }
}

/// A server in plain http; `answer` is told on which connection, and which request of it, it answers.
pub(crate) async fn plain(answer: impl Fn(usize, usize) -> Act + Send + Sync + 'static) -> Server {
    serve(None, answer).await
}

pub(crate) async fn tls(acceptor: TlsAcceptor, answer: impl Fn(usize, usize) -> Act + Send + Sync + 'static) -> Server {
    serve(Some(acceptor), answer).await
}

/// A server that does as it likes with each connection.
pub(crate) async fn raw<F: Future<Output = ()> + Send + 'static>(
    act: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(act(stream));
        }
    });
    address
}

async fn serve(tls: Option<TlsAcceptor>, answer: impl Fn(usize, usize) -> Act + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (saw, seen) = mpsc::unbounded_channel();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let (tls, saw, answer) = (tls.clone(), saw.clone(), answer.clone());
            tokio::spawn(async move {
                match tls {
                    None => speak(stream, connection, &saw, &*answer, |s| s.set_zero_linger().unwrap()).await,
                    Some(acceptor) => {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        speak(stream, connection, &saw, &*answer, |_| {}).await;
                    }
                }
            });
        }
    });
    Server { address, seen }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    connection: usize,
    saw: &mpsc::UnboundedSender<Seen>,
    answer: &(dyn Fn(usize, usize) -> Act + Send + Sync),
    reset: impl Fn(&S),
) {
    for nth in 0.. {
        let Some(request) = read_request(&mut stream).await else {
            let _ = saw.send(Seen::Closed(connection));
            return;
        };
        let _ = saw.send(Seen::Request(connection, request));
        match answer(connection, nth) {
            Act::Say(bytes) => stream.write_all(&bytes).await.unwrap(),
            Act::SayAndClose(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown().await.unwrap();
                return;
            }
            Act::SayAndReset(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                stream.flush().await.unwrap();
                return reset(&stream);
            }
            Act::SayAndHang(bytes) => {
                // Who is told too much hangs up in the middle of it.
                let _ = stream.write_all(&bytes).await;
                let _ = stream.flush().await;
                while stream.read(&mut [0; 512]).await.is_ok_and(|bytes| bytes > 0) {}
                let _ = saw.send(Seen::Closed(connection));
                return;
            }
            Act::SayForEver(head, again) => {
                stream.write_all(&head).await.unwrap();
                while stream.write_all(&again).await.is_ok() {}
                let _ = saw.send(Seen::Closed(connection));
                return;
            }
        }
        stream.flush().await.unwrap();
    }
}

/// Head and body, as text; `None` at the end.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Some(String::from_utf8(bytes).unwrap());
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// A listener whose queue is full: what comes now is dropped, as by a firewall.
pub(crate) struct Full {
    pub(crate) address: SocketAddr,
    _waiting: Vec<TcpStream>,
    _listener: TcpListener,
}

pub(crate) async fn full() -> Full {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(SHORT, TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    Full { address, _waiting: waiting, _listener: listener }
}

/// Names of the tests; what is not here does not exist.
pub(crate) struct Names(pub(crate) HashMap<&'static str, Result<Vec<IpAddr>, ResolveFailure>>);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> Result<Answer, ResolveFailure> {
        let found = self.0.get(name).cloned().unwrap_or(Err(ResolveFailure::NotFound));
        Ok(Answer { addresses: found?, ttl: Duration::from_secs(60) })
    }
}

/// Reaches 127.0.0.1, also in plain http; `app.example.com` is there.
pub(crate) fn settings() -> EgressSettings {
    let names = Names(HashMap::from([("app.example.com", Ok(vec![IpAddr::from([127, 0, 0, 1])]))]));
    EgressSettings {
        rules: EgressRules { allow_http: true, allow: Allow::parse_list("127.0.0.1").unwrap() },
        resolver: Some(Arc::new(names)),
        ..EgressSettings::default()
    }
}

pub(crate) fn post(url: impl Into<String>) -> Post {
    Post {
        is_replay: false,
        delivery: DeliveryId(2),
        event: EventId(1),
        kind: EventType::GenerationCompleted,
        attempt: 3,
        url: url.into(),
        body: Bytes::from_static(b"{\"id\":\"b-1\"}"),
        signing: signing(Secret::generate([7; 32])),
        custom_headers: CustomHeaders::default(),
        at: Timestamp(1_795_422_077_123),
        timeout: SOON,
        heard: Heard::default(),
    }
}

/// One secret that is not being rotated.
pub(crate) fn signing(secret: Secret) -> Arc<Signing> {
    let owner = SecretOwner::org(&OrgId::new("default"));
    Arc::new(Signing::first(owner, StoredSecret { id: SecretId(1), secret, created_at: Timestamp(0) }))
}

/// Three of them: the second is the current one, the first ends a millisecond after the attempts of [`post`].
pub(crate) fn rotating() -> Arc<Signing> {
    let [old, new, newest] = [1u8, 2, 3].map(|n| StoredSecret {
        id: SecretId(n.into()),
        secret: Secret::generate([n; 32]),
        created_at: Timestamp(0),
    });
    let previous = Previous { secret: old, expires_at: Timestamp(1_795_422_077_124) };
    let owner = SecretOwner::org(&OrgId::new("default"));
    Arc::new(Signing { owner, current: new, next: Some(newest), previous: Some(previous) })
}
