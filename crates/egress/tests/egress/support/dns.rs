//! A name server on this machine, over UDP, with a zone for the faults that a name server can have.
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;

/// `app` is here, `far` where nothing has a route to, `mixed` both here and on a private address, `private` only there; `empty` has no
/// address, `broken` fails, `silent` gets no answer, and anything else does not exist. The root is known: so the server is up.
pub(crate) async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0u8; 1500];
        while let Ok((bytes, from)) = socket.recv_from(&mut query).await {
            if let Some(answer) = answer(&query[..bytes]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

const NXDOMAIN: u8 = 3;
const SERVFAIL: u8 = 2;

fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let end = 12 + query[12..].iter().position(|&byte| byte == 0).unwrap() + 5;
    let label = query[13..13 + usize::from(query[12])].to_ascii_lowercase();
    let (code, addresses): (u8, &[Ipv4Addr]) = match label.as_slice() {
        b"app" => (0, &[Ipv4Addr::LOCALHOST]),
        b"far" => (0, &[Ipv4Addr::BROADCAST]),
        b"mixed" => (0, &[Ipv4Addr::LOCALHOST, Ipv4Addr::new(10, 0, 0, 1)]),
        b"private" => (0, &[Ipv4Addr::new(10, 0, 0, 1)]),
        b"empty" | b"" => (0, &[]),
        b"broken" => (SERVFAIL, &[]),
        b"silent" => return None,
        _ => (NXDOMAIN, &[]),
    };
    let is_a = query[end - 3] == 1;
    let addresses = if is_a { addresses } else { &[] };
    let count = u8::try_from(addresses.len()).unwrap();
    let mut answer = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0];
    answer.extend_from_slice(&query[12..end]);
    for address in addresses {
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 77, 0, 4]);
        answer.extend_from_slice(&address.octets());
    }
    Some(answer)
}
