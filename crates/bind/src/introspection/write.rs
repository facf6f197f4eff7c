//! Writing an introspection answer, a part at a time.
//!
//! What is open is a stack of our own, so that writing stops wherever a part is full and goes on there later.

use std::sync::Arc;
use std::vec;

use graphloom_ir::{Progress, Text, Writing};
use graphloom_schema::{ListedTypes, Listing, Reading};
use graphloom_vocab::{Error, ErrorPath, GraphqlName, Json, PathSegment, Result};

use super::node::{Asked, Node};
use super::subject::{Answer, Roots, Subject};

/// What an introspection field is about.
#[derive(Clone, Debug)]
pub(super) enum Root {
    Schema,
    Type(GraphqlName),
}

/// An introspection field, bound.
#[derive(Debug)]
pub(super) struct Introspection {
    pub(super) schema: Listing,
    pub(super) root: Root,
    pub(super) node: Arc<Node>,
    /// Of the root field.
    pub(super) path: ErrorPath,
    pub(super) lists_max: usize,
    pub(super) bytes_max: usize,
}

impl Text for Introspection {
    fn begin(&self) -> Box<dyn Writing> {
        let reading = match self.node.leads_elsewhere() {
            true => Reading::Anyhow,
            false => Reading::InOrder,
        };
        let is_listed = matches!(self.root, Root::Schema) && !self.node.needs_types();
        Box::new(Writer {
            types: self.schema.types(reading),
            is_listed,
            roots: Roots {
                query: self.schema.query_type.clone(),
                mutation: self.schema.mutation_type.clone(),
                subscription: self.schema.subscription_type.clone(),
            },
            begin: Some((self.root.clone(), self.node.clone())),
            open: Vec::new(),
            path: self.path.clone(),
            lists_max: self.lists_max,
            bytes_max: self.bytes_max,
            written: 0,
        })
    }
}

struct Writer {
    types: ListedTypes,
    /// Whether what is needed of all types is known.
    is_listed: bool,
    roots: Roots,
    /// Until it has begun.
    begin: Option<(Root, Arc<Node>)>,
    open: Vec<Open>,
    path: ErrorPath,
    lists_max: usize,
    bytes_max: usize,
    /// In earlier parts.
    written: usize,
}

/// Something that has begun and not ended.
enum Open {
    Object {
        subject: Subject,
        node: Arc<Node>,
        /// The next field.
        next: usize,
    },
    List {
        subjects: vec::IntoIter<Subject>,
        node: Arc<Node>,
        is_empty: bool,
        /// Whether it leads from a type to its parts.
        is_parts: bool,
    },
    /// All types.
    Types { next: usize, node: Arc<Node> },
}

impl Writing for Writer {
    fn write(&mut self, out: &mut Vec<u8>, part_bytes: usize) -> Result<Progress> {
        if !self.is_listed {
            self.is_listed = self.types.step();
            return Ok(Progress::Working);
        }
        let before = out.len();
        if let Some((root, node)) = self.begin.take() {
            match root {
                Root::Schema => self.open_object(Subject::Schema, node, out),
                Root::Type(name) => match self.types.facts(name.as_str()) {
                    Some(_) => self.open_object(Subject::Type(name), node, out),
                    None => out.extend_from_slice(b"null"),
                },
            }
        }
        while out.len() < part_bytes {
            if self.open.is_empty() {
                return Ok(Progress::Done);
            }
            self.go_on(out)?;
            if self.written + (out.len() - before) > self.bytes_max && self.is_between_fields() {
                let most = self.bytes_max;
                return self.fail(
                    None,
                    format!("the introspection answer exceeds {most} bytes"),
                );
            }
        }
        self.written += out.len() - before;
        Ok(Progress::Full)
    }
}

impl Writer {
    fn open_object(&mut self, subject: Subject, node: Arc<Node>, out: &mut Vec<u8>) {
        out.push(b'{');
        self.open.push(Open::Object {
            subject,
            node,
            next: 0,
        });
    }

    /// One step of what was opened last.
    fn go_on(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let item = match self.open.last_mut() {
            None => return Ok(()),
            Some(Open::Object { .. }) => return self.field(out),
            Some(Open::List {
                subjects,
                node,
                is_empty,
                ..
            }) => subjects.next().map(|subject| {
                let is_first = std::mem::replace(is_empty, false);
                (subject, node.clone(), is_first)
            }),
            Some(Open::Types { next, node }) => {
                let position = *next;
                *next += 1;
                let name = self.types.name(position);
                name.map(|name| (Subject::Type(name.clone()), node.clone(), position == 0))
            }
        };
        match item {
            Some((subject, node, is_first)) => {
                if !is_first {
                    out.push(b',');
                }
                self.open_object(subject, node, out);
            }
            None => {
                out.push(b']');
                self.open.pop();
            }
        }
        Ok(())
    }

    /// The next field of the object that was opened last.
    fn field(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let Some(Open::Object { node, next, .. }) = self.open.last_mut() else {
            return Ok(());
        };
        let position = *next;
        if position == node.fields.len() {
            out.push(b'}');
            self.open.pop();
            return Ok(());
        }
        *next += 1;
        if position > 0 {
            out.push(b',');
        }
        let node = node.clone();
        let asked = &node.fields[position];
        if asked.is_list {
            self.check_lists(&asked.name)?;
        }
        out.extend_from_slice(asked.key.as_bytes());
        let Some(Open::Object { subject, .. }) = self.open.last() else {
            return Ok(());
        };
        let answer = subject.answer(&asked.fact, &mut self.types, &self.roots);
        if let Some(opened) = begin(answer, asked, out) {
            self.open.push(opened);
        }
        Ok(())
    }

    /// Whether a field has just been written.
    fn is_between_fields(&self) -> bool {
        matches!(self.open.last(), Some(Open::Object { next, .. }) if *next > 0)
    }

    /// Refuses a list that leads from a type to its parts inside of too many others: nested, they multiply.
    fn check_lists(&self, name: &str) -> Result<()> {
        let lists = self.open.iter();
        let lists = lists.filter(|open| matches!(open, Open::List { is_parts: true, .. }));
        let most = self.lists_max;
        if lists.count() < most {
            return Ok(());
        }
        self.fail(
            Some(name),
            format!("introspection lists nest deeper than {most} levels"),
        )
    }

    /// An error at the field of this name of what is open, or at its selection.
    fn fail<T>(&self, name: Option<&str>, message: String) -> Result<T> {
        let mut path = self.path.clone();
        let mut push = |key: &str| path.push(PathSegment::Key(key.to_owned()));
        let mut last = None;
        for open in &self.open {
            if let Open::Object { node, next, .. } = open {
                if let Some(name) = last {
                    push(name);
                }
                push("selectionSet");
                let asked = next.checked_sub(1).and_then(|at| node.fields.get(at));
                last = asked.map(|asked| asked.name.as_str());
            }
        }
        if let Some(name) = name {
            push(name);
        }
        Err(Error::validation(message).at(path))
    }
}

/// Writes a fact, or the beginning of what it leads to.
fn begin(answer: Answer<'_>, asked: &Asked, out: &mut Vec<u8>) -> Option<Open> {
    match answer {
        Answer::Null => {}
        Answer::Text(text) => {
            push_text(out, text);
            return None;
        }
        Answer::Flag(flag) => {
            out.extend_from_slice(if flag { b"true" } else { b"false" });
            return None;
        }
        Answer::Names(names) => {
            let names: Vec<_> = names.iter().map(|name| Json::from(*name)).collect();
            out.extend_from_slice(Json::Array(names).to_string().as_bytes());
            return None;
        }
        Answer::One(subject) => {
            if let Some(node) = asked.node.clone() {
                out.push(b'{');
                return Some(Open::Object {
                    subject,
                    node,
                    next: 0,
                });
            }
        }
        Answer::Many(subjects) => {
            if let Some(node) = asked.node.clone() {
                out.push(b'[');
                return Some(Open::List {
                    subjects: subjects.into_iter(),
                    node,
                    is_empty: true,
                    is_parts: asked.is_list,
                });
            }
        }
        Answer::Types => {
            if let Some(node) = asked.node.clone() {
                out.push(b'[');
                return Some(Open::Types { next: 0, node });
            }
        }
    }
    out.extend_from_slice(b"null");
    None
}

/// A JSON string.
fn push_text(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: &u8| (0x20..0x7f).contains(byte) && !matches!(byte, b'"' | b'\\');
    if text.as_bytes().iter().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(Json::from(text).to_string().as_bytes());
    }
}
