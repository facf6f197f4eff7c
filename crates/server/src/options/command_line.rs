//! The command line: flags in any place, before and after the one command.
//!
//! Knows which flags take a value from the table, and nothing of what the values mean.

use super::{Kind, Opt, OptionError};

/// The words of one command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The first word that is no flag, such as `serve`.
    pub command: Option<String>,
    /// The words after it that are no flags: the second word of a command, names of files.
    pub words: Vec<String>,
    /// Flag names of the table and their texts, in the order given; the last of a name counts.
    pub flags: Vec<(&'static str, String)>,
    /// `--help` or `-h` was given.
    pub wants_help: bool,
}

impl CommandLine {
    /// Reads the words after the program's name, with the flags of all `tables`.
    ///
    /// Accepts `--flag value`, `--flag=value`, `-f value`, and switches alone. Which words a command takes is
    /// not known here.
    pub fn parse(
        words: impl IntoIterator<Item = String>,
        tables: &[&'static [Opt]],
    ) -> Result<Self, OptionError> {
        let mut line = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if word == "--help" || word == "-h" {
                line.wants_help = true;
            } else if word.len() > 1 && word.starts_with('-') {
                line.flag(&word, &mut words, tables)?;
            } else if line.command.is_none() {
                line.command = Some(word);
            } else {
                line.words.push(word);
            }
        }
        Ok(line)
    }

    fn flag(
        &mut self,
        word: &str,
        rest: &mut impl Iterator<Item = String>,
        tables: &[&'static [Opt]],
    ) -> Result<(), OptionError> {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        // The text after `=` may be a secret: only the name goes into the message.
        let option = find(name, tables).ok_or_else(|| OptionError::UnknownFlag(name.to_owned()))?;
        let value = match (inline, option.kind) {
            (None, Kind::Suffix) => suffix(name, option).unwrap_or_default().to_owned(),
            (Some(_), Kind::Suffix) => return Err(OptionError::UnknownFlag(name.to_owned())),
            (Some(value), _) => value,
            (None, Kind::Switch) => "true".to_owned(),
            (None, _) => rest.next().ok_or(OptionError::MissingValue(option.flag))?,
        };
        self.flags.push((option.flag, value));
        Ok(())
    }

    /// The text of a flag, the last one given.
    pub fn value(&self, flag: &str) -> Option<&str> {
        let mut given = self.flags.iter().rev();
        given
            .find(|(name, _)| *name == flag)
            .map(|(_, value)| value.as_str())
    }
}

fn find(name: &str, tables: &[&'static [Opt]]) -> Option<&'static Opt> {
    let mut options = tables.iter().flat_map(|table| table.iter());
    if let Some(flag) = name.strip_prefix("--") {
        return options.find(|option| match option.kind {
            Kind::Suffix => suffix(name, option).is_some(),
            _ => option.flag == flag,
        });
    }
    let mut letters = name.strip_prefix('-')?.chars();
    let (letter, more) = (letters.next()?, letters.next());
    options.find(|option| more.is_none() && option.short == Some(letter))
}

/// What a flag of this kind ends in.
fn suffix<'a>(name: &'a str, option: &Opt) -> Option<&'a str> {
    let rest = name.strip_prefix("--")?.strip_prefix(option.flag)?;
    (!rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::super::SERVE;
    use super::*;

    fn parse(line: &str) -> Result<CommandLine, OptionError> {
        CommandLine::parse(line.split_whitespace().map(str::to_owned), &[SERVE])
    }

    #[test]
    fn flags_stand_on_both_sides_of_the_command() {
        let line = parse(
            "--metadata-database-url postgres://u@h/d serve --enable-telemetry=false --server-port 7 \
             --stringify-numeric-types --admin-secret K -c 3",
        )
        .unwrap();
        assert_eq!(line.command.as_deref(), Some("serve"));
        assert_eq!(
            line.value("metadata-database-url"),
            Some("postgres://u@h/d")
        );
        assert_eq!(line.value("enable-telemetry"), Some("false"));
        assert_eq!(line.value("server-port"), Some("7"));
        assert_eq!(line.value("stringify-numeric-types"), Some("true"));
        assert_eq!(line.value("admin-secret"), Some("K"));
        assert_eq!(line.value("connections"), Some("3"));
        assert!(!line.wants_help);
    }

    #[test]
    fn the_last_of_a_flag_counts() {
        let line = parse("serve --server-port 1 --server-port=2").unwrap();
        assert_eq!(line.value("server-port"), Some("2"));
    }

    #[test]
    fn a_flag_may_end_in_its_value() {
        let line = |text: &str| {
            let words = text.split_whitespace().map(str::to_owned);
            CommandLine::parse(words, &[SERVE, super::super::DOWNGRADE])
        };
        let down = line("downgrade --to-v2.0.1 --dryRun").unwrap();
        assert_eq!(down.value("to-v"), Some("2.0.1"));
        assert_eq!(down.value("dryRun"), Some("true"));
        assert!(line("downgrade --to-v").is_err());
        assert!(line("downgrade --to-v2=1").is_err());
    }

    #[test]
    fn what_cannot_be_read_is_named_without_its_value() {
        assert_eq!(
            parse("serve --admin-secrt=hush").unwrap_err().to_string(),
            "unknown option '--admin-secrt'; see --help"
        );
        assert_eq!(
            parse("serve --server-port").unwrap_err(),
            OptionError::MissingValue("server-port")
        );
    }

    #[test]
    fn words_after_the_command_are_kept_in_order() {
        let line = parse("permissions --server-port 7 test one.yaml two.yaml").unwrap();
        assert_eq!(line.command.as_deref(), Some("permissions"));
        assert_eq!(line.words, ["test", "one.yaml", "two.yaml"]);
    }
}
