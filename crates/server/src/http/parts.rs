//! An answer that goes out in parts, while the rest of it is still being read.
//!
//! It has no length, so that one which ends half-way can be told from a whole one: the connection is closed, or the
//! stream reset, without the end that HTTP asks for. Its line in the log is written when it has ended, whichever way.
//! Read next: `execute`'s `parts.rs`, where the parts come from.

use std::io::{self, Write as _};
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::unfold;
use graphloom_execute::Parts;
use graphloom_vocab::{Error, ErrorCode};
use http::StatusCode;

use super::RequestInfo;
use crate::log::{HttpEvent, Logs, OperationEvent};

/// A fast level: compressing must keep up with Postgres.
const LEVEL: u32 = 1;

/// An answer on its way.
pub(super) struct Outgoing {
    parts: Parts,
    state: State,
    /// `None`: it goes out as it is.
    gzip: Option<GzEncoder<Vec<u8>>>,
    line: Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NotBegun,
    UnderWay,
    Over,
}

/// Whether an answer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Gzip,
}

/// The line in the log, written when this is dropped.
pub(super) struct Line {
    pub(super) logs: Logs,
    pub(super) info: RequestInfo,
    pub(super) status: StatusCode,
    pub(super) operation: OperationEvent,
    content_encoding: Option<&'static str>,
    since: Instant,
    sent_bytes: usize,
    plain_bytes: usize,
}

impl Line {
    pub(super) fn new(
        logs: &Logs,
        info: &RequestInfo,
        status: StatusCode,
        operation: OperationEvent,
    ) -> Self {
        Self {
            logs: logs.clone(),
            info: info.clone(),
            status,
            operation,
            content_encoding: None,
            since: Instant::now(),
            sent_bytes: 0,
            plain_bytes: 0,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.operation.execution_time += self.since.elapsed();
        self.logs.http(&HttpEvent {
            request_id: &self.info.id,
            status: self.status.as_u16(),
            method: self.info.method.as_str(),
            path: &self.info.path,
            version: self.info.version,
            ip: self.info.ip,
            content_encoding: self.content_encoding,
            operation: &self.operation,
            response_bytes: self.sent_bytes,
            uncompressed_bytes: self.plain_bytes,
        });
    }
}

impl Outgoing {
    /// The body of `{"data": …}` around these parts.
    pub(super) fn body(parts: Parts, coding: Coding, mut line: Line) -> Body {
        let gzip = (coding == Coding::Gzip).then(|| {
            line.content_encoding = Some("gzip");
            GzEncoder::new(Vec::new(), Compression::new(LEVEL))
        });
        let outgoing = Self {
            parts,
            state: State::NotBegun,
            gzip,
            line,
        };
        Body::from_stream(unfold(outgoing, |mut outgoing| async move {
            let next = outgoing.next().await?;
            Some((next, outgoing))
        }))
    }

    /// The next bytes to go out; an error closes the connection.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            let plain = match self.state {
                State::Over => return None,
                State::NotBegun => {
                    self.state = State::UnderWay;
                    Bytes::from_static(b"{\"data\":")
                }
                State::UnderWay => match self.parts.next().await {
                    Some(Ok(part)) => part,
                    Some(Err(error)) => {
                        self.state = State::Over;
                        let cut_off = io::Error::other(error.message().to_owned());
                        self.line.operation.error = Some(error);
                        return Some(Err(cut_off));
                    }
                    None => {
                        self.state = State::Over;
                        Bytes::from_static(b"}")
                    }
                },
            };
            self.line.plain_bytes += plain.len();
            match self.coded(plain) {
                Ok(coded) if coded.is_empty() => {}
                Ok(coded) => {
                    self.line.sent_bytes += coded.len();
                    return Some(Ok(coded));
                }
                Err(error) => {
                    self.state = State::Over;
                    return Some(Err(error));
                }
            }
        }
    }

    /// What can go out of that by now.
    fn coded(&mut self, plain: Bytes) -> io::Result<Bytes> {
        let Some(mut gzip) = self.gzip.take() else {
            return Ok(plain);
        };
        gzip.write_all(&plain)?;
        if self.state == State::Over {
            return gzip.finish().map(Bytes::from);
        }
        let coded = std::mem::take(gzip.get_mut());
        self.gzip = Some(gzip);
        Ok(coded.into())
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if self.state != State::Over {
            let message = "the client went away before the end of the answer";
            let error = Error::new(ErrorCode::Unexpected, message);
            self.line.operation.error = Some(error);
        }
    }
}
