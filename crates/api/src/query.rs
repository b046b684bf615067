//! Query strings, read as the clients really send them. Unknown parameters are ignored.
use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use postsync_core::time::Timestamp;
use serde_json::Value;

use crate::error::ApiError;

/// Parameters that are looked at; the rest of a longer query can hold nothing that we know.
const PARAMETERS_MAX: usize = 2_000;

/// The parameters in their order, decoded.
pub(crate) struct Query(Vec<(String, String)>);

/// A time in a query: a plus that nobody has encoded arrives as a space.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(&text.replace(' ', "+"))
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.uri))
    }
}

impl Query {
    /// Of a request whose body is read too.
    pub(crate) fn of(uri: &http::Uri) -> Self {
        Self::read(uri.query().unwrap_or_default())
    }

    fn read(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes()).take(PARAMETERS_MAX);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether it stands there at all, empty or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// A parameter that may stand once. An empty one counts as absent.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.all(name).filter(|value| !value.is_empty());
        let first = values.next();
        if values.next().is_some() {
            return Err(ApiError::invalid(name, format!("{name} stands more than once in the query")));
        }
        Ok(first)
    }

    pub(crate) fn number(&self, name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        match text.parse().ok().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let message = format!("{name} must be a whole number from {} to {}", range.start(), range.end());
                Err(ApiError::invalid(name, message))
            }
        }
    }

    /// An id; `what` says of which kind.
    pub(crate) fn id<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, ApiError> {
        let wrong = |_| ApiError::invalid(name, format!("{name} is not {what}"));
        self.one(name)?.map(|text| text.parse().map_err(wrong)).transpose()
    }

    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        time(text).map(Some).ok_or_else(|| {
            let message = format!("{name} must be a time like 2026-11-24T08:00:00Z, in the years 1970 to 2247");
            ApiError::invalid(name, message)
        })
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.one(name)? {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(ApiError::invalid(name, format!("{name} must be true or false"))),
        }
    }

    /// A list in any of the three encodings that clients use: one parameter holding a JSON array (Node SDK), the parameter
    /// repeated (Python SDK), a comma list (the docs). `None` where no value is given.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let mut list = None;
        for text in self.all(name).map(str::trim).filter(|text| !text.is_empty()) {
            let values: &mut Vec<String> = list.get_or_insert_default();
            if text.starts_with('[') {
                values.extend(json_list(name, text)?);
            } else {
                values.extend(text.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned));
            }
        }
        Ok(list)
    }
}

fn json_list(name: &str, text: &str) -> Result<Vec<String>, ApiError> {
    let wrong = || ApiError::invalid(name, format!("{name} must be a JSON array of strings, or a comma list"));
    match crate::json::parse(text.as_bytes()) {
        Ok(Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(wrong()),
            })
            .collect(),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_three_encodings() {
        for query in ["ids=%5B%22a%22%2C%22b%22%5D", "ids=a&ids=b", "ids=a,b", "ids=a%2C%20b", "x=1&ids=a&ids=&ids=b"] {
            assert_eq!(Query::read(query).list("ids").unwrap(), Some(vec!["a".into(), "b".into()]), "{query}");
        }
        assert_eq!(Query::read("ids=%5B%5D").list("ids").unwrap(), Some(vec![]), "an empty list is a list");
        for absent in ["", "ids=", "id=a"] {
            assert_eq!(Query::read(absent).list("ids").unwrap(), None);
        }
        for wrong in ["ids=%5B1%5D", "ids=%5B", "ids=%5B%22a%22"] {
            assert!(Query::read(wrong).list("ids").is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_and_flags_have_bounds() {
        let query = Query::read("a=5&b=0&c=x&d=5&d=6&e=&f=true&g=yes&h=99999999999999999999999");
        assert_eq!(query.number("a", 1..=10).unwrap(), Some(5));
        assert_eq!(query.number("e", 1..=10).unwrap(), None);
        for wrong in ["b", "c", "d", "h"] {
            assert!(query.number(wrong, 1..=10).is_err(), "{wrong}");
        }
        assert!(query.flag("f").unwrap() && !query.flag("z").unwrap() && query.flag("g").is_err());
    }

    #[test]
    fn a_hundred_thousand_parameters_are_cut() {
        assert_eq!(Query::read(&"a=1&".repeat(100_000)).0.len(), PARAMETERS_MAX);
    }
}
