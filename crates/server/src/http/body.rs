//! Reading a request's body: bounded in bytes, in time, and together with all others in memory.
//!
//! Knows no endpoint. Errors carry status 413 and 408; whether the endpoint shows it is its own shape's
//! affair.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use graphloom_execute::heavy;
use graphloom_vocab::{Error, ErrorCode, Json, Result};
use http::{Request, header};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

/// The unit in which memory is counted.
const UNIT_BYTES: usize = 1024;
/// Reads bodies, and keeps all that are in use within one budget.
pub(crate) struct BodyReader {
    timeout: Duration,
    memory: Arc<Semaphore>,
}

/// A body, and its share of the budget, given back when it is dropped.
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    pub(crate) read_time: Duration,
    _share: Option<OwnedSemaphorePermit>,
}

impl ReadBody {
    /// The body as JSON. Errors are `invalid-json`.
    pub(crate) fn json(&self) -> Result<Json> {
        let reason = if self.bytes.is_empty() {
            "not enough input".to_owned()
        } else {
            let is_heavy = self.bytes.len() >= heavy::JSON_BYTES;
            match heavy::run_if(is_heavy, || serde_json::from_slice(&self.bytes)) {
                Ok(json) => return Ok(json),
                Err(error) => format!("Failed reading: not a valid json value: {error}"),
            }
        };
        Err(Error::new(
            ErrorCode::InvalidJson,
            format!("Error in $: {reason}"),
        ))
    }
}

impl BodyReader {
    pub(crate) fn new(timeout: Duration, memory_bytes: usize) -> Self {
        let units = (memory_bytes / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        let memory = Arc::new(Semaphore::new(units));
        Self { timeout, memory }
    }

    /// Reads a body of up to `limit_bytes`.
    ///
    /// Errors: `bad-request` with 413 above the limit, `timeout` with 408 where it is not there in time.
    pub(crate) async fn read(
        &self,
        request: Request<Body>,
        limit_bytes: usize,
    ) -> Result<ReadBody> {
        let started = Instant::now();
        // Left unread, the rest of the request ends its connection (`accept/linger.rs` says how).
        let announced = announced_bytes(&request);
        if announced.is_some_and(|bytes| bytes > limit_bytes) {
            return Err(too_large(limit_bytes));
        }
        let deadline = tokio::time::Instant::now() + self.timeout;
        let mut body = request.into_body();
        let mut share: Option<OwnedSemaphorePermit> = None;
        // One frame is the usual case, and needs no copy.
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        loop {
            let frame = timeout_at(deadline, body.frame())
                .await
                .map_err(|_| too_slow(self.timeout))?;
            let Some(frame) = frame else { break };
            let Ok(data) = frame.map_err(|_| broken())?.into_data() else {
                continue;
            };
            if first.len() + rest.len() + data.len() > limit_bytes {
                return Err(too_large(limit_bytes));
            }
            let more = timeout_at(deadline, self.share_of(data.len())).await;
            let more = more.map_err(|_| too_slow(self.timeout))?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
            match (first.is_empty(), rest.is_empty()) {
                (true, _) => first = data,
                (false, true) => {
                    rest.reserve(first.len() + data.len());
                    rest.extend_from_slice(&data);
                }
                (false, false) => rest.extend_from_slice(&data),
            }
        }
        let bytes = if rest.is_empty() {
            first
        } else {
            let mut whole = BytesMut::with_capacity(first.len() + rest.len());
            whole.extend_from_slice(&first);
            whole.extend_from_slice(&rest);
            whole.freeze()
        };
        Ok(ReadBody {
            bytes,
            read_time: started.elapsed(),
            _share: share,
        })
    }

    async fn share_of(&self, bytes: usize) -> OwnedSemaphorePermit {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.memory);
        memory
            .acquire_many_owned(units)
            .await
            .expect("never closed")
    }
}

fn announced_bytes(request: &Request<Body>) -> Option<usize> {
    let length = request.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn too_large(limit_bytes: usize) -> Error {
    let message = format!("the request's body is larger than the limit of {limit_bytes} bytes");
    Error::new(ErrorCode::BadRequest, message).with_status(413)
}

fn too_slow(limit: Duration) -> Error {
    let message = format!(
        "the request's body was not there within {} seconds",
        limit.as_secs_f64()
    );
    Error::new(ErrorCode::Timeout, message).with_status(408)
}

fn broken() -> Error {
    Error::new(
        ErrorCode::BadRequest,
        "the request's body could not be read",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    fn request(chunks: &[&'static str]) -> Request<Body> {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|&chunk| Ok::<_, Infallible>(chunk))
            .collect();
        Request::new(Body::from_stream(stream::iter(chunks)))
    }

    fn reader() -> BodyReader {
        BodyReader::new(Duration::from_secs(5), 1 << 20)
    }

    #[tokio::test]
    async fn chunks_come_together_up_to_the_limit() {
        for chunks in [&[][..], &["abc"], &["a", "bc"], &["a", "b", "c"]] {
            let body = reader().read(request(chunks), 3).await.unwrap();
            assert_eq!(body.bytes, chunks.concat());
        }
        let error = reader()
            .read(request(&["ab", "cd"]), 3)
            .await
            .err()
            .unwrap();
        assert_eq!(
            (error.status(), error.code().as_str()),
            (413, "bad-request")
        );
    }

    #[tokio::test]
    async fn the_budget_comes_back() {
        let reader = reader();
        for _ in 0..5000 {
            reader.read(request(&["some", "thing"]), 100).await.unwrap();
        }
        assert_eq!(reader.memory.available_permits(), 1024);
    }

    #[tokio::test]
    async fn a_body_that_stops_is_given_up() {
        let reader = BodyReader::new(Duration::from_millis(10), 1 << 20);
        let never = stream::pending::<Result<Bytes, Infallible>>();
        let error = reader
            .read(Request::new(Body::from_stream(never)), 3)
            .await
            .err()
            .unwrap();
        assert_eq!((error.status(), error.code().as_str()), (408, "timeout"));
    }

    #[test]
    fn json_errors_are_invalid_json() {
        for bad in ["", "{", "{\"a\":1,}", "\u{feff}{}", "nope"] {
            let bytes = Bytes::from(bad);
            let body = ReadBody {
                bytes,
                read_time: Duration::ZERO,
                _share: None,
            };
            assert_eq!(
                body.json().unwrap_err().code().as_str(),
                "invalid-json",
                "{bad}"
            );
        }
        let bytes = Bytes::from_static(b"{\"a\":\"\xff\"}");
        let body = ReadBody {
            bytes,
            read_time: Duration::ZERO,
            _share: None,
        };
        assert!(body.json().is_err());
    }
}
