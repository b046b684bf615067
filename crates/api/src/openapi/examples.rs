//! Examples and links of the document, from one file beside this one: a value for every parameter and every JSON body, answers that no
//! schema shows, and which answer gives the id that another operation asks for. None stands in the head of a route: of two, one would be
//! shown and the other be changed. Tools that are built from the document show them to people,
//! and the tests send them.
use serde_json::{Map, Value, json};

const FILE: &str = include_str!("examples.json");

/// What the file holds. It is part of the binary, so a test holds that it can be read.
pub(super) struct Examples {
    parameters: Map<String, Value>,
    bodies: Map<String, Value>,
    answers: Map<String, Value>,
    links: Map<String, Value>,
}

impl Examples {
    pub(super) fn read() -> Self {
        let mut file: Value = serde_json::from_str(FILE).unwrap_or_default();
        let mut part = |name: &str| match file.get_mut(name).map(Value::take) {
            Some(Value::Object(part)) => part,
            _ => Map::new(),
        };
        Self { parameters: part("parameters"), bodies: part("bodies"), answers: part("answers"), links: part("links") }
    }

    /// Puts into one operation what the file has for it.
    pub(super) fn put(&self, path: &str, operation: &mut Value) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            if let Some(example) = self.of_parameter(path, name) {
                parameter["example"] = example.clone();
            }
        }
        let body = operation.pointer_mut("/requestBody/content/application~1json");
        if let (Some(content), Some(example)) = (body, self.bodies.get(&id)) {
            content["example"] = example.clone();
        }
        for (status, response) in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
            let name = format!("{id} {status}");
            if let Some(links) = self.links.get(&name).and_then(Value::as_object) {
                response["links"] = links.iter().map(link).collect::<Map<_, _>>().into();
            }
            let contents = response.get_mut("content").and_then(Value::as_object_mut);
            if let (Some(contents), Some(example)) = (contents, self.answers.get(&name)) {
                contents.values_mut().for_each(|content| content["example"] = example.clone());
            }
        }
    }

    /// The one of the longest path that it is said for, else the one of the name alone.
    fn of_parameter(&self, path: &str, name: &str) -> Option<&Value> {
        let of_path = self.parameters.iter().filter_map(|(key, example)| {
            let (prefix, of) = key.split_once(' ')?;
            (of == name && path.starts_with(prefix)).then_some((prefix.len(), example))
        });
        let longest = of_path.max_by_key(|(len, _)| *len).map(|(_, example)| example);
        longest.or_else(|| self.parameters.get(name))
    }
}

fn link((operation, parameters): (&String, &Value)) -> (String, Value) {
    (operation.clone(), json!({"operationId": operation, "parameters": parameters}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_can_be_read() {
        let file: Value = serde_json::from_str(FILE).unwrap();
        assert_eq!(file.as_object().unwrap().len(), 4);
        let Examples { parameters, bodies, answers, links } = Examples::read();
        assert!(![&parameters, &bodies, &answers, &links].into_iter().any(Map::is_empty));
        // What stands twice is read once, and the first is silently lost.
        let written = FILE.lines().filter(|line| line.starts_with("    \"")).count();
        assert_eq!(written, parameters.len() + bodies.len() + answers.len() + links.len());
    }

    /// The routes as they are before any example is put to them.
    #[test]
    fn no_route_has_an_example_of_its_own() {
        let document = serde_json::to_value(crate::routes::documented().into_openapi()).unwrap();
        let mut own = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let has = |of: &Value| of.get("example").is_some() || of.get("examples").is_some();
                let bodies = operation.pointer("/requestBody/content").into_iter().chain(
                    operation["responses"].as_object().unwrap().values().filter_map(|answer| answer.get("content")),
                );
                let contents = bodies.filter_map(Value::as_object).flat_map(Map::values);
                if parameters.iter().any(has) || contents.into_iter().any(has) {
                    own.push(format!("{method} {path}"));
                }
            }
        }
        assert!(own.is_empty(), "put them into openapi/examples.json: {own:#?}");
    }

    /// An example under a name that no operation has is shown to nobody.
    #[test]
    fn every_example_is_used() {
        let document = crate::openapi::openapi();
        let (mut operations, mut parameters) = (Vec::new(), Vec::new());
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                operations.push(operation);
                let named = operation["parameters"].as_array().into_iter().flatten();
                parameters.extend(named.map(|parameter| (path, parameter["name"].as_str().unwrap())));
            }
        }
        let examples = Examples::read();
        let is_asked = |key: &str| {
            let (prefix, of) = key.split_once(' ').unwrap_or(("", key));
            parameters.iter().any(|(path, name)| *name == of && path.starts_with(prefix))
        };
        let answers = |key: &str| {
            let (id, status) = key.split_once(' ').unwrap_or_default();
            operations
                .iter()
                .any(|operation| operation["operationId"] == id && operation["responses"].get(status).is_some())
        };
        let takes = |key: &str| {
            operations.iter().any(|operation| operation["operationId"] == key && operation.get("requestBody").is_some())
        };
        let unused: Vec<&String> = examples
            .parameters
            .keys()
            .filter(|key| !is_asked(key))
            .chain(examples.bodies.keys().filter(|key| !takes(key)))
            .chain(examples.answers.keys().chain(examples.links.keys()).filter(|key| !answers(key)))
            .collect();
        assert!(unused.is_empty(), "{unused:#?}");
    }

    #[test]
    fn the_longest_path_says_what_a_parameter_looks_like() {
        let parameters = json!({"id": 1, "/a id": 2, "/a/b id": 3, "/a/b cursor": 4});
        let examples = Examples {
            parameters: parameters.as_object().unwrap().clone(),
            bodies: Map::new(),
            answers: Map::new(),
            links: Map::new(),
        };
        let found = ["/a/b/{id}", "/a/c", "/d"].map(|path| examples.of_parameter(path, "id").unwrap().clone());
        assert_eq!(found, [json!(3), json!(2), json!(1)]);
        assert_eq!(examples.of_parameter("/a/b", "limit"), None);
    }
}
