//! Input media to a file: whole, or not at all, and from nowhere that is closed.
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::certificates::Authority;
use crate::support::{Act, SHORT, plain, say, settings, tls};
use postsync_core::asset::AssetKind;
use postsync_core::outcome::SendError;
use postsync_egress::{Egress, EgressSettings};
use postsync_engine::ports::{Fetch as _, FetchError, FetchFailure, FetchRequest, Trust};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("input")
    }

    fn request(&self, url: impl Into<String>) -> FetchRequest {
        FetchRequest { url: url.into(), to: self.path(), bytes_max: 1_000_000, trust: Trust::Anybody, kind: None }
    }

    /// Fetches what must fail, and leave nothing.
    async fn fails(&self, settings: EgressSettings, url: impl Into<String>) -> FetchError {
        let failed = Egress::new(settings).unwrap().fetch(self.request(url)).await.unwrap_err();
        assert!(!self.path().exists(), "{failed}");
        assert!(
            failed.message.is_ascii() && !failed.message.contains("token=") && !failed.message.contains(":pw@"),
            "{failed}"
        );
        failed
    }
}

fn file(bytes: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").into_bytes();
    head.into_iter().chain((0..bytes).map(|i| (i % 251) as u8)).collect()
}

fn redirect(to: &str) -> Act {
    say(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
}

#[tokio::test]
async fn a_file_arrives_whole_and_for_us_only() {
    let mut server = plain(|_, _| say(file(700_000))).await;
    let place = Place::new();
    let fetched = Egress::new(settings()).unwrap().fetch(place.request(server.http("/in.mp4?token=1"))).await.unwrap();
    assert_eq!(fetched.bytes, 700_000);
    let stored = std::fs::read(place.path()).unwrap();
    assert!(file(700_000).ends_with(&stored) && stored.len() == 700_000);
    assert_eq!(std::fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o600);
    let want = format!(
        "GET /in.mp4?token=1 HTTP/1.1\r\nHost: {}\r\nUser-Agent: postsync/{}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n\r\n",
        server.address,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(server.request().await.1, want);
}

#[tokio::test]
async fn redirects_are_followed_three_times() {
    let place = Place::new();
    let server = plain(|connection, _| match connection {
        0 => redirect("/second?token=2"),
        1 => redirect("third#part"),
        2 => redirect("../fourth"),
        _ => say(file(10)),
    });
    let mut server = server.await;
    let fetched = Egress::new(settings()).unwrap().fetch(place.request(server.http("/a/first"))).await.unwrap();
    assert_eq!(fetched.bytes, 10);
    for path in ["/a/first", "/second?token=2", "/third", "/fourth"] {
        assert!(server.request().await.1.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{path}");
    }

    let place = Place::new();
    let endless = plain(|_, _| redirect("/again?token=1")).await;
    let failed = place.fails(settings(), endless.http("/first?token=1")).await;
    assert_eq!(failed.failure, FetchFailure::Remote(SendError::Redirect));
    assert_eq!(failed.message, format!("it redirects more than 3 times ({})", endless.http("/first")));
}

#[tokio::test]
async fn every_hop_is_judged() {
    let place = Place::new();
    for (to, error, part) in [
        ("http://169.254.169.254/latest?token=1", SendError::AddressNotAllowed, "169.254.169.254, a link-local"),
        ("http://127.1.0.1:8080/", SendError::AddressNotAllowed, "127.1.0.1, a loopback"),
        ("http://nowhere.example.com/", SendError::DnsNotFound, "nowhere.example.com"),
        ("file:///etc/passwd", SendError::AddressNotAllowed, "the URL"),
        ("https://user:pw@app.example.com/", SendError::AddressNotAllowed, "user name"),
    ] {
        let server = plain(move |_, _| redirect(to)).await;
        let failed = place.fails(settings(), server.http("/")).await;
        assert_eq!(failed.failure, FetchFailure::Remote(error), "{failed}");
        assert!(failed.message.contains(part), "{failed}");
    }
    let nowhere = plain(|_, _| say("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")).await;
    assert_eq!(place.fails(settings(), nowhere.http("/")).await.failure, FetchFailure::Remote(SendError::Redirect));
}

#[tokio::test]
async fn https_does_not_lead_to_http() {
    let (authority, place) = (Authority::new(), Place::new());
    let server =
        tls(authority.server(&["app.example.com"], 2020, 2090, |_| {}), |_, _| redirect("http://127.0.0.1:8080/"))
            .await;
    for allow_http in [true, false] {
        let mut settings = EgressSettings { ca_file: Some(authority.write(place.folder.path())), ..settings() };
        settings.rules.allow_http = allow_http;
        let failed = place.fails(settings, server.https("app.example.com")).await;
        assert!(matches!(failed.failure, FetchFailure::Remote(_)) && failed.message.contains("plain http"), "{failed}");
    }
}

#[tokio::test]
async fn a_file_over_the_cap_is_refused_early_and_by_count() {
    let place = Place::new();
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk: Vec<u8> = b"400\r\n".iter().copied().chain([b'x'; 1024]).chain(*b"\r\n").collect();
    for act in [
        Act::SayAndHang(b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n".to_vec()),
        Act::SayForEver(chunks, chunk),
        // Without a length the close is the end.
        Act::SayForEver(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 1024]),
    ] {
        let server = plain(move |_, _| act.clone()).await;
        let failed = place.fails(settings(), server.http("/a?token=1")).await;
        assert_eq!(failed.failure, FetchFailure::TooLarge);
        assert_eq!(failed.message, format!("the file is larger than 1000000 bytes ({})", server.http("/a")));
    }
}

#[tokio::test]
async fn what_stops_in_the_middle_leaves_nothing() {
    let place = Place::new();
    let mut short = settings();
    short.deadlines.media_head = SHORT;
    short.deadlines.media_idle = SHORT;
    let half = file(1_000)[..500].to_vec();
    let late = FetchFailure::Remote(SendError::ResponseTimeout);
    for (act, failure) in [
        (Act::SayAndClose(half.clone()), FetchFailure::Remote(SendError::ResponseTruncated)),
        (Act::SayAndReset(half.clone()), FetchFailure::Remote(SendError::ResponseTruncated)),
        (Act::SayAndHang(half), late),
        (Act::SayAndHang(vec![]), late),
        (Act::SayAndClose(vec![]), FetchFailure::Remote(SendError::ResponseReset)),
        (say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), FetchFailure::Answered(404)),
        (say("HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n"), FetchFailure::Answered(206)),
    ] {
        let server = plain(move |_, _| act.clone()).await;
        let settings = if failure == late { short.clone() } else { settings() };
        let failed = place.fails(settings, server.http("/a?token=1")).await;
        assert_eq!(failed.failure, failure, "{failed}");
        assert!(failed.message.ends_with(&format!(" ({})", server.http("/a"))), "{failed}");
    }
}

#[tokio::test]
async fn a_drip_ends_with_the_whole_fetchs_deadline() {
    let place = Place::new();
    let address = crate::support::raw(|mut stream| async move {
        use tokio::io::AsyncWriteExt as _;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    })
    .await;
    let failed = place.fails(EgressSettings { fetch_timeout: SHORT, ..settings() }, format!("http://{address}/")).await;
    assert_eq!(failed.failure, FetchFailure::Remote(SendError::ResponseTimeout), "{failed}");
    assert!(failed.message.contains("did not arrive within 200ms"), "{failed}");
}

#[tokio::test]
async fn our_own_disk_is_our_own_fault() {
    let place = Place::new();
    let server = plain(|_, _| say(file(10))).await;
    std::fs::write(place.path(), "there before").unwrap();
    let failed = Egress::new(settings()).unwrap().fetch(place.request(server.http("/"))).await.unwrap_err();
    assert_eq!(failed.failure, FetchFailure::Storage);
    assert_eq!(std::fs::read_to_string(place.path()).unwrap(), "there before", "what was there is not ours to remove");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_said_so() {
    let server = plain(|_, _| say(file(600_000))).await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("full");
    std::os::unix::fs::symlink("/dev/full", &to).unwrap();
    let request = FetchRequest { url: server.http("/"), to, bytes_max: 1_000_000, trust: Trust::Anybody, kind: None };
    let failed = Egress::new(settings()).unwrap().fetch(request).await.unwrap_err();
    assert_eq!(failed.failure, FetchFailure::Storage);
}

#[tokio::test]
async fn what_must_be_a_video_is_one_or_is_not_stored() {
    let place = Place::new();
    let video = [&b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"[..], &[7; 9_000]].concat();
    let page = [&b"<!doctype html>"[..], &[b' '; 9_000]].concat();
    for (bytes, is_one) in [(&video[..], true), (&page[..], false), (&page[..99], false), (b"", false)] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {}\r\n\r\n", bytes.len());
        let answer = [head.as_bytes(), bytes].concat();
        let server = plain(move |_, _| say(answer.clone())).await;
        let request = FetchRequest { kind: Some(AssetKind::Video), ..place.request(server.http("/v.mp4")) };
        let fetched = Egress::new(settings()).unwrap().fetch(request).await;
        assert_eq!(
            fetched.map_err(|error| error.failure).map(|_| ()),
            is_one.then_some(()).ok_or(FetchFailure::OfAnotherKind)
        );
        assert_eq!(place.path().exists(), is_one);
        let _ = std::fs::remove_file(place.path());
    }
}
