//! RFC 6455 on the server's side, as bytes: frames in, whole messages out, and the heads of ours.
//!
//! The library reads and writes the heads of frames; what may follow what, how long it may be and how a client is told
//! that it broke a rule is here, because its own sockets keep the largest message they ever sent, answer pings of
//! clients that read nothing from memory without end, and know no compression. Pure; `socket.rs` does the reading.

use std::io::Cursor;

use bytes::Bytes;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::deflate::{self, Compression, GrowError};
use super::protocol::Close;

/// Most bytes of a control frame (RFC 6455, 5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// What a client has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A whole message; whether it was text or binary makes no difference to us.
    Message(Vec<u8>),
    /// Wants the same bytes back.
    Ping(Vec<u8>),
    /// Nobody waits for it.
    Pong,
    /// The farewell, with its code and reason if it has them, to be answered with the same.
    Close(Vec<u8>),
}

/// Puts together what comes in pieces.
#[derive(Debug)]
pub(super) struct Reader {
    /// What came and is not read yet: less than a frame once [`Self::next`] gives `None`.
    input: Vec<u8>,
    started: Option<Started>,
    message_bytes_max: usize,
    compression: Compression,
}

/// A message whose last frame has not come yet.
#[derive(Debug)]
struct Started {
    is_text: bool,
    is_compressed: bool,
    bytes: Vec<u8>,
}

impl Reader {
    pub(super) fn new(message_bytes_max: usize, compression: Compression) -> Self {
        Self {
            input: Vec::new(),
            started: None,
            message_bytes_max,
            compression,
        }
    }

    /// These bytes came.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The next thing that is whole; `None` if more has to come. Errors are what the client is to be told before it
    /// is left.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, Close> {
        while let Some((header, payload)) = self.frame()? {
            let came = match header.opcode {
                OpCode::Control(Control::Ping) => Some(Incoming::Ping(payload)),
                OpCode::Control(Control::Pong) => Some(Incoming::Pong),
                OpCode::Control(_) => Some(farewell(payload)?),
                OpCode::Data(kind) => self.piece(&header, kind, payload)?,
            };
            if came.is_some() {
                return Ok(came);
            }
        }
        Ok(None)
    }

    /// The next whole frame, without its mask.
    fn frame(&mut self) -> Result<Option<(FrameHeader, Vec<u8>)>, Close> {
        let mut cursor = Cursor::new(&self.input);
        let header = FrameHeader::parse(&mut cursor);
        let header = header.map_err(|_| broken("a frame of no known kind"))?;
        let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        let Some((header, length)) = header else {
            return Ok(None);
        };
        self.check(&header, length)?;
        let length = usize::try_from(length).map_err(|_| too_long())?;
        let Some(payload) = self.input.get(start..start + length) else {
            return Ok(None);
        };
        let mask = header
            .mask
            .ok_or_else(|| broken("a frame without a mask"))?;
        let mut payload = payload.to_vec();
        unmask(&mut payload, mask);
        if self.input.len() == start + length {
            // Most sockets are quiet for most of the time: they keep no room.
            self.input = Vec::new();
        } else {
            self.input.drain(..start + length);
        }
        Ok(Some((header, payload)))
    }

    /// What can be said of a frame before all of it has come.
    fn check(&self, header: &FrameHeader, length: u64) -> Result<(), Close> {
        let opens = matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
        let may_be_compressed = opens && self.compression == Compression::PerMessage;
        if header.rsv2 || header.rsv3 || (header.rsv1 && !may_be_compressed) {
            return Err(broken("a reserved bit is set"));
        }
        match header.opcode {
            OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)) => {
                Err(broken("a frame of no known kind"))
            }
            OpCode::Control(_) if !header.is_final || length > CONTROL_BYTES_MAX => {
                Err(broken("a control frame is long or in pieces"))
            }
            OpCode::Control(_) => Ok(()),
            OpCode::Data(kind) => {
                if (kind == Data::Continue) != self.started.is_some() {
                    return Err(broken("a piece of another message than the one begun"));
                }
                let before = self
                    .started
                    .as_ref()
                    .map_or(0, |started| started.bytes.len());
                let all = usize::try_from(length).ok();
                let all = all.and_then(|length| length.checked_add(before));
                match all {
                    Some(all) if all <= self.message_bytes_max => Ok(()),
                    _ => Err(too_long()),
                }
            }
        }
    }

    /// Adds a piece to its message, which is returned if it was the last.
    fn piece(
        &mut self,
        header: &FrameHeader,
        kind: Data,
        payload: Vec<u8>,
    ) -> Result<Option<Incoming>, Close> {
        let message = match self.started.take() {
            Some(mut started) => {
                started.bytes.extend_from_slice(&payload);
                started
            }
            None => Started {
                is_text: kind == Data::Text,
                is_compressed: header.rsv1,
                bytes: payload,
            },
        };
        if !header.is_final {
            self.started = Some(message);
            return Ok(None);
        }
        let mut bytes = message.bytes;
        if message.is_compressed {
            bytes = deflate::grow(bytes, self.message_bytes_max).map_err(|error| match error {
                GrowError::TooLong => too_long(),
                GrowError::Broken => Close::new(1007, "the message cannot be decompressed"),
            })?;
        }
        if message.is_text && std::str::from_utf8(&bytes).is_err() {
            return Err(Close::new(1007, "the message is not UTF-8"));
        }
        Ok(Some(Incoming::Message(bytes)))
    }
}

fn broken(what: &str) -> Close {
    Close::new(1002, what)
}

fn too_long() -> Close {
    Close::new(1009, "the message is too long")
}

fn farewell(payload: Vec<u8>) -> Result<Incoming, Close> {
    match payload.split_first_chunk() {
        None if payload.is_empty() => Ok(Incoming::Close(payload)),
        None => Err(broken("a close frame with half a code")),
        Some((code, _)) if !CloseCode::from(u16::from_be_bytes(*code)).is_allowed() => {
            Err(broken("a close frame with a code that none may have"))
        }
        Some((_, reason)) if std::str::from_utf8(reason).is_err() => {
            Err(Close::new(1007, "the reason is not UTF-8"))
        }
        Some(_) => Ok(Incoming::Close(payload)),
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// A message of ours. Its body may be shared with many others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// What comes before the body.
    pub(super) head: String,
    /// UTF-8.
    pub(super) body: Bytes,
    /// What comes after it.
    pub(super) tail: &'static str,
}

impl Text {
    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.body.len() + self.tail.len()
    }

    /// Its bytes, in order.
    pub(super) fn parts(&self) -> [&[u8]; 3] {
        [self.head.as_bytes(), &self.body, self.tail.as_bytes()]
    }
}

impl From<String> for Text {
    fn from(head: String) -> Self {
        Self {
            head,
            body: Bytes::new(),
            tail: "",
        }
    }
}

/// Writes the head of a frame that has `length` bytes.
pub(super) fn write_head(opcode: OpCode, is_compressed: bool, length: usize, output: &mut Vec<u8>) {
    let header = FrameHeader {
        rsv1: is_compressed,
        opcode,
        ..FrameHeader::default()
    };
    let written = header.format(length as u64, output);
    written.expect("a vector takes all bytes");
}

/// A control frame, whose payload is short.
pub(super) fn control(kind: Control, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 2);
    write_head(OpCode::Control(kind), false, payload.len(), &mut frame);
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    const MAX: usize = 1000;

    /// A masked frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![first];
        match u8::try_from(payload.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | length),
            _ => {
                frame.push(0xFE);
                frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend(mask);
        let mut payload = payload.to_vec();
        unmask(&mut payload, mask);
        frame.extend(payload);
        frame
    }

    /// What these bytes are, whether they come at once or one by one.
    fn read(bytes: &[u8], compression: Compression) -> Result<Vec<Incoming>, u16> {
        let read_in = |size: usize| {
            let mut reader = Reader::new(MAX, compression);
            let mut came = Vec::new();
            for piece in bytes.chunks(size) {
                reader.take(piece);
                while let Some(incoming) = reader.next().map_err(|close| close.code)? {
                    came.push(incoming);
                }
            }
            Ok(came)
        };
        let at_once = read_in(bytes.len());
        assert_eq!(read_in(1), at_once);
        assert_eq!(read_in(7), at_once);
        at_once
    }

    fn message(text: &str) -> Incoming {
        Incoming::Message(text.as_bytes().to_vec())
    }

    #[test]
    fn frames_become_messages() {
        let long = "x".repeat(MAX);
        let all = [
            frame(0x81, b"{}"),
            frame(0x82, b"binary"),
            frame(0x01, b"in "),
            frame(0x89, b"still there?"),
            frame(0x00, b""),
            frame(0x80, b"pieces"),
            frame(0x8A, b""),
            frame(0x81, long.as_bytes()),
            frame(0x88, b"\x03\xe8bye"),
        ];
        assert_eq!(
            read(&all.concat(), Compression::Off).unwrap(),
            [
                message("{}"),
                message("binary"),
                Incoming::Ping(b"still there?".to_vec()),
                message("in pieces"),
                Incoming::Pong,
                message(&long),
                Incoming::Close(b"\x03\xe8bye".to_vec()),
            ]
        );
        let bare = read(&frame(0x88, b""), Compression::Off);
        assert_eq!(bare.unwrap(), [Incoming::Close(Vec::new())]);
    }

    #[test]
    fn who_breaks_a_rule_is_told_which() {
        let long = [b'x'; MAX + 1];
        for (bytes, code) in [
            (vec![0x81, 2, b'{', b'}'], 1002),
            (frame(0x83, b""), 1002),
            (frame(0x8B, b""), 1002),
            (frame(0xC1, b"{}"), 1002),
            (frame(0xA1, b"{}"), 1002),
            (frame(0x80, b"of nothing"), 1002),
            ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
            (frame(0x09, b"in pieces"), 1002),
            (frame(0x89, &[0; 126]), 1002),
            (frame(0x88, b"\x03"), 1002),
            (frame(0x88, b"\x03\xed"), 1002),
            (frame(0x88, b"\x03\xe8\xff"), 1007),
            (frame(0x81, b"\xff"), 1007),
            (frame(0x81, &long), 1009),
            ([frame(0x01, b"a"), frame(0x80, &long[1..])].concat(), 1009),
            // Told before the rest comes.
            (
                vec![0x81, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                1009,
            ),
        ] {
            assert_eq!(read(&bytes, Compression::Off), Err(code), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_compressed_has_its_limit_too() {
        let compressed = |text: &str| frame(0xC1, &deflate::shrink(&[text.as_bytes()]));
        let both = [
            compressed("{\"a\":1}"),
            frame(0x81, b"plain"),
            compressed(""),
        ]
        .concat();
        assert_eq!(
            read(&both, Compression::PerMessage).unwrap(),
            [message("{\"a\":1}"), message("plain"), message("")]
        );
        let bomb = compressed(&"x".repeat(MAX + 1));
        assert!(bomb.len() < MAX / 10);
        assert_eq!(read(&bomb, Compression::PerMessage), Err(1009));
        let fits = compressed(&"x".repeat(MAX));
        assert_eq!(
            read(&fits, Compression::PerMessage).unwrap(),
            [message(&"x".repeat(MAX))]
        );
        let garbage = frame(0xC1, b"\xff\xff\xff\xff");
        assert_eq!(read(&garbage, Compression::PerMessage), Err(1007));
        let piece = [frame(0x01, b"a"), frame(0xC0, b"b")].concat();
        assert_eq!(read(&piece, Compression::PerMessage), Err(1002));
    }

    #[test]
    fn nothing_is_kept_of_what_was_read() {
        let mut reader = Reader::new(MAX, Compression::Off);
        reader.take(&frame(0x81, &[b'x'; MAX]));
        reader.next().unwrap().unwrap();
        assert_eq!(reader.next(), Ok(None));
        assert_eq!(reader.input.capacity(), 0);
    }
}
