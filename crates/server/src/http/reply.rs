//! An answer on its way out: status, bytes, and what the log will say.

use axum::body::Body;
use bytes::Bytes;
use graphloom_execute::Parts;
use graphloom_vocab::{Error, ErrorCode};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::events::{self, Events};
use crate::envelope::{self, Detail};
use crate::log::OperationEvent;
use crate::settings::UnauthorizedStatus;

const JSON: &str = "application/json; charset=utf-8";
const GRAPHQL_RESPONSE: &str = "application/graphql-response+json; charset=utf-8";

/// How an endpoint shows errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"error","path","code"}` with the error's status.
    Api,
    /// `{"errors":[…]}` with status 200.
    Graphql,
    /// `{"errors":[…]}` with the error's status.
    GraphqlWithStatus,
    /// The same as the media type of the GraphQL-over-HTTP specification.
    GraphqlResponse,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// What goes out instead of the body, as it comes.
    pub(crate) events: Option<Events>,
    /// The `data` that goes out instead of the body, in parts.
    pub(crate) parts: Option<Parts>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether compressing may still make it smaller.
    pub(crate) encoding: Encoding,
    pub(crate) operation: OperationEvent,
}

/// How the body's bytes are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Not at all.
    Plain,
    /// With gzip, and the client can read it.
    Gzip,
    /// Not at all, and is to stay so.
    Final,
}

impl Reply {
    /// 200 with a body of this type.
    pub(crate) fn ok(content_type: &'static str, body: Bytes) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        Self {
            status: StatusCode::OK,
            body,
            events: None,
            parts: None,
            headers: vec![(header::CONTENT_TYPE, content_type)],
            encoding: Encoding::Plain,
            operation: OperationEvent::default(),
        }
    }

    /// 200 with JSON.
    pub(crate) fn json(body: Bytes) -> Self {
        Self::ok(JSON, body)
    }

    /// 200 with a GraphQL response, in the media type of this shape.
    pub(crate) fn graphql(shape: Shape, body: Bytes) -> Self {
        match shape {
            Shape::GraphqlResponse => Self::ok(GRAPHQL_RESPONSE, body),
            Shape::Api | Shape::Graphql | Shape::GraphqlWithStatus => Self::json(body),
        }
    }

    /// A short text for people and probes.
    pub(crate) fn text(status: StatusCode, text: &'static str) -> Self {
        let body = Bytes::from_static(text.as_bytes());
        Self::ok("text/plain; charset=utf-8", body).with_status(status)
    }

    /// An error in the endpoint's shape.
    pub(crate) fn error(shape: Shape, error: &Error, detail: Detail) -> Self {
        let status = StatusCode::from_u16(error.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (json, status) = match shape {
            Shape::Api => (envelope::api_error(error, detail), status),
            Shape::Graphql => (graphql_body(error, detail), StatusCode::OK),
            Shape::GraphqlWithStatus | Shape::GraphqlResponse => {
                (graphql_body(error, detail), status)
            }
        };
        Self::graphql(shape, envelope::text(&json)).with_status(status)
    }

    /// What unknown paths and disabled APIs answer.
    pub(crate) fn not_found() -> Self {
        let error = Error::new(ErrorCode::NotFound, "resource does not exist").with_status(404);
        let mut reply = Self::error(Shape::Api, &error, Detail::Hidden);
        reply.operation.error = Some(error);
        reply
    }

    /// What a request answers that panicked.
    pub(crate) fn panicked() -> Self {
        let error = Error::unexpected("Internal Server Error");
        let mut reply = Self::error(Shape::Api, &error, Detail::Hidden);
        reply.operation.error = Some(error);
        reply
    }

    /// The same with another status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with the cookies that the authentication webhook sets.
    pub(crate) fn with_cookies(mut self, cookies: Vec<HeaderValue>) -> Self {
        let cookies = cookies
            .into_iter()
            .map(|cookie| (header::SET_COOKIE, cookie));
        self.headers.extend(cookies);
        self
    }

    /// The same as the last answer of its connection: the rest of the request was not read.
    pub(crate) fn closing(self) -> Self {
        self.with_header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// With the error's 401 kept, where that is asked for.
    pub(crate) fn keep_unauthorized(self, error: &Error, how: Option<UnauthorizedStatus>) -> Self {
        match how {
            Some(UnauthorizedStatus::Preserved) if error.status() == 401 => {
                self.with_status(StatusCode::UNAUTHORIZED)
            }
            _ => self,
        }
    }

    /// With the status of what a GET must not do kept in every shape: 405 for a mutation, with what is
    /// allowed instead, and 403 for the guard against other sites.
    pub(crate) fn keep_refusal_of_get(self) -> Self {
        match self.operation.error.as_ref().map(Error::status) {
            Some(405) => self
                .with_status(StatusCode::METHOD_NOT_ALLOWED)
                .with_header(header::ALLOW, HeaderValue::from_static("POST")),
            Some(403) => self.with_status(StatusCode::FORBIDDEN),
            _ => self,
        }
    }

    /// The bytes that go out.
    pub(crate) fn into_response(mut self) -> Response<Body> {
        if let Some(events) = self.events.take() {
            return self.into_response_of(events::body(events));
        }
        let body = std::mem::take(&mut self.body);
        let length = HeaderValue::from(body.len());
        let mut response = self.into_response_of(Body::from(body));
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
        response
    }

    /// The same with that as its body, which is of no known length.
    pub(crate) fn into_response_of(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

fn graphql_body(error: &Error, detail: Detail) -> graphloom_vocab::Json {
    envelope::graphql_errors(envelope::graphql_error(error, detail))
}
