//! Catalogs in a few lines of text.
//!
//! ```text
//! table author -- who writes
//!   id int4! default -- a column: name, type, `!` for not null, who fills it, comment
//!   mood enum:mood
//!   tags text[]
//!   key id
//!   unique name
//!   foreign (a, b) -> s.t (c, d)
//! view latest
//!   id int4
//! value color red -- a row of an enum table: its key, its comment
//! type integer int4 -- a name that metadata gives a type (native queries)
//! function search(word text, most int4 default) set row:article stable -- what it returns, volatility
//! ```
//!
//! Types: names of `pg_catalog`; `citext`, `geometry`, … of the schema `public`; `enum:x`, `row:x`,
//! `pseudo:x` and `base:x` of `public`; `domain:x(int4)`; with `[]` an array of any. Names with odd
//! characters are quoted.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_catalog::{
    Catalog, Column, EnumRow, ForeignKey, Function, FunctionArgument, Generation, Key, Mutability,
    PgType, SideEffects, Table, TableKind, TypeKind, Volatility,
};
use graphloom_vocab::{ColumnName, ConstraintName, QualifiedFunction, QualifiedTable};

/// Types that extensions bring.
const EXTENSIONS: &[&str] = &[
    "citext",
    "geometry",
    "geography",
    "raster",
    "ltree",
    "lquery",
    "ltxtquery",
    "hstore",
];

/// Reads tables, views and relatives.
pub(crate) fn parse(lines: &[&str]) -> Catalog {
    let mut tables: Vec<Table> = Vec::new();
    let mut functions: HashMap<_, Vec<Function>> = HashMap::new();
    let mut values: HashMap<_, Vec<EnumRow>> = HashMap::new();
    let mut types = HashMap::new();
    for line in lines {
        let (text, comment) = match line.split_once(" -- ") {
            Some((text, comment)) => (text, Some(comment.trim().to_owned())),
            None => (*line, None),
        };
        if let Some(text) = text.strip_prefix("function ") {
            let function = function(text, comment);
            functions
                .entry(function.name.clone())
                .or_default()
                .push(function);
            continue;
        }
        let words = words(text);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some(first) = words.first() else { continue };
        if *first == "type" {
            types.insert(words[1].to_owned(), pg_type(words[2]));
            continue;
        }
        if *first == "value" {
            let row = EnumRow {
                value: words[2].to_owned(),
                comment,
            };
            values.entry(qualified(words[1])).or_default().push(row);
            continue;
        }
        if line.starts_with(' ') {
            let table = tables.last_mut().expect("a table before its columns");
            part(table, &words, comment);
        } else {
            let oid = u32::try_from(tables.len()).unwrap() + 1;
            tables.push(table(first, words[1], comment, oid));
        }
    }
    Catalog {
        server_version_num: 150_000,
        tables: tables
            .into_iter()
            .map(|table| (table.name.clone(), Arc::new(table)))
            .collect(),
        functions: functions
            .into_iter()
            .map(|(name, overloads)| (name, overloads.into()))
            .collect(),
        enum_rows: values
            .into_iter()
            .map(|(name, rows)| (name, Ok(rows.into())))
            .collect(),
        types,
        ..Catalog::default()
    }
}

/// `name(argument type default, …) set type volatility`
fn function(text: &str, comment: Option<String>) -> Function {
    let (name, rest) = text.split_once('(').expect("arguments in brackets");
    let (arguments, rest) = rest.split_once(") ").expect("a type behind the arguments");
    let arguments = arguments.split(", ").filter(|text| !text.is_empty());
    let arguments = arguments.map(|text| {
        let words: Vec<_> = text.split(' ').collect();
        FunctionArgument {
            name: (words[0] != "_").then(|| words[0].to_owned()),
            ty: pg_type(words[1]),
            has_default: words.get(2) == Some(&"default"),
        }
    });
    let words: Vec<_> = rest.split_whitespace().collect();
    let returns_set = words[0] == "set";
    let table = qualified(name);
    Function {
        oid: 0,
        name: QualifiedFunction::new(table.schema.as_str(), table.name.as_str()),
        volatility: match words.last() {
            Some(&"stable") => Volatility::Stable,
            Some(&"immutable") => Volatility::Immutable,
            _ => Volatility::Volatile,
        },
        variadic: false,
        arguments: arguments.collect(),
        return_type: pg_type(words[usize::from(returns_set)]),
        returns_set,
        comment,
    }
}

/// Splits at spaces and the punctuation of keys; quotes keep what they enclose.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' | ',' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn qualified(name: &str) -> QualifiedTable {
    match name.split_once('.') {
        Some((schema, name)) => QualifiedTable::new(schema, name),
        None => QualifiedTable::new("public", name),
    }
}

fn table(kind: &str, name: &str, comment: Option<String>, oid: u32) -> Table {
    let kind = match kind {
        "table" => TableKind::Table,
        "view" => TableKind::View,
        "materialized" => TableKind::MaterializedView,
        other => panic!("{other:?} is no kind of table"),
    };
    let writable = kind == TableKind::Table;
    Table {
        oid,
        name: qualified(name),
        kind,
        comment,
        columns: Vec::new(),
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        mutability: Mutability {
            insertable: writable,
            updatable: writable,
            deletable: writable,
        },
        side_effects: SideEffects::default(),
        reading: graphloom_catalog::TableReading::default(),
    }
}

fn part(table: &mut Table, words: &[&str], comment: Option<String>) {
    let bare = table.name.name.as_str().to_owned();
    let names = |words: &[&str]| {
        let names = words.iter().map(|word| word.trim_matches(['(', ')']));
        names.map(ColumnName::new).collect::<Vec<_>>()
    };
    let constraint = |columns: &[ColumnName], end: &str| {
        let columns: Vec<_> = columns.iter().map(ColumnName::as_str).collect();
        ConstraintName::new(format!("{bare}_{}_{end}", columns.join("_")))
    };
    match words[0] {
        "key" => {
            table.primary_key = Some(Key {
                constraint: ConstraintName::new(format!("{bare}_pkey")),
                columns: names(&words[1..]),
            });
        }
        "unique" => {
            let columns = names(&words[1..]);
            table.unique_keys.push(Key {
                constraint: constraint(&columns, "key"),
                columns,
            });
        }
        "foreign" => {
            let arrow = words.iter().position(|word| *word == "->").unwrap();
            let ours = names(&words[1..arrow]);
            let theirs = names(&words[arrow + 2..]);
            table.foreign_keys.push(ForeignKey {
                constraint: constraint(&ours, "fkey"),
                foreign_table: qualified(words[arrow + 1]),
                columns: ours.into_iter().zip(theirs).collect(),
                always_holds: true,
            });
        }
        name => table.columns.push(column(
            name,
            &words[1..],
            comment,
            i16::try_from(table.columns.len()).unwrap() + 1,
        )),
    }
}

fn column(name: &str, words: &[&str], comment: Option<String>, number: i16) -> Column {
    let (ty, nullable) = match words[0].strip_suffix('!') {
        Some(ty) => (ty, false),
        None => (words[0], true),
    };
    let filled = words.get(1).copied();
    Column {
        name: ColumnName::new(name),
        number,
        ty: pg_type(ty),
        nullable,
        has_default: matches!(filled, Some("default" | "identity")),
        generation: match filled {
            Some("identity") => Generation::AlwaysIdentity,
            Some("stored") => Generation::Stored,
            _ => Generation::Never,
        },
        comment,
    }
}

/// A type as the text above describes.
pub(crate) fn pg_type(text: &str) -> PgType {
    if let Some(element) = text.strip_suffix("[]") {
        return PgType::array_of(pg_type(element));
    }
    let public = |name: &str, kind: TypeKind| PgType {
        oid: 0,
        schema: "public".into(),
        name: name.into(),
        kind,
    };
    match text.split_once(':') {
        Some(("enum", name)) => public(name, TypeKind::Enum),
        Some(("row", name)) => public(name, TypeKind::Composite),
        Some(("pseudo", name)) => public(name, TypeKind::Pseudo),
        Some(("base", name)) => public(name, TypeKind::Base),
        Some(("domain", rest)) => {
            let (name, base) = rest.split_once('(').expect("domain:name(type)");
            let base = pg_type(base.trim_end_matches(')'));
            public(name, TypeKind::Domain(Arc::new(base)))
        }
        _ if EXTENSIONS.contains(&text) => public(text, TypeKind::Base),
        _ => PgType::builtin(text),
    }
}
