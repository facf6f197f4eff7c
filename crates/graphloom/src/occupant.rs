//! Who has a port of this machine: one of us, which says so, or somebody else.
//!
//! Asks `/v1/version` with a few lines of HTTP and a short patience.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use graphloom_vocab::Json;

/// How long a program may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most bytes that are read of its answer.
const ANSWER_BYTES_MAX: u64 = 8192;

/// Who listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// A Graphloom of this version.
    Graphloom(String),
    /// Another program, or one that does not answer.
    Other,
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Graphloom(version) => write!(f, "another Graphloom ({version})"),
            Self::Other => f.write_str("another program"),
        }
    }
}

/// Who listens on this port of 127.0.0.1.
pub(crate) fn of(port: u16) -> Occupant {
    match ask(port) {
        Ok(answer) => read(&answer),
        Err(_) => Occupant::Other,
    }
}

fn ask(port: u16) -> std::io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request =
        format!("GET /v1/version HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    // One that keeps sending slowly is cut off by the size; what has come so far is enough.
    let read = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    match read {
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

fn read(answer: &str) -> Occupant {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    // A body in chunks has their lengths around it.
    let json = body.find('{').zip(body.rfind('}'));
    let json = json.and_then(|(from, to)| serde_json::from_str::<Json>(body.get(from..=to)?).ok());
    let version = json.and_then(|json| Some(json["graphloom_version"].as_str()?.to_owned()));
    version.map_or(Occupant::Other, Occupant::Graphloom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_us_is_known_by_its_own_version() {
        let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nx: y\r\n\r\n{body}");
        let ours = answer(r#"{"version":"v2.48.0","graphloom_version":"0.1.0"}"#);
        assert_eq!(read(&ours), Occupant::Graphloom("0.1.0".to_owned()));
        for other in [
            answer(r#"{"version":"v2.48.0"}"#),
            answer("<html>"),
            String::new(),
        ] {
            assert_eq!(read(&other), Occupant::Other);
        }
    }

    #[test]
    fn one_that_says_nothing_is_another() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || drop(listener.accept()));
        assert_eq!(of(port), Occupant::Other);
        server.join().unwrap();
    }
}
