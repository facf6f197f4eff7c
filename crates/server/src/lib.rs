//! The server: options, HTTP, websockets, logs, and how they are put together.
//!
//! The only crate that knows the web framework, and with the binary the only one that reads the
//! environment. Holds no database and no schema: those are behind [`Services`]. Read `startup.rs` for
//! how a server comes to be, `accept.rs` for connections and `http.rs` for what happens to a request.

mod accept;
pub mod catalog;
mod cors;
mod envelope;
mod follow;
mod headers;
mod http;
mod log;
pub mod options;
mod services;
pub mod settings;
pub mod startup;
pub mod version;
mod websocket;
mod wiring;

pub use crate::accept::Listener;
pub use crate::cors::Cors;
pub use crate::http::App;
pub use crate::log::{Level, LogFormat, LogType, Logs};
pub use crate::services::{Answer, Services, Wired};
pub use crate::websocket::Sockets;

/// Settings from flags alone, for tests that need some.
#[cfg(test)]
pub(crate) fn test_settings(flags: &[&str]) -> settings::Settings {
    let url = "--metadata-database-url=postgres://nowhere/none";
    let flags = [url]
        .into_iter()
        .chain(flags.iter().copied())
        .map(str::to_owned);
    let line = options::CommandLine::parse(flags, &[options::SERVE]).expect("known flags");
    let (settings, _) =
        startup::read_options(&line, &std::collections::HashMap::new()).expect("good values");
    settings
}
