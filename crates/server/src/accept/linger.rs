//! Closing a connection so that its client gets to read the last answer.
//!
//! Where a socket is closed with bytes in it that nobody read, the system tells the other side to throw
//! away what it has not read either: the answer to a request that was refused early would be lost. So
//! the stream comes back from the HTTP library, and is read for a moment after its writing side is
//! closed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a client may go on sending what nobody wants. Many read nothing before they have sent all.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// A stream that is handed back when it is dropped.
#[derive(Debug)]
pub(super) struct Borrowed {
    /// Present until it is dropped.
    stream: Option<TcpStream>,
    home: Option<oneshot::Sender<TcpStream>>,
}

/// Where the stream comes back.
#[derive(Debug)]
pub(super) struct Home(oneshot::Receiver<TcpStream>);

/// Lends a stream.
pub(super) fn lend(stream: TcpStream) -> (Borrowed, Home) {
    let (home, back) = oneshot::channel();
    (
        Borrowed {
            stream: Some(stream),
            home: Some(home),
        },
        Home(back),
    )
}

impl Home {
    /// Closes the stream if it is back: the writing side now, the reading side when the client is
    /// through or took too long. A stream that became a websocket is not back.
    pub(super) async fn close(mut self) {
        let Ok(mut stream) = self.0.try_recv() else {
            return;
        };
        let linger = async {
            stream.shutdown().await?;
            let mut unwanted = [0; 16 * 1024];
            while stream.read(&mut unwanted).await? > 0 {}
            Ok::<_, io::Error>(())
        };
        // A client that is not through by then has had its chance, and errors mean that it is gone.
        timeout(LINGER_TIME, linger).await.ok();
    }
}

impl Borrowed {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        let stream = self.get_mut().stream.as_mut();
        Pin::new(stream.expect("present until it is dropped"))
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let (Some(stream), Some(home)) = (self.stream.take(), self.home.take()) {
            // Nobody waits for the stream of a websocket.
            drop(home.send(stream));
        }
    }
}

impl AsyncRead for Borrowed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buf)
    }
}

impl AsyncWrite for Borrowed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
