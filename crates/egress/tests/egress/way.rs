//! The way there: which addresses are tried, which never are, and what their silence is called.
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::egress_rules::{Allow, EgressRules};
use postsync_core::outcome::{Outcome, SendError};
use postsync_egress::{Answer, Egress, EgressSettings, Resolve, ResolveFailure};
use postsync_engine::ports::Sender as _;
use tokio::net::TcpListener;

use crate::support::{Names, OK, SHORT, full, plain, post, say, settings};

const DELIVERED: Outcome = Outcome::Delivered { status: 200 };

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Opens what `allow` names, and knows `many.example.com`, which is open by its name.
fn egress(allow: &str, many: &[&str]) -> Egress {
    let names = Names(HashMap::from([("many.example.com", Ok(ips(many)))]));
    let allow = Allow::parse_list(&format!("many.example.com,{allow}")).unwrap();
    let rules = EgressRules { allow_http: true, allow };
    Egress::new(EgressSettings { rules, resolver: Some(Arc::new(names)), ..settings() }).unwrap()
}

async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// The broadcast address has no route for TCP on any Linux.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_this_machine_lacks_does_not_hide_what_the_receiver_said() {
    let port = closed_port().await;
    for (addresses, error, told) in [
        (["255.255.255.255"].as_slice(), SendError::ConnectUnreachable, 0),
        (&["127.0.0.1", "255.255.255.255"], SendError::ConnectRefused, 0),
        (&["255.255.255.255", "127.0.0.1"], SendError::ConnectRefused, 1),
    ] {
        let report = egress("", addresses).send(post(format!("http://many.example.com:{port}/"))).await;
        assert_eq!(report.outcome, Outcome::Failed(error), "{}", report.message);
        assert_eq!(report.address, Some(SocketAddr::new(ips(addresses)[told], port)));
    }
}

#[tokio::test]
async fn a_name_is_tried_at_each_of_its_addresses_until_one_answers() {
    let server = plain(|_, _| say(OK)).await;
    let url = format!("http://many.example.com:{}/", server.address.port());
    for addresses in [["::ffff:127.0.0.1", "127.0.0.7"], ["127.0.0.7", "::ffff:127.0.0.1"]] {
        let report = egress("", &addresses).send(post(url.clone())).await;
        assert_eq!((report.outcome, report.address), (DELIVERED, Some(server.address)), "{}", report.message);
    }
}

#[tokio::test]
async fn localhost_is_what_was_opened_and_never_asked_of_dns() {
    let mut server = plain(|_, _| say(OK)).await;
    let port = server.address.port();
    for (allow, host) in [
        ("localhost", "localhost".to_owned()),
        (&format!("127.0.0.1:{port}"), "app.localhost".to_owned()),
        ("127.0.0.0/8", "[::ffff:127.0.0.1]".to_owned()),
        ("127.0.0.0/8", "0x7f.1".to_owned()),
    ] {
        let report = egress(allow, &[]).send(post(format!("http://{host}:{port}/"))).await;
        assert_eq!((report.outcome, report.address), (DELIVERED, Some(server.address)), "{host}: {}", report.message);
        assert_eq!(report.phases.dns_us, None, "{host}");
        server.request().await;
    }
    for url in [format!("http://localhost:{port}/"), format!("http://[::ffff:127.0.0.1]:{port}/")] {
        let report = egress("10.0.0.0/8", &[]).send(post(url)).await;
        assert_eq!(report.outcome, Outcome::Failed(SendError::AddressNotAllowed), "{}", report.message);
        assert_eq!(report.address, None, "nothing was dialled");
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_server_that_drops_what_comes_ends_with_the_deadline_of_connecting() {
    let full = full().await;
    let address = full.address;
    let mut settings = settings();
    settings.deadlines.connect = SHORT;
    let report = Egress::new(settings).unwrap().send(post(format!("http://{address}/"))).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::ConnectTimeout), "{}", report.message);
    assert!(report.message.contains("firewall") && report.address == Some(address), "{}", report.message);
}

/// Answers with an open address the first time, and with a closed one ever after.
struct Rebinding(AtomicUsize);

#[async_trait]
impl Resolve for Rebinding {
    async fn resolve(&self, _: &str) -> Result<Answer, ResolveFailure> {
        let text = if self.0.fetch_add(1, Ordering::SeqCst) == 0 { "127.0.0.1" } else { "169.254.169.254" };
        Ok(Answer { addresses: ips(&[text]), ttl: Duration::ZERO })
    }
}

#[tokio::test]
async fn a_name_that_moves_to_a_closed_address_is_refused() {
    let mut server = plain(|_, _| say(OK)).await;
    let resolver = Arc::new(Rebinding(AtomicUsize::new(0)));
    let egress = Egress::new(EgressSettings { resolver: Some(resolver.clone()), idle_max: 0, ..settings() }).unwrap();
    let url = format!("http://app.example.com:{}/", server.address.port());
    // Within the shortest time that an answer is kept, what was vetted is what is dialled.
    for _ in 0..2 {
        assert_eq!(egress.send(post(url.clone())).await.outcome, DELIVERED);
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    let report = egress.send(post(url)).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::AddressNotAllowed), "{}", report.message);
    assert!(report.message.contains("169.254.169.254, a link-local address"), "{}", report.message);
    assert_eq!((resolver.0.load(Ordering::SeqCst), server.requests(), report.address), (2, 2, None));
}
