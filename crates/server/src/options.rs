//! Every option of the program, as one table that parsing, `--help` and the documentation come from.
//!
//! Knows flags, variables and their texts; what a value means to the server is `settings.rs`'s affair.
//! Read `options/table.rs` next: it is the list.

mod command_line;
mod docs;
mod table;
mod values;

pub use command_line::CommandLine;
pub use docs::{help, markdown};
pub use table::{DOWNGRADE, SERVE};
pub use values::{Notice, Source, Values};

/// One option: the only place that knows its flag, variable, type, default and text.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// The flag without its dashes. Also the option's name in [`Values`].
    pub flag: &'static str,
    /// A one-letter form of the flag.
    pub short: Option<char>,
    /// Environment variables, the current name first.
    pub env: &'static [&'static str],
    /// What its text may be.
    pub kind: Kind,
    /// The text it has when nobody gives one.
    pub default: Option<&'static str>,
    /// One sentence for `--help` and the documentation.
    pub doc: &'static str,
    /// Whether it has its effect.
    pub status: Status,
}

/// What an option's text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A boolean whose flag stands alone (`--enable-console`) or takes `=value`.
    Switch,
    /// A boolean whose flag takes a value (`--enable-telemetry false`).
    Boolean,
    /// Any text but the empty one.
    Text,
    /// Text that is never shown: no message, log record or debug print repeats it.
    Secret,
    /// A whole number in this range.
    Integer(u64, u64),
    /// Seconds, possibly with a fraction.
    Seconds,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, separated by commas.
    List(&'static [&'static str]),
    /// Text that the flag itself ends in: `--to-v2.0.1`.
    Suffix,
}

/// Whether an option has its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has.
    Built,
    /// It is accepted and has none on purpose; the text says why.
    Accepted(&'static str),
    /// Not yet, and nothing is less protected without it: a warning.
    NotBuilt,
    /// Not yet, and it protects something: the server does not start.
    NotBuiltGuard,
}

impl Opt {
    /// A text option that is built and has no default.
    pub const fn new(
        flag: &'static str,
        env: &'static [&'static str],
        kind: Kind,
        doc: &'static str,
    ) -> Self {
        Self {
            flag,
            short: None,
            env,
            kind,
            default: None,
            doc,
            status: Status::Built,
        }
    }

    /// With a default.
    #[must_use]
    pub const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// With a one-letter flag.
    #[must_use]
    pub const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    /// With another status than `Built`.
    #[must_use]
    pub const fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }
}

/// Why the options cannot be used. The text is for the person who starts the program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// A flag nobody knows.
    #[error("unknown option '{0}'; see --help")]
    UnknownFlag(String),
    /// A flag without the value it takes.
    #[error("the option --{0} needs a value")]
    MissingValue(&'static str),
    /// More than one command, or something that is no flag after it.
    #[error("unexpected argument '{0}'; see --help")]
    Unexpected(String),
    /// A value of the wrong shape.
    #[error("{origin}: {reason}")]
    Invalid {
        /// The flag or variable.
        origin: Source,
        /// What is wrong with it.
        reason: String,
    },
    /// An option that protects something and is not built.
    #[error(
        "{0} is set, but this version does not implement it yet. It protects something, so the \
         server does not start without it: unset it only if you know that nothing relies on it"
    )]
    Guard(Source),
    /// Options that do not fit each other.
    #[error("{0}")]
    Conflict(String),
}
