//! Who listens, on `/webhooks`: to their organization alone, as it happens, and as text.
use postsync_core::endpoint::EventFilter;
use postsync_core::ids::{ListenerName, OrgId};
use postsync_engine::Ask;

use crate::browser::{Browser, router};
use crate::harness::{App, READER, STRANGER, body};

const LIVE: &str = "/webhooks/listeners/live";

fn ask(name: &str) -> Ask {
    Ask {
        name: ListenerName::new(name),
        session: "one".to_owned(),
        resumes: false,
        forward_to: "http://localhost:3000/?<script>alert(1)</script>".to_owned(),
        events: EventFilter::parse("generation.failed").unwrap(),
        since: None,
    }
}

#[tokio::test]
async fn who_listens_is_shown_with_what_lies_in_front_of_them() {
    let app = App::start().await;
    let router = router(&app);
    let reader = Browser::signed_in(&router, READER).await;
    let page = reader.get("/webhooks").await;
    page.shows("postsync listen --forward-to");
    page.shows("POSTSYNC_SERVER=https://lips.example.com");
    let org = OrgId::new("default");
    let connected = app.engine.listen(&org, ask("laptop:localhost:3000")).await.unwrap();
    drop(app.engine.listen(&org, ask("away")).await.unwrap());
    let page = reader.get("/webhooks").await;
    page.shows(">connected</span>");
    page.shows(">off</span> <span class=\"dim\">since <time>2026-11-23 08:21:17</time>");
    page.shows("laptop:localhost:3000");
    page.shows("generation.failed");
    page.shows("&#60;script&#62;alert(1)");
    page.hides("<script>alert");
    let part = reader.get(LIVE).await;
    let seen = part.text.split("seen=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(reader.get(&format!("{LIVE}?seen={seen}")).await.status, 204, "nothing has changed");
    drop(connected);
    let part = reader.get(&format!("{LIVE}?seen={seen}")).await;
    part.hides(">connected<");
    let generation = app.create(&body("sync-3")).await.json()["id"].as_str().unwrap().to_owned();
    app.ended(&generation).await;
    reader.get(LIVE).await.shows("<span class=\"badge warn\">1</span>");
    let stranger = Browser::signed_in(&router, STRANGER).await;
    for path in ["/webhooks", LIVE] {
        let page = stranger.get(path).await;
        page.hides("laptop");
        page.shows("Nobody listens.");
    }
    assert_eq!(Browser::new(&router).get(LIVE).await.header("location"), "/signin?next=%2Fwebhooks%2Flisteners%2Flive");
}
