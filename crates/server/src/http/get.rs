//! GraphQL over GET: the request in the URL, and the guard against pages of other sites.
//!
//! A page may send a GET anywhere, with the user's cookies, and without being asked for its origin. Such a
//! request is refused unless something in it shows that the browser asked first, or that it did not come
//! from another site; `docs/graphql-over-http.md` has the rule for people. Pure.

use graphloom_execute::{GraphqlRequest, Transport};
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, JsonObject, Result};
use http::{HeaderMap, header};
use url::form_urlencoded;

use super::negotiate;
use super::persisted::PersistedQueries;

/// Headers that a page can send to another site only after the browser asked there; their value is free.
const PREFLIGHT_HEADERS: &[&str] = &[
    "graphql-require-preflight",
    "apollo-require-preflight",
    "x-apollo-operation-name",
];

/// The parameters of a request in a URL's query string; `None` without a `query`, or the hash of one where queries
/// persist.
///
/// Errors are `parse-failed` at the parameter.
pub(super) fn parse(query_string: &str, persisted: &PersistedQueries) -> Result<Option<Json>> {
    let mut body = JsonObject::new();
    for (name, value) in form_urlencoded::parse(query_string.as_bytes()) {
        let value = match name.as_ref() {
            "query" => Json::from(value.as_ref()),
            "operationName" if value.is_empty() => Json::Null,
            "operationName" => Json::from(value.as_ref()),
            "variables" | "extensions" if value.is_empty() => Json::Null,
            "variables" | "extensions" => serde_json::from_str(&value).map_err(|_| {
                let message = format!("parsing {name} failed, expected a JSON object in the URL");
                Error::parse_failed(message).at(ErrorPath::keys(&[&name]))
            })?,
            _ => continue,
        };
        if body.insert(name.to_string(), value).is_some() {
            let message = format!("the parameter '{name}' is there more than once");
            return Err(Error::parse_failed(message));
        }
    }
    let body = Json::Object(body);
    let has_hash = persisted.is_on() && body.pointer("/extensions/persistedQuery").is_some();
    if body.get("query").is_none() && !has_hash {
        return Ok(None);
    }
    super::graphql::check_extensions(&body)?;
    Ok(Some(body))
}

/// The request that has these parameters. Errors are `parse-failed`, and those of persisted queries.
pub(super) fn request(
    mut parameters: Json,
    persisted: &PersistedQueries,
) -> Result<GraphqlRequest> {
    persisted.resolve(&mut parameters)?;
    let request = GraphqlRequest::from_json(parameters)?;
    Ok(GraphqlRequest {
        transport: Transport::HttpGet,
        ..request
    })
}

/// Refuses what a page of another site could have sent unasked.
///
/// Error: `access-denied` with 403.
pub(crate) fn guard(headers: &HeaderMap) -> Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site");
    if matches!(site, Some("same-origin" | "none")) {
        return Ok(());
    }
    // A link, an image or a form of another site: whatever else it carries, a proxy has added.
    let unasked = site.is_some() && text("sec-fetch-mode") != Some("cors");
    if !unasked && triggers_preflight(headers) {
        return Ok(());
    }
    let message = format!(
        "a query by GET needs a header that no page of another site can send unasked: {}, \
         \"content-type: application/json\", a bearer token or any \"x-hasura-\" header",
        PREFLIGHT_HEADERS[0]
    );
    Err(Error::new(ErrorCode::AccessDenied, message).with_status(403))
}

fn triggers_preflight(headers: &HeaderMap) -> bool {
    // Other schemes than Bearer may have been added by the browser itself.
    let bearer = headers.get(header::AUTHORIZATION).is_some_and(|value| {
        let scheme = value.as_bytes().get(..7).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"bearer ")
    });
    let mut names = headers.keys().map(header::HeaderName::as_str);
    bearer
        || negotiate::is_json(headers)
        || names.any(|name| name.starts_with("x-hasura-") || PREFLIGHT_HEADERS.contains(&name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    #[test]
    fn parameters_are_read() {
        let read = |query_string: &str| {
            let persisted = PersistedQueries::new(None);
            let parameters = parse(query_string, &persisted)?;
            parameters
                .map(|parameters| request(parameters, &persisted))
                .transpose()
        };
        let request = read(
            "query=%7B+a%28n%3A+1%29+%7D&operationName=&variables=%7B%22n%22%3A1.50%7D&extensions=null&x=1",
        );
        let request = request.unwrap().unwrap();
        assert_eq!(request.query, "{ a(n: 1) }");
        assert_eq!(request.operation_name, None);
        assert_eq!(
            Json::Object(request.variables),
            json!({"n": serde_json::from_str::<Json>("1.50").unwrap()})
        );
        assert_eq!(request.transport, Transport::HttpGet);
        let named = read("query=x&operationName=Q&variables=").unwrap().unwrap();
        assert_eq!(named.operation_name.as_deref(), Some("Q"));
        assert!(read("").unwrap().is_none());
        assert!(read("variables=%7B%7D").unwrap().is_none());
        for (bad, path) in [
            ("query=x&variables=%7B", "$.variables"),
            ("query=x&variables=1", "$.variables"),
            ("query=x&extensions=1", "$.extensions"),
            ("query=x&query=y", "$"),
        ] {
            let error = read(bad).unwrap_err();
            assert_eq!(error.code(), &ErrorCode::ParseFailed, "{bad}");
            assert_eq!(error.path().to_string(), path, "{bad}");
        }
    }

    #[test]
    fn other_sites_are_kept_out() {
        for good in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
            &[("x-hasura-admin-secret", "s")],
            &[("x-hasura-role", "user"), ("origin", "https://app.org")],
            &[("authorization", "Bearer x")],
            &[("content-type", "application/json")],
            &[("graphql-require-preflight", "1")],
            &[
                ("apollo-require-preflight", "true"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "cors"),
            ],
        ] {
            assert!(guard(&headers(good)).is_ok(), "{good:?}");
        }
        for bad in [
            &[][..],
            &[("accept", "application/json"), ("cookie", "session=1")],
            &[("authorization", "Basic x")],
            &[("content-type", "text/plain")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")],
            &[("sec-fetch-site", "same-site")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "no-cors"),
                ("x-hasura-role", "added by a proxy"),
            ],
        ] {
            let refused = guard(&headers(bad)).map_err(|error| error.status());
            assert_eq!(refused, Err(403), "{bad:?}");
        }
    }
}
