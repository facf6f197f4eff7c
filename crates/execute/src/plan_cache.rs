//! Plans by role, schema generation, document and operation; several per document where the shape of
//! its variables changes the SQL.
//!
//! A plan is served only if its premise holds for the request's variables: see `ir::Premise`. The cache
//! is bounded by bytes, so that documents made to fill it push each other out.

use std::sync::Arc;

use graphloom_vocab::{JsonObject, Result, RoleName, Session};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

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

impl PlanKey {
    pub(crate) fn new(generation: u64, session: &Session, request: &GraphqlRequest) -> Self {
        Self {
            generation,
            role: session.role.clone(),
            backend_only: session.backend_only,
            schema: request.schema,
            operation_name: request.operation_name.as_deref().map(Into::into),
            document: request.query.as_str().into(),
        }
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
        key: &PlanKey,
        supplied: &JsonObject,
    ) -> Result<Option<(Arc<OperationPlan>, JsonObject)>> {
        let Some(variants) = self.0.get(key) else {
            return Ok(None);
        };
        let Some(first) = variants.first() else {
            return Ok(None);
        };
        let variables = first.rules.resolve(supplied)?;
        let plan = variants.iter().find(|plan| plan.premise.holds(&variables));
        Ok(plan.cloned().map(|plan| (plan, variables)))
    }

    pub(crate) fn insert(&self, key: PlanKey, plan: Arc<OperationPlan>) {
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
        self.0.insert(key, variants.into());
    }

    /// Forgets everything: plans of an older schema are never asked for again.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}
