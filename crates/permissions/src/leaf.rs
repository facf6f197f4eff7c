//! Which part of a rule refuses a row: the rule is walked from outside in, and every part is asked in Postgres.
//!
//! A part below a relationship is asked inside of it (`{author: {name: …}}` of `author.name`), so that its answer is
//! about the rows that the relationship leads to. No operator is known here. Read next: `row.rs`, which asks.

use std::future::Future;
use std::pin::Pin;

use graphloom_schema::TableInfo;
use graphloom_vocab::{
    ColumnName, ErrorCode, Json, JsonObject, QualifiedTable, Result, SessionVariableName,
};

use crate::row::Row;

/// The part of a rule that refuses a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leaf {
    /// `$._and[1].owner_id._eq`
    pub(crate) path: String,
    /// What is so, for a person.
    pub(crate) message: String,
    /// The column it is about, behind the relationships that lead there.
    pub(crate) column: Option<String>,
    /// What the row has there; of related rows a list.
    pub(crate) value: Option<Json>,
    /// What the rule has there.
    pub(crate) operand: Option<Json>,
    /// The session variable that the rule means, and its value.
    pub(crate) variable: Option<(String, Option<String>)>,
}

/// Where a part of a rule stands.
#[derive(Clone)]
struct Spot<'a> {
    path: String,
    /// The table its columns are of.
    info: &'a TableInfo,
    /// What it has to be put inside of, outermost first.
    around: Vec<Around<'a>>,
}

#[derive(Clone)]
enum Around<'a> {
    Relationship(&'a str),
    /// `_exists`: the table as the rule names it.
    Exists(&'a Json),
}

type Found<'f, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'f>>;

/// The first leaf of a rule that refuses the row; `None`: the rule lets it through.
pub(crate) async fn refusing(row: &Row<'_>, rule: &Json) -> Result<Option<Leaf>> {
    let spot = Spot {
        path: "$".to_owned(),
        info: row.info,
        around: Vec::new(),
    };
    Walk { row }.culprit(spot, rule, true).await
}

struct Walk<'r, 'a> {
    row: &'r Row<'a>,
}

impl<'a> Spot<'a> {
    fn below(&self, step: &str) -> Self {
        Self {
            path: format!("{}{step}", self.path),
            ..self.clone()
        }
    }

    fn inside(&self, step: &str, info: &'a TableInfo, around: Around<'a>) -> Self {
        let mut below = self.below(step);
        below.info = info;
        below.around.push(around);
        below
    }

    /// A part of the rule as a rule of its own.
    fn alone(&self, part: &Json) -> Json {
        let around = self.around.iter().rev();
        around.fold(part.clone(), |inner, around| match around {
            Around::Relationship(name) => object(name, inner),
            Around::Exists(table) => {
                let mut exists = JsonObject::new();
                exists.insert("_table".to_owned(), (*table).clone());
                exists.insert("_where".to_owned(), inner);
                object("_exists", Json::Object(exists))
            }
        })
    }
}

fn object(key: &str, value: Json) -> Json {
    Json::Object(JsonObject::from_iter([(key.to_owned(), value)]))
}

impl<'r, 'a: 'r> Walk<'r, 'a> {
    /// The first leaf for which a part is not what is wanted of it: true or, below a negation, false.
    fn culprit<'f>(&'f self, at: Spot<'r>, rule: &'f Json, wanted: bool) -> Found<'f, Option<Leaf>>
    where
        'r: 'f,
    {
        Box::pin(async move {
            let answer = self.row.asked(&at.alone(rule)).await;
            let missing = match answer {
                Ok(answer) if answer == Some(wanted) => return Ok(None),
                Ok(_) => None,
                // A session variable that is not there: some leaf wants it.
                Err(error) if *error.code() == ErrorCode::NotFound => {
                    Some(error.message().to_owned())
                }
                Err(error) => return Err(error),
            };
            let Json::Object(parts) = rule else {
                return Ok(Some(self.whole(&at, rule, wanted)));
            };
            let mut entries = parts.iter();
            match (entries.next(), entries.next()) {
                (Some((key, value)), None) => self.entry(at, (key, value), wanted, missing).await,
                (None, _) => Ok(Some(self.whole(&at, rule, wanted))),
                _ => {
                    for (key, value) in parts {
                        let part = object(key, value.clone());
                        if let Some(leaf) = self.culprit(at.clone(), &part, wanted).await? {
                            return Ok(Some(leaf));
                        }
                    }
                    Ok(Some(jointly(&at)))
                }
            }
        })
    }

    async fn entry(
        &self,
        at: Spot<'r>,
        (key, value): (&str, &Json),
        wanted: bool,
        missing: Option<String>,
    ) -> Result<Option<Leaf>> {
        match (key, value) {
            ("_and" | "$and" | "_or" | "$or", Json::Array(items)) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    let below = at.below(&format!(".{key}[{index}]"));
                    if let Some(leaf) = self.culprit(below, item, wanted).await? {
                        return Ok(Some(leaf));
                    }
                }
                Ok(Some(jointly(&at.below(&format!(".{key}")))))
            }
            // Inside of a relationship a negation is about each of the rows there.
            ("_not" | "$not", inner) if at.around.is_empty() || missing.is_some() => {
                let below = at.below(&format!(".{key}"));
                let leaf = self.culprit(below.clone(), inner, !wanted).await?;
                Ok(leaf.or_else(|| Some(self.whole(&below, inner, wanted))))
            }
            ("_and" | "$and" | "_or" | "$or" | "_not" | "$not", value) => Ok(Some(self.whole(
                &at.below(&format!(".{key}")),
                value,
                wanted,
            ))),
            ("_exists" | "$exists", value) => self.exists(at, (key, value), wanted).await,
            (name, value) => self.field(at, (name, value), wanted, missing).await,
        }
    }

    async fn exists(
        &self,
        at: Spot<'r>,
        (key, value): (&str, &Json),
        wanted: bool,
    ) -> Result<Option<Leaf>> {
        let (table, rule) = (value.get("_table"), value.get("_where"));
        let info = table.and_then(|table| self.table(table));
        let below = at.below(&format!(".{key}"));
        let (Some(table), Some(rule), Some(info), true) = (table, rule, info, wanted) else {
            return Ok(Some(self.whole(&below, value, wanted)));
        };
        // The walk lives as long as the rule that the table's name is in: it is asked for by value.
        let table: Json = table.clone();
        let inner = Walk { row: self.row };
        let spot = Spot {
            path: format!("{}._where", below.path),
            info,
            around: at
                .around
                .iter()
                .cloned()
                .chain([Around::Exists(&table)])
                .collect(),
        };
        let leaf = inner.culprit(spot, rule, true).await?;
        Ok(leaf.or_else(|| Some(jointly(&below))))
    }

    fn table(&self, name: &Json) -> Option<&'r TableInfo> {
        let (schema, name) = match name {
            Json::String(name) => ("public", name.as_str()),
            name => {
                let schema = name.get("schema").and_then(Json::as_str);
                (schema.unwrap_or("public"), name.get("name")?.as_str()?)
            }
        };
        let source: &'a _ = self.row.source;
        let table = source.tables.get(&QualifiedTable::new(schema, name));
        table.map(|table| &**table)
    }

    async fn field(
        &self,
        at: Spot<'r>,
        (name, value): (&str, &Json),
        wanted: bool,
        missing: Option<String>,
    ) -> Result<Option<Leaf>> {
        let below = at.below(&format!(".{name}"));
        let source: &'a _ = self.row.source;
        let is_column = at.info.table.column(&ColumnName::new(name)).is_some();
        let relationship = at.info.relationships.get(name).filter(|_| !is_column);
        let target = relationship.and_then(|found| source.tables.get(&found.target));
        if let (Some(found), Some(target)) = (relationship, target) {
            if !wanted {
                return Ok(Some(self.whole(&below, value, wanted)));
            }
            let nothing = object(name, Json::Object(JsonObject::new()));
            if self.row.asked(&at.alone(&nothing)).await? != Some(true) {
                return Ok(Some(Leaf::at(&below, "no row is related")));
            }
            let around = Around::Relationship(found.name.as_str());
            let spot = at.inside(&format!(".{name}"), target, around);
            let leaf = self.culprit(spot, value, true).await?;
            return Ok(leaf.or_else(|| Some(jointly(&below))));
        }
        let Json::Object(operators) = value else {
            return self.compared(&at, (name, "", value), wanted, missing).await;
        };
        for (operator, operand) in operators {
            let part = object(name, object(operator, operand.clone()));
            match self.row.asked(&at.alone(&part)).await {
                Ok(answer) if answer == Some(wanted) => {}
                Ok(_) => {
                    let part = (name, operator.as_str(), operand);
                    return self.compared(&at, part, wanted, None).await;
                }
                Err(error) if *error.code() == ErrorCode::NotFound => {
                    let missing = Some(error.message().to_owned());
                    let part = (name, operator.as_str(), operand);
                    return self.compared(&at, part, wanted, missing).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(jointly(&below)))
    }

    /// A comparison that is not what is wanted of it.
    async fn compared(
        &self,
        at: &Spot<'r>,
        (name, operator, operand): (&str, &str, &Json),
        wanted: bool,
        missing: Option<String>,
    ) -> Result<Option<Leaf>> {
        let step = match operator {
            "" => format!(".{name}"),
            operator => format!(".{name}.{operator}"),
        };
        let related: Option<Vec<&str>> = at
            .around
            .iter()
            .map(|around| match around {
                Around::Relationship(name) => Some(*name),
                Around::Exists(_) => None,
            })
            .collect();
        let value = match related.as_deref() {
            None => None,
            Some([]) => self.row.values.get(name).cloned(),
            Some(path) => Some(Json::Array(self.row.related(path, name).await?)),
        };
        let variable = operand.as_str().and_then(SessionVariableName::parse);
        let variable = variable.map(|variable| {
            let value = self.row.session.variable(&variable).map(str::to_owned);
            (variable.to_string(), value)
        });
        let column = match related.as_deref() {
            Some(path) if !path.is_empty() => format!("{}.{name}", path.join(".")),
            _ => name.to_owned(),
        };
        let message = missing.unwrap_or_else(|| {
            let shown = match &value {
                Some(value) => value.to_string(),
                None => "not shown".to_owned(),
            };
            let operator = if operator.is_empty() { "_eq" } else { operator };
            let against = match &variable {
                Some((name, Some(value))) => format!("{name}, which is \"{value}\""),
                _ => operand.to_string(),
            };
            let not = if wanted { "" } else { "not " };
            format!("{column} is {shown}, and the rule wants it {not}to be {operator} {against}")
        });
        Ok(Some(Leaf {
            column: Some(column),
            value,
            operand: Some(operand.clone()),
            variable,
            ..Leaf::at(&at.below(&step), message)
        }))
    }

    /// A part that has no smaller ones to blame.
    fn whole(&self, at: &Spot<'_>, rule: &Json, wanted: bool) -> Leaf {
        let message = match wanted {
            true => format!("{rule} is not true"),
            false => format!("{rule} is not false"),
        };
        Leaf::at(at, message)
    }
}

/// Every part holds for some related row, and no row is the same for all.
fn jointly(at: &Spot<'_>) -> Leaf {
    let message = "each part of it holds for some related row, and all together for none";
    Leaf::at(at, message)
}

impl Leaf {
    fn at(spot: &Spot<'_>, message: impl Into<String>) -> Self {
        Self {
            path: spot.path.clone(),
            message: message.into(),
            column: None,
            value: None,
            operand: None,
            variable: None,
        }
    }
}
