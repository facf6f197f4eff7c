//! What the explain endpoint is asked: a query, and as whom it would be sent.
//!
//! Pure. Only admins get as far as this, so they may speak for anyone.

use std::collections::BTreeMap;

use graphloom_execute::{GraphqlRequest, SchemaKind};
use graphloom_vocab::{
    Error, ErrorPath, Json, JsonObject, Result, RoleName, Session, SessionVariableName,
};

/// Reads `{"query": {…}, "user"?: {"x-hasura-role": …, …}, "is_relay"?: …}`. Errors are `parse-failed`.
pub(crate) fn parse(body: Json) -> Result<(Session, GraphqlRequest)> {
    let Json::Object(mut body) = body else {
        let message = "parsing GQLExplain failed, expected Object, but encountered another type";
        return Err(Error::parse_failed(message));
    };
    let Some(query) = body.remove("query") else {
        return Err(Error::parse_failed("the key 'query' was not present"));
    };
    let request = GraphqlRequest::from_json(query);
    let request = request.map_err(|error| error.below(&ErrorPath::keys(&["query"])))?;
    let schema = match body.remove("is_relay") {
        Some(Json::Bool(true)) => SchemaKind::Relay,
        None | Some(Json::Null | Json::Bool(false)) => SchemaKind::Standard,
        Some(_) => return Err(unfit("is_relay", "Bool")),
    };
    let user = match body.remove("user") {
        None | Some(Json::Null) => JsonObject::new(),
        Some(Json::Object(user)) => user,
        Some(_) => return Err(unfit("user", "Object")),
    };
    Ok((session(user)?, request.of_schema(schema)))
}

fn unfit(key: &str, expected: &str) -> Error {
    let message =
        format!("parsing {key} failed, expected {expected}, but encountered another type");
    Error::parse_failed(message).at(ErrorPath::keys(&[key]))
}

/// The admin, unless a role is named.
fn session(user: JsonObject) -> Result<Session> {
    let mut role = RoleName::admin();
    let mut variables = BTreeMap::new();
    for (name, value) in user {
        let Json::String(value) = value else {
            let message = "parsing Text failed, expected String, but encountered another type";
            return Err(Error::parse_failed(message).at(ErrorPath::keys(&["user", &name])));
        };
        match SessionVariableName::parse(&name) {
            Some(name) if name.as_str() == "x-hasura-role" => role = RoleName::new(value),
            Some(name) if name.as_str() != "x-hasura-admin-secret" => {
                variables.insert(name, value);
            }
            _ => {}
        }
    }
    Ok(Session::new(role, variables))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_is_who_the_body_says() {
        let user = json!({
            "X-Hasura-Role": "user",
            "x-hasura-user-id": "7",
            "x-hasura-admin-secret": "hush",
            "cookie": "a=b",
        });
        let body = json!({"query": {"query": "{a}"}, "user": user, "is_relay": true});
        let (session, request) = parse(body).unwrap();
        let variables = session.variables_json();
        assert_eq!(
            variables,
            json!({"x-hasura-role": "user", "x-hasura-user-id": "7"})
        );
        assert_eq!(request.schema, SchemaKind::Relay);
        let (session, request) = parse(json!({"query": {"query": "{a}"}})).unwrap();
        assert!(session.role.is_admin());
        assert_eq!(request.schema, SchemaKind::Standard);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (body, path) in [
            (json!([]), "$"),
            (json!({}), "$"),
            (json!({"query": "{a}"}), "$.query"),
            (json!({"query": {"query": 1}}), "$.query.query"),
            (json!({"query": {"query": "{a}"}, "user": 1}), "$.user"),
            (
                json!({"query": {"query": "{a}"}, "user": {"x": 1}}),
                "$.user.x",
            ),
            (
                json!({"query": {"query": "{a}"}, "is_relay": 1}),
                "$.is_relay",
            ),
        ] {
            let error = parse(body.clone()).unwrap_err();
            assert_eq!(error.code().as_str(), "parse-failed", "{body}");
            assert_eq!(error.path().to_string(), path, "{body}");
        }
    }
}
