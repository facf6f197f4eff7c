//! Which version this is: of the API, which tools check, and our own.

/// The version of the engine whose API this is. Its tools refuse a server that reports another line.
pub const API_VERSION: &str = "v2.48.0";

/// Our own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
