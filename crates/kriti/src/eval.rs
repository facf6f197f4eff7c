//! A template and values → JSON.

use std::borrow::Cow;
use std::cmp::Ordering;

use graphloom_vocab::{Json, JsonObject};

use crate::ast::{Expr, Need, Node, Operator, Piece, Step};
use crate::error::{ErrorKind, TemplateError};
use crate::function::kind;

/// Most parts of a template that are evaluated, loops counted.
const STEPS_MAX: usize = 1_000_000;
/// Most bytes of text that are made or copied on the way.
const BYTES_MAX: usize = 64 << 20;

pub(crate) fn evaluate(
    source: &str,
    root: &Expr,
    values: &[(&str, &Json)],
) -> Result<Json, TemplateError> {
    let scope = values
        .iter()
        .map(|(name, value)| (*name, Cow::Borrowed(*value)));
    let mut evaluation = Evaluation {
        source,
        scope: scope.collect(),
        steps: 0,
        bytes: 0,
    };
    evaluation.value(root)
}

struct Evaluation<'a> {
    source: &'a str,
    /// The innermost last.
    scope: Vec<(&'a str, Cow<'a, Json>)>,
    steps: usize,
    bytes: usize,
}

type Result<T, E = TemplateError> = std::result::Result<T, E>;

impl<'a> Evaluation<'a> {
    fn error(&self, kind: ErrorKind, message: impl Into<String>, at: &Expr) -> TemplateError {
        TemplateError::new(kind, message, (self.source, at.span))
    }

    fn expected(&self, what: &str, found: &Json, at: &Expr) -> TemplateError {
        let message = format!("expected {what}, but found {}", kind(found));
        self.error(ErrorKind::Type, message, at)
    }

    fn made(&mut self, bytes: usize, at: &Expr) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > BYTES_MAX {
            let message = format!("the template makes more than {BYTES_MAX} bytes");
            return Err(self.error(ErrorKind::Limit, message, at));
        }
        Ok(())
    }

    fn value(&mut self, expr: &'a Expr) -> Result<Json> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            let message = format!("the template takes more than {STEPS_MAX} steps");
            return Err(self.error(ErrorKind::Limit, message, expr));
        }
        match &expr.node {
            Node::Constant(value) => Ok(value.clone()),
            Node::Text(pieces) => self.text(pieces, expr),
            Node::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Node::Object(fields) => {
                let mut object = JsonObject::new();
                for (key, value) in fields {
                    object.insert(key.clone(), self.value(value)?);
                }
                Ok(Json::Object(object))
            }
            Node::Variable(_) | Node::Path { .. } => self.path(expr),
            Node::If {
                branches,
                otherwise,
            } => {
                for (condition, then) in branches {
                    if self.condition(condition)? {
                        return self.value(then);
                    }
                }
                self.value(otherwise)
            }
            Node::Range { .. } => self.range(expr),
            Node::Binary {
                operator,
                left,
                right,
            } => self.binary(*operator, left, right),
            Node::Call { function, argument } => {
                let argument = self.value(argument)?;
                let made = function.apply(argument);
                made.map_err(|message| self.error(ErrorKind::Function, message, expr))
            }
        }
    }

    fn condition(&mut self, expr: &'a Expr) -> Result<bool> {
        match self.value(expr)? {
            Json::Bool(value) => Ok(value),
            other => Err(self.expected("a boolean", &other, expr)),
        }
    }

    fn text(&mut self, pieces: &'a [Piece], at: &Expr) -> Result<Json> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Value(expr) => match self.value(expr)? {
                    Json::String(value) => text.push_str(&value),
                    value @ (Json::Number(_) | Json::Bool(_)) => text.push_str(&value.to_string()),
                    other => {
                        let message = format!("cannot interpolate {}", kind(&other));
                        return Err(self.error(ErrorKind::Type, message, expr));
                    }
                },
            }
        }
        self.made(text.len(), at)?;
        Ok(Json::String(text))
    }

    /// Only what is at the end of the path is copied.
    fn path(&mut self, expr: &'a Expr) -> Result<Json> {
        let (head, steps): (&'a Expr, &'a [Step]) = match &expr.node {
            Node::Path { of, steps } => (of, steps),
            _ => (expr, &[]),
        };
        let mut keys = Vec::with_capacity(steps.len());
        for step in steps {
            keys.push(self.value(&step.key)?);
        }
        let held;
        let mut current = match &head.node {
            Node::Variable(name) => self.variable(name, head)?,
            _ => {
                held = self.value(head)?;
                &held
            }
        };
        for (step, key) in steps.iter().zip(&keys) {
            match look(current, key) {
                Some(found) => current = found,
                None if step.need == Need::Optional => return Ok(Json::Null),
                None => return Err(self.nothing(current, key, &step.key)),
            }
        }
        let value = current.clone();
        self.made(weight(&value), expr)?;
        Ok(value)
    }

    fn variable(&self, name: &str, at: &Expr) -> Result<&Json> {
        let found = self.scope.iter().rev().find(|(known, _)| *known == name);
        match found {
            Some((_, value)) => Ok(value.as_ref()),
            None => {
                let message = format!("there is no variable {name:?}");
                Err(self.error(ErrorKind::InvalidPath, message, at))
            }
        }
    }

    fn nothing(&self, of: &Json, key: &Json, at: &Expr) -> TemplateError {
        match (of, key) {
            (Json::Object(_), Json::String(_)) | (Json::Array(_), Json::Number(_)) => {
                let message = format!("the path leads nowhere: there is no {key}");
                self.error(ErrorKind::InvalidPath, message, at)
            }
            (other, Json::Number(_)) => self.expected("an array", other, at),
            (other, _) => self.expected("an object", other, at),
        }
    }

    fn range(&mut self, expr: &'a Expr) -> Result<Json> {
        let Node::Range {
            index,
            item,
            of,
            body,
        } = &expr.node
        else {
            return Ok(Json::Null);
        };
        let Json::Array(items) = self.value(of)? else {
            let message = "only an array can be looped over";
            return Err(self.error(ErrorKind::Range, message, of));
        };
        let depth = self.scope.len();
        let mut made = Vec::with_capacity(items.len());
        for (position, value) in items.into_iter().enumerate() {
            if let Some(index) = index {
                self.scope.push((index, Cow::Owned(position.into())));
            }
            self.scope.push((item, Cow::Owned(value)));
            let value = self.value(body);
            self.scope.truncate(depth);
            made.push(value?);
        }
        Ok(Json::Array(made))
    }

    /// Both sides are evaluated, but for `&&`, `||` and `??`, where the left one may decide.
    fn binary(&mut self, operator: Operator, left: &'a Expr, right: &'a Expr) -> Result<Json> {
        let value = match operator {
            Operator::And => self.condition(left)? && self.condition(right)?,
            Operator::Or => self.condition(left)? || self.condition(right)?,
            Operator::Default => {
                return match self.value(left)? {
                    Json::Null => self.value(right),
                    value => Ok(value),
                };
            }
            Operator::In => {
                let (key, of) = (self.value(left)?, self.value(right)?);
                match (&key, &of) {
                    (Json::String(key), Json::Object(fields)) => fields.contains_key(key),
                    (_, Json::Array(items)) => items.iter().any(|item| equal(item, &key)),
                    (other, Json::Object(_)) => return Err(self.expected("a string", other, left)),
                    (_, other) => {
                        return Err(self.expected("an object or an array", other, right));
                    }
                }
            }
            Operator::Equal => equal(&self.value(left)?, &self.value(right)?),
            Operator::NotEqual => !equal(&self.value(left)?, &self.value(right)?),
            Operator::Less => compare(&self.value(left)?, &self.value(right)?).is_lt(),
            Operator::LessOrEqual => compare(&self.value(left)?, &self.value(right)?).is_le(),
            Operator::Greater => compare(&self.value(left)?, &self.value(right)?).is_gt(),
            Operator::GreaterOrEqual => compare(&self.value(left)?, &self.value(right)?).is_ge(),
        };
        Ok(Json::Bool(value))
    }
}

fn look<'v>(value: &'v Json, key: &Json) -> Option<&'v Json> {
    match (value, key) {
        (Json::Object(fields), Json::String(key)) => fields.get(key),
        (Json::Array(items), Json::Number(index)) => {
            let index = usize::try_from(index.as_u64()?).ok()?;
            items.get(index)
        }
        _ => None,
    }
}

/// About how many bytes a copy takes.
fn weight(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) => 1,
        Json::Number(_) => 8,
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(weight).sum::<usize>() + 8,
        Json::Object(fields) => {
            let field = |(key, value): (&String, &Json)| key.len() + weight(value);
            fields.iter().map(field).sum::<usize>() + 8
        }
    }
}

/// Numbers by what they are worth, the rest as it is written.
fn equal(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => {
            left == right
                || left
                    .as_f64()
                    .is_some_and(|left| Some(left) == right.as_f64())
        }
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| equal(l, r))
        }
        (Json::Object(left), Json::Object(right)) => {
            let has = |(key, value): (&String, &Json)| {
                right.get(key).is_some_and(|other| equal(value, other))
            };
            left.len() == right.len() && left.iter().all(has)
        }
        _ => left == right,
    }
}

/// Values of different types are ordered by type, as v2 orders them.
fn compare(left: &Json, right: &Json) -> Ordering {
    match (left, right) {
        (Json::Number(l), Json::Number(r)) => {
            let (l, r) = (l.as_f64(), r.as_f64());
            l.partial_cmp(&r).unwrap_or(Ordering::Equal)
        }
        (Json::String(l), Json::String(r)) => l.cmp(r),
        (Json::Bool(l), Json::Bool(r)) => l.cmp(r),
        (Json::Array(l), Json::Array(r)) => {
            let mut pairs = l.iter().zip(r).map(|(l, r)| compare(l, r));
            let first = pairs.find(|ordering| ordering.is_ne());
            first.unwrap_or_else(|| l.len().cmp(&r.len()))
        }
        _ => place(left).cmp(&place(right)),
    }
}

fn place(value: &Json) -> u8 {
    match value {
        Json::Object(_) => 0,
        Json::Array(_) => 1,
        Json::String(_) => 2,
        Json::Number(_) => 3,
        Json::Bool(_) => 4,
        Json::Null => 5,
    }
}
