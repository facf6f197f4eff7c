//! What `dev` says when it is ready: where, with which secret, and what to paste first.
//!
//! Text only; knows nothing of how the values came about. It goes to the terminal and to no log,
//! because the secret is in it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use graphloom_server::version;
use serde_json::json;

/// How wide the names on the left are.
const NAME_WIDTH: usize = 10;

/// The facts.
#[derive(Debug, Clone)]
pub(crate) struct Banner {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// Whether there is a console at `/console`.
    pub(crate) console: Console,
    /// The admin secret.
    pub(crate) secret: ShownSecret,
    /// Names and texts of further lines, such as the data directory.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// A GraphQL document that gives something here.
    pub(crate) query: String,
    /// Whether the sample is served.
    pub(crate) sample: Sample,
}

/// Whether the console is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Console {
    Served,
    NotServed,
}

/// Whether the sample is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    Served,
    NotServed,
}

/// The admin secret, as far as it may be shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ShownSecret {
    /// Ours, or one that was typed on the command line.
    Text(String),
    /// It is in this environment variable, from where a shell can take it.
    Variable(String),
    /// Some given secret that a shell cannot look up.
    Hidden(String),
}

// By hand, because a derived one would print it.
impl std::fmt::Debug for ShownSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownSecret")
    }
}

impl Banner {
    /// The text, several lines long.
    pub(crate) fn text(&self) -> String {
        let base = format!("http://{}", self.address);
        let mut text = format!("\nGraphloom {} is ready.\n\n", version::VERSION);
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "  {name:<NAME_WIDTH$} {value}");
        };
        if self.console == Console::Served {
            line("Console", &format!("{base}/console"));
        }
        line("GraphQL", &format!("{base}/v1/graphql"));
        let header = match &self.secret {
            ShownSecret::Text(secret) => format!("x-hasura-admin-secret: {secret}"),
            ShownSecret::Variable(name) => format!("x-hasura-admin-secret: ${name}"),
            ShownSecret::Hidden(source) => format!("x-hasura-admin-secret: (see {source})"),
        };
        line("Header", &header);
        for (name, value) in &self.facts {
            line(name, value);
        }
        let _ = write!(text, "\nTry it:\n\n{}\n\n", indented(&self.curl(&base)));
        if self.sample == Sample::Served {
            text.push_str(
                "The admin may read everything. To be one of the users, who read their own passport and \
                 drafts only, add:\n\n  -H 'x-hasura-role: user' -H 'x-hasura-user-id: 1'\n\n",
            );
        }
        text.push_str("Ctrl-C stops it.\n\n");
        text
    }

    /// A command for a POSIX shell, on several lines that belong together.
    fn curl(&self, base: &str) -> String {
        let secret = match &self.secret {
            ShownSecret::Text(secret) => shell_quoted(&format!("x-hasura-admin-secret: {secret}")),
            ShownSecret::Variable(name) => format!("\"x-hasura-admin-secret: ${name}\""),
            ShownSecret::Hidden(_) => "'x-hasura-admin-secret: <the secret>'".to_owned(),
        };
        let body = shell_quoted(&json!({ "query": self.query }).to_string());
        format!("curl -sS {base}/v1/graphql \\\n  -H {secret} \\\n  -d {body}")
    }
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(secret: ShownSecret) -> Banner {
        Banner {
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            console: Console::Served,
            secret,
            facts: vec![("Data", "/tmp/x".to_owned())],
            query: "{ authors { name } }".to_owned(),
            sample: Sample::NotServed,
        }
    }

    #[test]
    fn everything_needed_is_in_it() {
        let text = banner(ShownSecret::Text("k'1".to_owned())).text();
        let expected = "
  Console    http://127.0.0.1:8080/console
  GraphQL    http://127.0.0.1:8080/v1/graphql
  Header     x-hasura-admin-secret: k'1
  Data       /tmp/x

Try it:

  curl -sS http://127.0.0.1:8080/v1/graphql \\
    -H 'x-hasura-admin-secret: k'\\''1' \\
    -d '{\"query\":\"{ authors { name } }\"}'

Ctrl-C stops it.
";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_secret_of_the_environment_is_not_shown() {
        let name = "HASURA_GRAPHQL_ADMIN_SECRET".to_owned();
        let text = banner(ShownSecret::Variable(name)).text();
        let expected = "-H \"x-hasura-admin-secret: $HASURA_GRAPHQL_ADMIN_SECRET\" \\\n";
        assert!(text.contains(expected), "{text}");
    }
}
