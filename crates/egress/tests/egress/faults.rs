//! Every error that a receiver, or the way to it, can be blamed for: each by a server that has that fault, with the whole sentence
//! that a person reads.
use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use postsync_core::egress_rules::{Allow, EgressRules};
use postsync_core::outcome::{Blame, SendError};
use postsync_egress::{Egress, EgressSettings};
use postsync_engine::ports::{Post, Sender as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::certificates::Authority;
use crate::support::dns::name_server;
use crate::support::{Act, Full, SHORT, full, plain, post, raw, say, tls};

/// The error, who causes it, and what is read of it, with the address that was dialled as `{}`. `interrupted`, the 25th, is what a
/// kill of this server itself leaves: `crash.rs` of the end-to-end tests does that.
const FAULTS: [(SendError, &str, &str); 24] = [
    (
        SendError::DnsNotFound,
        "a name server that does not know the name",
        "the name nowhere.example.com does not exist (NXDOMAIN); correct the URL",
    ),
    (
        SendError::DnsServfail,
        "a name server that fails",
        "the name servers of broken.example.com fail (SERVFAIL); mend its zone",
    ),
    (
        SendError::DnsTimeout,
        "a name server that says nothing",
        "the name silent.example.com was not resolved within 3s; check its name servers",
    ),
    (
        SendError::DnsNoAddress,
        "a name server without an address for the name",
        "the name empty.example.com has no address record; add one",
    ),
    (
        SendError::AddressNotAllowed,
        "a name server that mixes an open and a private address",
        "mixed.example.com resolves to 10.0.0.1, a private address (10.0.0.0/8); set egress.allow (POSTSYNC_EGRESS_ALLOW) to open it",
    ),
    (SendError::ConnectRefused, "nobody", "nothing listens at {}; start the server or correct the port"),
    (SendError::ConnectUnreachable, "an address without a route", "there is no route to {}; check its address records"),
    (
        SendError::ConnectTimeout,
        "one that drops what comes",
        "{} did not answer the connection in time; check the firewall",
    ),
    (
        SendError::ConnectReset,
        "one that resets the connection in the handshake",
        "app.example.com closed the connection during the TLS handshake",
    ),
    (
        SendError::TlsExpired,
        "one whose certificate is of 2020",
        "the certificate of app.example.com expired at 2021-01-01T00:00:00.000Z; renew it",
    ),
    (
        SendError::TlsNotYetValid,
        "one whose certificate is of 2080",
        "the certificate of app.example.com is not valid before 2080-01-01T00:00:00.000Z; check the clocks on both sides",
    ),
    (
        SendError::TlsUnknownCa,
        "one whose certificate a stranger has signed",
        "nobody trusted has signed the certificate of app.example.com; send the whole chain, or set egress.ca_file (POSTSYNC_EGRESS_CA_FILE)",
    ),
    (
        SendError::TlsNameMismatch,
        "one whose certificate is for another name",
        "the certificate is for other.example.com, not for app.example.com; get one that names it",
    ),
    (
        SendError::TlsVersion,
        "one that knows TLS 1.0 only",
        "app.example.com and this server have no TLS version or cipher in common (it speaks neither 1.2 nor 1.3); enable TLS 1.2 or 1.3",
    ),
    (
        SendError::TlsNotSpoken,
        "one that speaks plain http on the TLS port",
        "app.example.com answers, but not in TLS; check that the port is the https one",
    ),
    (
        SendError::TlsTimeout,
        "one that takes the hello and says nothing",
        "app.example.com did not finish the TLS handshake within 200ms; check its load",
    ),
    (
        SendError::WriteReset,
        "one that resets the connection while the request is written",
        "the connection broke while the request was being written; it may have been received",
    ),
    (
        SendError::ResponseTimeout,
        "one that takes the request and says nothing",
        "no complete answer within 200ms; it may have been received; answer 2xx first and work afterwards, or raise the timeout: delivery.timeout, or its endpoint's or generation's own",
    ),
    (
        SendError::ResponseReset,
        "one that closes instead of answering",
        "the server closed the connection without an answer; the request may have been received; look for a crash in its log",
    ),
    (
        SendError::ResponseTruncated,
        "one that closes in the middle of its head",
        "the server closed the connection in the middle of its answer's head; the request may have been received",
    ),
    (
        SendError::ResponseMalformed,
        "one that does not speak HTTP",
        "the answer is not HTTP; check that the port is the web server's",
    ),
    (
        SendError::ResponseTooLarge,
        "one that sends 100,000 headers",
        "the head of the answer is larger than 16 KiB or has too many headers; send fewer or smaller ones",
    ),
    (
        SendError::Redirect,
        "one that redirects to a private address",
        "the receiver answered 302 Found; redirects are not followed: use the final URL",
    ),
    (
        SendError::HttpStatus,
        "one that answers 500",
        "the receiver answered 500 Internal Server Error; its answer begins: no such x",
    ),
];

/// Where the faults are met from.
struct Place {
    authority: Authority,
    settings: EgressSettings,
    full: Full,
    _folder: tempfile::TempDir,
}

/// How one is met.
struct Meeting {
    settings: EgressSettings,
    post: Post,
}

impl Place {
    async fn new() -> Self {
        let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
        let settings = EgressSettings {
            rules: EgressRules { allow_http: true, allow: Allow::parse_list("127.0.0.1,far.example.com").unwrap() },
            ca_file: Some(authority.write(folder.path())),
            name_servers: vec![name_server().await],
            ..EgressSettings::default()
        };
        Self { authority, settings, full: full().await, _folder: folder }
    }

    /// Sets the fault up.
    async fn meet(&self, error: SendError) -> Meeting {
        match error {
            SendError::DnsNotFound => self.named("nowhere"),
            SendError::DnsServfail => self.named("broken"),
            SendError::DnsTimeout => {
                // Long enough for the server to say that it is up, on a busy machine.
                self.named("silent").with(|settings| settings.deadlines.dns = Duration::from_secs(3))
            }
            SendError::DnsNoAddress => self.named("empty"),
            SendError::AddressNotAllowed => self.named("mixed"),
            SendError::ConnectRefused => {
                let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
                self.at(format!("http://{closed}/"))
            }
            SendError::ConnectUnreachable => self.named("far"),
            SendError::ConnectTimeout => {
                let dropped = self.at(format!("http://{}/", self.full.address));
                dropped.with(|settings| settings.deadlines.connect = SHORT)
            }
            SendError::ConnectReset => self.secret(reset).await,
            SendError::TlsExpired => self.certificate(&self.authority, "app.example.com", 2020, 2021).await,
            SendError::TlsNotYetValid => self.certificate(&self.authority, "app.example.com", 2080, 2090).await,
            SendError::TlsUnknownCa => self.certificate(&Authority::new(), "app.example.com", 2020, 2090).await,
            SendError::TlsNameMismatch => self.certificate(&self.authority, "other.example.com", 2020, 2090).await,
            SendError::TlsVersion => self.secret(speak_tls_1_0).await,
            SendError::TlsNotSpoken => self.secret(speak_http).await,
            SendError::TlsTimeout => self.secret(hold).await.with(|settings| settings.deadlines.tls = SHORT),
            SendError::WriteReset => {
                let mut broken = self.at(format!("http://{}/", raw(reset).await));
                // More than the buffers of both sides hold.
                broken.post.body = Bytes::from(vec![b'x'; 64 << 20]);
                broken
            }
            SendError::ResponseTimeout => {
                let mut silent = self.answered(Act::SayAndHang(vec![])).await;
                silent.post.timeout = SHORT;
                silent
            }
            SendError::ResponseReset => self.answered(Act::SayAndClose(vec![])).await,
            SendError::ResponseTruncated => {
                self.answered(Act::SayAndClose(b"HTTP/1.1 200 OK\r\nContent-".to_vec())).await
            }
            SendError::ResponseMalformed => self.answered(Act::SayAndClose(b"<html>hello</html>\r\n".to_vec())).await,
            SendError::ResponseTooLarge => {
                let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(100_000));
                self.answered(Act::SayAndHang(many.into_bytes())).await
            }
            SendError::Redirect => {
                let to = "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n";
                self.answered(say(to)).await
            }
            SendError::HttpStatus => self.answered(say("HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nno such x")).await,
            ours => panic!("{} is no receiver's fault", ours.as_str()),
        }
    }

    fn at(&self, url: String) -> Meeting {
        Meeting { settings: self.settings.clone(), post: post(url) }
    }

    fn named(&self, name: &str) -> Meeting {
        self.at(format!("http://{name}.example.com:8080/"))
    }

    /// Under a name that leads here, where TLS is expected.
    async fn secret<F: Future<Output = ()> + Send + 'static>(
        &self,
        act: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Meeting {
        self.at(format!("https://app.example.com:{}/", raw(act).await.port()))
    }

    async fn certificate(&self, authority: &Authority, name: &str, from: i32, to: i32) -> Meeting {
        let server = tls(authority.server(&[name], from, to, |_| {}), |_, _| say("")).await;
        self.at(server.https("app.example.com"))
    }

    async fn answered(&self, act: Act) -> Meeting {
        self.at(plain(move |_, _| act.clone()).await.http("/"))
    }
}

impl Meeting {
    fn with(mut self, change: impl FnOnce(&mut EgressSettings)) -> Self {
        change(&mut self.settings);
        self
    }
}

async fn reset(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 16]).await;
    stream.set_zero_linger().unwrap();
}

async fn hold(stream: TcpStream) {
    let _held = stream;
    std::future::pending().await
}

async fn speak_http(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]).await;
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
}

/// One ServerHello in a record: version 1.0, random, no session, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, no compression.
async fn speak_tls_1_0(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]).await;
    let mut hello = vec![0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    stream.write_all(&hello).await.unwrap();
    let _ = stream.read(&mut [0; 4096]).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn every_error_by_a_server_that_has_it_and_with_its_sentence() {
    let place = Place::new().await;
    let met = join_all(FAULTS.map(|(error, server, sentence)| {
        let place = &place;
        async move {
            let Meeting { settings, post } = place.meet(error).await;
            let report = Egress::new(settings).unwrap().send(post).await;
            let said = match report.address {
                Some(address) => report.message.replace(&address.to_string(), "{}"),
                None => report.message,
            };
            assert_eq!((report.outcome.error(), said.as_str()), (Some(error), sentence), "{server}");
            error
        }
    }));
    let met: BTreeSet<SendError> = met.await.into_iter().collect();
    let blamed = SendError::ALL.iter().copied().filter(|error| error.blame() != Blame::Own);
    assert_eq!(met, blamed.collect());
}
