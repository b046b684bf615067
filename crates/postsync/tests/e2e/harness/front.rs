//! TLS before a receiver that has none, as a proxy has it: what comes is passed on byte for byte.
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Listens on a free port; gives the same URL with `https` and that port. Ends with the test's runtime.
pub(crate) async fn https(url: &str, acceptor: TlsAcceptor) -> String {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let front = format!("https://{}/{path}", listener.local_addr().unwrap());
    let address = address.to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, address) = (acceptor.clone(), address.clone());
            tokio::spawn(async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = TcpStream::connect(address).await?;
                // Either side may hang up: the test sees that at the other.
                copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    front
}
