//! The document at `/api-json`: gathered from the routes themselves, so that it can't name one that is not there.
mod examples;

use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use examples::Examples;

#[derive(OpenApi)]
#[openapi(
    info(title = "postsync", description = "Lip-sync generation that speaks Sync's v2 API and never loses a webhook."),
    modifiers(&Keys),
    security(("apiKey" = []), ("bearer" = [])),
    tags(
        (name = "generations", description = "Lip-sync jobs, as in Sync's v2 API"),
        (name = "assets", description = "Uploaded files and registered URLs"),
        (name = "projects", description = "Names under which assets are kept together"),
        (name = "batches", description = "Many lip-sync jobs with one request"),
        (name = "costs", description = "What a generation will cost"),
        (name = "models", description = "What can be asked for"),
        (name = "voices", description = "Who can be asked to speak, and speech"),
        (name = "deliveries", description = "What became of webhooks"),
        (name = "listeners", description = "Webhooks on a developer's machine, without a tunnel"),
        (name = "events", description = "What has happened, to be fetched instead of being told"),
        (name = "endpoints", description = "Receivers that an organization has registered"),
        (name = "keys", description = "API keys of the organization"),
        (name = "account", description = "Whose a key is"),
        (name = "audit", description = "Who asked for each generation, and from what"),
        (name = "secrets", description = "What signs webhooks, and its rotation"),
        (name = "server", description = "The server itself"),
    )
)]
pub(crate) struct Base;

struct Keys;

impl utoipa::Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let header = ApiKeyValue::with_description("x-api-key", "An API key, as `postsync keys create` prints it");
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(header)));
        let bearer =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The same key as a bearer token"));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    }
}

/// The OpenAPI document, without the address of a server.
#[must_use]
pub fn openapi() -> Value {
    let mut document = serde_json::to_value(crate::routes::documented().into_openapi()).unwrap_or_default();
    open_means_no_security(&mut document);
    any_operation_may_fail(&mut document);
    show_examples(&mut document);
    document
}

fn show_examples(document: &mut Value) {
    let examples = Examples::read();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            examples.put(path, operation);
        }
    }
}

/// The document as a server at `public_url` gives it out.
pub(crate) fn document_at(public_url: &str) -> Value {
    let mut document = openapi();
    document["servers"] = json!([{ "url": public_url }]);
    document
}

/// The route macro writes `security: [{}]` (an empty scheme will do) for open operations; an empty list says the same and is
/// what readers look for.
fn open_means_no_security(document: &mut Value) {
    for operation in operations(document) {
        if operation.get("security") == Some(&json!([{}])) {
            operation["security"] = json!([]);
        }
    }
}

/// What each operation can answer, whatever it does: the database may fail, the disk may be full.
fn any_operation_may_fail(document: &mut Value) {
    let body = json!({"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}});
    let failures = [("500", "The server failed"), ("503", "The server can't do it right now; see Retry-After")];
    let too_many = ("429", "Too many requests with this key, or too many without one that works; see Retry-After");
    for operation in operations(document) {
        let is_open = operation.get("security") == Some(&json!([]));
        let Some(responses) = operation["responses"].as_object_mut() else { continue };
        for (status, description) in failures.into_iter().chain((!is_open).then_some(too_many)) {
            let missing = || json!({"description": description, "content": body});
            let response = responses.entry(status).or_insert_with(missing);
            if status != "500" {
                let seconds = json!({"description": "In seconds", "schema": {"type": "integer"}});
                response["headers"]["Retry-After"] = seconds;
            }
        }
    }
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flatten().filter_map(|(_, path)| path.as_object_mut());
    items.flatten().map(|(_, operation)| operation)
}
