//! Text → template, by descent, without tokens: what `}}` and `"` mean depends on where they stand.

use graphloom_vocab::Json;

use crate::ast::{Expr, Need, Node, Operator, Piece, Span, Step};
use crate::error::{ErrorKind, TemplateError};
use crate::function::Function;

/// How deep a template may nest.
const DEPTH_MAX: usize = 64;

type Result<T, E = TemplateError> = std::result::Result<T, E>;

pub(crate) fn parse(source: &str) -> Result<Expr> {
    let mut parser = Parser {
        source,
        at: 0,
        depth: 0,
        bound: Vec::new(),
    };
    let root = parser.expr()?;
    parser.skip_space();
    match parser.rest().is_empty() {
        true => Ok(root),
        false => Err(parser.unexpected("the end of the template")),
    }
}

struct Parser<'a> {
    source: &'a str,
    at: usize,
    depth: usize,
    /// Names of loops around here: they may be called like functions.
    bound: Vec<String>,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// White space, and comments to the end of the line.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn error(&self, message: impl Into<String>, start: usize) -> TemplateError {
        let span = Span {
            start,
            end: self.at.max(start),
        };
        TemplateError::new(ErrorKind::Parse, message, (self.source, span))
    }

    fn unexpected(&self, wanted: &str) -> TemplateError {
        let found: String = self.rest().chars().take(12).collect();
        let message = match found.is_empty() {
            true => format!("the template ends where {wanted} was expected"),
            false => format!("expected {wanted}, but found {found:?}"),
        };
        self.error(message, self.at)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// The same after white space.
    fn next(&mut self, text: &str) -> bool {
        self.skip_space();
        self.eat(text)
    }

    fn expect(&mut self, text: &str) -> Result<()> {
        match self.next(text) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("{text:?}"))),
        }
    }

    /// The name that begins here; `-` may stand inside.
    fn name(&self) -> Option<&'a str> {
        let rest = self.rest();
        let is_start =
            |letter: char| letter.is_ascii_alphabetic() || letter == '$' || letter == '_';
        let is_inside = |letter: char| is_start(letter) || letter.is_ascii_digit() || letter == '-';
        rest.starts_with(is_start).then(|| {
            let end = rest.find(|letter| !is_inside(letter));
            &rest[..end.unwrap_or(rest.len())]
        })
    }

    fn word(&mut self, word: &str) -> bool {
        self.skip_space();
        let found = self.name() == Some(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn binder(&mut self) -> Result<String> {
        self.skip_space();
        let Some(name) = self.name() else {
            return Err(self.unexpected("a name"));
        };
        self.at += name.len();
        Ok(name.to_owned())
    }

    fn made(&self, start: usize, node: Node) -> Expr {
        let span = Span {
            start,
            end: self.at,
        };
        Expr { node, span }
    }

    fn expr(&mut self) -> Result<Expr> {
        if self.depth == DEPTH_MAX {
            let message = format!("the template nests more than {DEPTH_MAX} deep");
            return Err(self.error(message, self.at));
        }
        self.depth += 1;
        let expr = self.operation(0);
        self.depth -= 1;
        expr
    }

    /// Operators that bind tighter than `least`.
    fn operation(&mut self, least: u8) -> Result<Expr> {
        self.skip_space();
        let start = self.at;
        let mut left = self.operand()?;
        loop {
            let before = self.at;
            let Some(operator) = self.operator() else {
                self.at = before;
                return Ok(left);
            };
            if operator.precedence() <= least {
                self.at = before;
                return Ok(left);
            }
            let right = self.operation(operator.precedence())?;
            let node = Node::Binary {
                operator,
                left: Box::new(left),
                right: Box::new(right),
            };
            left = self.made(start, node);
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        if self.word("in") {
            return Some(Operator::In);
        }
        let mut symbols = Operator::SYMBOLS.iter();
        let found = symbols.find(|(symbol, _)| self.eat(symbol))?;
        Some(found.1)
    }

    /// A value and the steps into it.
    fn operand(&mut self) -> Result<Expr> {
        self.skip_space();
        let start = self.at;
        let of = self.atom()?;
        let mut steps = Vec::new();
        while let Some(step) = self.step()? {
            steps.push(step);
        }
        if steps.is_empty() {
            return Ok(of);
        }
        let of = Box::new(of);
        Ok(self.made(start, Node::Path { of, steps }))
    }

    /// `.name`, `['name']`, `[value]`, each perhaps after `?`.
    fn step(&mut self) -> Result<Option<Step>> {
        let before = self.at;
        let need = match self.eat("?") {
            true => Need::Optional,
            false => Need::Required,
        };
        let start = self.at;
        let key = if self.eat(".") {
            let Some(name) = self.name() else {
                return Err(self.unexpected("a name"));
            };
            let start = self.at;
            self.at += name.len();
            let pieces = vec![Piece::Literal(name.to_owned())];
            self.made(start, Node::Text(pieces))
        } else if self.eat("[") {
            self.skip_space();
            let key = match self.eat("'") {
                true => self.text(start, '\'')?,
                false => self.expr()?,
            };
            self.expect("]")?;
            key
        } else {
            self.at = before;
            return Ok(None);
        };
        Ok(Some(Step { key, need }))
    }

    fn atom(&mut self) -> Result<Expr> {
        let start = self.at;
        if self.eat("\"") {
            return self.text(start, '"');
        }
        if self.eat("{{") {
            return self.braces(start);
        }
        if self.eat("{") {
            return self.object(start);
        }
        if self.eat("[") {
            let items = self.items()?;
            return Ok(self.made(start, Node::Array(items)));
        }
        if self.eat("(") {
            let inner = self.expr()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self
            .rest()
            .starts_with(|letter: char| letter == '-' || letter.is_ascii_digit())
        {
            return self.number(start);
        }
        match self.name() {
            Some(name) => self.named(start, name),
            None => Err(self.unexpected("a value")),
        }
    }

    fn named(&mut self, start: usize, name: &str) -> Result<Expr> {
        let constant = match name {
            "null" => Some(Json::Null),
            "true" => Some(Json::Bool(true)),
            "false" => Some(Json::Bool(false)),
            "if" | "elif" | "else" | "end" | "range" | "in" => {
                return Err(self.unexpected("a value"));
            }
            _ => None,
        };
        self.at += name.len();
        if let Some(constant) = constant {
            return Ok(self.made(start, Node::Constant(constant)));
        }
        let is_bound = self.bound.iter().any(|bound| bound == name);
        match Function::named(name).filter(|_| !is_bound) {
            Some(function) => {
                self.skip_space();
                self.depth += 1;
                if self.depth >= DEPTH_MAX {
                    let message = format!("the template nests more than {DEPTH_MAX} deep");
                    return Err(self.error(message, start));
                }
                let argument = Box::new(self.operand()?);
                self.depth -= 1;
                Ok(self.made(start, Node::Call { function, argument }))
            }
            None => Ok(self.made(start, Node::Variable(name.to_owned()))),
        }
    }

    fn number(&mut self, start: usize) -> Result<Expr> {
        let is_inside = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
        let rest = self.rest();
        let end = rest.find(|letter| !is_inside(letter));
        let text = &rest[..end.unwrap_or(rest.len())];
        let Ok(number) = serde_json::from_str::<serde_json::Number>(text) else {
            return Err(self.unexpected("a number"));
        };
        self.at += text.len();
        Ok(self.made(start, Node::Constant(Json::Number(number))))
    }

    /// Up to `]`.
    fn items(&mut self) -> Result<Vec<Expr>> {
        let mut items = Vec::new();
        if self.next("]") {
            return Ok(items);
        }
        loop {
            items.push(self.expr()?);
            if self.next("]") {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    /// Up to `}`.
    fn object(&mut self, start: usize) -> Result<Expr> {
        let mut fields = Vec::new();
        if self.next("}") {
            return Ok(self.made(start, Node::Object(fields)));
        }
        loop {
            self.expect("\"")?;
            let key_start = self.at;
            let key = match self.text(key_start, '"')?.node {
                Node::Text(pieces) => match pieces.as_slice() {
                    [] => String::new(),
                    [Piece::Literal(key)] => key.clone(),
                    _ => return Err(self.error("a key cannot be made of values", key_start)),
                },
                _ => String::new(),
            };
            self.expect(":")?;
            fields.push((key, self.expr()?));
            if self.next("}") {
                return Ok(self.made(start, Node::Object(fields)));
            }
            self.expect(",")?;
        }
    }

    /// After `{{`: a condition, a loop or a value.
    fn braces(&mut self, start: usize) -> Result<Expr> {
        if self.word("if") {
            return self.condition(start);
        }
        if self.word("range") {
            return self.range(start);
        }
        let inner = self.expr()?;
        self.expect("}}")?;
        Ok(inner)
    }

    /// After `{{ if`.
    fn condition(&mut self, start: usize) -> Result<Expr> {
        let mut branches = Vec::new();
        loop {
            let condition = self.expr()?;
            self.expect("}}")?;
            branches.push((condition, self.expr()?));
            self.expect("{{")?;
            if self.word("else") {
                break;
            }
            if !self.word("elif") {
                return Err(self.unexpected("\"else\""));
            }
        }
        self.expect("}}")?;
        let otherwise = Box::new(self.expr()?);
        self.end()?;
        let node = Node::If {
            branches,
            otherwise,
        };
        Ok(self.made(start, node))
    }

    /// After `{{ range`.
    fn range(&mut self, start: usize) -> Result<Expr> {
        let index = self.binder()?;
        self.expect(",")?;
        let item = self.binder()?;
        self.expect(":=")?;
        let of = Box::new(self.expr()?);
        self.expect("}}")?;
        let outside = self.bound.len();
        self.bound.extend([index.clone(), item.clone()]);
        let body = self.expr();
        self.bound.truncate(outside);
        let body = Box::new(body?);
        self.end()?;
        let index = Some(index).filter(|name| name != "_");
        let node = Node::Range {
            index,
            item,
            of,
            body,
        };
        Ok(self.made(start, node))
    }

    fn end(&mut self) -> Result<()> {
        self.expect("{{")?;
        if !self.word("end") {
            return Err(self.unexpected("\"end\""));
        }
        self.expect("}}")
    }

    /// After the opening quote, up to the closing one.
    fn text(&mut self, start: usize, quote: char) -> Result<Expr> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        loop {
            if self.eat("{{") {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Value(self.expr()?));
                self.expect("}}")?;
                continue;
            }
            let Some(letter) = self.rest().chars().next() else {
                return Err(self.error("the text has no end", start));
            };
            self.at += letter.len_utf8();
            match letter {
                letter if letter == quote => break,
                '\\' => literal.push(self.escaped()?),
                letter => literal.push(letter),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(self.made(start, Node::Text(pieces)))
    }

    /// After the backslash: JSON's escapes, and any sign that stands for itself.
    fn escaped(&mut self) -> Result<char> {
        let start = self.at - 1;
        let Some(letter) = self.rest().chars().next() else {
            return Err(self.error("the text has no end", start));
        };
        self.at += letter.len_utf8();
        Ok(match letter {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let high = self.unit(start)?;
                let units = match (0xD800..0xDC00).contains(&high) && self.eat("\\u") {
                    true => vec![high, self.unit(start)?],
                    false => vec![high],
                };
                let mut decoded = char::decode_utf16(units);
                match decoded.next() {
                    Some(Ok(letter)) => letter,
                    _ => return Err(self.error("half a surrogate pair", start)),
                }
            }
            '"' | '\'' | '\\' | '/' | '`' | '{' | '}' => letter,
            _ => return Err(self.error("no such escape", start)),
        })
    }

    fn unit(&mut self, start: usize) -> Result<u16> {
        let digits = self.rest().get(..4).unwrap_or_default();
        let unit = u16::from_str_radix(digits, 16).ok();
        let unit = unit.filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        self.at += digits.len();
        unit.ok_or_else(|| self.error("four hexadecimal digits were expected", start))
    }
}
