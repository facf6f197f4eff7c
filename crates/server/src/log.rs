//! Log records: chosen by type and level, handed to one writer that never makes a request wait.
//!
//! What a record says is made in `log/events.rs`, which is the place to look for a secret that must not
//! be there. The queue is bounded: where the reader of our output is slower than we are, records are
//! dropped and their number is logged.

mod events;
mod poller;
mod pretty;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;

use graphloom_vocab::{Json, JsonObject};

use crate::settings::LogSettings;

pub(crate) use events::{
    HttpEvent, OperationEvent, OperationOutcome, RequestMode, SocketEvent, SocketEventKind,
    request_json,
};

/// Most bytes of records that wait to be written.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Most records that wait to be written.
const QUEUE_RECORDS_MAX: usize = 16 * 1024;

macro_rules! log_types {
    ($($variant:ident = $text:literal,)*) => {
        /// What a record is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum LogType {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl LogType {
            /// The text of `type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The type of this text.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

log_types! {
    Startup = "startup",
    Query = "query-log",
    Execution = "execution-log",
    Http = "http-log",
    Websocket = "websocket-log",
    Webhook = "webhook-log",
    LiveQueryPoller = "livequery-poller-log",
    ActionHandler = "action-handler-log",
    DataConnector = "data-connector-log",
    JwkRefresh = "jwk-refresh-log",
    ValidateInput = "validate-input-log",
    Metadata = "metadata",
    Unstructured = "unstructured",
}

impl LogType {
    /// Types nobody can switch off.
    fn is_internal(self) -> bool {
        matches!(self, Self::Metadata | Self::Unstructured)
    }
}

/// How severe a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For those who look for a fault in us.
    Debug,
    /// What happened.
    Info,
    /// What somebody should look at.
    Warn,
    /// What went wrong.
    Error,
}

impl Level {
    /// The text of `level`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level of this text, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let levels = [Self::Debug, Self::Info, Self::Warn, Self::Error];
        let text = text.trim();
        levels
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(text))
    }
}

/// How records look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Lines for people.
    Pretty,
}

/// The log. Cheap to clone; all clones write to the same place.
#[derive(Clone)]
pub struct Logs(Arc<Inner>);

struct Inner {
    settings: LogSettings,
    queue: mpsc::SyncSender<Message>,
    waiting_bytes: Arc<AtomicUsize>,
    dropped: AtomicU64,
}

enum Message {
    Line(Vec<u8>),
    Flush(mpsc::SyncSender<()>),
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Logs")
    }
}

impl Logs {
    /// A log to standard output.
    pub fn stdout(settings: LogSettings) -> Self {
        Self::start(settings, std::io::stdout())
    }

    /// A log to `out`, written by a thread of its own.
    pub fn start(settings: LogSettings, out: impl Write + Send + 'static) -> Self {
        let (queue, records) = mpsc::sync_channel(QUEUE_RECORDS_MAX);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let waiting = Arc::clone(&waiting_bytes);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_records(&records, &waiting, out))
            .expect("a process that cannot start a thread cannot serve");
        let dropped = AtomicU64::new(0);
        Self(Arc::new(Inner {
            settings,
            queue,
            waiting_bytes,
            dropped,
        }))
    }

    /// What is logged.
    pub fn settings(&self) -> &LogSettings {
        &self.0.settings
    }

    /// Whether a record of this type and level would be written. Ask before making an expensive one.
    pub fn wants(&self, kind: LogType, level: Level) -> bool {
        let settings = &self.0.settings;
        level >= settings.level && (kind.is_internal() || settings.types.contains(&kind))
    }

    /// Writes a record, if it is wanted. Never waits.
    pub fn write(&self, kind: LogType, level: Level, detail: Json) {
        if self.wants(kind, level) {
            self.announce_dropped();
            self.enqueue(self.line(kind, level, detail));
        }
    }

    /// A record of something that happened at start: `{"kind": …, "info": …}`.
    pub fn startup(&self, level: Level, kind: &str, info: Json) {
        let mut detail = JsonObject::new();
        detail.insert("kind".to_owned(), kind.into());
        detail.insert("info".to_owned(), info);
        self.write(LogType::Startup, level, Json::Object(detail));
    }

    /// A plain sentence.
    pub fn unstructured(&self, level: Level, text: &str) {
        self.write(LogType::Unstructured, level, text.into());
    }

    /// Waits until everything logged so far is written.
    pub fn flush(&self) {
        let (done, wait) = mpsc::sync_channel(1);
        if self.0.queue.send(Message::Flush(done)).is_ok() {
            // The writer going away means there is nothing left to wait for.
            wait.recv().ok();
        }
    }

    fn line(&self, kind: LogType, level: Level, detail: Json) -> Vec<u8> {
        let now = chrono::Local::now();
        match self.0.settings.format {
            LogFormat::Pretty => pretty::line(&now, kind, level, &detail).into_bytes(),
            LogFormat::Json => {
                let timestamp = now.format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string();
                let mut record = JsonObject::new();
                record.insert("type".to_owned(), kind.as_str().into());
                record.insert("timestamp".to_owned(), timestamp.into());
                record.insert("level".to_owned(), level.as_str().into());
                record.insert("detail".to_owned(), detail);
                let mut line = Json::Object(record).to_string().into_bytes();
                line.push(b'\n');
                line
            }
        }
    }

    fn announce_dropped(&self) {
        let dropped = self.0.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let text =
                format!("{dropped} log records were dropped: the output is not read fast enough");
            let line = self.line(LogType::Unstructured, Level::Warn, text.into());
            if !self.enqueue(line) {
                self.0.dropped.fetch_add(dropped, Ordering::Relaxed);
            }
        }
    }

    fn enqueue(&self, line: Vec<u8>) -> bool {
        let bytes = line.len();
        let waiting = self.0.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = waiting + bytes <= QUEUE_BYTES_MAX;
        if fits && self.0.queue.try_send(Message::Line(line)).is_ok() {
            return true;
        }
        self.0.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
        false
    }
}

/// Writes until every `Logs` is gone. Errors of the output are nowhere to be reported.
fn write_records(records: &mpsc::Receiver<Message>, waiting: &AtomicUsize, out: impl Write) {
    let mut out = std::io::BufWriter::with_capacity(64 * 1024, out);
    while let Ok(message) = records.recv() {
        let mut next = Some(message);
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    out.write_all(&line).ok();
                    waiting.fetch_sub(line.len(), Ordering::Relaxed);
                }
                Message::Flush(done) => {
                    out.flush().ok();
                    done.send(()).ok();
                }
            }
            next = records.try_recv().ok();
        }
        out.flush().ok();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::collections::HashSet;
    use std::sync::Mutex;

    use super::*;
    use crate::settings::{MetadataQueryLogging, QueryLogging};

    /// An output that a test can read.
    #[derive(Clone, Default)]
    pub(crate) struct Output(Arc<Mutex<Vec<u8>>>);

    impl Output {
        pub(crate) fn lines(&self) -> Vec<Json> {
            let bytes = self.0.lock().unwrap();
            let text = String::from_utf8(bytes.clone()).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        }
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    pub(crate) fn settings(types: &[LogType]) -> LogSettings {
        LogSettings {
            types: types.iter().copied().collect::<HashSet<_>>(),
            level: Level::Info,
            format: LogFormat::Json,
            queries: QueryLogging::Always,
            metadata_queries: MetadataQueryLogging::Disabled,
            masked_variables: HashSet::new(),
        }
    }

    #[test]
    fn only_wanted_records_are_written() {
        let output = Output::default();
        let logs = Logs::start(settings(&[LogType::Startup]), output.clone());
        logs.startup(Level::Info, "server_configuration", Json::Null);
        logs.startup(Level::Debug, "too_quiet", Json::Null);
        logs.write(LogType::Http, Level::Error, Json::Null);
        logs.unstructured(Level::Warn, "always");
        logs.flush();
        let lines = output.lines();
        let types: Vec<_> = lines
            .iter()
            .map(|line| line["type"].as_str().unwrap())
            .collect();
        assert_eq!(types, ["startup", "unstructured"]);
        let keys: Vec<_> = lines[0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["type", "timestamp", "level", "detail"]);
        assert_eq!(lines[0]["detail"]["kind"], "server_configuration");
    }

    #[test]
    fn a_stuck_output_drops_records_and_says_so() {
        struct Stuck(mpsc::Receiver<()>, Output);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.recv().ok();
                self.1.write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (release, stuck) = mpsc::channel();
        let output = Output::default();
        let logs = Logs::start(settings(&[]), Stuck(stuck, output.clone()));
        for _ in 0..QUEUE_RECORDS_MAX + 10_000 {
            logs.unstructured(Level::Info, "x");
        }
        drop(release);
        logs.flush();
        logs.unstructured(Level::Info, "after");
        logs.flush();
        let lines = output.lines();
        let last: Vec<_> = lines[lines.len() - 2..]
            .iter()
            .map(|line| &line["detail"])
            .collect();
        assert!(
            last[0]
                .as_str()
                .unwrap()
                .ends_with("the output is not read fast enough")
        );
        assert_eq!(last[1], "after");
    }
}
