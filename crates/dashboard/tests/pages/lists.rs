//! Lists: pages, filters, what is there when nothing is; replays; what a page weighs.
use crate::browser::{Browser, router};
use crate::harness::{ADMIN, App, READER};
use crate::scopes::delivered;

/// A page with all that it loads.
const PAGE_BYTES_MAX: usize = 150 * 1024;

#[tokio::test]
async fn empty_lists_say_what_to_do_next() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    for (path, what) in [
        ("/generations", "curl -s https://lips.example.com/v2/generate"),
        ("/deliveries", "Nothing was to be delivered yet"),
        ("/webhooks", "No endpoint is registered"),
        ("/destinations", "Nothing has been sent"),
        ("/batches", "curl -s https://lips.example.com/v2/batch"),
        ("/usage", "Nothing has ended yet"),
        ("/", "Nothing: every destination is up"),
    ] {
        admin.get(path).await.shows(what);
    }
}

#[tokio::test]
async fn pages_follow_each_other_and_only_the_newest_is_live() {
    let app = App::start().await;
    let mut ids = Vec::new();
    for _ in 0..120 {
        ids.push(app.created("sync-3").await);
    }
    app.ended(ids.last().unwrap()).await;
    let reader = Browser::signed_in(&router(&app), READER).await;
    let (mut path, mut shown) = ("/generations?status=COMPLETED".to_owned(), Vec::new());
    for n in 0.. {
        let page = reader.get(&path).await;
        assert_eq!(page.text.contains("hx-get"), n == 0, "page {n}");
        shown.extend(page.text.split("id=\"g-").skip(1).map(|rest| rest[..36].to_owned()));
        let Some(older) = page.text.split("\" rel=\"next\"").next().filter(|_| page.text.contains("rel=\"next\""))
        else {
            break;
        };
        path = older.rsplit("href=\"").next().unwrap().replace("&#38;", "&");
    }
    ids.reverse();
    assert_eq!(shown, ids);
    reader.get("/generations?status=FAILED").await.shows("No generation is like that");
    assert_eq!(reader.get("/generations?status=nonsense").await.status, 400);
}

#[tokio::test]
async fn deliveries_are_filtered_looked_into_and_replayed() {
    let app = App::start().await;
    let (generation, delivery) = delivered(&app).await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    for (query, is_there) in [
        ("", true),
        ("?status=delivered", true),
        ("?status=due", false),
        (&*format!("?generation={generation}"), true),
        ("?generation=0190a5a4-0000-7000-8000-000000000000", false),
        ("?endpoint=ep_1", false),
    ] {
        let page = admin.get(&format!("/deliveries{query}")).await;
        assert_eq!(page.text.contains(&delivery), is_there, "{query}");
        page.hides("token=shh");
    }
    let page = admin.get(&format!("/deliveries/{delivery}")).await;
    for what in ["Attempt 1", "Postsync-Delivery", "generation.completed", "Copy as curl", ">Replay</button>", "curl "]
    {
        page.shows(what);
    }
    assert!(admin.get(&format!("/deliveries/{delivery}/curl/1")).await.text.starts_with("curl "));
    assert_eq!(admin.get(&format!("/deliveries/{delivery}/curl/9")).await.status, 404);
    let page = admin.submit(&format!("/deliveries/{delivery}/replay"), &[]).await;
    let new = page.header("location").to_owned();
    assert!(new.starts_with("/deliveries/dlv_") && !new.contains(&delivery), "{new}");
    admin.get(&new).await.shows("by a replay");
}

#[tokio::test]
async fn a_replay_is_counted_before_it_begins() {
    let app = App::start().await;
    delivered(&app).await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    assert_eq!(admin.submit("/replays/new", &[("do", "count")]).await.status, 400, "a filter that says nothing");
    let page = admin.submit("/replays/new", &[("do", "count"), ("status", "delivered")]).await;
    page.shows("This fits <strong>1</strong> deliveries");
    let page = admin.submit("/replays/new", &[("do", "replay"), ("status", "delivered")]).await;
    let path = page.header("location").to_owned();
    app.until(|| async { admin.get(&path).await.text.contains(">done<").then_some(()) }).await;
    admin.get(&path).await.shows("1 of 1");
}

#[tokio::test]
async fn a_full_page_with_all_that_it_loads_is_light() {
    let app = App::start().await;
    for _ in 0..60 {
        delivered(&app).await;
    }
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    for path in ["/", "/generations", "/deliveries", "/webhooks", "/destinations", "/batches", "/keys", "/usage"] {
        let page = admin.get(path).await;
        let mut bytes = page.text.len();
        for asset in page.text.split("\"/static/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let file = admin.get(&format!("/static/{asset}")).await;
            assert_eq!(file.status, 200, "{asset}");
            assert!(file.header("cache-control").contains("immutable"));
            bytes += file.text.len();
        }
        assert!(bytes <= PAGE_BYTES_MAX, "{path}: {bytes} bytes");
        // Nothing is asked of anybody else.
        for (at, _) in page.text.match_indices("src=\"").chain(page.text.match_indices("rel=\"stylesheet\" href=\"")) {
            assert!(
                page.text[at..]
                    .split('"')
                    .nth(if page.text[at..].starts_with("src") { 1 } else { 3 })
                    .unwrap()
                    .starts_with('/')
            );
        }
    }
}

#[tokio::test]
async fn a_part_whose_session_has_ended_leads_the_whole_page_away() {
    let app = App::start().await;
    let browser = Browser::new(&router(&app));
    let request = axum::extract::Request::builder().uri("/generations/live").header("hx-request", "true");
    let page = browser.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!((page.status, page.header("hx-redirect")), (204, "/signin?next=%2Fgenerations%2Flive"));
}

#[tokio::test]
async fn dead_letters_are_filtered_by_their_last_error() {
    use postsync_core::outcome::{Outcome, SendReport};
    let app = App::start().await;
    let mut create = crate::harness::body("sync-3");
    create["webhookUrl"] = "https://app.example.com/hook".into();
    create["postsync"] = serde_json::json!({"schedule": ["0s"]});
    app.sender.answer_with(SendReport::bare(Outcome::Refused { status: 500, retry_after: None }, "No."));
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    let delivery = app
        .until(|| async {
            let page = app.get(&format!("/postsync/v1/deliveries?generationId={id}&status=exhausted")).await.json();
            page["items"][0]["id"].as_str().map(str::to_owned)
        })
        .await;
    let reader = Browser::signed_in(&router(&app), READER).await;
    for (query, is_there) in [
        ("error=http_status", true),
        (&*format!("error=http_status&generation={id}"), true),
        ("error=connect_refused", false),
        ("error=http_status&endpoint=ep_1", false),
        ("error=http_status&generation=0190a5a4-0000-7000-8000-000000000000", false),
    ] {
        assert_eq!(reader.get(&format!("/deliveries?{query}")).await.text.contains(&delivery), is_there, "{query}");
    }
    assert_eq!(reader.get("/deliveries?error=nonsense").await.status, 400);
    reader.get("/").await.shows("Deliveries that have given up");
    let page = reader.get("/destinations/one?of=https%3A%2F%2Fapp.example.com%3A443").await;
    page.shows("class=\"dot-bad\"");
    page.shows("1 attempts, 1 of which failed");
    assert_eq!(reader.get("/destinations/one?of=nonsense").await.status, 400);
    assert_eq!(reader.get("/destinations/one").await.status, 404);
}

#[tokio::test]
async fn a_batch_shows_its_rows() {
    let app = App::start().await;
    let row = |n: usize| serde_json::json!({"request_id": format!("<b>{n}"), "endpoint": "/v2/generate", "payload": crate::harness::body("sync-3")});
    let batch = serde_json::json!({"rows": (1..=60).map(row).collect::<Vec<_>>()}).to_string();
    let answer = app.post("/v2/batch", ADMIN, batch).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let path = format!("/batches/{}", answer.json()["id"].as_str().unwrap());
    let router = router(&app);
    let reader = Browser::signed_in(&router, READER).await;
    app.until(|| async {
        reader.get(&path).await.text.contains("60 succeeded, 0 failed, 0 open, of 60").then_some(())
    })
    .await;
    reader.get("/batches").await.shows(&path);
    let first = reader.get(&path).await;
    first.shows("&#60;b&#62;50<");
    first.hides("&#60;b&#62;51<");
    first.shows("a file with a line for each row");
    let second = reader.get(&format!("{path}?after=50")).await;
    second.shows("&#60;b&#62;60<");
    second.hides("rel=\"next\"");
    reader.get(&format!("{path}?after=99999999999")).await.shows("None is kept any more");
    let stranger = Browser::signed_in(&router, crate::harness::STRANGER).await;
    assert_eq!(stranger.get(&path).await.status, 404);
}
