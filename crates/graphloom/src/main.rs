//! The one binary: finds the command, builds the runtime, prints what went wrong. No logic.
//!
//! Read next: `crates/server/src/startup.rs`, which is what `serve` does.

mod banner;
mod dev;
mod doctor;
mod local;
mod metadata_support;
mod occupant;
mod permissions;
mod sample;
mod secret;
mod threads;
mod track;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use graphloom_server::options::{self, CommandLine, Opt, OptionError, Values};
use graphloom_server::{catalog, startup, version};

/// Takes less processor time per request than the system's, and keeps less of what large work took on many threads:
/// docs/performance.md has the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One command of the program.
struct Command {
    /// One word or two.
    name: &'static str,
    about: &'static str,
    /// What stands after it beside flags, for its help; empty: nothing does.
    words: &'static str,
    /// The tables its flags are in.
    options: &'static [&'static [Opt]],
    run: fn(&CommandLine, HashMap<String, String>) -> Result<ExitCode, String>,
}

/// Every command. A command with options of its own brings its own table.
const COMMANDS: &[Command] = &[
    Command {
        name: "dev",
        about: "Serve GraphQL on this machine over a Postgres of our own, with a sample to try",
        words: "",
        options: dev::OPTIONS,
        run: dev::run,
    },
    Command {
        name: "serve",
        about: "Serve GraphQL over the databases that the options and the metadata name",
        words: "",
        options: &[options::SERVE],
        run: serve,
    },
    Command {
        name: "doctor",
        about: "Look at this machine, the options and the databases, and say what is missing",
        words: "",
        options: doctor::OPTIONS,
        run: doctor::run,
    },
    Command {
        name: "permissions test",
        about: "Try what roles are expected to see and do, in transactions that are rolled back",
        words: "<file or folder>...",
        options: permissions::test::OPTIONS,
        run: permissions::test::run,
    },
    Command {
        name: "permissions why",
        about: "Say which part of a permission keeps a role from a row",
        words: "",
        options: permissions::why::OPTIONS,
        run: permissions::why::run,
    },
    Command {
        name: "metadata support",
        about: "Say of every key of the metadata format whether it is enforced, ignored or refused",
        words: "",
        options: metadata_support::OPTIONS,
        run: metadata_support::run,
    },
    Command {
        name: "export",
        about: "Print the metadata that is stored, as JSON",
        words: "",
        options: &[options::SERVE],
        run: |line, environment| say(catalog::export(line, &environment)),
    },
    Command {
        name: "clean",
        about: "Remove the metadata, and everything else that is kept with it, from its database",
        words: "",
        options: &[options::SERVE],
        run: |line, environment| say(catalog::clean(line, &environment)),
    },
    Command {
        name: "downgrade",
        about: "Take the catalog back to the version of an older release of Hasura GraphQL Engine",
        words: "",
        options: &[options::SERVE, options::DOWNGRADE],
        run: |line, environment| say(catalog::downgrade(line, &environment)),
    },
    Command {
        name: "version",
        about: "Print the version",
        words: "",
        options: &[options::SERVE],
        run: print_version,
    },
];

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

/// Tells why a command could not do what it is for.
fn complain(message: &str) {
    // Nobody is left to tell if this fails.
    writeln!(std::io::stderr(), "Fatal Error: {message}").ok();
}

fn start() -> Result<ExitCode, String> {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    // Flags may come before the command, so that all tables are needed to find it.
    let tables: Vec<&'static [Opt]> = COMMANDS
        .iter()
        .flat_map(|command| command.options)
        .copied()
        .collect();
    let mut line = CommandLine::parse(words, &tables).map_err(|error| error.to_string())?;
    if line.command.is_none() {
        print(&usage());
        return Ok(ExitCode::SUCCESS);
    }
    let command = find(&mut line)?;
    if line.wants_help {
        let Command {
            name, words, about, ..
        } = command;
        let usage = format!("graphloom [options] {name} {words}");
        let usage = format!("{}\n\n{about}.", usage.trim_end());
        print(&options::help(&usage, command.options));
        return Ok(ExitCode::SUCCESS);
    }
    (command.run)(&line, environment())
}

/// The command that is meant; only words that it takes are left in the line.
fn find(line: &mut CommandLine) -> Result<&'static Command, String> {
    let first = line.command.clone().unwrap_or_default();
    let second = line.words.first().map(String::as_str).unwrap_or_default();
    let both = format!("{first} {second}");
    let named = |name: &str| COMMANDS.iter().find(|command| command.name == name);
    let command = match (named(&both), named(&first)) {
        (Some(command), _) => {
            line.words.remove(0);
            command
        }
        (None, Some(command)) => command,
        (None, None) => {
            return Err(format!(
                "unknown command '{}'; graphloom --help lists them",
                both.trim_end()
            ));
        }
    };
    match line.words.first() {
        Some(word) if command.words.is_empty() => {
            Err(OptionError::Unexpected(word.clone()).to_string())
        }
        _ => Ok(command),
    }
}

fn usage() -> String {
    let mut text = String::from("Usage: graphloom [options] <command> [options]\n\nCommands:\n");
    for command in COMMANDS {
        let _ = writeln!(text, "  {:<17} {}", command.name, command.about);
    }
    text.push_str("\n`graphloom <command> --help` lists the options of a command.\n");
    text
}

fn serve(line: &CommandLine, environment: HashMap<String, String>) -> Result<ExitCode, String> {
    // Options that are wrong are told of by `startup`.
    let values = Values::resolve(line, &environment, &[options::SERVE]).ok();
    let runtime = threads::runtime(values.as_ref())?;
    let served = runtime.block_on(startup::serve(line, environment));
    // What still runs after the graceful time-out is not waited for.
    runtime.shutdown_background();
    served
        .map(|()| ExitCode::SUCCESS)
        .map_err(|error| error.to_string())
}

/// Runs a command that ends in a text.
fn say(done: impl Future<Output = Result<String, startup::Fatal>>) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let text = runtime.block_on(done).map_err(|error| error.to_string())?;
    print(&text);
    Ok(ExitCode::SUCCESS)
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "the table wants the type of every command"
)]
fn print_version(_: &CommandLine, _: HashMap<String, String>) -> Result<ExitCode, String> {
    let (ours, api) = (version::VERSION, version::API_VERSION);
    print(&format!(
        "graphloom {ours} (compatible with Hasura GraphQL Engine {api})\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// Text for whoever asked for it. A closed pipe is no error: `graphloom --help | head -1`.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .ok();
}

/// The environment as text. What is no text cannot be a value of ours.
fn environment() -> HashMap<String, String> {
    let variables = std::env::vars_os();
    variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
