//! Errors as each endpoint shows them, and answers around result bytes.
//!
//! The only place that knows the two shapes: `{"error","path","code"}` of the API endpoints and
//! `{"errors":[{"message","extensions"}]}` of GraphQL. Statuses are `http/reply.rs`'s affair.

use bytes::{BufMut, Bytes, BytesMut};
use graphloom_vocab::{Error, Internal, Json, JsonObject, Session};

use crate::settings::InternalErrors;

/// Whether an error's `internal` is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Shown,
    Hidden,
}

impl Detail {
    /// What this session may see. Without a session, which is a failed authentication, it is hidden.
    pub(crate) fn of(config: InternalErrors, session: Option<&Session>) -> Self {
        let shown = session.is_some_and(|session| match config {
            InternalErrors::Everyone => true,
            InternalErrors::Admin => session.role.as_str() == "admin",
            InternalErrors::Nobody => false,
        });
        if shown { Self::Shown } else { Self::Hidden }
    }
}

/// `{"error": …, "path": …, "code": …, "internal"?: …}`
pub(crate) fn api_error(error: &Error, detail: Detail) -> Json {
    let mut object = JsonObject::new();
    object.insert("error".to_owned(), error.message().into());
    object.insert("path".to_owned(), error.path().to_string().into());
    object.insert("code".to_owned(), error.code().as_str().into());
    if let (Some(Internal::Guarded(internal)), Detail::Shown) = (error.internal(), detail) {
        object.insert("internal".to_owned(), internal.clone());
    }
    Json::Object(object)
}

/// `{"message": …, "extensions": {"path": …, "code": …, "internal"?: …}}`
pub(crate) fn graphql_error(error: &Error, detail: Detail) -> Json {
    let mut extensions = JsonObject::new();
    extensions.insert("path".to_owned(), error.path().to_string().into());
    extensions.insert("code".to_owned(), error.code().as_str().into());
    let extensions = match (error.internal(), detail) {
        (Some(Internal::Extensions(own)), _) => own.clone(),
        (Some(Internal::Guarded(internal)), Detail::Shown) => {
            extensions.insert("internal".to_owned(), internal.clone());
            Json::Object(extensions)
        }
        _ => Json::Object(extensions),
    };
    let mut object = JsonObject::new();
    object.insert("message".to_owned(), error.message().into());
    object.insert("extensions".to_owned(), extensions);
    Json::Object(object)
}

/// `{"errors": [error]}`
pub(crate) fn graphql_errors(error: Json) -> Json {
    let mut object = JsonObject::new();
    object.insert("errors".to_owned(), Json::Array(vec![error]));
    Json::Object(object)
}

/// `{"data": …}` around the text of `data`, which is not looked into.
pub(crate) fn graphql_data(data: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(data.len() + 9);
    body.put_slice(b"{\"data\":");
    body.put_slice(data);
    body.put_u8(b'}');
    body.freeze()
}

/// A JSON array of texts that are JSON already.
pub(crate) fn array(items: &[Bytes]) -> Bytes {
    let bytes = items.iter().map(|item| item.len() + 1).sum::<usize>();
    let mut body = BytesMut::with_capacity(bytes + 2);
    body.put_u8(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            body.put_u8(b',');
        }
        body.put_slice(item);
    }
    body.put_u8(b']');
    body.freeze()
}

/// The text of a JSON value.
pub(crate) fn text(json: &Json) -> Bytes {
    Bytes::from(json.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use graphloom_vocab::{ErrorCode, ErrorPath, RoleName};
    use serde_json::json;

    use super::*;

    fn error() -> Error {
        Error::new(ErrorCode::PostgresError, "query execution failed")
            .at(ErrorPath::keys(&["args"]))
            .with_internal(json!({"statement": "select 1"}))
    }

    #[test]
    fn both_shapes_in_their_key_order() {
        assert_eq!(
            api_error(&error(), Detail::Shown).to_string(),
            r#"{"error":"query execution failed","path":"$.args","code":"postgres-error","internal":{"statement":"select 1"}}"#
        );
        assert_eq!(
            graphql_errors(graphql_error(&error(), Detail::Hidden)).to_string(),
            r#"{"errors":[{"message":"query execution failed","extensions":{"path":"$.args","code":"postgres-error"}}]}"#
        );
        assert!(
            graphql_error(&error(), Detail::Shown)
                .to_string()
                .ends_with(r#""code":"postgres-error","internal":{"statement":"select 1"}}}"#)
        );
    }

    #[test]
    fn internal_is_for_those_who_may_see_it() {
        let admin = Session::admin();
        let user = Session::new(RoleName::new("user"), BTreeMap::new());
        let shown = |config, session| Detail::of(config, session) == Detail::Shown;
        assert!(shown(InternalErrors::Admin, Some(&admin)));
        assert!(!shown(InternalErrors::Admin, Some(&user)));
        assert!(shown(InternalErrors::Everyone, Some(&user)));
        assert!(!shown(InternalErrors::Nobody, Some(&admin)));
        assert!(!shown(InternalErrors::Everyone, None));
    }

    #[test]
    fn result_bytes_are_wrapped_as_they_are() {
        assert_eq!(graphql_data(b"{\"a\":1.10}"), "{\"data\":{\"a\":1.10}}");
        assert_eq!(array(&[]), "[]");
        assert_eq!(array(&["1".into(), "2".into()]), "[1,2]");
    }
}
