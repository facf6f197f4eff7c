//! Plans by role, schema generation, document and operation; several per document where the shape of
//! its variables changes the SQL.
//!
//! A plan is served only if its premise holds for the request's variables: see `ir::Premise`. The cache
//! is bounded by bytes, so that documents made to fill it push each other out.

use std::sync::Arc;

use graphloom_vocab::{JsonObject, Result, RoleName, Session};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use crate::operation::OperationPlan;
use crate::{GraphqlRequest, SchemaKind};

/// Most plans kept for one document; a request that fits none of them is planned anew.
const VARIANTS_MAX: usize = 16;
/// Longest document worth keeping.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// Largest plan worth keeping: larger ones are introspections of whole schemas, which nobody repeats often.
const PLAN_BYTES_MAX: u64 = 1 << 20;

/// What a plan depends on, besides the shape of variables.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlanKey {
    generation: u64,
    role: RoleName,
    backend_only: graphloom_vocab::BackendOnly,
    schema: SchemaKind,
    operation_name: Option<Arc<str>>,
    document: Arc<str>,
}

/// The same, borrowed from a request: looking for a plan copies nothing. Field by field it hashes as [`PlanKey`]
/// does, hence the same order.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct PlanLookup<'a> {
    generation: u64,
    role: &'a RoleName,
    backend_only: graphloom_vocab::BackendOnly,
    schema: SchemaKind,
    operation_name: Option<&'a str>,
    document: &'a str,
}

impl<'a> PlanLookup<'a> {
    pub(crate) fn new(generation: u64, session: &'a Session, request: &'a GraphqlRequest) -> Self {
        Self {
            generation,
            role: &session.role,
            backend_only: session.backend_only,
            schema: request.schema,
            operation_name: request.operation_name.as_deref(),
            document: &request.query,
        }
    }

    fn to_key(self) -> PlanKey {
        PlanKey {
            generation: self.generation,
            role: self.role.clone(),
            backend_only: self.backend_only,
            schema: self.schema,
            operation_name: self.operation_name.map(Into::into),
            document: self.document.into(),
        }
    }
}

impl Equivalent<PlanKey> for PlanLookup<'_> {
    fn equivalent(&self, key: &PlanKey) -> bool {
        // Taken apart, so that a new part of the key cannot be forgotten here.
        let PlanKey {
            generation,
            role,
            backend_only,
            schema,
            operation_name,
            document,
        } = key;
        self.generation == *generation
            && self.role == role
            && self.backend_only == *backend_only
            && self.schema == *schema
            && self.operation_name == operation_name.as_deref()
            && self.document == &**document
    }
}

type Variants = Arc<[Arc<OperationPlan>]>;

#[derive(Clone)]
struct ByBytes;

impl Weighter<PlanKey, Variants> for ByBytes {
    fn weight(&self, key: &PlanKey, variants: &Variants) -> u64 {
        key.document.len() as u64 + variants.iter().map(|plan| plan.size()).sum::<u64>()
    }
}

/// The cache.
pub(crate) struct PlanCache(Cache<PlanKey, Variants, ByBytes>);

impl PlanCache {
    pub(crate) fn new(bytes: u64) -> Self {
        Self(Cache::with_weighter(1_000, bytes, ByBytes))
    }

    /// A plan whose premise holds, and the variables with defaults filled in.
    ///
    /// Errors are those of the variables themselves (missing, unexpected): they depend on the
    /// operation alone, so any plan of the document can tell.
    pub(crate) fn get(
        &self,
        key: PlanLookup<'_>,
        supplied: &JsonObject,
    ) -> Result<Option<(Arc<OperationPlan>, JsonObject)>> {
        let Some(variants) = self.0.get(&key) else {
            return Ok(None);
        };
        let Some(first) = variants.first() else {
            return Ok(None);
        };
        let variables = first.rules.resolve(supplied)?;
        let plan = variants.iter().find(|plan| plan.premise.holds(&variables));
        Ok(plan.cloned().map(|plan| (plan, variables)))
    }

    pub(crate) fn insert(&self, key: PlanLookup<'_>, plan: Arc<OperationPlan>) {
        let is_large = key.document.len() > DOCUMENT_BYTES_MAX || plan.size() > PLAN_BYTES_MAX;
        if is_large || !plan.premise.is_repeatable() {
            return;
        }
        let mut variants = self
            .0
            .get(&key)
            .map(|known| known.to_vec())
            .unwrap_or_default();
        if variants.len() >= VARIANTS_MAX {
            variants.remove(0);
        }
        variants.push(plan);
        self.0.insert(key.to_key(), variants.into());
    }

    /// Forgets everything: plans of an older schema are never asked for again.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use graphloom_bind::VariableRules;
    use graphloom_ir::{BoundOperation, OperationKind, Premise};
    use graphloom_plan::Delivery;
    use graphloom_vocab::BackendOnly;
    use serde_json::json;

    use super::*;

    fn plan() -> Arc<OperationPlan> {
        let operation = BoundOperation {
            kind: OperationKind::Query,
            roots: Vec::new(),
            premise: Premise::default(),
        };
        let rules = VariableRules::default();
        Arc::new(OperationPlan::new(&operation, rules, Delivery::default()))
    }

    fn request(query: &str, name: Option<&str>, schema: SchemaKind) -> GraphqlRequest {
        let body = json!({"query": query, "operationName": name});
        GraphqlRequest::from_json(body).unwrap().of_schema(schema)
    }

    #[test]
    fn a_plan_is_served_to_its_own_key_and_to_no_other() {
        let session = |role: &str, backend_only| {
            let mut session = Session::new(RoleName::new(role), [].into());
            session.backend_only = backend_only;
            session
        };
        let sessions = [
            session("user", BackendOnly::Hidden),
            session("user", BackendOnly::Allowed),
            session("editor", BackendOnly::Hidden),
            session("admin", BackendOnly::Hidden),
        ];
        let requests = [
            request("{ a }", None, SchemaKind::Standard),
            request("{ b }", None, SchemaKind::Standard),
            request("{ a }", Some("A"), SchemaKind::Standard),
            request("{ a }", None, SchemaKind::Relay),
        ];
        let mut keys = Vec::new();
        for generation in [1, 2] {
            for session in &sessions {
                let lookups = requests.iter();
                keys.extend(lookups.map(|request| PlanLookup::new(generation, session, request)));
            }
        }
        let none = JsonObject::new();
        for own in &keys {
            let (cache, planned) = (PlanCache::new(1 << 20), plan());
            cache.insert(*own, Arc::clone(&planned));
            for (index, key) in keys.iter().enumerate() {
                let found = cache.get(*key, &none).unwrap();
                let is_own = std::ptr::eq(own, key);
                assert_eq!(found.is_some(), is_own, "{index}: {key:?} for {own:?}");
                assert!(found.is_none_or(|(found, _)| Arc::ptr_eq(&found, &planned)));
            }
        }
    }

    #[test]
    fn documents_that_nobody_sends_again_push_each_other_out() {
        let (cache, session) = (PlanCache::new(1 << 20), Session::admin());
        for number in 0..20_000 {
            let request = request(&format!("{{ a{number} }}"), None, SchemaKind::Standard);
            cache.insert(PlanLookup::new(1, &session, &request), plan());
        }
        assert!(cache.0.weight() <= 1 << 20, "{}", cache.0.weight());
        assert!(cache.0.len() < 4_000, "{}", cache.0.len());
    }
}
