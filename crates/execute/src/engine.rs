//! The engine: the current snapshot, and the request path as a list.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::Either;
use graphloom_bind as bind;
use graphloom_graphql as graphql;
use graphloom_ir::{BoundOperation, OperationKind};
use graphloom_pg::Purpose;
use graphloom_plan::Delivery;
use graphloom_schema::{SchemaCache, SchemaVariant};
use graphloom_vocab::{
    Error, ErrorCode, ErrorPath, Internal, Json, JsonObject, Result, RoleName, Session, SourceName,
};
use serde_json::json;

use crate::guard::{self, TimeLimit, exceeded};
use crate::operation::OperationPlan;
use crate::parts::{self, Large, Streamed};
use crate::plan_cache::{PlanCache, PlanLookup};
use crate::rate::Rates;
use crate::request::Statements;
use crate::route::{self, RouteRequest};
use crate::tagged::OperationTags;
use crate::{
    Executed, GraphqlRequest, Live, Outside, Routes, Transport, heavy, mutation, run, written,
};

/// Everything a request needs, at one schema generation; replaced as a whole.
#[derive(Default)]
pub struct Snapshot {
    /// Counts up with every replacement; plans of other generations are not served.
    pub generation: u64,
    /// All resolved metadata; shared by snapshots that differ in their pools.
    pub schema: Arc<SchemaCache>,
    /// One pool per source that can be served.
    pub pools: HashMap<SourceName, graphloom_pg::Pool>,
    /// Of the sources that have more databases than one.
    pub routes: HashMap<SourceName, Arc<Routes>>,
}

/// Ceilings and sizes of the engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Ceilings of one document.
    pub document: graphql::Limits,
    /// Ceilings of one operation.
    pub operation: bind::Limits,
    /// Most bytes of one request's variables as compact JSON.
    pub variables_bytes: usize,
    /// Most bytes (of documents and SQL) that cached plans may take.
    pub plan_cache_bytes: u64,
    /// Whether the allow list is asked.
    pub allow_list: AllowListMode,
    /// Whether roles are told what they lack.
    pub hints: Hints,
    /// Who writes the JSON of a query's answer; the text is the same.
    pub delivery: Delivery,
    /// Whether mutations are run.
    pub mutations: Mutations,
}

/// Whether a role that does not find something is told that it is there, and which permission is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hints {
    /// It is not: what a role may not see is not there.
    #[default]
    Withheld,
    /// It is, in the error's detail.
    Given,
}

/// Whether mutations are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mutations {
    /// They are, as far as permissions go.
    #[default]
    Allowed,
    /// Nobody's is: the server only reads.
    Refused,
}

/// Whether roles may only run what is on the allow list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllowListMode {
    /// They may run anything their permissions show.
    #[default]
    Ignored,
    /// They may.
    Enforced,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            document: graphql::Limits::default(),
            operation: bind::Limits::default(),
            variables_bytes: 32 << 20,
            plan_cache_bytes: 32 << 20,
            allow_list: AllowListMode::default(),
            hints: Hints::default(),
            delivery: Delivery::Rows,
            mutations: Mutations::default(),
        }
    }
}

/// What became of a request.
pub enum Started {
    /// It was run.
    Answer(Executed),
    /// It is a subscription, to be followed.
    Live(Live),
}

/// Runs GraphQL requests against the current snapshot.
pub struct Engine {
    snapshot: ArcSwap<Snapshot>,
    plans: PlanCache,
    options: EngineOptions,
    outside: Option<Outside>,
    rates: Rates,
}

impl Engine {
    /// An engine that serves nothing until its first snapshot.
    pub fn new(options: EngineOptions) -> Self {
        Self {
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            plans: PlanCache::new(options.plan_cache_bytes),
            options,
            outside: None,
            rates: Rates::default(),
        }
    }

    /// The same engine, which calls webhooks where permissions name them. Without it such writes are refused.
    pub fn with_outside(self, outside: Outside) -> Self {
        Self {
            outside: Some(outside),
            ..self
        }
    }

    /// Runs one request to the end: session → document → bound operation → plan → SQL → rows → response.
    ///
    /// Subscriptions are refused with `unexpected-payload`: there is one answer here. Errors carry
    /// code and path as clients expect them; the transport chooses status and envelope.
    ///
    /// A time limit of the role's ends it with `time-limit-exceeded`, and the statement in the database too.
    pub async fn graphql(&self, session: &Session, request: &GraphqlRequest) -> Result<Executed> {
        self.start(session, request).await?.into_answer()
    }

    /// The same for transports that can carry many answers: a subscription is planned and not run.
    pub async fn start(&self, session: &Session, request: &GraphqlRequest) -> Result<Started> {
        let snapshot = self.snapshot.load_full();
        let limit = TimeLimit::of(&snapshot, session);
        within(limit, self.run(&snapshot, session, request)).await
    }

    /// Lets a request's operations in, or refuses all of them: `batch-limit-exceeded`,
    /// `rate-limit-exceeded`. `address` is the client's.
    pub fn admit(
        &self,
        session: &Session,
        address: Option<IpAddr>,
        operations: usize,
    ) -> Result<()> {
        if session.role.is_admin() {
            return Ok(());
        }
        let snapshot = self.snapshot.load();
        let limits = &snapshot.schema.guards.limits;
        let operations = u64::try_from(operations).unwrap_or(u64::MAX);
        let most = limits.batch.as_ref().map(|limit| *limit.of(&session.role));
        if let Some(most) = most.filter(|most| operations > *most) {
            let message = format!("the request has {operations} operations, more than {most}");
            return Err(exceeded("batch-limit-exceeded", message));
        }
        match &limits.rate {
            Some(limit) => {
                let limit = limit.of(&session.role);
                self.rates.take(limit, session, address, operations)
            }
            None => Ok(()),
        }
    }

    /// The same as [`Self::graphql`] for transports that can send an answer in parts: a large list begins to go out
    /// while its rows still arrive, and a large schema while its types are made.
    pub async fn stream(&self, session: &Session, request: &GraphqlRequest) -> Result<Streamed> {
        let snapshot = self.snapshot.load_full();
        let limit = TimeLimit::of(&snapshot, session);
        let prepared = self.prepare(&snapshot, session, request)?;
        let (plan, variables) = &prepared;
        if written::is_all(plan) {
            return Ok(Streamed {
                data: Box::pin(written::start(Arc::clone(plan), limit)).await?,
                kind: plan.kind.into(),
                statements: Statements::of(Arc::clone(plan)),
            });
        }
        let Some(step) = parts::step(plan) else {
            let running = self.run_prepared(&snapshot, session, request, prepared);
            return within(limit, running).await?.into_streamed();
        };
        let routed = RouteRequest {
            session,
            request,
            plan,
        };
        let pools = route::pools(&snapshot.pools, &snapshot.routes, &routed)?;
        let pool = run::pool(&pools, &step.source);
        let mut parameters = plan.parameters(session, variables)?;
        let large = Large {
            plan: Arc::clone(plan),
            parameters: parameters.pop().unwrap_or_default(),
            pool: pool
                .map_err(|error| error.to_error(Purpose::Operation))?
                .clone(),
            request_id: request.request_id.clone(),
            limit,
        };
        Ok(Streamed {
            data: Box::pin(large.start()).await?,
            kind: plan.kind.into(),
            statements: Statements::of(Arc::clone(plan)),
        })
    }

    async fn run(
        &self,
        snapshot: &Snapshot,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Started> {
        let prepared = self.prepare(snapshot, session, request)?;
        self.run_prepared(snapshot, session, request, prepared)
            .await
    }

    async fn run_prepared(
        &self,
        snapshot: &Snapshot,
        session: &Session,
        request: &GraphqlRequest,
        (plan, variables): (Arc<OperationPlan>, JsonObject),
    ) -> Result<Started> {
        // Again here: a cached plan may have been made for another method.
        check_method(plan.kind, request.transport)?;
        let routed = RouteRequest {
            session,
            request,
            plan: &plan,
        };
        let pools = route::pools(&snapshot.pools, &snapshot.routes, &routed)?;
        if let Some(live) = &plan.live {
            return Ok(Started::Live(Live {
                values: live.values(session, &variables)?,
                role: session.role.clone(),
                time_limit: TimeLimit::of(snapshot, session),
                generation: snapshot.generation,
                pool: run::pool(&pools, &live.source)
                    .map_err(|error| error.to_error(Purpose::Operation))?
                    .clone(),
                plan: Arc::clone(live),
            }));
        }
        let data = match plan.kind {
            OperationKind::Mutation => {
                let inner = mutation::Request {
                    session,
                    variables: &variables,
                    pools: &pools,
                    caller: &request.caller,
                    outside: self.outside.as_ref(),
                    request_id: request.request_id.as_deref(),
                };
                let shared = plan.is_one_transaction();
                let answers = Box::pin(mutation::run(&plan.mutations(), shared, inner)).await?;
                run::assemble(&plan, answers.into_iter().map(Some).collect())
            }
            _ => {
                let parameters = plan.parameters(session, &variables)?;
                let id = request.request_id.as_deref();
                run::run(&plan, &parameters, &pools, id).await?
            }
        };
        Ok(Started::Answer(Executed {
            data,
            kind: plan.kind.into(),
            statements: Statements::of(plan),
        }))
    }

    /// The plan of a request, cached or made now, and its variables with defaults filled in.
    fn prepare(
        &self,
        snapshot: &Snapshot,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<(Arc<OperationPlan>, JsonObject)> {
        let most = self.options.variables_bytes;
        if !fits(&request.variables, most) {
            let message = format!("the variables have more than {most} bytes");
            let at = ErrorPath::keys(&["variables"]);
            return Err(Error::validation(message).at(at));
        }
        let key = PlanLookup::new(snapshot.generation, session, request);
        if let Some(found) = self.plans.get(key, &request.variables)? {
            return Ok(found);
        }
        let plan = heavy::run_if(is_heavy(request), || self.plan(snapshot, session, request));
        let plan = Arc::new(plan?);
        let variables = plan.rules.resolve(&request.variables)?;
        self.plans.insert(key, plan.clone());
        Ok((plan, variables))
    }

    /// The cold path: text to plan.
    fn plan(
        &self,
        snapshot: &Snapshot,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<OperationPlan> {
        let (bound, rules) = self.bind(snapshot, session, request, |kind| {
            check_method(kind, request.transport)
        })?;
        let mut plan = OperationPlan::new(&bound, rules, self.options.delivery);
        plan.check_parameters()?;
        self.tag(&mut plan, snapshot, request);
        if !snapshot.routes.is_empty() {
            plan.operation_name = self.operation_name(request);
        }
        Ok(plan)
    }

    /// Adds comments to the statements of sources that want them.
    fn tag(&self, plan: &mut OperationPlan, snapshot: &Snapshot, request: &GraphqlRequest) {
        let sources = &snapshot.schema.sources;
        if sources.values().all(|source| source.query_tags.is_none()) {
            return;
        }
        let name = request.operation_name.as_deref();
        let tags = OperationTags::of(&request.query, name, self.options.document);
        plan.tag(|source, field_name| {
            let config = sources.get(source)?.query_tags?;
            Some(tags.as_ref()?.of_field(config, field_name))
        });
    }

    /// The name of the operation that a request runs.
    fn operation_name(&self, request: &GraphqlRequest) -> Option<String> {
        let document = graphql::parse(&request.query, self.options.document).ok()?;
        let name = request.operation_name.as_deref();
        let operation = bind::select_operation(&document, name).ok()?;
        operation.name.as_ref().map(ToString::to_string)
    }

    /// Text to bound operation. `check` refuses kinds of operations.
    pub(crate) fn bind(
        &self,
        snapshot: &Snapshot,
        session: &Session,
        request: &GraphqlRequest,
        check: impl FnOnce(OperationKind) -> Result<()>,
    ) -> Result<(BoundOperation, bind::VariableRules)> {
        let document = graphql::parse(&request.query, self.options.document)
            .map_err(|error| not_a_query(&error))?;
        let operation = bind::select_operation(&document, request.operation_name.as_deref())?;
        let kind = bind::operation_kind(operation);
        check(kind)?;
        if kind == OperationKind::Mutation && self.options.mutations == Mutations::Refused {
            let message = "Mutations are not allowed when read-only mode is enabled";
            return Err(Error::new(ErrorCode::NotSupported, message));
        }
        let (guards, mode) = (&snapshot.schema.guards, self.options.allow_list);
        guard::check(guards, mode, &session.role, &document, operation)?;
        let variant = SchemaVariant {
            kind: request.schema,
            backend: session.backend_only,
        };
        let schema = snapshot.schema.variant(&session.role, variant);
        let limits = self.options.operation;
        let bound = bind::bind(&schema, &document, operation, &request.variables, limits);
        bound.map_err(|error| match self.options.hints {
            Hints::Withheld => error,
            Hints::Given => hinted(error, &snapshot.schema, &session.role, variant),
        })
    }

    /// Whether the role may run the request, as far as that is known without running it: nothing is asked of any
    /// database. Errors are those of running it.
    pub fn check(&self, session: &Session, request: &GraphqlRequest) -> Result<()> {
        let snapshot = self.snapshot.load_full();
        self.prepare(&snapshot, session, request).map(drop)
    }

    /// Who writes the JSON of a query's answer.
    pub(crate) fn delivery(&self) -> Delivery {
        self.options.delivery
    }

    /// Which kind of operation a request means, without running it.
    pub fn operation_kind(&self, request: &GraphqlRequest) -> Result<OperationKind> {
        let document = graphql::parse(&request.query, self.options.document)
            .map_err(|error| not_a_query(&error))?;
        let operation = bind::select_operation(&document, request.operation_name.as_deref())?;
        Ok(bind::operation_kind(operation))
    }

    /// The snapshot that new requests run against.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Replaces the snapshot; requests under way finish on the old one.
    pub fn replace(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.store(snapshot);
        self.plans.clear();
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(EngineOptions::default())
    }
}

/// Whether planning takes so long that others should not wait for it.
fn is_heavy(request: &GraphqlRequest) -> bool {
    request.query.len() >= heavy::TEXT_BYTES
        || request.query.contains("__schema")
        || !fits(&request.variables, heavy::JSON_BYTES)
}

/// Whether a JSON object has at most so many bytes. Escapes and what stands between values are counted as one each.
fn fits(object: &JsonObject, most: usize) -> bool {
    fn count_entries(object: &JsonObject, left: &mut usize) -> bool {
        let mut entries = object.iter();
        entries.all(|(key, value)| take(left, key.len() + 4) && count(value, left))
    }
    fn count(value: &Json, left: &mut usize) -> bool {
        match value {
            Json::Null | Json::Bool(_) => take(left, 4),
            Json::Number(number) => take(left, number.as_str().len() + 1),
            Json::String(text) => take(left, text.len() + 3),
            Json::Array(items) => take(left, 2) && items.iter().all(|item| count(item, left)),
            Json::Object(object) => take(left, 2) && count_entries(object, left),
        }
    }
    fn take(left: &mut usize, bytes: usize) -> bool {
        let enough = *left >= bytes;
        *left = left.saturating_sub(bytes);
        enough
    }
    let mut left = most;
    count_entries(object, &mut left)
}

/// The same error, with the permission that is missing.
fn hinted(error: Error, schema: &SchemaCache, role: &RoleName, variant: SchemaVariant) -> Error {
    let hint = match error.internal() {
        Some(Internal::Absent(absent)) if !role.is_admin() => schema.denial(role, variant, absent),
        _ => None,
    };
    match hint {
        Some(hint) => error.with_internal(json!({ "hint": hint })),
        None => error,
    }
}

impl Started {
    /// The answer; a subscription has none.
    fn into_answer(self) -> Result<Executed> {
        match self {
            Self::Answer(executed) => Ok(executed),
            Self::Live(_) => Err(Error::new(
                ErrorCode::UnexpectedPayload,
                "subscriptions are not supported over HTTP, use websockets instead",
            )),
        }
    }

    fn into_streamed(self) -> Result<Streamed> {
        self.into_answer().map(Streamed::from)
    }
}

/// Runs something under the role's time limit.
///
/// Not an `async fn`: its future would have room for `running` twice, once as its argument.
fn within<T>(
    limit: Option<TimeLimit>,
    running: impl Future<Output = Result<T>>,
) -> impl Future<Output = Result<T>> {
    match limit {
        None => Either::Left(running),
        // A limit costs an allocation, so that no limit costs no room for the timer.
        Some(limit) => Either::Right(Box::pin(async move {
            let ended = tokio::time::timeout(limit.duration(), running).await;
            ended.unwrap_or_else(|_| Err(limit.error()))
        })),
    }
}

/// GET runs queries only.
fn check_method(kind: OperationKind, transport: Transport) -> Result<()> {
    if kind == OperationKind::Mutation && transport == Transport::HttpGet {
        let message = "mutations are not supported over GET, use POST instead";
        return Err(Error::new(ErrorCode::MethodNotAllowed, message));
    }
    Ok(())
}

/// v2 says no more than this to a client; limits are told, since the client can do something about them.
fn not_a_query(error: &graphql::SyntaxError) -> Error {
    let message = match error.limit {
        true => format!("the document is too large: {}", error.message),
        false => "not a valid graphql query".to_owned(),
    };
    Error::validation(message).at(ErrorPath::keys(&["query"]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    /// What a request's future has room for is allocated, and copied, for every request: rare turns belong in boxes.
    #[test]
    fn a_request_s_future_is_small() {
        let (engine, session) = (Engine::default(), Session::admin());
        let request = GraphqlRequest::from_json(json!({"query": "{ a }"})).unwrap();
        assert!(size_of_val(&engine.stream(&session, &request)) <= 3 << 10);
        assert!(size_of_val(&engine.start(&session, &request)) <= 3 << 10);
    }
}
