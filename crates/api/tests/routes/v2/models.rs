use crate::harness::App;

#[tokio::test]
async fn models_say_what_makes_them() {
    let app = App::start().await;
    let models = app.get("/v2/models").await.json();
    let lines: Vec<String> = models.as_array().unwrap().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"id":"mesh-1","name":"mesh-1","type":"lipsync","version":"1","description":"Made by mesh-1, the model that is built into this server and runs on its CPU."}
    {"id":"lipsync-2","name":"lipsync-2","type":"lipsync","version":"2","description":"Made by mesh-1, the model that is built into this server and runs on its CPU."}
    {"id":"lipsync-2-pro","name":"lipsync-2-pro","type":"lipsync","version":"2","description":"Made by mesh-1, the model that is built into this server and runs on its CPU."}
    {"id":"lipsync-1.9.0-beta","name":"lipsync-1.9.0-beta","type":"lipsync","version":"1.9.0-beta","description":"Made by mesh-1, the model that is built into this server and runs on its CPU."}
    {"id":"react-1","name":"react-1","type":"react","version":"1","description":"Made by mesh-1, the model that is built into this server and runs on its CPU."}
    {"id":"sync-3","name":"sync-3","type":"lipsync","version":"3","description":"Makes nothing: gives back the input video's URL at once. For tests."}
    "#);
}
