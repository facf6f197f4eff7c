//! Why a role may not do something to a row: the first reason there is, in the order in which the server would meet
//! them.
//!
//! Looks at the permission as metadata has it and at the schema that was made of it; rules are asked in Postgres, in
//! a transaction that is rolled back. Read next: `leaf.rs`.

use graphloom_ir::Preset;
use graphloom_metadata::types::{Columns, Permission, Table};
use graphloom_schema::{SourceInfo, TableInfo};
use graphloom_vocab::{
    BackendOnly, ColumnName, Error, Json, JsonObject, QualifiedTable, Result, RoleName, Session,
    SourceName,
};
use serde_json::json;

use crate::expectation::session;
use crate::leaf::{Leaf, refusing};
use crate::row::{Place, Row};
use crate::world::{Stage, World};

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read a row, and these columns of it.
    Select(Vec<ColumnName>),
    /// Make it.
    Insert,
    /// Give these columns of it these values.
    Update(JsonObject),
    /// Take it away.
    Delete,
}

impl Action {
    /// As metadata calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Select(_) => "select",
            Self::Insert => "insert",
            Self::Update(_) => "update",
            Self::Delete => "delete",
        }
    }
}

/// Who wants to do what to which row.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Who.
    pub session: Session,
    /// The source the table is in.
    pub source: SourceName,
    /// The table.
    pub table: QualifiedTable,
    /// What.
    pub action: Action,
    /// The row, by columns: of one that is there those of a key, of a new one all that it is to have.
    pub row: JsonObject,
    /// Whether the row is made for the occasion. Rows to insert always are.
    pub is_new: bool,
}

impl Question {
    /// A role's session for a question, as an expectation would have it.
    pub fn session(role: &str, variables: &JsonObject, backend: BackendOnly) -> Result<Session> {
        let mut session = session(role, variables)?;
        session.backend_only = backend;
        Ok(session)
    }
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// It is done.
    Allowed {
        /// What was not looked at.
        note: Option<String>,
    },
    /// It is not, for this reason.
    Refused(Box<Refusal>),
}

/// The first reason why something is not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The role whose permission it is; of an inherited role one of those it is made of.
    pub role: RoleName,
    /// `no-permission`, `inconsistent`, `backend-only`, `column`, `no-row` or `rule`.
    pub reason: &'static str,
    /// `filter` or `check`, where a rule refuses.
    pub rule: Option<&'static str>,
    /// The leaf: `$._and[1].owner_id._eq`.
    pub path: Option<String>,
    /// For a person.
    pub message: String,
    /// The column it is about.
    pub column: Option<String>,
    /// What the row has there.
    pub value: Option<Json>,
    /// What the rule has there.
    pub operand: Option<Json>,
    /// The session variable that the rule means, and its value.
    pub variable: Option<(String, Option<String>)>,
}

impl Judgement {
    /// For a program.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Allowed { note } => json!({ "allowed": true, "note": note }),
            Self::Refused(refusal) => {
                let variable = refusal.variable.as_ref();
                json!({
                    "allowed": false,
                    "role": refusal.role.as_str(),
                    "reason": refusal.reason,
                    "rule": refusal.rule,
                    "path": refusal.path,
                    "message": refusal.message,
                    "column": refusal.column,
                    "value": refusal.value,
                    "operand": refusal.operand,
                    "session_variable": variable.map(|(name, value)| json!({
                        "name": name,
                        "value": value,
                    })),
                })
            }
        }
    }
}

/// Says why a role may not do something to a row, or that it may. Errors: the question cannot be answered.
pub async fn why(world: &World, question: &Question) -> Result<Judgement> {
    let stage = world.stage();
    let judged = judge(world, &stage, question).await;
    let ended = stage.end().await;
    let judged = judged?;
    ended.map(|()| judged)
}

async fn judge(world: &World, stage: &Stage, question: &Question) -> Result<Judgement> {
    let source = world.schema.sources.get(&question.source).ok_or_else(|| {
        let source = &question.source;
        Error::validation(format!("the source \"{source}\" is not served"))
    })?;
    let shown = question.table.display_name();
    let info = source.tables.get(&question.table).ok_or_else(|| {
        let source = &question.source;
        let message = format!("the table \"{shown}\" is not tracked in the source \"{source}\"");
        Error::validation(message)
    })?;
    if question.session.role.is_admin() {
        return Ok(Judgement::Allowed { note: None });
    }
    let tracked = world.metadata.sources.get(&question.source);
    let tracked = tracked.and_then(|source| source.tables.get(&question.table));
    let tracked = tracked.ok_or_else(|| Error::unexpected("the table is not in the document"))?;
    let judge = Judge {
        stage,
        source,
        info,
        question,
    };
    let mut first = None;
    for (role, grant) in judge.grants(world, tracked) {
        match judge.under(&role, &grant).await? {
            Judgement::Refused(refusal) => first = first.or(Some(refusal)),
            allowed @ Judgement::Allowed { .. } => return Ok(allowed),
        }
    }
    Ok(Judgement::Refused(first.unwrap_or_else(|| {
        let (role, action) = (&question.session.role, question.action.name());
        let message =
            format!("the role \"{role}\" has no {action} permission on the table \"{shown}\"");
        Refusal::of(role, "no-permission", message)
    })))
}

/// A permission as metadata has it.
struct Grant<'a> {
    columns: Option<&'a Columns>,
    filter: Option<&'a Json>,
    check: Option<&'a Json>,
    backend_only: bool,
}

struct Judge<'a> {
    stage: &'a Stage,
    source: &'a SourceInfo,
    info: &'a TableInfo,
    question: &'a Question,
}

impl Judge<'_> {
    /// The role's own permission; without one, those of the roles that it is made of.
    fn grants<'t>(&self, world: &World, tracked: &'t Table) -> Vec<(RoleName, Grant<'t>)> {
        let mut found = Vec::new();
        let mut roles = vec![self.question.session.role.clone()];
        let mut seen = Vec::new();
        while let Some(role) = roles.pop() {
            if seen.contains(&role) {
                continue;
            }
            match Grant::of(&self.question.action, tracked, &role) {
                Some(grant) => found.push((role.clone(), grant)),
                None => {
                    let inherited = world.metadata.inherited_roles.get(&role);
                    let parents = inherited.map(|inherited| inherited.role_set.iter().rev());
                    roles.extend(parents.into_iter().flatten().cloned());
                }
            }
            seen.push(role);
        }
        found
    }

    async fn under(&self, role: &RoleName, grant: &Grant<'_>) -> Result<Judgement> {
        let question = self.question;
        let table = self.info.table.name.display_name();
        let action = question.action.name();
        let refuse =
            |reason, message: String| Ok(Judgement::Refused(Refusal::of(role, reason, message)));
        if !self.is_served() {
            let message = format!(
                "the {action} permission of the role \"{role}\" on the table \"{table}\" is inconsistent and so not \
                 served"
            );
            return refuse("inconsistent", message);
        }
        if grant.backend_only && question.session.backend_only == BackendOnly::Hidden {
            let message = format!(
                "the {action} permission of the role \"{role}\" on the table \"{table}\" is for backends only"
            );
            return refuse("backend-only", message);
        }
        let presets = self.presets();
        if let Some(name) = self.ungranted(grant, &presets) {
            let message = format!(
                "the column \"{name}\" is not among the columns of the {action} permission of the role \"{role}\" on \
                 the table \"{table}\""
            );
            let mut refusal = Refusal::of(role, "column", message);
            refusal.column = Some(name.to_string());
            return Ok(Judgement::Refused(refusal));
        }
        let place = Place {
            source: self.source,
            info: self.info,
            session: &question.session,
            pool: self.stage.rehearsal(&question.source)?.pool(),
        };
        let row = match (&question.action, question.is_new) {
            (Action::Insert, _) => Some(place.insert(&question.row, &presets).await?),
            (_, true) => Some(place.insert(&question.row, &[]).await?),
            (_, false) => place.find(&question.row).await?,
        };
        let Some(row) = row else {
            let message = format!("the table \"{table}\" has no such row");
            return refuse("no-row", message);
        };
        self.rules(role, grant, (row, &presets)).await
    }

    async fn rules(
        &self,
        role: &RoleName,
        grant: &Grant<'_>,
        (row, presets): (Row<'_>, &[Preset]),
    ) -> Result<Judgement> {
        if let Some(filter) = grant.filter
            && let Some(leaf) = refusing(&row, filter).await?
        {
            return Ok(Judgement::Refused(Refusal::by(role, "filter", leaf)));
        }
        let mut note = None;
        match (&self.question.action, grant.check) {
            (Action::Insert, Some(check)) => {
                if let Some(leaf) = refusing(&row, check).await? {
                    return Ok(Judgement::Refused(Refusal::by(role, "check", leaf)));
                }
            }
            (Action::Update(set), Some(_)) if set.is_empty() && presets.is_empty() => {
                note =
                    Some("the rule `check` was not asked: no column is given a value".to_owned());
            }
            (Action::Update(set), Some(check)) => {
                let row = row.update(set, presets).await?;
                if let Some(leaf) = refusing(&row, check).await? {
                    return Ok(Judgement::Refused(Refusal::by(role, "check", leaf)));
                }
            }
            _ => {}
        }
        Ok(Judgement::Allowed { note })
    }

    /// Whether the schema has what metadata says.
    fn is_served(&self) -> bool {
        let role = &self.question.session.role;
        let write = &self.info.write_permissions;
        match &self.question.action {
            Action::Select(_) => self.info.select_permissions.contains_key(role),
            Action::Insert => write.insert.contains_key(role),
            Action::Update(_) => write.update.contains_key(role),
            Action::Delete => write.delete.contains_key(role),
        }
    }

    fn presets(&self) -> Vec<Preset> {
        let role = &self.question.session.role;
        let write = &self.info.write_permissions;
        match &self.question.action {
            Action::Insert => {
                let info = write.insert.get(role);
                info.map(|info| info.grant.target().presets().to_vec())
            }
            Action::Update(_) => {
                let info = write.update.get(role);
                info.map(|info| info.grant.target().presets().to_vec())
            }
            Action::Select(_) | Action::Delete => None,
        }
        .unwrap_or_default()
    }

    /// A column that is asked for, or written, without the permission for it.
    fn ungranted(&self, grant: &Grant<'_>, presets: &[Preset]) -> Option<ColumnName> {
        let asked: Vec<ColumnName> = match &self.question.action {
            Action::Select(columns) => columns.clone(),
            Action::Insert => names(&self.question.row),
            Action::Update(set) => names(set),
            Action::Delete => Vec::new(),
        };
        let is_granted = |name: &ColumnName| match grant.columns {
            Some(Columns::All) => self.info.table.column(name).is_some(),
            Some(Columns::List(columns)) => columns.contains(name),
            None => false,
        };
        let is_preset = |name: &ColumnName| presets.iter().any(|preset| preset.column == *name);
        asked
            .into_iter()
            .find(|name| !is_granted(name) || is_preset(name))
    }
}

fn names(row: &JsonObject) -> Vec<ColumnName> {
    row.keys()
        .map(|name| ColumnName::new(name.as_str()))
        .collect()
}

impl<'t> Grant<'t> {
    fn of(action: &Action, table: &'t Table, role: &RoleName) -> Option<Self> {
        fn inner<T>(permission: &Permission<T>) -> &T {
            &permission.permission
        }
        Some(match action {
            Action::Select(_) => {
                let permission = inner(table.select_permissions.get(role)?);
                Self {
                    columns: Some(&permission.columns),
                    filter: Some(&permission.filter),
                    check: None,
                    backend_only: false,
                }
            }
            Action::Insert => {
                let permission = inner(table.insert_permissions.get(role)?);
                Self {
                    columns: Some(&permission.columns),
                    filter: None,
                    check: Some(&permission.check),
                    backend_only: permission.backend_only,
                }
            }
            Action::Update(_) => {
                let permission = inner(table.update_permissions.get(role)?);
                Self {
                    columns: Some(&permission.columns),
                    filter: Some(&permission.filter),
                    check: permission.check.as_ref(),
                    backend_only: permission.backend_only,
                }
            }
            Action::Delete => {
                let permission = inner(table.delete_permissions.get(role)?);
                Self {
                    columns: None,
                    filter: Some(&permission.filter),
                    check: None,
                    backend_only: permission.backend_only,
                }
            }
        })
    }
}

impl Refusal {
    fn of(role: &RoleName, reason: &'static str, message: String) -> Box<Self> {
        Box::new(Self {
            role: role.clone(),
            reason,
            rule: None,
            path: None,
            message,
            column: None,
            value: None,
            operand: None,
            variable: None,
        })
    }

    fn by(role: &RoleName, rule: &'static str, leaf: Leaf) -> Box<Self> {
        Box::new(Self {
            rule: Some(rule),
            path: Some(leaf.path),
            column: leaf.column,
            value: leaf.value,
            operand: leaf.operand,
            variable: leaf.variable,
            ..*Self::of(role, "rule", leaf.message)
        })
    }
}
