//! Rust text as far as the checks need it: what is code, what is a comment, what is a string.
//!
//! A lexer of a hundred lines in place of a parser: the checks look for words, and what they must not
//! do is find them in a comment or in a string. It knows nothing of any rule.

/// A string literal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// Line it begins on, from 1.
    pub(crate) line: usize,
    /// What stands between its quotes, escapes as written.
    pub(crate) text: String,
}

/// A Rust text, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The lines with comments and the insides of literals left out.
    pub(crate) code: Vec<String>,
    /// Every string literal that is not a part of an attribute's or item's documentation.
    pub(crate) literals: Vec<Literal>,
    /// For each line, whether it stands in a `#[cfg(test)]` item.
    pub(crate) test: Vec<bool>,
}

impl Source {
    /// Takes `text` apart. Never fails: text that is not Rust gives lines that mean nothing.
    pub(crate) fn read(text: &str) -> Self {
        let mut reader = Reader {
            rest: text.chars().collect(),
            at: 0,
            source: Source {
                code: vec![String::new()],
                ..Source::default()
            },
        };
        reader.run();
        let mut source = reader.source;
        source.test = test_lines(&source.code);
        source
    }

    /// Lines of code outside tests, numbered from 1.
    pub(crate) fn live_code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.test[*index])
            .map(|(index, line)| (index + 1, line.as_str()))
    }

    /// String literals outside tests.
    pub(crate) fn live_literals(&self) -> impl Iterator<Item = &Literal> {
        self.literals
            .iter()
            .filter(|literal| !self.test[literal.line - 1])
    }
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    source: Source,
}

impl Reader {
    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                '/' if self.peek(1) == Some('/') => self.skip_line_comment(),
                '/' if self.peek(1) == Some('*') => self.skip_block_comment(),
                '"' => self.string(0),
                '\'' => self.quote(),
                'r' | 'b' | 'c' if !self.in_word() => self.prefixed(),
                _ => self.keep(),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    /// Whether the character before continues a word, so that a prefix letter is just its end.
    fn in_word(&self) -> bool {
        let before = self.source.code.last().and_then(|line| line.chars().last());
        before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    /// Takes a character as code.
    fn keep(&mut self) {
        if let Some(c) = self.skip()
            && c != '\n'
            && let Some(line) = self.source.code.last_mut()
        {
            line.push(c);
        }
    }

    /// Takes a character as something other than code; line ends are kept either way.
    fn skip(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            self.source.code.push(String::new());
        }
        Some(c)
    }

    fn skip_line_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        while self.peek(0).is_some() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.at += 2;
                }
                _ => drop(self.skip()),
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`; anything else is a word that begins so.
    fn prefixed(&mut self) {
        let mut ahead = 1;
        let mut raw = self.peek(0) == Some('r');
        if !raw && self.peek(1) == Some('r') {
            raw = true;
            ahead = 2;
        }
        let mut hashes = 0;
        while raw && self.peek(ahead + hashes) == Some('#') {
            hashes += 1;
        }
        if self.peek(ahead + hashes) != Some('"') {
            self.keep();
        } else if raw {
            self.at += ahead + hashes;
            self.raw_string(hashes);
        } else {
            self.string(ahead);
        }
    }

    fn string(&mut self, prefix: usize) {
        self.at += prefix + 1;
        let line = self.source.code.len();
        let mut text = String::new();
        while let Some(c) = self.skip() {
            match c {
                '"' => break,
                '\\' => {
                    text.push(c);
                    text.extend(self.skip());
                }
                _ => text.push(c),
            }
        }
        self.literal(line, text);
    }

    fn raw_string(&mut self, hashes: usize) {
        self.at += 1;
        let line = self.source.code.len();
        let mut text = String::new();
        while let Some(c) = self.skip() {
            if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
            text.push(c);
        }
        self.literal(line, text);
    }

    fn literal(&mut self, line: usize, text: String) {
        if let Some(code) = self.source.code.last_mut() {
            code.push_str("\"\"");
        }
        self.source.literals.push(Literal { line, text });
    }

    /// A character literal, or a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == Some('\\') {
            self.at += 3;
            while self.skip().is_some_and(|c| c != '\'') {}
        } else if self.peek(2) == Some('\'') {
            self.at += 3;
        } else {
            self.keep();
        }
    }
}

/// Marks the lines of every item that carries `#[cfg(test)]`, to its closing brace or semicolon.
fn test_lines(code: &[String]) -> Vec<bool> {
    let mut marks = vec![false; code.len()];
    let mut index = 0;
    while index < code.len() {
        if !code[index].trim_start().starts_with("#[cfg(test)]") {
            index += 1;
            continue;
        }
        let last = item_end(code, index);
        marks[index..=last].fill(true);
        index = last + 1;
    }
    marks
}

fn item_end(code: &[String], first: usize) -> usize {
    let mut depth = 0;
    for (index, line) in code.iter().enumerate().skip(first) {
        for c in line.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            let closed = match c {
                '}' => depth == 0,
                ';' => depth == 0,
                _ => false,
            };
            if closed {
                return index;
            }
        }
    }
    code.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(text: &str) -> Vec<String> {
        Source::read(text)
            .literals
            .into_iter()
            .map(|literal| literal.text)
            .collect()
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        let source = Source::read("let a = \"std::fs\"; // std::env\n/* a /* b */ c */ let b;\n");
        assert_eq!(source.code, ["let a = \"\"; ", " let b;", ""]);
    }

    #[test]
    fn every_kind_of_string_is_a_literal() {
        let text = r###"("a\"b", r"c", r#"d"e"#, b"f", br##"g"##, c"h", for_r, '"', '\'', "i")"###;
        assert_eq!(literals(text), ["a\\\"b", "c", "d\"e", "f", "g", "h", "i"]);
    }

    #[test]
    fn lifetimes_are_code() {
        let source = Source::read("fn f<'a>(x: &'a str) -> &'a str { \"s\" }");
        assert_eq!(source.code, ["fn f<'a>(x: &'a str) -> &'a str { \"\" }"]);
    }

    #[test]
    fn a_literal_knows_its_first_line() {
        let source = Source::read("let a = 1;\nlet b = \"x\ny\";\nlet c = \"z\";");
        assert_eq!(
            source.literals[0],
            Literal {
                line: 2,
                text: "x\ny".to_owned()
            }
        );
        assert_eq!(source.literals[1].line, 4);
    }

    #[test]
    fn test_items_are_marked_to_their_end() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n\
                    #[cfg(test)]\nuse x;\nfn d() {}";
        let source = Source::read(text);
        assert_eq!(
            source.test,
            [false, true, true, true, true, false, true, true, false]
        );
        let live: Vec<usize> = source.live_code().map(|(line, _)| line).collect();
        assert_eq!(live, [1, 6, 9]);
    }
}
