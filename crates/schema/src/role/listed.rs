//! All types of a role, one after another and never all at once: what introspection reads.
//!
//! First every table's types are made once, and of each is kept what all answers need of it: its name, its kind, its
//! description, and what it leads to. Then a type is made again when its turn comes, with those of its table; a few
//! tables' types are held, since types of one table stand together in the order of names. The root types alone are
//! kept whole: they have fields for every table.
//! Must not know how documents find types (`parts.rs`). Schemas that are not made in parts are read as they are.

use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;
use std::sync::Arc;

use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::parts::{Part, Parts};
use super::places::Position;
use super::{Kept, RoleSchema, WholeSchema, valid};
use crate::types::TypeDefinition;

/// How many tables' types are held, where they are read in the order of their names.
const HELD_MAX: usize = 16;
/// How many tables' types one step of listing makes.
const STEP_TABLES: usize = 4;

/// In which order types are going to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// By name: what was made for one type is dropped soon after.
    InOrder,
    /// Any, so that nothing is dropped before the end.
    Anyhow,
}

/// What is known of a type without making it.
#[derive(Debug)]
pub struct Listed {
    /// As introspection spells it, such as `INPUT_OBJECT`.
    pub kind: &'static str,
    /// For people.
    pub description: Option<Arc<str>>,
    place: Place,
    /// Positions in the list of names, as long as it is being made.
    mentions: Vec<usize>,
}

/// Where a type comes from.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The schema that has all of them.
    Whole,
    /// It is no table's.
    Common,
    /// It has fields for every table.
    Root,
    Table(Position),
}

/// All types of a role. They are listed by [`Self::step`]; before that is done there are none.
#[derive(Debug)]
pub struct ListedTypes {
    of: Origin,
    reading: Reading,
    /// Every name that was met; in the end those that a root field leads to, in their order.
    names: IndexMap<GraphqlName, Option<Listed>>,
    /// The next table to list.
    next: Position,
    is_done: bool,
    roots: HashMap<GraphqlName, Arc<TypeDefinition>>,
    held: VecDeque<(Position, HashMap<GraphqlName, Arc<TypeDefinition>>)>,
    last: Option<Arc<TypeDefinition>>,
    made: usize,
}

#[derive(Clone, Debug)]
enum Origin {
    Whole(Arc<WholeSchema>),
    Parts(Arc<Parts>),
}

/// What a role's types are listed from; holds nothing of its own.
#[derive(Clone, Debug)]
pub struct Listing {
    of: Origin,
    /// The query root's name.
    pub query_type: GraphqlName,
    /// The mutation root's name, if the role may write anything.
    pub mutation_type: Option<GraphqlName>,
    /// The subscription root's name, if the role may subscribe to anything.
    pub subscription_type: Option<GraphqlName>,
}

impl RoleSchema {
    /// What the role's types are listed from.
    pub fn listing(&self) -> Listing {
        let of = match &self.types {
            Kept::Whole(whole) => Origin::Whole(whole.clone()),
            Kept::Parts(parts) => Origin::Parts(parts.clone()),
        };
        Listing {
            of,
            query_type: self.query_type.clone(),
            mutation_type: self.mutation_type.clone(),
            subscription_type: self.subscription_type.clone(),
        }
    }

    /// How many tables the role's types may be of: what listing takes grows with it.
    pub fn tables(&self) -> usize {
        match &self.types {
            Kept::Whole(_) => 0,
            Kept::Parts(parts) => parts.places.tables.len(),
        }
    }
}

impl Listing {
    /// All types, to be made one after another.
    pub fn types(&self, reading: Reading) -> ListedTypes {
        let roots = match &self.of {
            Origin::Whole(_) => HashMap::new(),
            Origin::Parts(parts) => {
                let names = parts.root_types.keys();
                let roots = names.filter_map(|name| {
                    let ty = parts.common.types.get(name)?;
                    Some((name.clone(), Arc::new(ty.clone())))
                });
                roots.collect()
            }
        };
        ListedTypes {
            of: self.of.clone(),
            reading,
            names: IndexMap::new(),
            next: 0,
            is_done: false,
            roots,
            held: VecDeque::new(),
            last: None,
            made: 0,
        }
    }
}

impl ListedTypes {
    /// Lists the types of some more tables; whether that was all.
    pub fn step(&mut self) -> bool {
        if self.is_done {
            return true;
        }
        match &self.of {
            Origin::Whole(whole) => {
                let listed = whole.types.iter();
                let listed = listed.map(|(name, ty)| (name.clone(), Some(facts(ty, Place::Whole))));
                self.names = listed.collect();
                self.is_done = true;
            }
            Origin::Parts(parts) => {
                let parts = parts.clone();
                let end = (self.next + STEP_TABLES).min(parts.places.tables.len());
                for at in self.next..end {
                    let part = parts.make_table(at);
                    self.made += 1;
                    self.add_part(&parts, at, part);
                }
                self.next = end;
                if end == parts.places.tables.len() {
                    self.finish(&parts);
                }
            }
        }
        self.is_done
    }

    /// How many types there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none, since they were not listed yet.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of a type by its position in the order of names.
    pub fn name(&self, position: usize) -> Option<&GraphqlName> {
        let (name, _) = self.names.get_index(position)?;
        Some(name)
    }

    /// What is known of a type; `None` if no root field leads to one of that name.
    pub fn facts(&self, name: &str) -> Option<&Listed> {
        self.names.get(name)?.as_ref()
    }

    /// A type, made if need be. Root types have all their fields.
    pub fn get(&mut self, name: &GraphqlName) -> Option<Arc<TypeDefinition>> {
        if let Some(last) = &self.last
            && last.name() == name
        {
            return Some(last.clone());
        }
        let place = self.facts(name.as_str())?.place;
        let found = match (&self.of, place) {
            (Origin::Whole(whole), _) => Arc::new(whole.types.get(name)?.clone()),
            (Origin::Parts(_), Place::Root) => self.roots.get(name)?.clone(),
            (Origin::Parts(parts), Place::Table(at)) => {
                let parts = parts.clone();
                self.table(&parts, at).get(name)?.clone()
            }
            (Origin::Parts(parts), Place::Common | Place::Whole) => {
                Arc::new(parts.common.types.get(name)?.clone())
            }
        };
        self.last = Some(found.clone());
        Some(found)
    }

    /// The names of the interfaces that an object implements.
    pub fn interfaces_of(&self, object: &GraphqlName) -> Vec<GraphqlName> {
        match &self.of {
            // Interfaces are the Relay API's.
            Origin::Parts(_) => Vec::new(),
            Origin::Whole(whole) => {
                let interfaces = whole.interfaces_of(object);
                interfaces.map(|ty| ty.name.clone()).collect()
            }
        }
    }

    /// How many times a table's types were made so far.
    pub fn made(&self) -> usize {
        self.made
    }

    /// The types of how many tables are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// A table's types, held or made now.
    fn table(&mut self, parts: &Parts, at: Position) -> &HashMap<GraphqlName, Arc<TypeDefinition>> {
        let held = match self.held.iter().position(|(held, _)| *held == at) {
            Some(position) => self.held.remove(position),
            None => None,
        };
        let table = held.unwrap_or_else(|| {
            self.made += 1;
            let types = parts.make_table(at).types.into_iter();
            (at, types.map(|(name, ty)| (name, Arc::new(ty))).collect())
        });
        if self.reading == Reading::InOrder {
            self.held.truncate(HELD_MAX - 1);
        }
        self.held.push_front(table);
        let (_, types) = &self.held[0];
        types
    }

    fn add_part(&mut self, parts: &Parts, at: Position, part: Part) {
        for ty in part.types.values() {
            self.add(ty, Place::Table(at));
        }
        let (source_at, _) = parts.places.tables[at];
        let has_namespace = parts.source(source_at).namespace.is_some();
        let mut roots = part.roots;
        for (name, (root, namespace)) in &parts.root_types {
            let is_its = match namespace {
                Some(namespace) => *namespace == source_at,
                None => !has_namespace,
            };
            let ty = self.roots.get_mut(name).filter(|_| is_its);
            if let Some(TypeDefinition::Object(object)) = ty.and_then(Arc::get_mut) {
                // Of two sources the later one has the field, as in the whole schema.
                object.fields.extend(mem::take(&mut roots[*root]));
            }
        }
    }

    fn add(&mut self, ty: &TypeDefinition, place: Place) {
        if let Some(Some(_)) = self.names.get(ty.name()) {
            return;
        }
        let mut listed = facts(ty, place);
        let mentions: HashSet<_> = ty.mentions().into_iter().collect();
        for name in mentions {
            let position = self.names.get_index_of(name).unwrap_or_else(|| {
                let (position, _) = self.names.insert_full(name.clone(), None);
                position
            });
            listed.mentions.push(position);
        }
        self.names.insert(ty.name().clone(), Some(listed));
    }

    /// Leaves what a root field leads to, sorted by name.
    fn finish(&mut self, parts: &Parts) {
        let roots = mem::take(&mut self.roots);
        for ty in roots.values() {
            self.add(ty, Place::Root);
        }
        self.roots = roots;
        for ty in parts.common.types.values() {
            self.add(ty, Place::Common);
        }
        let roots = parts.roots().into_iter().flatten();
        let mut waiting: Vec<_> = roots
            .chain(valid::of_directives())
            .filter_map(|name| self.names.get_index_of(&name))
            .collect();
        let mut reached = vec![false; self.names.len()];
        while let Some(position) = waiting.pop() {
            if !mem::replace(&mut reached[position], true)
                && let Some((_, Some(listed))) = self.names.get_index_mut(position)
            {
                waiting.append(&mut listed.mentions);
            }
        }
        let mut reached = reached.into_iter();
        self.names
            .retain(|_, listed| reached.next().unwrap_or(false) && listed.is_some());
        self.names.sort_unstable_keys();
        self.names.shrink_to_fit();
        self.is_done = true;
    }
}

fn facts(ty: &TypeDefinition, place: Place) -> Listed {
    Listed {
        kind: ty.kind(),
        description: ty.description().cloned(),
        place,
        mentions: Vec::new(),
    }
}
