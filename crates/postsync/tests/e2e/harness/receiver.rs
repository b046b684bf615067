//! A receiver in this process that keeps every byte it is sent, and answers as the test says: well, late, wrongly, not at all.
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::growing::Growing;

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A head with this status and no body.
    Status(u16),
    /// These bytes, then the connection is closed.
    Raw(String),
    /// The same of bytes that are no text.
    Bytes(Vec<u8>),
    /// 200, but not before [`Receiver::release`].
    Hold,
    /// Nothing: the connection is closed.
    Cut,
}

/// One request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Up to and with the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Names and values in the order and the spelling of the wire.
    pub(crate) fn headers(&self) -> Vec<(&str, &str)> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect()
    }

    /// The value of a header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers().into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("no {name} in {}", self.head)).1
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.header("Postsync-Attempt").parse().unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `GET /path HTTP/1.1`
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }
}

type Answers = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A listening receiver.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    /// Every request, recorded before it is answered.
    pub(crate) requests: Growing<Request>,
    released: Arc<watch::Sender<bool>>,
}

impl Receiver {
    /// Listens on a free port; with TLS where there is an acceptor.
    pub(crate) async fn start(
        tls: Option<TlsAcceptor>,
        answers: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::on(listener, tls, answers)
    }

    /// Listens on that port, without TLS.
    pub(crate) async fn at(port: u16, answers: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", port)).await.unwrap(), None, answers)
    }

    fn on(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        answers: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            scheme: if tls.is_some() { "https" } else { "http" },
            requests: Growing::default(),
            released: Arc::new(watch::Sender::new(false)),
        };
        let (answers, own): (Answers, _) = (Arc::new(answers), receiver.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (own, answers, tls) = (own.clone(), answers.clone(), tls.clone());
                tokio::spawn(async move {
                    // A client that goes away is what some tests are about.
                    let _ = match tls {
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => own.converse(stream, answers).await,
                            Err(error) => Err(error),
                        },
                        None => own.converse(stream, answers).await,
                    };
                });
            }
        });
        receiver
    }

    /// Without TLS, 200 to everything.
    pub(crate) async fn friendly() -> Self {
        Self::start(None, |_| Reply::Status(200)).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Lets everything that is held, now or later, be answered with 200.
    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    async fn converse(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: Answers) -> io::Result<()> {
        let mut waiting = Vec::new();
        while let Some(request) = read(&mut stream, &mut waiting).await? {
            let reply = answers(&request);
            self.requests.push(request);
            let status = match reply {
                Reply::Status(status) => status,
                Reply::Hold => {
                    let _ = self.released.subscribe().wait_for(|released| *released).await;
                    200
                }
                Reply::Raw(text) => {
                    stream.write_all(text.as_bytes()).await?;
                    return stream.shutdown().await;
                }
                Reply::Bytes(bytes) => {
                    stream.write_all(&bytes).await?;
                    return stream.shutdown().await;
                }
                Reply::Cut => return Ok(()),
            };
            let head = format!("HTTP/1.1 {status} As Told\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
        }
        Ok(())
    }
}

/// The next request; `None` at the end of the connection.
async fn read(stream: &mut (impl AsyncRead + Unpin), waiting: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let head_bytes = loop {
        if let Some(at) = waiting.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(waiting).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&waiting[..head_bytes]).into_owned();
    let mut said = head.lines().filter_map(|line| line.split_once(": "));
    let length = said.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |(_, bytes)| bytes.parse().unwrap());
    while waiting.len() < head_bytes + length {
        if stream.read_buf(waiting).await? == 0 {
            return Ok(None);
        }
    }
    let body = waiting[head_bytes..head_bytes + length].to_vec();
    waiting.drain(..head_bytes + length);
    Ok(Some(Request { head, body }))
}
