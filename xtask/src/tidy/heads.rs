//! Every Rust file says what it is for, is short enough to be read, and documents what it offers.

use super::Problem;
use super::repo::{File, Repo};

/// Lines a file may never pass.
const LINES_MAX: usize = 1000;
/// Lines from which a file owes a reason; reported, not refused.
const LINES_NOTED: usize = 600;
/// Words a head must have at least to say anything.
const HEAD_WORDS_MIN: usize = 5;

/// Checks length, head and documentation of every Rust file.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in repo.rust() {
        problems.extend(length(file));
        problems.extend(head(file));
        if !file.is_test_code() {
            problems.extend(undocumented(file));
        }
    }
    problems
}

/// Files that are long without being too long.
pub(crate) fn long_files(repo: &Repo) -> Vec<Problem> {
    repo.rust()
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| (LINES_NOTED + 1..=LINES_MAX).contains(lines))
        .map(|(file, lines)| Problem::file(&file.path, format!("{lines} lines; could it be two?")))
        .collect()
}

fn length(file: &File) -> Option<Problem> {
    let lines = file.text.lines().count();
    let message = || format!("{lines} lines: split it, {LINES_MAX} is the most a file may have");
    (lines > LINES_MAX).then(|| Problem::file(&file.path, message()))
}

fn head(file: &File) -> Option<Problem> {
    let first = file.text.lines().next().unwrap_or_default();
    let Some(words) = first.strip_prefix("//!") else {
        return Some(Problem::line(
            &file.path,
            1,
            "opens without `//!`: say what the file is for",
        ));
    };
    let head: Vec<&str> = file
        .text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .collect();
    let count: usize = head
        .iter()
        .map(|line| line.split_whitespace().count())
        .sum();
    let empty = words.trim().is_empty() || words.contains("placeholder") || count < HEAD_WORDS_MIN;
    empty.then(|| Problem::line(&file.path, 1, "its `//!` head says nothing yet"))
}

fn undocumented(file: &File) -> Vec<Problem> {
    let source = file.source();
    let lines: Vec<&str> = file.text.lines().collect();
    source
        .live_code()
        .filter_map(|(line, code)| Some((line, public_item(code)?)))
        .filter(|(line, _)| !is_documented(&lines[..line - 1]))
        .map(|(line, name)| Problem::line(&file.path, line, format!("`{name}` has no `///`")))
        .collect()
}

/// The kind and name of a public item that begins in the first column.
fn public_item(code: &str) -> Option<String> {
    let mut words = code
        .strip_prefix("pub ")?
        .split([' ', '(', '<', ':', ';', '=', '{']);
    let mut kind = words.next()?;
    while matches!(kind, "async" | "unsafe") {
        kind = words.next()?;
    }
    let mut name = words.next()?;
    if kind == "const" && name == "fn" {
        name = words.next()?;
    }
    let known = [
        "fn", "struct", "enum", "trait", "type", "const", "static", "union",
    ];
    known.contains(&kind).then(|| name.to_owned())
}

/// Whether the lines above an item end in a doc comment, attributes aside.
fn is_documented(above: &[&str]) -> bool {
    let mut inside_attribute = false;
    for line in above.iter().rev() {
        if inside_attribute {
            inside_attribute = !line.starts_with("#[");
        } else if line.starts_with("///") || line.starts_with("#[doc") {
            return true;
        } else if line.starts_with("#[") || line.starts_with("//") && !line.starts_with("//!") {
            // An attribute on one line, or a plain comment between.
        } else if line.ends_with(")]") {
            inside_attribute = true;
        } else {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let repo = Repo::of(&[("crates/sql/src/lib.rs", text)]);
        check(&repo)
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    const HEAD: &str = "//! Prints a statement as text.\n";

    #[test]
    fn a_head_is_required_and_must_say_something() {
        assert!(messages(HEAD).is_empty());
        assert!(messages("use x;\n")[0].contains("opens without"));
        assert!(messages("")[0].contains("opens without"));
        assert!(messages("//! placeholder head\n")[0].contains("says nothing"));
        assert!(messages("//! Types.\n")[0].contains("says nothing"));
    }

    #[test]
    fn a_thousand_lines_pass_and_one_more_does_not() {
        let text = |lines: usize| format!("{HEAD}{}", "\n".repeat(lines - 1));
        assert!(messages(&text(1000)).is_empty());
        assert!(messages(&text(1001))[0].starts_with("1001 lines"));
        let repo = Repo::of(&[("a.rs", &text(601)), ("b.rs", &text(600))]);
        assert_eq!(long_files(&repo).len(), 1);
    }

    #[test]
    fn public_items_have_doc_comments() {
        let documented = "/// A name.\n#[derive(\n    Debug,\n)]\n#[must_use]\npub struct Name(String);\n\
                          pub mod x;\npub use y::Z;\nfn private() {}\nimpl Name {\n    pub fn f() {}\n}\n";
        assert_eq!(
            messages(&format!("{HEAD}\n{documented}")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn public_items_without_are_named() {
        let items = [
            ("pub fn parse(text: &str) {}", "parse"),
            ("pub async fn run() {}", "run"),
            ("pub const fn size() {}", "size"),
            ("pub struct Name;", "Name"),
            ("pub enum Kind {", "Kind"),
            ("pub trait Ask<T> {", "Ask"),
            ("pub type Pair = ();", "Pair"),
            ("pub const LIMIT: u8 = 1;", "LIMIT"),
            ("pub static TABLE: u8 = 1;", "TABLE"),
        ];
        for (item, name) in items {
            let found = messages(&format!("{HEAD}\n#[allow(x)]\n{item}\n"));
            assert_eq!(found, [format!("`{name}` has no `///`")], "{item}");
        }
    }
}
