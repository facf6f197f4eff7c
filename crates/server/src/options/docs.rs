//! What people read about the options: `--help` and the documentation's table.
//!
//! Both come from the table, so that neither can lie about it.

use std::fmt::Write as _;

use super::{Kind, Opt, Status};

/// The text of `--help` for a command with these options.
pub fn help(usage: &str, tables: &[&[Opt]]) -> String {
    let mut text = format!("Usage: {usage}\n\nOptions:\n");
    for option in tables.iter().flat_map(|table| table.iter()) {
        let letter = option
            .short
            .map_or(String::new(), |short| format!("-{short}, "));
        let metavar = metavar(option.kind);
        let _ = writeln!(
            text,
            "  {letter}--{}{metavar}\n        {}{}",
            option.flag,
            option.doc,
            remarks(option)
        );
        for name in option.env {
            let _ = writeln!(text, "        [env: {name}]");
        }
    }
    text
}

/// `docs/configuration.md`.
pub fn markdown(tables: &[&[Opt]]) -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         This file is generated from the table of options (`crates/server/src/options/table.rs`) by\n\
         `UPDATE_DOCS=1 cargo test -p graphloom-server configuration`. Change the table, not this file.\n\n\
         A flag beats its variable, which beats the default. Flags stand before or after the command.\n\
         Booleans are `true`, `t`, `yes`, `y`, `false`, `f`, `no` or `n` in any case; a switch may stand\n\
         without a value. An option that is *not built* has no effect: set to other than its default it is\n\
         warned about at start, and where it protects something the server does not start.\n\n\
         A body above its limit is answered with status 413 and code `bad-request`; `/v1/graphql` keeps\n\
         its status 200. A body that is not there within its time is answered with 408 (again 200 on\n\
         `/v1/graphql`) and code `timeout`. JSON may be nested 127 levels deep.\n\n\
         | flag | variable | value | default | meaning |\n|---|---|---|---|---|\n",
    );
    for option in tables.iter().flat_map(|table| table.iter()) {
        let _ = writeln!(
            text,
            "| `--{}`{} | {} | {} | {} | {}{} |",
            option.flag,
            option
                .short
                .map_or(String::new(), |short| format!(", `-{short}`")),
            code_list(option.env),
            value(option.kind),
            option
                .default
                .filter(|d| !d.is_empty())
                .map_or("–".to_owned(), |d| format!("`{d}`")),
            option.doc,
            status(option),
        );
    }
    text
}

fn code_list(names: &[&str]) -> String {
    if names.is_empty() {
        return "–".to_owned();
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn metavar(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch => "",
        Kind::Boolean => " <true|false>",
        Kind::Text | Kind::Secret => " <text>",
        Kind::Integer(..) => " <number>",
        Kind::Seconds => " <seconds>",
        Kind::Choice(_) => " <word>",
        Kind::List(_) => " <word,word,…>",
        Kind::Suffix => "<text>",
    }
}

fn value(kind: Kind) -> String {
    match kind {
        Kind::Switch => "switch".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Secret => "text, never shown".to_owned(),
        Kind::Integer(least, u64::MAX) => format!("whole number from {least}"),
        Kind::Integer(least, most) => format!("whole number, {least} to {most}"),
        Kind::Seconds => "seconds".to_owned(),
        Kind::Choice(choices) => format!("one of {}", code_list(choices)),
        Kind::List(choices) => format!("some of {}", code_list(choices)),
        Kind::Suffix => "text at the flag's end".to_owned(),
    }
}

fn remarks(option: &Opt) -> String {
    let default = option.default.filter(|default| !default.is_empty());
    let default = default.map_or(String::new(), |default| format!(" (default: {default})"));
    default + &status(option)
}

fn status(option: &Opt) -> String {
    match option.status {
        Status::Built => String::new(),
        Status::Accepted(reason) => format!(" (no effect: {reason})"),
        Status::NotBuilt => " (not built)".to_owned(),
        Status::NotBuiltGuard => " (not built; the server does not start with it)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::super::SERVE;
    use super::*;

    #[test]
    fn the_documented_configuration_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let fresh = markdown(&[SERVE]);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &fresh).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == fresh,
            "docs/configuration.md is stale; its head says how to make it"
        );
    }

    #[test]
    fn help_names_every_flag_and_variable() {
        let help = help("graphloom serve", &[SERVE]);
        for option in SERVE {
            assert!(help.contains(&format!("--{}", option.flag)));
            for name in option.env {
                assert!(help.contains(name));
            }
        }
    }
}
