//! `/v2/projects`
use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER, request};

const UNKNOWN: &str = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab";

async fn ask(app: &App, method: Method, path: &str, key: &str, body: &Value) -> Answer {
    let mut request = request(method, path, Some(key), body.to_string().into());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    app.send(request).await
}

async fn made(app: &App, body: &Value) -> Value {
    let answer = app.post("/v2/projects", CREATOR, body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn asset(app: &App, key: &str, name: &str) -> String {
    let body = json!({"url": format!("https://media.example.com/{name}"), "type": "AUDIO", "name": name});
    app.post("/v2/assets", key, body.to_string()).await.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_project_is_made_read_changed_and_deleted() {
    let app = App::start().await;
    let project = made(&app, &json!({"name": "Spring"})).await;
    let id = project["id"].as_str().unwrap();
    let at = "2026-11-23T08:21:17.123Z";
    let wanted = json!({
        "id": id, "createdAt": at, "updatedAt": at, "name": "Spring", "visibility": "USER", "mode": "CREATOR",
    });
    assert_eq!(project, wanted);
    let path = format!("/v2/projects/{id}");
    assert_eq!(app.get(&path).await.json(), project);
    let to = json!({"visibility": "ORGANIZATION", "mode": "STUDIO_2"});
    let changed = ask(&app, Method::PATCH, &path, CREATOR, &to).await.json();
    assert_eq!(
        (&changed["name"], &changed["visibility"], &changed["mode"]),
        (&json!("Spring"), &to["visibility"], &to["mode"])
    );
    assert_eq!(app.get(&path).await.json(), changed);
    app.clock.advance(std::time::Duration::from_secs(5));
    for nothing in [json!({}), json!({"name": null}), json!({"nmae": "x"})] {
        assert_eq!(ask(&app, Method::PATCH, &path, CREATOR, &nothing).await.json(), changed, "its time stays, too");
    }
    let gone = ask(&app, Method::DELETE, &path, CREATOR, &json!({})).await;
    assert_eq!((gone.status, gone.text().as_str()), (204, ""));
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        assert_eq!(ask(&app, method, &path, ADMIN, &json!({})).await.refusal(), "404 project_not_found -");
    }
}

#[tokio::test]
async fn an_id_may_be_the_clients_own() {
    let app = App::start().await;
    let own = json!({"name": "Mine", "id": UNKNOWN});
    assert_eq!(made(&app, &own).await["id"], UNKNOWN);
    let again = app.post("/v2/projects", ADMIN, own.to_string()).await;
    assert_eq!(again.refusal(), "409 project_conflict id");
    let elsewhere = app.post("/v2/projects", STRANGER, own.to_string()).await;
    assert_eq!(elsewhere.status, 201, "an id says nothing of other organizations: {}", elsewhere.text());
    for (change, field) in [
        (json!({"name": null}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(256)}), "name"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"visibility": "ALL"}), "visibility"),
        (json!({"mode": "creator"}), "mode"),
        (json!({"mode": 5}), "mode"),
        (json!({"id": "mine"}), "id"),
        (json!({"id": 5}), "id"),
    ] {
        let mut body = json!({"name": "x"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = app.post("/v2/projects", ADMIN, body.to_string()).await;
        assert_eq!(refused.refusal(), format!("400 invalid_request {field}"), "{change}");
    }
}

#[tokio::test]
async fn lists_run_from_the_newest_and_show_each_once() {
    let app = App::start().await;
    let mut wanted = Vec::new();
    for n in 0..12 {
        wanted.insert(0, made(&app, &json!({"name": format!("p{n}")})).await["name"].clone());
        app.clock.advance(std::time::Duration::from_millis(1));
    }
    assert_eq!(app.get("/v2/projects").await.json()["items"].as_array().unwrap().len(), 10, "the default");
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/v2/projects?limit=5{cursor}")).await.json();
        found.extend(page["items"].as_array().unwrap().iter().map(|project| project["name"].clone()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, wanted);
    for (query, field) in [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=x", "cursor")] {
        let refused = app.get(&format!("/v2/projects?{query}")).await;
        assert_eq!(refused.refusal(), format!("400 invalid_request {field}"));
    }
}

#[tokio::test]
async fn assets_come_in_and_leave() {
    let app = App::start().await;
    let project = made(&app, &json!({"name": "Spring"})).await["id"].as_str().unwrap().to_owned();
    let (a, b, foreign) =
        (asset(&app, ADMIN, "a").await, asset(&app, ADMIN, "b").await, asset(&app, STRANGER, "c").await);
    let path = format!("/v2/projects/{project}/assets");
    let attach = async |body: Value| ask(&app, Method::POST, &path, CREATOR, &body).await;
    let listed = async |query: &str| {
        let page = app.get(&format!("/v2/assets?projectId={project}{query}")).await.json();
        let names: Vec<String> =
            page["items"].as_array().unwrap().iter().map(|asset| asset["name"].as_str().unwrap().to_owned()).collect();
        (names.join(" "), page["totalCount"].clone())
    };
    assert_eq!(listed("").await, (String::new(), json!(0)));
    let attached = attach(json!({"assetIds": [a, b, a]})).await;
    assert_eq!((attached.status, attached.text().as_str()), (204, ""));
    assert_eq!(listed("&sortBy=nameDesc").await, ("b a".to_owned(), json!(2)));
    assert_eq!(listed("&sortBy=nameAsc&searchQuery=A").await, ("a".to_owned(), Value::Null));
    assert_eq!(listed("&types=VIDEO").await, (String::new(), json!(0)));
    for (ids, refusal) in [
        (json!([a, foreign]), "404 asset_not_found -"),
        (json!([UNKNOWN]), "404 asset_not_found -"),
        (json!(["x"]), "404 asset_not_found assetIds"),
        (json!([]), "400 invalid_request assetIds"),
        (json!([5]), "400 invalid_request assetIds"),
        (json!("x"), "400 invalid_request assetIds"),
        (json!(vec![UNKNOWN; 101]), "400 invalid_request assetIds"),
        (Value::Null, "400 invalid_request assetIds"),
    ] {
        assert_eq!(attach(json!({"assetIds": ids})).await.refusal(), refusal, "{ids}");
    }
    let detach = async |asset: &str| ask(&app, Method::DELETE, &format!("{path}/{asset}"), CREATOR, &json!({})).await;
    assert_eq!(detach(&a).await.status, 204);
    for none in [a.as_str(), UNKNOWN, foreign.as_str(), "x"] {
        assert_eq!(detach(none).await.refusal(), "404 asset_not_found -", "{none}");
    }
    assert_eq!(listed("").await, ("b".to_owned(), json!(1)));
    assert_eq!(app.get(&format!("/v2/assets/{a}")).await.status, 200, "the asset itself stays");
    assert_eq!(ask(&app, Method::DELETE, &format!("/v2/assets/{b}"), ADMIN, &json!({})).await.status, 204);
    assert_eq!(listed("").await, (String::new(), json!(0)));
    let page = app.get(&format!("/v2/assets?projectId={UNKNOWN}")).await.json();
    assert_eq!((&page["items"], &page["totalCount"]), (&json!([]), &json!(0)));
    assert_eq!(app.get("/v2/assets?projectId=nope").await.refusal(), "400 invalid_request projectId");
    for unknown in [UNKNOWN, "x"] {
        let path = format!("/v2/projects/{unknown}/assets");
        let refused = ask(&app, Method::POST, &path, ADMIN, &json!({"assetIds": [a]})).await;
        assert_eq!(refused.refusal(), "404 project_not_found -");
        let refused = ask(&app, Method::DELETE, &format!("{path}/{a}"), ADMIN, &json!({})).await;
        assert_eq!(refused.refusal(), "404 project_not_found -");
    }
}

#[tokio::test]
async fn another_organizations_project_is_none() {
    let app = App::start().await;
    let project = made(&app, &json!({"name": "Spring"})).await["id"].as_str().unwrap().to_owned();
    let (mine, theirs) = (asset(&app, ADMIN, "a").await, asset(&app, STRANGER, "b").await);
    let path = format!("/v2/projects/{project}");
    let attached = ask(&app, Method::POST, &format!("{path}/assets"), ADMIN, &json!({"assetIds": [mine]})).await;
    assert_eq!(attached.status, 204);
    for (method, path, body) in [
        (Method::GET, path.clone(), json!({})),
        (Method::PATCH, path.clone(), json!({"name": "x"})),
        (Method::DELETE, path.clone(), json!({})),
        (Method::POST, format!("{path}/assets"), json!({"assetIds": [theirs]})),
        (Method::DELETE, format!("{path}/assets/{mine}"), json!({})),
    ] {
        let answer = ask(&app, method.clone(), &path, STRANGER, &body).await;
        assert_eq!(answer.refusal(), "404 project_not_found -", "{method} {path}");
        let answer = ask(&app, method.clone(), &path, READER, &body).await;
        let wanted = if method == Method::GET { 200 } else { 403 };
        assert_eq!(answer.status, wanted, "{method} {path}");
    }
    let shown =
        app.send(request(Method::GET, &format!("/v2/assets?projectId={project}"), Some(STRANGER), Body::empty())).await;
    assert_eq!(shown.json()["items"], json!([]));
    let page = app.get(&format!("/v2/assets?projectId={project}")).await.json();
    assert_eq!((&page["items"][0]["id"], &page["totalCount"]), (&json!(mine), &json!(1)), "nothing has changed");
}
