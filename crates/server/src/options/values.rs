//! The value of every option: the flag's, else the variable's, else the default, each checked.
//!
//! Knows the shapes of [`Kind`]; `settings.rs` gives the values their types.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use super::table::FEATURES_WITHOUT_EFFECT;
use super::{CommandLine, Kind, Opt, OptionError, Status};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(String),
    /// The table.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "option --{flag}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Something the person who started the program should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Given, and without effect in this version.
    NotBuilt(Source),
    /// An item of a list that is given, and without effect in this version.
    ItemNotBuilt(Source, &'static str),
    /// A variable of our prefixes that no option has. Metadata may still refer to it.
    UnknownVariable(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt(source) => {
                write!(f, "{source} is set, but has no effect in this version")
            }
            Self::ItemNotBuilt(source, item) => {
                write!(
                    f,
                    "{source} has {item}, which has no effect in this version"
                )
            }
            Self::UnknownVariable(name) => {
                write!(
                    f,
                    "environment variable {name} is set, but no option has this name"
                )
            }
        }
    }
}

/// The checked texts of all options, by flag.
#[derive(Clone)]
pub struct Values {
    given: BTreeMap<&'static str, (Source, String)>,
    options: BTreeMap<&'static str, &'static Opt>,
    notices: Vec<Notice>,
}

// By hand, because a derived one would print secrets.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.given.iter().map(|(flag, (source, _))| (flag, source));
        f.debug_map().entries(sources).finish()
    }
}

impl Values {
    /// Takes every option's value from the flags, the environment or the table, and checks its shape.
    ///
    /// An option that is not built and given another value than its default is a notice, or an error
    /// where it protects something.
    pub fn resolve(
        line: &CommandLine,
        environment: &HashMap<String, String>,
        tables: &[&'static [Opt]],
    ) -> Result<Self, OptionError> {
        let mut values = Self {
            given: BTreeMap::new(),
            options: BTreeMap::new(),
            notices: unknown_variables(environment, tables),
        };
        for option in tables.iter().flat_map(|table| table.iter()) {
            values.options.insert(option.flag, option);
            let Some((source, text)) = given(option, line, environment) else {
                continue;
            };
            option
                .kind
                .check(&text)
                .map_err(|reason| OptionError::Invalid {
                    origin: source.clone(),
                    reason,
                })?;
            values.note(option, &source, &text)?;
            values.given.insert(option.flag, (source, text));
        }
        Ok(values)
    }

    fn note(&mut self, option: &Opt, source: &Source, text: &str) -> Result<(), OptionError> {
        let is_default = option
            .default
            .is_some_and(|default| option.kind.same(default, text));
        if option.flag == "experimental-features" {
            let given = |feature: &&&str| text.split(',').any(|item| item.trim() == **feature);
            let without = FEATURES_WITHOUT_EFFECT.iter().filter(given);
            let notice = |feature| Notice::ItemNotBuilt(source.clone(), feature);
            self.notices.extend(without.copied().map(notice));
        }
        match option.status {
            Status::Built | Status::Accepted(_) => {}
            Status::NotBuilt | Status::NotBuiltGuard if is_default => {}
            Status::NotBuilt => self.notices.push(Notice::NotBuilt(source.clone())),
            Status::NotBuiltGuard => return Err(OptionError::Guard(source.clone())),
        }
        Ok(())
    }

    /// What to warn about at start. Metadata may turn out to use an unknown variable: leave those out
    /// when it is known.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Whether a flag or variable gave the value.
    pub fn is_given(&self, flag: &str) -> bool {
        self.given.contains_key(flag)
    }

    /// Where the value came from.
    pub fn source(&self, flag: &str) -> Source {
        let given = self.given.get(flag);
        given.map_or(Source::Default, |(source, _)| source.clone())
    }

    /// An error about this option's value.
    pub fn invalid(&self, flag: &str, reason: impl Into<String>) -> OptionError {
        OptionError::Invalid {
            origin: self.source(flag),
            reason: reason.into(),
        }
    }

    /// The text, or the default's.
    pub fn text(&self, flag: &str) -> Option<&str> {
        match self.given.get(flag) {
            Some((_, text)) => Some(text),
            None => self.option(flag).default,
        }
    }

    /// The text of an option that has a default.
    pub fn required(&self, flag: &str) -> &str {
        self.text(flag)
            .expect("the table gives this option a default")
    }

    /// The boolean.
    pub fn boolean(&self, flag: &str) -> bool {
        self.text(flag)
            .is_some_and(|text| parse_boolean(text).expect("checked in resolve"))
    }

    /// The whole number of an option that has a default.
    pub fn integer(&self, flag: &str) -> u64 {
        self.required(flag)
            .trim()
            .parse()
            .expect("checked in resolve")
    }

    /// The same, for sizes and counts in memory.
    pub fn size(&self, flag: &str) -> usize {
        usize::try_from(self.integer(flag)).unwrap_or(usize::MAX)
    }

    /// The seconds of an option that has a default.
    pub fn seconds(&self, flag: &str) -> Duration {
        parse_seconds(self.required(flag)).expect("checked in resolve")
    }

    /// The words of a list, in lower case.
    pub fn list(&self, flag: &str) -> Vec<String> {
        words(self.text(flag).unwrap_or_default())
    }

    fn option(&self, flag: &str) -> &'static Opt {
        self.options.get(flag).expect("an option of the table")
    }
}

fn given(
    option: &Opt,
    line: &CommandLine,
    environment: &HashMap<String, String>,
) -> Option<(Source, String)> {
    if let Some(text) = line.value(option.flag) {
        return Some((Source::Flag(option.flag), text.to_owned()));
    }
    let mut names = option.env.iter();
    names.find_map(|name| {
        let text = environment.get(*name)?;
        // The proxy variables are everybody's, and everybody takes an empty one for none.
        if text.is_empty() && !is_ours(name) {
            return None;
        }
        Some((Source::Variable((*name).to_owned()), text.clone()))
    })
}

fn unknown_variables(
    environment: &HashMap<String, String>,
    tables: &[&'static [Opt]],
) -> Vec<Notice> {
    let is_known = |name: &str| {
        let mut options = tables.iter().flat_map(|table| table.iter());
        options.any(|option| option.env.contains(&name))
    };
    let mut unknown: Vec<_> = environment
        .keys()
        .filter(|name| is_ours(name))
        .filter(|name| !is_known(name))
        .collect();
    unknown.sort();
    unknown
        .into_iter()
        .map(|name| Notice::UnknownVariable(name.clone()))
        .collect()
}

/// Whether a variable has a prefix of the engine we replace, or ours.
fn is_ours(name: &str) -> bool {
    const PREFIXES: [&str; 4] = [
        "HASURA_GRAPHQL_",
        "HASURA_FF_",
        "HASURA_CONSOLE_",
        "GRAPHLOOM_",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl Kind {
    /// Whether the text has this shape; otherwise what is wrong, without repeating the text.
    fn check(self, text: &str) -> Result<(), String> {
        let found = match self {
            Self::Switch | Self::Boolean => parse_boolean(text).map(drop),
            Self::Text | Self::Secret | Self::Suffix if text.is_empty() => {
                return Err("is empty; give it a value or unset it".to_owned());
            }
            Self::Text | Self::Secret | Self::Suffix => Some(()),
            Self::Integer(least, most) => {
                let number = text.trim().parse::<u64>().ok();
                number.filter(|n| (least..=most).contains(n)).map(drop)
            }
            Self::Seconds => parse_seconds(text).map(drop),
            Self::Choice(choices) => {
                let word = text.trim();
                choices
                    .iter()
                    .find(|choice| choice.eq_ignore_ascii_case(word))
                    .map(drop)
            }
            Self::List(choices) => {
                let mut words = words(text).into_iter();
                words
                    .all(|word| choices.contains(&word.as_str()))
                    .then_some(())
            }
        };
        found.ok_or_else(|| self.expectation())
    }

    fn expectation(self) -> String {
        match self {
            Self::Switch | Self::Boolean => {
                "Not a valid boolean text. True values are [\"true\",\"t\",\"yes\",\"y\"] and  False \
                 values are [\"false\",\"f\",\"no\",\"n\"]. All values are case insensitive"
                    .to_owned()
            }
            Self::Text | Self::Secret | Self::Suffix => "expecting a text".to_owned(),
            Self::Integer(0, u64::MAX) => "Only expecting a non negative integer".to_owned(),
            Self::Integer(least, u64::MAX) => format!("expecting a whole number from {least}"),
            Self::Integer(least, most) => format!("expecting a whole number from {least} to {most}"),
            Self::Seconds => "expecting a number of seconds".to_owned(),
            Self::Choice(choices) => format!("expecting one of: {}", choices.join(", ")),
            Self::List(choices) => {
                format!("expecting a comma separated list of: {}", choices.join(", "))
            }
        }
    }

    /// Whether two texts of this kind say the same.
    fn same(self, left: &str, right: &str) -> bool {
        match self {
            Self::Switch | Self::Boolean => parse_boolean(left) == parse_boolean(right),
            Self::List(_) => words(left) == words(right),
            Self::Choice(_) => left.trim().eq_ignore_ascii_case(right.trim()),
            _ => left.trim() == right.trim(),
        }
    }
}

/// The eight words of a boolean, in any case.
pub(crate) fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" => Some(true),
        "false" | "f" | "no" | "n" => Some(false),
        _ => None,
    }
}

/// Up to 1,000 years, which no clock arithmetic here overflows.
fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse::<f64>().ok()?;
    (0.0..=31_536_000_000.0)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(',').map(|word| word.trim().to_ascii_lowercase());
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::super::SERVE;
    use super::*;

    fn resolve(flags: &[&str], environment: &[(&str, &str)]) -> Result<Values, OptionError> {
        let line = CommandLine::parse(flags.iter().map(|&f| f.to_owned()), &[SERVE])?;
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Values::resolve(&line, &environment, &[SERVE])
    }

    #[test]
    fn flag_beats_variable_beats_default() {
        let port = |flags: &[&str], environment: &[(&str, &str)]| {
            resolve(flags, environment).unwrap().integer("server-port")
        };
        let variable = ("HASURA_GRAPHQL_SERVER_PORT", "9000");
        assert_eq!(port(&[], &[]), 8080);
        assert_eq!(port(&[], &[variable]), 9000);
        assert_eq!(port(&["--server-port", "1"], &[variable]), 1);
    }

    #[test]
    fn booleans_know_eight_words() {
        let console = |text: &str| {
            resolve(&[], &[("HASURA_GRAPHQL_ENABLE_CONSOLE", text)])
                .map(|v| v.boolean("enable-console"))
        };
        for word in ["true", "Yes", "T", "y"] {
            assert_eq!(console(word), Ok(true));
        }
        for word in ["false", "NO", "f", "n"] {
            assert_eq!(console(word), Ok(false));
        }
        let error = console("1").unwrap_err().to_string();
        assert!(error.starts_with(
            "environment variable HASURA_GRAPHQL_ENABLE_CONSOLE: Not a valid boolean text."
        ));
        assert!(resolve(&["--enable-console=no"], &[]).is_ok_and(|v| !v.boolean("enable-console")));
    }

    #[test]
    fn wrong_values_are_refused_and_secrets_not_repeated() {
        let error = resolve(&["--server-port", "70000"], &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "option --server-port: expecting a whole number from 0 to 65535"
        );
        let error = resolve(&["--admin-secret="], &[]).unwrap_err().to_string();
        assert_eq!(
            error,
            "option --admin-secret: is empty; give it a value or unset it"
        );
        let values = resolve(&["--admin-secret=hush"], &[]).unwrap();
        assert!(!format!("{values:?}").contains("hush"));
    }

    #[test]
    fn what_guards_and_is_not_built_stops_the_start() {
        // No option of ours does at the moment; the next one must not be passed over.
        static GUARD: &[Opt] = &[
            Opt::new("guard", &["GRAPHLOOM_GUARD"], Kind::Switch, "Guards")
                .or("false")
                .status(Status::NotBuiltGuard),
        ];
        let resolve = |value: &str| {
            let environment = HashMap::from([("GRAPHLOOM_GUARD".to_owned(), value.to_owned())]);
            Values::resolve(&CommandLine::default(), &environment, &[GUARD])
        };
        let error = resolve("true").unwrap_err();
        assert!(matches!(error, OptionError::Guard(_)), "{error}");
        assert!(error.to_string().contains("GRAPHLOOM_GUARD"));
        // At its default it guards nothing.
        assert!(resolve("f").is_ok());
    }

    #[test]
    fn an_empty_proxy_variable_is_none() {
        let values = resolve(&[], &[("http_proxy", ""), ("HTTP_PROXY", "http://p:1")]).unwrap();
        assert_eq!(values.text("http-proxy"), Some("http://p:1"));
        assert!(
            !resolve(&[], &[("no_proxy", "")])
                .unwrap()
                .is_given("no-proxy")
        );
    }

    #[test]
    fn what_has_no_effect_or_no_name_is_a_notice() {
        let values = resolve(
            &[],
            &[
                ("HASURA_GRAPHQL_CONFIGURED_HEADER_PRECEDENCE", "true"),
                ("HASURA_GRAPHQL_EVENTS_FETCH_BATCH_SIZE", "100"),
                (
                    "HASURA_GRAPHQL_EXPERIMENTAL_FEATURES",
                    "naming_convention, remove_empty_subscription_responses",
                ),
                ("HASURA_GRAPHQL_PG_SOURCE_URL_1", "postgres://secret"),
                ("UNRELATED", "x"),
            ],
        )
        .unwrap();
        let notices: Vec<_> = values.notices().iter().map(ToString::to_string).collect();
        assert_eq!(
            notices,
            [
                "environment variable HASURA_GRAPHQL_PG_SOURCE_URL_1 is set, but no option has this name",
                "environment variable HASURA_GRAPHQL_EXPERIMENTAL_FEATURES has \
                 remove_empty_subscription_responses, which has no effect in this version",
                "environment variable HASURA_GRAPHQL_CONFIGURED_HEADER_PRECEDENCE is set, but has no effect \
                 in this version",
            ]
        );
    }
}
