//! Where a source's statements go: to the primary, to a read replica, or to a member of its connection set.
//!
//! Without a connection template queries and subscriptions go to the read replicas in turn, if there are any, and
//! mutations to the primary. With one, it decides for every role but admin. For a replica that does not answer the next
//! stands in, and at last the primary. Metadata, explain and schema reads never come here: they are the primary's.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use graphloom_ir::OperationKind;
use graphloom_kriti::{Template, TemplateError};
use graphloom_pg::{Pool, PoolId};
use graphloom_vocab::{Error, ErrorCode, Json, JsonObject, Result, Session, SourceName};
use serde_json::json;

use crate::GraphqlRequest;
use crate::operation::OperationPlan;

/// The databases of a source beside its primary.
#[derive(Debug)]
pub struct Routes {
    /// What stands in for the replicas.
    pub primary: PoolId,
    /// Copies of the primary, which are only read.
    pub replicas: Vec<Pool>,
    /// Other databases with the same schema, by name.
    pub members: BTreeMap<String, Pool>,
    /// What decides.
    pub template: Option<Template>,
    turn: AtomicUsize,
}

/// What a connection template resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `$.default`: read replicas if there are any and nothing is written, the primary otherwise.
    Default,
    /// `$.primary`
    Primary,
    /// `$.read_replicas`
    ReadReplicas,
    /// `$.connection_set.<name>`
    Member(String),
}

impl Target {
    /// What a template makes of a request: `{"headers", "session", "query": {"operation_type", "operation_name"}}`.
    ///
    /// Fails with `template-resolution-failed`, also for a member that there is not.
    pub fn resolve<'a>(
        template: &Template,
        members: impl IntoIterator<Item = &'a str>,
        request: &Json,
    ) -> Result<Self> {
        let member = |name: &'a str| {
            let value = json!({"type": "connection_set", "name": name});
            (name.to_owned(), value)
        };
        let members: JsonObject = members.into_iter().map(member).collect();
        let context = json!({
            "request": request,
            "primary": "PRIMARY",
            "read_replicas": "READ_REPLICAS",
            "default": "DEFAULT",
            "connection_set": members,
        });
        let value = template.evaluate(&[("$", &context)]);
        let value = value.map_err(|error| unresolved(&error))?;
        let target = match value.as_str() {
            Some("PRIMARY") => Some(Self::Primary),
            Some("READ_REPLICAS") => Some(Self::ReadReplicas),
            Some("DEFAULT") => Some(Self::Default),
            Some(_) => None,
            None => {
                let mut members = members.iter();
                let member = members.find(|(_, member)| **member == value);
                member.map(|(name, _)| Self::Member(name.clone()))
            }
        };
        target.ok_or_else(|| {
            let message = "the connection template does not resolve to a connection: it must give $.default, \
                           $.primary, $.read_replicas or $.connection_set.<name>";
            Error::new(ErrorCode::TemplateResolutionFailed, message)
        })
    }

    /// `{"routing_to", "value"}`
    pub fn to_json(&self) -> Json {
        let (to, value) = match self {
            Self::Default => ("default", None),
            Self::Primary => ("primary", None),
            Self::ReadReplicas => ("read_replicas", None),
            Self::Member(name) => ("connection_set", Some(name)),
        };
        json!({"routing_to": to, "value": value})
    }
}

/// What the template read may be a secret, so only admins are told where it failed.
fn unresolved(error: &TemplateError) -> Error {
    let message = "the connection template could not be evaluated for this request";
    Error::new(ErrorCode::TemplateResolutionFailed, message).with_internal(error.to_json())
}

/// A request as connection templates see it.
pub(crate) struct RouteRequest<'a> {
    pub(crate) session: &'a Session,
    pub(crate) request: &'a GraphqlRequest,
    pub(crate) plan: &'a OperationPlan,
}

impl RouteRequest<'_> {
    fn to_json(&self) -> Json {
        let headers = self.request.caller.headers().iter();
        let headers: JsonObject = headers
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let mut query = json!({"operation_type": operation_type(self.plan.kind)});
        if let Some(name) = &self.plan.operation_name {
            query["operation_name"] = name.as_str().into();
        }
        json!({"headers": headers, "session": self.session.variables_json(), "query": query})
    }
}

fn operation_type(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Query => "query",
        OperationKind::Mutation => "mutation",
        OperationKind::Subscription => "subscription",
    }
}

/// The pools that a request's statements run on: `primaries`, with the routed sources' in their places.
pub(crate) fn pools<'a>(
    primaries: &'a HashMap<SourceName, Pool>,
    routes: &HashMap<SourceName, Arc<Routes>>,
    request: &RouteRequest<'_>,
) -> Result<Cow<'a, HashMap<SourceName, Pool>>> {
    let mut pools = Cow::Borrowed(primaries);
    if routes.is_empty() {
        return Ok(pools);
    }
    for source in request.plan.sources() {
        if let Some(routes) = routes.get(source)
            && let Some(pool) = routes.pool(request)?
        {
            pools.to_mut().insert(source.clone(), pool.clone());
        }
    }
    Ok(pools)
}

impl Routes {
    /// A source's routes.
    pub fn new(
        primary: &Pool,
        replicas: &[Pool],
        members: BTreeMap<String, Pool>,
        template: Option<Template>,
    ) -> Self {
        let backed = |(position, replica): (usize, &Pool)| {
            let (before, after) = replicas.split_at(position);
            let others = after.iter().skip(1).chain(before);
            replica.with_standbys(others.chain([primary]))
        };
        Self {
            primary: primary.id(),
            replicas: replicas.iter().enumerate().map(backed).collect(),
            members,
            template,
            turn: AtomicUsize::new(0),
        }
    }

    /// All of them.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.replicas.iter().chain(self.members.values())
    }

    /// `None` is the primary.
    fn pool(&self, request: &RouteRequest<'_>) -> Result<Option<&Pool>> {
        let kind = request.plan.kind;
        let target = match &self.template {
            Some(template) if !request.session.role.is_admin() => {
                let names = self.members.keys().map(String::as_str);
                Target::resolve(template, names, &request.to_json())?
            }
            _ => Target::Default,
        };
        let failed = |message| Err(Error::new(ErrorCode::TemplateResolutionFailed, message));
        match target {
            Target::Primary => Ok(None),
            Target::Member(name) => Ok(self.members.get(&name)),
            Target::Default if kind == OperationKind::Mutation => Ok(None),
            Target::Default => Ok(self.replica(request.plan)),
            Target::ReadReplicas if kind == OperationKind::Mutation => failed(
                "the connection template resolves to read replicas, where a mutation cannot be run",
            ),
            Target::ReadReplicas if self.replicas.is_empty() => failed(
                "the connection template resolves to read replicas, of which the source has none",
            ),
            Target::ReadReplicas => Ok(self.replica(request.plan)),
        }
    }

    /// The next in turn. Subscriptions of one shape stay together, so that they share its statement.
    fn replica(&self, plan: &OperationPlan) -> Option<&Pool> {
        let turn = match &plan.live {
            None => self.turn.fetch_add(1, Ordering::Relaxed),
            Some(live) => {
                let mut hasher = DefaultHasher::new();
                live.statement.text().hash(&mut hasher);
                usize::try_from(hasher.finish() >> 33).unwrap_or_default()
            }
        };
        self.replicas.get(turn.checked_rem(self.replicas.len())?)
    }
}
