//! An upgraded connection that carries messages instead of bytes.
//!
//! Keeps next to nothing while it is quiet: what is read goes through a buffer on the stack, what is written goes to
//! the system before the next thing is done. A client that does not read is not read from either.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::deflate::{self, Compression};
use super::frames::{Incoming, Reader, Text, control, write_head};
use super::protocol::Close;

/// Bytes that are read at once.
const READ_BYTES: usize = 8 << 10;
/// A body of more bytes is written from where it lies, others are copied into what is written along with them.
const BODY_COPIED_MAX: usize = 16 << 10;

/// One socket.
pub(super) struct Socket {
    io: TokioIo<Upgraded>,
    reader: Reader,
    compression: Compression,
}

/// Why nothing more comes in.
#[derive(Debug)]
pub(super) enum End {
    /// The client is gone.
    Gone,
    /// It broke a rule, and is to be told.
    Fault(Close),
}

impl Socket {
    pub(super) fn new(
        upgraded: Upgraded,
        message_bytes_max: usize,
        compression: Compression,
    ) -> Self {
        Self {
            io: TokioIo::new(upgraded),
            reader: Reader::new(message_bytes_max, compression),
            compression,
        }
    }

    /// The next thing that the client sends. May be dropped and called again at any time.
    pub(super) async fn read(&mut self) -> Result<Incoming, End> {
        loop {
            match self.reader.next() {
                Ok(Some(incoming)) => return Ok(incoming),
                Ok(None) => {}
                Err(close) => return Err(End::Fault(close)),
            }
            match poll_fn(|context| self.poll_fill(context)).await {
                Ok(0) | Err(_) => return Err(End::Gone),
                Ok(_) => {}
            }
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
        self.reader.take(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Sends these messages, as few writes as they take.
    pub(super) async fn send(&mut self, messages: &[Text]) -> io::Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let copied = messages.iter().filter(|message| !self.lies(message));
        let mut output = Vec::with_capacity(copied.map(|message| message.len() + 10).sum());
        for message in messages {
            if self.lies(message) {
                write_head(OpCode::Data(Data::Text), false, message.len(), &mut output);
                output.extend_from_slice(message.head.as_bytes());
                self.io.write_all(&output).await?;
                self.io.write_all(&message.body).await?;
                output.clear();
                output.extend_from_slice(message.tail.as_bytes());
            } else if self.shrinks(message) {
                let shrunk = deflate::shrink(&message.parts());
                write_head(OpCode::Data(Data::Text), true, shrunk.len(), &mut output);
                output.extend_from_slice(&shrunk);
            } else {
                write_head(OpCode::Data(Data::Text), false, message.len(), &mut output);
                for part in message.parts() {
                    output.extend_from_slice(part);
                }
            }
        }
        self.write(&output).await
    }

    fn shrinks(&self, message: &Text) -> bool {
        self.compression == Compression::PerMessage && message.len() >= deflate::WORTH_IT_BYTES
    }

    fn lies(&self, message: &Text) -> bool {
        message.body.len() > BODY_COPIED_MAX && !self.shrinks(message)
    }

    pub(super) async fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        self.write(&control(Control::Pong, payload)).await
    }

    /// Sends the close frame and waits for the client's.
    pub(super) async fn close(&mut self, close: &Close) -> io::Result<()> {
        let mut payload = close.code.to_be_bytes().to_vec();
        payload.extend_from_slice(close.reason.as_bytes());
        self.write(&control(Control::Close, &payload)).await?;
        // What a client sends after it broke a rule cannot be read for sure: its farewell is the end of its bytes.
        loop {
            match self.read().await {
                Ok(Incoming::Close(_)) | Err(End::Gone) => break,
                Ok(_) => {}
                Err(End::Fault(_)) => {
                    self.reader = Reader::new(0, Compression::Off);
                    while poll_fn(|context| self.poll_fill(context)).await? > 0 {
                        self.reader = Reader::new(0, Compression::Off);
                    }
                    break;
                }
            }
        }
        self.io.shutdown().await
    }

    /// Answers the client's close frame with what it said, and closes.
    pub(super) async fn answer_close(&mut self, payload: &[u8]) -> io::Result<()> {
        self.write(&control(Control::Close, payload)).await?;
        self.io.shutdown().await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }
}
