//! A whole operation as statements, and the values of one request for them.

use std::sync::Arc;

use graphloom_bind::{VariableRules, evaluate};
use graphloom_ir::{
    Assumption, BoundOperation, Observed, OperationKind, Premise, RootField, RootValue, TypedValue,
    Value, Written,
};
use graphloom_plan::{Delivery, ResultShape, plan_for};
use graphloom_sql::Effects;
use graphloom_vocab::{Error, ErrorCode, JsonObject, Result, Session, SourceName};

use crate::RequestKind;
use crate::live::LivePlan;
use crate::mutation::MutationStep;
use crate::tagged::{FieldTags, TaggedStatement};

/// A whole operation, planned; shared by all requests that fit its premise.
#[derive(Debug)]
pub(crate) struct OperationPlan {
    pub(crate) kind: OperationKind,
    /// Its name in the document, if a connection template may want it.
    pub(crate) operation_name: Option<String>,
    pub(crate) rules: VariableRules,
    pub(crate) premise: Premise,
    pub(crate) roots: Vec<RootPlan>,
    /// A subscription's one statement, in place of root fields.
    pub(crate) live: Option<Arc<LivePlan>>,
}

/// A root field: its key as it is written, and where its value comes from.
#[derive(Debug)]
pub(crate) struct RootPlan {
    /// `"key":`
    pub(crate) key_text: String,
    /// The bare key, for logs.
    pub(crate) key: String,
    pub(crate) value: RootPlanValue,
}

/// Where a root field's value comes from.
#[derive(Debug)]
pub(crate) enum RootPlanValue {
    Constant(Arc<str>),
    Written(Written),
    Namespace(Vec<RootPlan>),
    Statement(StatementStep),
    Mutation(Box<MutationStep>),
}

/// One statement of a source.
#[derive(Debug)]
pub(crate) struct StatementStep {
    pub(crate) source: SourceName,
    pub(crate) statement: TaggedStatement,
    pub(crate) parameters: Vec<TypedValue>,
    pub(crate) result: ResultShape,
    pub(crate) effects: Effects,
}

impl StatementStep {
    /// Whether it may run on a connection that others are using too, and be sent again if it has to wait.
    pub(crate) fn may_share(&self) -> bool {
        self.effects == Effects::None && !self.statement.is_of_request()
    }

    /// The same, and it is known not to take long.
    pub(crate) fn is_quick(&self) -> bool {
        self.may_share() && self.statement.shared().is_quick()
    }
}

/// The values of one request for one statement, in `$n` order.
pub(crate) type StepParameters = Vec<Option<String>>;

impl OperationPlan {
    pub(crate) fn new(
        operation: &BoundOperation,
        rules: VariableRules,
        delivery: Delivery,
    ) -> Self {
        let (roots, live) = match operation.kind {
            OperationKind::Subscription => (Vec::new(), LivePlan::new(&operation.roots)),
            _ => (root_plans(&operation.roots, delivery), None),
        };
        Self {
            kind: operation.kind,
            operation_name: None,
            rules,
            premise: operation.premise.clone(),
            roots,
            live: live.map(Arc::new),
        }
    }

    /// Adds comments to the statements of sources that want them; `tags` are those of a source's root field.
    pub(crate) fn tag(&mut self, tags: impl Fn(&SourceName, &str) -> Option<FieldTags>) {
        tag(&mut self.roots, &tags);
        let live = self.live.as_mut().and_then(Arc::get_mut);
        if let Some(live) = live
            && let Some(tags) = live.keys.first().and_then(|key| tags(&live.source, key))
        {
            live.statement = tags.shared(&live.statement);
        }
    }

    /// The values of one request for every statement, in the order statements run.
    ///
    /// Everything is checked before anything runs.
    pub(crate) fn parameters(
        &self,
        session: &Session,
        variables: &JsonObject,
    ) -> Result<Vec<StepParameters>> {
        let mut all = Vec::new();
        for step in self.steps() {
            let values = step.parameters.iter();
            all.push(
                values
                    .map(|value| text(value, session, variables))
                    .collect::<Result<_>>()?,
            );
        }
        Ok(all)
    }

    /// Refuses statements with more values than the protocol can carry (16 bits).
    pub(crate) fn check_parameters(&self) -> Result<()> {
        let most = usize::from(u16::MAX);
        let live = self.live.as_ref().map_or(0, |live| live.values.len());
        // A live statement has two parameters of its own.
        if live + 2 <= most
            && self
                .steps()
                .iter()
                .all(|step| step.parameters.len() <= most)
        {
            return Ok(());
        }
        Err(Error::validation(format!(
            "the operation has more than {most} values in one root field; send lists as one variable"
        )))
    }

    /// Every statement, in the order they run.
    pub(crate) fn steps(&self) -> Vec<&StatementStep> {
        let mut steps = Vec::new();
        collect(&self.roots, &mut |root| {
            if let RootPlanValue::Statement(step) = &root.value {
                steps.push(step);
            }
        });
        steps
    }

    /// Every mutation, in the order they run.
    pub(crate) fn mutations(&self) -> Vec<&MutationStep> {
        let mut steps = Vec::new();
        collect(&self.roots, &mut |root| {
            if let RootPlanValue::Mutation(step) = &root.value {
                steps.push(&**step);
            }
        });
        steps
    }

    /// The sources its statements are of; one may come more than once.
    pub(crate) fn sources(&self) -> Vec<&SourceName> {
        let mut sources: Vec<_> = self.live.iter().map(|live| &live.source).collect();
        collect(&self.roots, &mut |root| match &root.value {
            RootPlanValue::Statement(step) => sources.push(&step.source),
            RootPlanValue::Mutation(step) => sources.push(&step.source),
            RootPlanValue::Constant(_)
            | RootPlanValue::Written(_)
            | RootPlanValue::Namespace(_) => {}
        });
        sources.dedup();
        sources
    }

    /// Whether all that is asked for is written to one source, so that it stands or falls together.
    pub(crate) fn is_one_transaction(&self) -> bool {
        let mut sources = Vec::new();
        let mut is_all = true;
        collect(&self.roots, &mut |root| match &root.value {
            RootPlanValue::Mutation(step) => sources.push(&step.source),
            RootPlanValue::Namespace(_) => {}
            _ => is_all = false,
        });
        is_all && sources.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// `(root field, SQL)` of every statement, for the query log.
    pub(crate) fn statements(&self) -> Vec<(String, String)> {
        let mut statements = Vec::new();
        collect(&self.roots, &mut |root| {
            if let RootPlanValue::Statement(step) = &root.value {
                statements.push((root.key.clone(), step.statement.text().to_string()));
            }
            if let RootPlanValue::Mutation(step) = &root.value {
                for prepared in step.texts() {
                    statements.push((root.key.clone(), prepared.statement.text().to_string()));
                }
            }
        });
        statements
    }

    /// Roughly how many bytes the plan takes.
    pub(crate) fn size(&self) -> u64 {
        let mut size = 512 + self.premise.0.iter().map(assumption_size).sum::<usize>();
        collect(&self.roots, &mut |root| {
            size += 256 + root.key.len();
            match &root.value {
                RootPlanValue::Constant(text) => size += text.len(),
                // What was asked; it is of the order of the document, which counts by itself.
                RootPlanValue::Written(_) => size += 4096,
                RootPlanValue::Statement(step) => {
                    size += step.statement.text().len() + 256 * step.parameters.len();
                    size += match &step.result {
                        ResultShape::JsonText | ResultShape::JsonTextOrNoRow => 0,
                        ResultShape::Rows(shape) | ResultShape::RowOrNoRow(shape) => shape.size(),
                    };
                }
                RootPlanValue::Mutation(step) => {
                    for prepared in step.texts() {
                        size += prepared.statement.text().len() + 256 * prepared.parameters.len();
                    }
                }
                RootPlanValue::Namespace(_) => {}
            }
        });
        if let Some(live) = &self.live {
            size += live.statement.text().len() + 512 * live.values.len();
        }
        size as u64
    }
}

/// Roughly how many bytes one assumption takes: a large `where` variable is many of them.
fn assumption_size(assumption: &Assumption) -> usize {
    let observed = match &assumption.observed {
        Observed::Keys(keys) => keys.iter().map(|key| 24 + key.len()).sum(),
        Observed::Exact(value) => value.to_string().len(),
        _ => 0,
    };
    96 + 32 * assumption.path.len() + observed
}

fn collect<'a>(roots: &'a [RootPlan], visit: &mut impl FnMut(&'a RootPlan)) {
    for root in roots {
        visit(root);
        if let RootPlanValue::Namespace(inner) = &root.value {
            collect(inner, visit);
        }
    }
}

fn tag(roots: &mut [RootPlan], tags: &impl Fn(&SourceName, &str) -> Option<FieldTags>) {
    for root in roots {
        match &mut root.value {
            RootPlanValue::Constant(_) | RootPlanValue::Written(_) => {}
            RootPlanValue::Namespace(inner) => tag(inner, tags),
            RootPlanValue::Statement(step) => {
                if let Some(tags) = tags(&step.source, &root.key) {
                    step.statement.tag(&tags);
                }
            }
            RootPlanValue::Mutation(step) => {
                if let Some(tags) = tags(&step.source, &root.key) {
                    step.tag(&tags);
                }
            }
        }
    }
}

fn root_plans(roots: &[RootField], delivery: Delivery) -> Vec<RootPlan> {
    let plan = |root| root_plan(root, delivery);
    roots.iter().map(plan).collect()
}

fn root_plan(root: &RootField, delivery: Delivery) -> RootPlan {
    let value = match &root.value {
        RootValue::Constant(text) => RootPlanValue::Constant(text.clone()),
        RootValue::Written(text) => RootPlanValue::Written(text.clone()),
        RootValue::Namespace(roots) => RootPlanValue::Namespace(root_plans(roots, delivery)),
        RootValue::Mutation(source, root) => {
            let step = MutationStep::of_root(source, root);
            RootPlanValue::Mutation(Box::new(step))
        }
        RootValue::Source(source, query) => {
            let planned = plan_for(query, delivery);
            RootPlanValue::Statement(StatementStep {
                source: source.clone(),
                statement: TaggedStatement::new(planned.sql.text()),
                effects: planned.sql.effects(),
                parameters: planned.parameters,
                result: planned.result,
            })
        }
    };
    let key = root.key.to_string();
    let key_text = format!("{}:", graphloom_vocab::Json::from(key.as_str()));
    RootPlan {
        key_text,
        key,
        value,
    }
}

/// The text of a value; `None` is NULL.
pub(crate) fn text(
    value: &TypedValue,
    session: &Session,
    variables: &JsonObject,
) -> Result<Option<String>> {
    match &value.value {
        Value::Literal(text) => Ok(text.as_deref().map(str::to_owned)),
        Value::Variable(variable_use) => evaluate(variable_use, variables),
        Value::Session(name) => match session.variable(name) {
            Some(text) => Ok(Some(text.to_owned())),
            None => {
                let message = format!("missing session variable: \"{name}\"");
                Err(Error::new(ErrorCode::NotFound, message))
            }
        },
        Value::SessionObject => Ok(Some(session.variables_json().to_string())),
        Value::Run(_) => Err(Error::unexpected("a value is known to a mutation only")),
    }
}

impl From<OperationKind> for RequestKind {
    fn from(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Query => Self::Query,
            OperationKind::Mutation => Self::Mutation,
            OperationKind::Subscription => Self::Subscription,
        }
    }
}
