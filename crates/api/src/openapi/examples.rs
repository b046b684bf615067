//! Examples and links of the document, from one file beside this one: a value for every parameter and every JSON body, and
//! which answer gives the id that another operation asks for. Tools that are built from the document show them to people,
//! and the tests send them.
use serde_json::{Map, Value, json};

const FILE: &str = include_str!("examples.json");

/// What the file holds. It is part of the binary, so a test holds that it can be read.
pub(super) struct Examples {
    parameters: Map<String, Value>,
    bodies: Map<String, Value>,
    links: Map<String, Value>,
}

impl Examples {
    pub(super) fn read() -> Self {
        let mut file: Value = serde_json::from_str(FILE).unwrap_or_default();
        let mut part = |name: &str| match file.get_mut(name).map(Value::take) {
            Some(Value::Object(part)) => part,
            _ => Map::new(),
        };
        Self { parameters: part("parameters"), bodies: part("bodies"), links: part("links") }
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
            if let Some(links) = self.links.get(&format!("{id} {status}")).and_then(Value::as_object) {
                response["links"] = links.iter().map(link).collect::<Map<_, _>>().into();
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
        assert_eq!(file.as_object().unwrap().len(), 3);
        let examples = Examples::read();
        assert!(![examples.parameters, examples.bodies, examples.links].iter().any(Map::is_empty));
    }

    #[test]
    fn the_longest_path_says_what_a_parameter_looks_like() {
        let parameters = json!({"id": 1, "/a id": 2, "/a/b id": 3, "/a/b cursor": 4});
        let examples =
            Examples { parameters: parameters.as_object().unwrap().clone(), bodies: Map::new(), links: Map::new() };
        let found = ["/a/b/{id}", "/a/c", "/d"].map(|path| examples.of_parameter(path, "id").unwrap().clone());
        assert_eq!(found, [json!(3), json!(2), json!(1)]);
        assert_eq!(examples.of_parameter("/a/b", "limit"), None);
    }
}
